"""Beacon v2.1.1 of a member (``specs/beacon.yaml``): the same handler for all members."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import anyio.to_thread
import connexion
from sqlalchemy import Engine

from adapters.catalog.catalog import Catalog, DatasetRecord, today
from adapters.terms.listing import Listing
from adapters.terms.vocabulary import DATASET, INDIVIDUAL, SERIES, STUDY
from auth.caller import Caller
from auth.policy import Floor, Policy
from node.beacon import answers, envelope, listing, profile, records
from node.beacon.access import Access, decide
from node.beacon.profile import Profile
from node.beacon.question import VARIANT, Question, Search
from node.beacon.request import Request, from_get, from_post
from web.errors import Failure
from web.service_info import service_info

Body = dict[str, Any]
MATURITY = {"prod": "PROD", "dev": "DEV"}


class Bearers(Protocol):
    """Resolves an Authorization header to a caller (``auth.clearinghouse.Clearinghouse.bearer``)."""

    async def __call__(self, authorization: str | None) -> Caller:
        """The caller; anonymous without a header."""
        ...


@dataclass(frozen=True)
class Restriction:
    """What the path of a request says: one entry, one data set, one person, one allele, one study."""

    entry: str | None = None
    dataset: str | None = None
    individual: str | None = None
    allele: str | None = None
    study: str | None = None


ALL = Restriction()


class Answering:
    """Reads, decides and answers; the endpoints of :class:`Beacon` only say which entry type and restriction.

    :param bearer: resolves the caller.
    :param dataset_url: page where a person reads about a data set.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        catalog: Catalog,
        search: Search,
        policy: Policy,
        floor: Floor,
        bearer: Bearers,
        profile: Profile,
        dataset_url: Callable[[str], str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._engine = engine
        self._catalog = catalog
        self._search = search
        self._policy = policy
        self._floor = floor
        self._bearer = bearer
        self._profile = profile
        self._dataset_url = dataset_url
        self._clock = clock

    async def entries(self, entry_type: str, body: Body | None = None, where: Restriction = ALL) -> Body:
        """Answer a request for entries; without ``body`` it is the GET under way.

        :raises Failure: 400 for what is not understood, 404 for an entry type that this member does not expose.
        """
        self._require(entry_type)
        default = self._profile.default_granularity
        request = (
            from_get(connexion.request.query_params.multi_items(), default)
            if body is None
            else from_post(body, default)
        )
        if request.test_mode:
            return self._virtual(entry_type, request)
        caller = await self._bearer(connexion.request.headers.get("authorization"))
        work = self._collections if entry_type == DATASET else self._result_sets
        return await anyio.to_thread.run_sync(work, _question(entry_type, request, where), request, caller, where)

    async def terms(self, skip: int, limit: int, dataset: str | None = None, scope: str | None = None) -> Body:
        """The filtering terms that the caller may know of; ``limit`` 0: all."""
        if scope is not None:
            self._require(scope)
        caller = await self._bearer(connexion.request.headers.get("authorization"))
        return await anyio.to_thread.run_sync(self._terms, caller, skip, limit, dataset, scope)

    def _require(self, entry_type: str) -> None:
        if entry_type not in self._profile.entry_types:
            allowed = ", ".join(self._profile.entry_types)
            raise Failure(404, f"this beacon has no entry type {entry_type}; it has: {allowed}")

    def _datasets(self, where: Restriction) -> list[DatasetRecord]:
        return self._catalog.datasets(None if where.dataset is None else [where.dataset])

    def _access(self, caller: Caller, datasets: Sequence[DatasetRecord], question: Question) -> Access:
        return decide(self._policy, self._floor, caller, datasets, question, int(self._clock()))

    def _result_sets(self, question: Question, request: Request, caller: Caller, where: Restriction) -> Body:
        datasets = self._search.eligible(question, self._datasets(where))
        access = self._access(caller, datasets, question)
        members = self._search.members([d.accession for d in datasets], today())
        granularity = access.returned(request.granularity)
        limit = request.limit if granularity == "record" else 0
        found = answers.answer(self._search, self._engine, access, question, members, request.skip, limit)
        body = self._summary(question.entry_type, request, granularity, bool(found.counts), found.number)
        if granularity == "record":
            requests_url = self._profile.requests_url
            sets = answers.result_sets(found, access, datasets, request.include, requests_url)
            body["response"] = {"resultSets": sets}
        return body

    def _collections(self, question: Question, request: Request, caller: Caller, where: Restriction) -> Body:
        datasets = self._search.eligible(question, self._datasets(where))
        found = answers.collections(
            self._search,
            lambda about: self._access(caller, datasets, about),
            question,
            datasets,
            lambda: self._search.members([d.accession for d in datasets], today()),
        )
        body = self._summary(DATASET, request, request.granularity, bool(found), len(found))
        if request.granularity == "record":
            shown = found[request.skip * request.limit :][: request.limit]
            body["response"] = {"collections": [records.dataset(d, self._dataset_url(d.accession)) for d in shown]}
        return body

    def _virtual(self, entry_type: str, request: Request) -> Body:
        """The answer in test mode: nobody's data, whoever asks (BEA-28)."""
        found = profile.test_records()[entry_type]
        shown = found[request.skip * request.limit :][: request.limit]
        body = self._summary(entry_type, request, request.granularity, bool(found), len(found))
        if request.granularity == "record" and entry_type == DATASET:
            body["response"] = {"collections": shown}
        elif request.granularity == "record":
            virtual = {
                "id": "TEST000001",
                "setType": "dataset",
                "exists": True,
                "resultsCount": len(found),
                "results": shown,
            }
            body["response"] = {"resultSets": [virtual] if request.include in ("HIT", "ALL") else []}
        return body

    def _summary(self, entry_type: str, request: Request, granularity: str, exists: bool, number: int) -> Body:
        schemas = self._profile.schemas(entry_type)
        about = {"exists": exists} | ({} if granularity == "boolean" else {"numTotalResults": number})
        return {
            "meta": envelope.meta(self._profile.id, schemas, granularity, request.summary),
            "responseSummary": about,
        }

    def _terms(self, caller: Caller, skip: int, limit: int, dataset: str | None, scope: str | None) -> Body:
        datasets = self._datasets(Restriction(dataset=dataset))
        access = self._access(caller, datasets, Question(INDIVIDUAL))
        members = self._search.members([d.accession for d in datasets], today())
        from_index = Listing(self._engine, self._profile.entry_types)
        found = from_index.terms(members, access.listed(members)) + listing.data_use_terms(datasets)
        wanted = [term for term in found if scope is None or scope in term["scopes"]]
        shown = wanted[skip * limit :][:limit] if limit else wanted
        response = {"filteringTerms": shown, "resources": from_index.resources(shown)}
        return envelope.informational(self._profile.id, (), response)


class Beacon:
    """Handler of the Beacon contract."""

    def __init__(self, answering: Answering, profile: Profile) -> None:
        self._answering = answering
        self._profile = profile

    async def get_root(self) -> Body:
        """``/`` is ``/info``."""
        return await self.get_info()

    async def get_info(self) -> Body:
        """``/info`` (BEA-01)."""
        about, organization = self._profile, self._profile.organization
        response = {
            "id": about.id,
            "name": about.name,
            "description": about.description,
            "apiVersion": profile.API_VERSION,
            "environment": about.environment,
            "organization": {"id": organization.id, "name": organization.name, "welcomeUrl": organization.url},
        }
        return envelope.informational(about.id, about.schemas(*about.entry_types), response)

    async def get_service_info(self) -> Body:
        """``/service-info``: the bare GA4GH document (BEA-02)."""
        about = self._profile
        return service_info(
            id=about.id,
            name=about.name,
            artifact="beacon",
            standard_version=profile.API_VERSION.removeprefix("v"),
            organization=about.organization,
            description=about.description,
            environment=about.environment,
        )

    async def get_configuration(self) -> Body:
        """``/configuration`` (BEA-03)."""
        about = self._profile
        response = {
            "$schema": f"{profile.FRAMEWORK}/configuration/beaconConfigurationSchema.json",
            "maturityAttributes": {"productionStatus": MATURITY.get(about.environment, "TEST")},
            "securityAttributes": {
                "defaultGranularity": about.default_granularity,
                "securityLevels": ["PUBLIC", "REGISTERED", "CONTROLLED"],
            },
            "entryTypes": {kind.id: about.definition(kind) for kind in about.types()},
        }
        return envelope.informational(about.id, about.schemas(*about.entry_types), response)

    async def get_map(self) -> Body:
        """``/map`` (BEA-04)."""
        about = self._profile
        response = {
            "$schema": f"{profile.FRAMEWORK}/configuration/beaconMapSchema.json",
            "endpointSets": {kind.id: about.endpoints(kind) for kind in about.types()},
        }
        return envelope.informational(about.id, about.schemas(*about.entry_types), response)

    async def get_entry_types(self) -> Body:
        """``/entry_types`` (BEA-05)."""
        about = self._profile
        response = {"entryTypes": {kind.id: about.definition(kind) for kind in about.types()}}
        return envelope.informational(about.id, about.schemas(*about.entry_types), response)

    async def get_schema(self, name: str) -> Body:
        """``/schemas/{name}``: the JSON Schema of an entry type of our own.

        :raises Failure: 404 for any other.
        """
        own = [kind.schema["own"] for kind in self._profile.types() if "own" in kind.schema]
        if name not in own:
            raise Failure(404, f"there is no schema {name[:40]!r}; there are: {', '.join(own) or 'none'}")
        return profile.own_schema(name)

    async def get_filtering_terms(self, skip: int = 0, limit: int = 0) -> Body:
        """``/filtering_terms`` (BEA-06); all of them unless ``limit`` is given."""
        return await self._answering.terms(skip, limit)

    async def get_dataset_filtering_terms(self, id: str, skip: int = 0, limit: int = 0) -> Body:
        """``/datasets/{id}/filtering_terms``."""
        return await self._answering.terms(skip, limit, dataset=id)

    async def post_dataset_filtering_terms(self, id: str, body: Body) -> Body:
        """``/datasets/{id}/filtering_terms``."""
        return await self._answering.terms(*listing.paging(body), dataset=id)

    async def get_individuals_filtering_terms(self, skip: int = 0, limit: int = 0) -> Body:
        """``/individuals/filtering_terms``."""
        return await self._answering.terms(skip, limit, scope=INDIVIDUAL)

    async def post_individuals_filtering_terms(self, body: Body) -> Body:
        """``/individuals/filtering_terms``."""
        return await self._answering.terms(*listing.paging(body), scope=INDIVIDUAL)

    async def get_datasets(self, body: Body | None = None, **_query: Any) -> Body:
        """``/datasets`` (BEA-07)."""
        return await self._answering.entries(DATASET, body)

    post_datasets = get_datasets

    async def get_dataset(self, id: str, body: Body | None = None, **_query: Any) -> Body:
        """``/datasets/{id}``."""
        return await self._answering.entries(DATASET, body, Restriction(entry=id))

    post_dataset = get_dataset

    async def get_dataset_individuals(self, id: str, body: Body | None = None, **_query: Any) -> Body:
        """``/datasets/{id}/individuals`` (BEA-08)."""
        return await self._answering.entries(INDIVIDUAL, body, Restriction(dataset=id))

    post_dataset_individuals = get_dataset_individuals

    async def get_dataset_g_variants(self, id: str, body: Body | None = None, **_query: Any) -> Body:
        """``/datasets/{id}/g_variants``."""
        return await self._answering.entries(VARIANT, body, Restriction(dataset=id))

    post_dataset_g_variants = get_dataset_g_variants

    async def get_dataset_imaging_studies(self, id: str, body: Body | None = None, **_query: Any) -> Body:
        """``/datasets/{id}/imaging_studies``."""
        return await self._answering.entries(STUDY, body, Restriction(dataset=id))

    post_dataset_imaging_studies = get_dataset_imaging_studies

    async def get_dataset_imaging_series(self, id: str, body: Body | None = None, **_query: Any) -> Body:
        """``/datasets/{id}/imaging_series``."""
        return await self._answering.entries(SERIES, body, Restriction(dataset=id))

    post_dataset_imaging_series = get_dataset_imaging_series

    async def get_individuals(self, body: Body | None = None, **_query: Any) -> Body:
        """``/individuals`` (BEA-10)."""
        return await self._answering.entries(INDIVIDUAL, body)

    post_individuals = get_individuals

    async def get_individual(self, id: str, body: Body | None = None, **_query: Any) -> Body:
        """``/individuals/{id}``."""
        return await self._answering.entries(INDIVIDUAL, body, Restriction(entry=id))

    post_individual = get_individual

    async def get_individual_g_variants(self, id: str, body: Body | None = None, **_query: Any) -> Body:
        """``/individuals/{id}/g_variants``."""
        return await self._answering.entries(VARIANT, body, Restriction(individual=id))

    post_individual_g_variants = get_individual_g_variants

    async def get_individual_imaging_studies(self, id: str, body: Body | None = None, **_query: Any) -> Body:
        """``/individuals/{id}/imaging_studies``."""
        return await self._answering.entries(STUDY, body, Restriction(individual=id))

    post_individual_imaging_studies = get_individual_imaging_studies

    async def get_individual_imaging_series(self, id: str, body: Body | None = None, **_query: Any) -> Body:
        """``/individuals/{id}/imaging_series``."""
        return await self._answering.entries(SERIES, body, Restriction(individual=id))

    post_individual_imaging_series = get_individual_imaging_series

    async def get_g_variants(self, body: Body | None = None, **_query: Any) -> Body:
        """``/g_variants`` (BEA-14)."""
        return await self._answering.entries(VARIANT, body)

    post_g_variants = get_g_variants

    async def get_g_variant(self, id: str, body: Body | None = None, **_query: Any) -> Body:
        """``/g_variants/{id}``."""
        return await self._answering.entries(VARIANT, body, Restriction(entry=id))

    post_g_variant = get_g_variant

    async def get_g_variant_individuals(self, id: str, body: Body | None = None, **_query: Any) -> Body:
        """``/g_variants/{id}/individuals``."""
        return await self._answering.entries(INDIVIDUAL, body, Restriction(allele=id))

    post_g_variant_individuals = get_g_variant_individuals

    async def get_imaging_studies(self, body: Body | None = None, **_query: Any) -> Body:
        """``/imaging_studies``."""
        return await self._answering.entries(STUDY, body)

    post_imaging_studies = get_imaging_studies

    async def get_imaging_study(self, id: str, body: Body | None = None, **_query: Any) -> Body:
        """``/imaging_studies/{id}``."""
        return await self._answering.entries(STUDY, body, Restriction(entry=id))

    post_imaging_study = get_imaging_study

    async def get_imaging_study_series(self, id: str, body: Body | None = None, **_query: Any) -> Body:
        """``/imaging_studies/{id}/imaging_series``."""
        return await self._answering.entries(SERIES, body, Restriction(study=id))

    post_imaging_study_series = get_imaging_study_series

    async def get_imaging_series(self, body: Body | None = None, **_query: Any) -> Body:
        """``/imaging_series``."""
        return await self._answering.entries(SERIES, body)

    post_imaging_series = get_imaging_series

    async def get_one_imaging_series(self, id: str, body: Body | None = None, **_query: Any) -> Body:
        """``/imaging_series/{id}``."""
        return await self._answering.entries(SERIES, body, Restriction(entry=id))

    post_one_imaging_series = get_one_imaging_series


def _question(entry_type: str, request: Request, where: Restriction) -> Question:
    named = where.entry if entry_type == VARIANT else where.allele
    if named is not None and request.variant is not None:
        raise Failure(400, "requestParameters: not allowed beside the id of an allele, which says it")
    return Question(
        entry_type=entry_type,
        filters=request.filters,
        variant=request.variant,
        entry=where.entry,
        individual=where.individual,
        allele=where.allele,
        study=where.study,
    )
