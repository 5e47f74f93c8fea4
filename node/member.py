"""The wiring of a member: its standards, pages and rules over one catalog and one archive."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
from sqlalchemy import Engine
from starlette.routing import BaseRoute

from adapters.catalog.bundles import Bundles
from adapters.catalog.catalog import Catalog, today
from adapters.catalog.engine import writing
from adapters.catalog.holdings import Holdings
from adapters.catalog.kept import Kept
from adapters.catalog.single import single
from adapters.images.quarantine import Quarantine
from adapters.images.review import Reviews
from adapters.reads.slices import Slicer
from adapters.registration.accessions import Accessions
from adapters.registration.links import existing
from adapters.store.opening import open_stores
from adapters.store.source import ByteSource, Resident
from adapters.variants.published import PublicVariants
from auth import outbox
from auth.accepted_terms import Acceptances, Terms
from auth.appointments import Appointments
from auth.budget import Budgets
from auth.clearinghouse import Clearinghouse
from auth.client_assertion import Assertions
from auth.dac import Dac
from auth.grants import GrantsInForce
from auth.http import JsonGet
from auth.jwks import Jwks
from auth.outbox import Folder, Smtp
from auth.pages.guard import Guard as SignedIn
from auth.pages.views import AccessPages
from auth.policy import DatasetRule, Policy
from auth.sessions import Sessions
from auth.sign_in import ClientSettings, SignIn
from auth.signed import Signer
from auth.status import StatusLists
from auth.trust import jku
from auth.visas import VisaIssuer
from federation.assertions import TrustedGateways
from federation.held import Held
from federation.nonces import Nonces
from federation.side import DIRECT as JOIN_DIRECT
from federation.side import Side
from node import links
from node.beacon.answering import Answering
from node.beacon.beacon import DIRECT as BEACON_DIRECT
from node.beacon.beacon import Beacon
from node.beacon.envelope import beacon_shape
from node.beacon.failures import FAILURES as BEACON_FAILURES
from node.beacon.guard import Guard
from node.beacon.handovers import Handovers
from node.beacon.meeting import Meeting
from node.beacon.profile import Profile as BeaconProfile
from node.beacon.question import Search
from node.dac.handler import DacHandler
from node.data import PREFIX, STORE_FAILURES, Data
from node.delivery import Accel
from node.dicomweb import service as dicomweb
from node.drs.handler import Drs
from node.drs.manifests import Manifests
from node.drs.places import Places
from node.drs.records import Records
from node.drs.shelf import Shelf
from node.htsget.handler import RESIDENT_BYTES, Htsget
from node.htsget.query import FORMATS
from node.htsget.shape import Cors, htsget_shape
from node.individuals import Individuals, rule_of
from node.keys import key_ring
from node.pages.datasets import Published
from node.pages.review import ReviewPages
from node.pages.views import MemberPages
from node.reception import intake, reception, record
from node.routes import AUTH_FAILURES, GROUP, checks, document
from node.settings import MemberSettings, profile
from node.sweep import sweep
from node.trusting import trust_of
from node.visas import Visas, jwks_route
from web.application import Assembly
from web.contracts import Contract
from web.errors import Shape, drs_shape
from web.pages import create_pages
from web.service_info import Organization, service_info
from web.sign_in import CALLBACK

DRS = "/ga4gh/drs/v1"
BEACON = "/ga4gh/beacon/v2"
HTSGET = "/ga4gh/htsget/v1"
SLICER_BYTES = 1 << 25  # of headers, and of indexes, that a process keeps


def member(settings: MemberSettings, engine: Engine) -> Assembly:
    """The parts of a member; its profile says which standards it serves."""
    parts = _Member(settings, engine)
    return Assembly(
        name=settings.member,
        contracts=list(parts.contracts()),
        shapes=parts.shapes(),
        failures={**AUTH_FAILURES, **BEACON_FAILURES, **STORE_FAILURES},
        routes=[
            jwks_route(parts.ring.public_jwks),
            document("/service-info", parts.service(artifact=settings.member, standard_version="1", group=GROUP)),
            *parts.storing(),
        ],
        areas={PREFIX: parts.data},
        pages=parts.pages(),
        checks=checks(engine),
        lifespans=[parts.lifespan],
        middlewares=[lambda app: Cors(app, (DRS, HTSGET, dicomweb.PATH, PREFIX))],
        body_bytes=settings.body_bytes,
    )


class _Member:
    """The objects that the faces of one member share."""

    def __init__(self, settings: MemberSettings, engine: Engine) -> None:
        self.settings = settings
        self.engine = engine
        self.profile = profile(settings.member)
        self.ring = key_ring(settings, engine)
        self.kept = Kept(engine)
        self.catalog = Catalog(engine, kept=self.kept)
        self.single = single(self.catalog)
        self.http = JsonGet()
        url, broker = settings.public_url, settings.broker.issuer
        self.jwks = Jwks(self.http, {jku(url): self.ring.key_set})
        trust = trust_of(settings)
        self.clearinghouse = Clearinghouse(url, trust, self.jwks, self.http)
        self.issuer = VisaIssuer(url, engine, self.ring)
        self.statuses = StatusLists(trust.issuers.values(), self.jwks, self.http)
        self.standing = GrantsInForce(self.issuer.in_force, self.statuses)
        public, differing = settings.privacy.granularities()
        self.appointments = Appointments(engine)
        self.policy = Policy(
            url, self.standing, differing, public, appointed=self.appointments.collections, broker=broker
        )
        self.stores = open_stores({name: store.model_dump(mode="json") for name, store in settings.stores.items()})
        self.bundles = Bundles(engine, self.catalog)
        self.manifests = Manifests(self.bundles.find, settings.drs_host)
        self.accel = Accel(settings.accel.prefix) if settings.accel else None
        self.data = Data(
            files=self.single,
            stores=self.stores,
            signer=Signer(bytes.fromhex(settings.url_key)),
            in_force=self.standing,
            public_url=url,
            seconds=settings.url_seconds,
            manifest=self.manifests.one,
            accel=self.accel,
        )
        self.dac = Dac(engine, broker, self._rule, url, terms=self._terms, one_click=self.profile.dac.one_click)
        offered = [Terms(**one.model_dump()) for one in self.profile.terms]
        self.acceptances = Acceptances(engine, broker, offered)
        self.search = Search(engine, self.profile.beacon.entry_types, self.kept)
        self.guard = Guard(
            settings.privacy.protections(settings.floor),
            Budgets(engine),
            PublicVariants(engine, settings.privacy.references, self.kept),
            settings.privacy.edges(),
        )
        self.floor = settings.floor.rule()

    def contracts(self) -> Iterator[Contract]:
        """The standards that the profile names."""
        makers = {
            "drs": lambda: Contract("drs", DRS, self._drs(), frozenset({"get_object", "get_access"})),
            "beacon": lambda: Contract("beacon", BEACON, self._beacon(), BEACON_DIRECT),
            "htsget": lambda: Contract("htsget", HTSGET, self._htsget(), frozenset({"get_reads", "get_variants"})),
            "dicomweb": lambda: dicomweb.contract(
                self.catalog, self.policy, self.clearinghouse, self.data.place, self.settings.public_url, self.accel
            ),
            "dac": lambda: Contract("dac", "/dac/v1", DacHandler(self.dac, self.clearinghouse)),
            "visas": lambda: Contract("visas", "/visas/v1", self._visas()),
            "join": lambda: Contract("join", "/federation/v1", self._side(), JOIN_DIRECT),
            "links": lambda: Contract("links", links.PATH, self._links()),
        }
        for standard in self.profile.standards:
            yield makers[standard]()

    def storing(self) -> Sequence[BaseRoute]:
        """The store transaction of DICOMweb, where images come in."""
        if (given := self.settings.images) is None or "dicomweb" not in self.profile.standards:
            return ()
        return dicomweb.storing(
            partial(reception, given, intake(given, self.engine), Accessions(self.profile.accessions.model_dump())),
            self.policy,
            self.clearinghouse,
            given.object_bytes,
            self.settings.public_url,
        )

    def shapes(self) -> list[tuple[str, Shape]]:
        """Error shapes by route prefix."""
        beacon = beacon_shape(self.profile.beacon.id)
        return [(DRS, drs_shape), (HTSGET, htsget_shape), (BEACON, beacon), (dicomweb.PATH, dicomweb.shape)]

    def pages(self) -> Any:
        """The member's pages: what it holds, requests, the committee's desk."""
        url = self.settings.public_url
        app = create_pages(
            "node",
            public_url=url,
            title=self.profile.title,
            words={self.profile.title: self.profile.title_zh},
            sessions=Sessions(self.engine),
        )
        facts = self.profile.model_dump(include={"title", "title_zh", "description", "description_zh"})
        requestable = "dac" in self.profile.standards
        MemberPages(self.catalog, facts, requestable=requestable).register(app)
        if requestable:
            client = ClientSettings(self.settings.broker.issuer, self.settings.broker.client_id, url + CALLBACK)
            sign_in = SignIn(client, self.ring)
            AccessPages(sign_in, self.dac, Published(self.catalog), self.acceptances).register(app)
            if self.settings.images is not None:
                reviews = Reviews(self.engine, Quarantine(self.settings.images.quarantine), record)
                ReviewPages(reviews, self.policy, SignedIn(sign_in)).register(app)
        return app

    def service(self, **given: Any) -> dict[str, Any]:
        """Service-info of one of this member's services."""
        settings = self.settings
        return service_info(
            id=f"{self.profile.beacon.id}.{given['artifact']}",
            name=f"{self.profile.title}: {given['artifact']}",
            description=self.profile.description,
            organization=Organization(**settings.organization.model_dump()),
            environment=settings.environment,
            **given,
        )

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Mails leave, ended grants are noted and status lists read while the process serves; then all is closed."""
        stop = threading.Event()
        await self.statuses.refresh()
        async with anyio.create_task_group() as group:
            group.start_soon(self.statuses.run)
            for loop in self._loops(stop):
                group.start_soon(anyio.to_thread.run_sync, loop)
            try:
                yield
            finally:
                stop.set()
                group.cancel_scope.cancel()
        await self.clearinghouse.close()

    def _loops(self, stop: threading.Event) -> Iterator[Callable[[], None]]:
        """What runs beside the requests, each in a thread of its own until ``stop``."""
        mail = self.settings.mail
        server = Smtp(**mail.smtp.model_dump()) if mail.smtp else None
        transport = Folder(mail.folder) if mail.folder else server
        if transport is not None:
            yield partial(outbox.run, self.engine, transport, mail.sender, stop)
        yield partial(sweep, self.dac, self.engine, self.settings.audit_anchors, stop)

    def _rule(self, accession: str) -> DatasetRule | None:
        found = self.catalog.dataset(accession)
        return None if found is None else rule_of(found)

    def _terms(self, accession: str) -> list[dict[str, Any]]:
        """The DUO terms of a data set; none of what does not exist."""
        found = self.catalog.dataset(accession)
        return [] if found is None else list(found.duo.get("duoDataUse") or ())

    def _drs(self) -> Drs:
        presigning = frozenset(name for name, store in self.settings.stores.items() if store.kind == "s3")
        return Drs(
            catalog=self.catalog,
            files=self.single,
            shelf=Shelf(self.catalog, self.bundles, self.manifests),
            manifests=self.manifests,
            policy=self.policy,
            clearinghouse=self.clearinghouse,
            records=Records(
                host=self.settings.drs_host,
                public_url=self.settings.public_url,
                broker=self.settings.broker.issuer,
                htsget=self._slices(),
                presigning=presigning,
            ),
            places=Places(self.data.url, self.data.etag, self._store_url, presigning),
            public_url=self.settings.public_url,
            service=self.service,
        )

    def _store_url(self, store: str, key: str, seconds: int) -> str | None:
        return self.stores[store].url(key, seconds)

    def _slices(self) -> dict[str, str]:
        """Path of the htsget service by file format, where the member has one."""
        if "htsget" not in self.profile.standards:
            return {}
        return {format: f"{HTSGET}/{datatype}" for datatype, formats in FORMATS.items() for format in formats}

    def _beacon(self) -> Beacon:
        beacon, url = self.profile.beacon, self.settings.public_url
        about = BeaconProfile(
            id=beacon.id,
            name=beacon.name,
            description=self.profile.description,
            organization=Organization(**self.settings.organization.model_dump()),
            base_url=url + BEACON,
            entry_types=tuple(beacon.entry_types),
            environment=self.settings.environment,
            requests_url=f"{url}/requests/new" if "dac" in self.profile.standards else None,
            filtered_only=frozenset(beacon.filtered_only),
        )
        return Beacon(
            Answering(
                engine=self.engine,
                catalog=self.catalog,
                search=self.search,
                policy=self.policy,
                floor=self.floor,
                bearer=self.clearinghouse.bearer,
                profile=about,
                guard=self.guard,
                handovers=Handovers(
                    Holdings(self.engine, self.catalog),
                    drs_host=self.settings.drs_host,
                    htsget={format: url + path for format, path in self._slices().items()},
                    dicomweb=url + dicomweb.PATH if "dicomweb" in self.profile.standards else None,
                ),
                dataset_url=lambda accession: f"{url}/datasets/{accession}",
            ),
            about,
        )

    def _htsget(self) -> Htsget:
        return Htsget(
            files=self.single,
            policy=self.policy,
            clearinghouse=self.clearinghouse,
            slicer=Slicer(SLICER_BYTES),
            open_source=lambda file: ByteSource(*self.data.place(file)),
            open_resident=lambda file: Resident(*self.data.place(file), RESIDENT_BYTES),
            prompt=self.data.prompt,
            byte_urls=self.data.urls,
            public_url=self.settings.public_url,
            service=self.service,
        )

    def _visas(self) -> Visas:
        broker = self.settings.broker.issuer
        callers = {broker: f"{broker}/.well-known/jwks.json"}
        return Visas(self.issuer, Assertions(self.engine, self.settings.public_url, callers, self.jwks))

    def _links(self) -> links.Links:
        partners = {partner.url: jku(partner.url) for partner in self.settings.partners if partner.url}
        assertions = Assertions(self.engine, self.settings.public_url, partners, self.jwks)
        return links.Links(lambda accessions: existing(self.engine, accessions, today()), assertions)

    def _side(self) -> Side:
        url = self.settings.public_url
        individuals = Individuals(
            self.search,
            self.catalog,
            Holdings(self.engine, self.catalog),
            public_url=url,
            drs_host=self.settings.drs_host,
            htsget=self._slices(),
            dicomweb=url + dicomweb.PATH if "dicomweb" in self.profile.standards else None,
        )
        gateways = {gateway.issuer: gateway.jwks_uri for gateway in self.settings.gateways}
        meeting = Meeting(
            catalog=self.catalog,
            search=self.search,
            policy=self.policy,
            floor=self.floor,
            linked=self.profile.accessions.link is not None,
            guard=self.guard,
        )
        return Side(
            url=url,
            individuals=meeting,
            debit=meeting.debit,
            records=individuals.records,
            rules=individuals.rules,
            granularity=self.policy.granularity,
            floor=self.guard.protections.strictest(),
            partners={partner.member: bytes.fromhex(partner.key) for partner in self.settings.partners},
            gateways=TrustedGateways(Assertions(self.engine, url, gateways, self.jwks).verify),
            bearer=self.clearinghouse.bearer,
            nonces=Nonces(writing(self.engine)),
            held=Held(writing(self.engine)),
            semi_join_to=frozenset(partner.member for partner in self.settings.partners if partner.semi_join),
            apart=self.guard.protections.apart(),
            requests_url=f"{url}/requests/new" if "dac" in self.profile.standards else None,
        )
