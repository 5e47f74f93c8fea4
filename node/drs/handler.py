"""The nine operations of DRS 1.5.0 (``specs/drs.yaml``)."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import anyio.to_thread

from adapters.catalog.catalog import Catalog, DatasetRecord, FileRecord
from adapters.catalog.single import Single
from auth.caller import Caller
from auth.clearinghouse import Clearinghouse
from auth.policy import Decision, Policy
from node.drs import bulk
from node.drs.bundles import bundle
from node.drs.manifests import Manifests
from node.drs.places import Places, refusal, rule
from node.drs.records import Records
from node.drs.shelf import Named, Shelf
from web.errors import Failure
from web.request import header

RETRY_SECONDS = 3600
AT_ONCE = 16  # files of a bulk call whose stores are asked at the same time

Body = dict[str, Any]
Answer = tuple[Body | None, int, dict[str, str]] | Body


class Drs:
    """Handler of the DRS contract."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        files: Single,
        shelf: Shelf,
        manifests: Manifests,
        policy: Policy,
        clearinghouse: Clearinghouse,
        records: Records,
        places: Places,
        public_url: str,
        service: Callable[..., Body],
    ) -> None:
        self._catalog = catalog
        self._files = files
        self._shelf = shelf
        self._manifests = manifests
        self._policy = policy
        self._clearinghouse = clearinghouse
        self._records = records
        self._places = places
        self._public_url = public_url
        self._service = service

    async def get_service_info(self) -> Body:
        """Service-info with the DRS extension (DRS-40, DRS-41)."""
        count, size = await anyio.to_thread.run_sync(self._catalog.totals)
        drs = {"maxBulkRequestLength": bulk.MAX_BULK, "objectCount": count, "totalObjectSize": size}
        return self._service(
            artifact="drs", standard_version="1.5.0", extra={"maxBulkRequestLength": bulk.MAX_BULK, "drs": drs}
        )

    async def options_object(self, object_id: str) -> Body:
        """Which credentials the object wants (DRS-02); needs none itself."""
        return self._wants(object_id, await self._existing(object_id))

    async def get_object(self, object_id: str, expand: bool = False) -> Body:
        """The record of an object for the bearer of the request (DRS-03)."""
        return await self._object(object_id, await self._bearer(), expand=expand)

    async def post_object(self, object_id: str, body: Body) -> Body:
        """The record of an object for the holder of passports (DRS-04)."""
        return await self._object(object_id, await self._holder(body), expand=body.get("expand", False))

    async def options_bulk_objects(self, body: Body) -> Body:
        """Which credentials many objects want (DRS-05)."""
        ids = bulk.bounded(body["bulk_object_ids"])
        found = await anyio.to_thread.run_sync(self._shelf.find, ids)
        return bulk.answered("resolved_drs_object", ids, str, lambda id: self._wants(id, _known(found.get(id), id)))

    async def post_bulk_objects(self, body: Body, expand: bool = False) -> Body:
        """The records of many objects; a refused one is an unresolved id, not a failed call (DRS-06, DRS-35)."""
        ids = bulk.bounded(body["bulk_object_ids"])
        caller = await self._holder(body)

        def answer() -> Body:
            found = self._shelf.find(ids)
            may = _Decisions(self._policy.records, caller)
            return bulk.answered(
                "resolved_drs_object",
                ids,
                str,
                lambda id: self._shown(_known(found.get(id), id), may, expand=expand),
            )

        return await anyio.to_thread.run_sync(answer)

    async def get_access(self, object_id: str, access_id: str) -> Answer:
        """A byte URL for the bearer of the request (DRS-07)."""
        return await self._access(object_id, access_id, await self._bearer())

    async def post_access(self, object_id: str, access_id: str, body: Body) -> Answer:
        """A byte URL for the holder of passports (DRS-08)."""
        return await self._access(object_id, access_id, await self._holder(body))

    async def post_bulk_access(self, body: Body) -> Body:
        """Byte URLs of many files (DRS-09)."""
        wanted = bulk.bounded(
            [
                (item["bulk_object_id"], access_id)
                for item in body["bulk_object_access_ids"]
                for access_id in item["bulk_access_ids"]
            ]
        )
        caller = await self._holder(body)

        def answer() -> Body:
            found = self._shelf.find(id for id, _ in wanted)
            may = _Decisions(self._policy.fetch, caller)

            def one(item: tuple[str, str]) -> Body:
                id, access_id = item
                named = _known(found.get(id), id)
                url = self._url(named, access_id, caller, may)
                if isinstance(named, FileRecord) and not named.available:
                    raise Failure(202, f"{id} comes from tape")
                return {"drs_object_id": id, "drs_access_id": access_id, "url": url}

            for dataset in {named.dataset.accession: named.dataset for named in found.values()}.values():
                may(dataset)  # decided once, before many threads ask
            with ThreadPoolExecutor(AT_ONCE) as threads:
                return bulk.answered("resolved_drs_object_access_urls", wanted, lambda item: item[0], one, threads.map)

        return await anyio.to_thread.run_sync(answer)

    async def _bearer(self) -> Caller:
        return await self._clearinghouse.bearer(header(b"authorization"))

    async def _holder(self, body: Body) -> Caller:
        passports = body.get("passports")
        if passports:
            return await self._clearinghouse.passports(passports)
        return await self._bearer()

    async def _existing(self, id: str) -> Named:
        """The object of that id; files, which nearly all are, are read together with those of other requests."""
        named: Named | None = None
        if "\0" not in id:
            named = await self._files.file(id)
            if named is None:
                named = (await anyio.to_thread.run_sync(self._shelf.collections, [id])).get(id)
        return _known(named, id)

    async def _object(self, id: str, caller: Caller, *, expand: bool) -> Body:
        named = await self._existing(id)
        may = _Decisions(self._policy.records, caller)
        if isinstance(named, FileRecord) and not caller.visas:  # without visas no grant is looked up
            return self._shown(named, may, expand=expand)
        return await anyio.to_thread.run_sync(partial(self._shown, named, may, expand=expand))

    async def _access(self, id: str, access_id: str, caller: Caller) -> Answer:
        named = await self._existing(id)
        may = _Decisions(self._policy.fetch, caller)
        url = await anyio.to_thread.run_sync(self._url, named, access_id, caller, may)
        if isinstance(named, FileRecord) and not named.available:
            return None, 202, {"Retry-After": str(RETRY_SECONDS)}
        return {"url": url}

    def _shown(self, named: Named, may: _Decisions, *, expand: bool) -> Body:
        decision = may(named.dataset)
        if not decision.allowed:
            raise refusal(decision, f"the record of {named.id}", named.dataset, self._public_url)
        if isinstance(named, FileRecord):
            return self._records.file(named)
        return self._records.bundle(bundle(named), self._manifests.of(named).file.id, expand=expand)

    def _wants(self, id: str, named: Named) -> Body:
        return {"drs_object_id": id, **self._records.authorizations(named.dataset)}

    def _url(self, named: Named, access_id: str, caller: Caller, may: _Decisions) -> str:
        decision = may(named.dataset)
        if not decision.allowed:
            raise refusal(decision, f"file {named.id}", named.dataset, self._public_url)
        if not isinstance(named, FileRecord):
            raise Failure(404, f"{named.id} is a bundle and has no bytes of its own; fetch its contents")
        return self._places.url(named, access_id, caller, decision)


class _Decisions:
    """The decisions of one request about one caller: one for each data set, however many files of it are asked for."""

    def __init__(self, decide: Callable[..., Decision], caller: Caller) -> None:
        self._decide = decide
        self._caller = caller
        self._made: dict[tuple[str, str], Decision] = {}

    def __call__(self, dataset: DatasetRecord) -> Decision:
        key = (dataset.accession, dataset.tier)  # a manifest is open where the records of its data set are
        if key not in self._made:
            self._made[key] = self._decide(self._caller, rule(dataset), int(time.time()))
        return self._made[key]


def _known(named: Named | None, id: str) -> Named:
    if named is None:
        raise Failure(404, f"there is no object {id[:128]!r}")
    return named
