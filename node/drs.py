"""DRS 1.5.0: the records of files and where their bytes are (``specs/drs.yaml``)."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import quote

import anyio.to_thread
import connexion

from adapters.catalog.catalog import Catalog, FileRecord
from auth.caller import Caller
from auth.clearinghouse import Clearinghouse
from auth.policy import DatasetRule, Decision, Policy
from web.errors import Failure

MAX_BULK = 10_000
RETRY_SECONDS = 3600

Body = dict[str, Any]
Answer = tuple[Body | None, int, dict[str, str]] | Body


def rule(file: FileRecord) -> DatasetRule:
    """The access rule of the data set that ``file`` belongs to."""
    dataset = file.dataset
    return DatasetRule(dataset.accession, dataset.tier, dataset.records, dataset.dac)


def refusal(decision: Decision, what: str, request_at: str) -> Failure:
    """401 without a credential, 403 with one that is not enough (DRS-34); both say where access is asked for."""
    if decision.authenticate:
        message = f"{what} needs a credential; access is requested at {request_at}"
        return Failure(401, message, headers={"WWW-Authenticate": 'Bearer realm="gsanode"'})
    return Failure(403, f"{what} is not granted to you ({decision.reason}); access is requested at {request_at}")


class Places:
    """Where the bytes of files are reached: what DRS and other faces need to know of stores and signed URLs.

    :param byte_url: (file, caller's decision) → signed, expiring https URL on this node.
    :param store_url: (store, key, seconds) → presigned URL of the store itself, or None where it has none.
    """

    def __init__(
        self,
        byte_url: Callable[[FileRecord, Caller, Decision], str],
        store_url: Callable[[str, str, int], str | None],
        presigning: frozenset[str],
    ) -> None:
        self.byte_url = byte_url
        self.store_url = store_url
        self.presigning = presigning


class Drs:
    """Handler of the DRS contract."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        policy: Policy,
        clearinghouse: Clearinghouse,
        places: Places,
        drs_host: str,
        public_url: str,
        broker: str,
        htsget: dict[str, str],
        service: Callable[..., Body],
    ) -> None:
        self._catalog = catalog
        self._policy = policy
        self._clearinghouse = clearinghouse
        self._places = places
        self._host = drs_host
        self._public_url = public_url
        self._broker = broker
        self._htsget = htsget
        self._service = service

    async def get_service_info(self) -> Body:
        """Service-info with the DRS extension (DRS-40, DRS-41)."""
        count, size = await anyio.to_thread.run_sync(self._catalog.totals)
        drs = {"maxBulkRequestLength": MAX_BULK, "objectCount": count, "totalObjectSize": size}
        return self._service(
            artifact="drs", standard_version="1.5.0", extra={"maxBulkRequestLength": MAX_BULK, "drs": drs}
        )

    async def options_object(self, object_id: str) -> Body:
        """Which credentials the file wants (DRS-02); needs none itself."""
        return self._authorizations(await self._existing(object_id))

    async def get_object(self, object_id: str, expand: bool = False) -> Body:  # noqa: ARG002 - ignored on a blob, DRS-22
        """The record of a file for the bearer of the request (DRS-03)."""
        file = await self._existing(object_id)
        return self._shown(file, await self._bearer())

    async def post_object(self, object_id: str, body: Body) -> Body:
        """The record of a file for the holder of passports (DRS-04)."""
        file = await self._existing(object_id)
        return self._shown(file, await self._holder(body))

    async def options_bulk_objects(self, body: Body) -> Body:
        """Which credentials many files want (DRS-05)."""
        ids = _bounded(body["bulk_object_ids"])
        files = await anyio.to_thread.run_sync(self._catalog.files, ids)
        found = [self._authorizations(files[id]) for id in ids if id in files]
        return _bulk(len(ids), "resolved_drs_object", found, [(404, id) for id in ids if id not in files])

    async def post_bulk_objects(self, body: Body, expand: bool = False) -> Body:  # noqa: ARG002 - ignored on blobs
        """The records of many files; a refused one is an unresolved id, not a failed call (DRS-06, DRS-35)."""
        ids = _bounded(body["bulk_object_ids"])
        caller = await self._holder(body)
        files = await anyio.to_thread.run_sync(self._catalog.files, ids)
        found: list[Body] = []
        missing: list[tuple[int, str]] = []
        for id in ids:
            try:
                found.append(self._shown(_known(files.get(id), id), caller))
            except Failure as failure:
                missing.append((failure.status, id))
        return _bulk(len(ids), "resolved_drs_object", found, missing)

    async def get_access(self, object_id: str, access_id: str) -> Answer:
        """A byte URL for the bearer of the request (DRS-07)."""
        file = await self._existing(object_id)
        return self._access(file, access_id, await self._bearer())

    async def post_access(self, object_id: str, access_id: str, body: Body) -> Answer:
        """A byte URL for the holder of passports (DRS-08)."""
        file = await self._existing(object_id)
        return self._access(file, access_id, await self._holder(body))

    async def post_bulk_access(self, body: Body) -> Body:
        """Byte URLs of many files (DRS-09)."""
        wanted = [
            (item["bulk_object_id"], access_id)
            for item in body["bulk_object_access_ids"]
            for access_id in item["bulk_access_ids"]
        ]
        _bounded(wanted)
        caller = await self._holder(body)
        files = await anyio.to_thread.run_sync(self._catalog.files, [id for id, _ in wanted])
        found: list[Body] = []
        missing: list[tuple[int, str]] = []
        for id, access_id in wanted:
            try:
                url = self._url(_known(files.get(id), id), access_id, caller)
                found.append({"drs_object_id": id, "drs_access_id": access_id, "url": url})
            except Failure as failure:
                missing.append((failure.status, id))
        return _bulk(len(wanted), "resolved_drs_object_access_urls", found, missing)

    async def _existing(self, id: str) -> FileRecord:
        return _known(await anyio.to_thread.run_sync(self._catalog.file, id), id)

    async def _bearer(self) -> Caller:
        return await self._clearinghouse.bearer(connexion.request.headers.get("authorization"))

    async def _holder(self, body: Body) -> Caller:
        passports = body.get("passports")
        if passports:
            return await self._clearinghouse.passports(passports)
        return await self._bearer()

    def _shown(self, file: FileRecord, caller: Caller) -> Body:
        decision = self._policy.records(caller, rule(file), int(time.time()))
        if not decision.allowed:
            raise refusal(decision, f"the record of {file.id}", self._request_at(file))
        return self._object(file)

    def _request_at(self, file: FileRecord) -> str:
        return f"{self._public_url}/datasets/{quote(file.dataset.accession)}"

    def _object(self, file: FileRecord) -> Body:
        created = file.created_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        shown: Body = {
            "id": file.id,
            "name": file.name,
            "self_uri": f"drs://{self._host}/{quote(file.id, safe='')}",
            "size": file.size,
            "created_time": created,
            "updated_time": created,
            "mime_type": file.mime_type,
            "checksums": [{"type": kind, "checksum": value} for kind, value in sorted(file.checksums.items())],
            "access_methods": list(self._methods(file)),
        }
        if file.title:
            shown["description"] = file.title
        return shown

    def _methods(self, file: FileRecord) -> Iterable[Body]:
        """Every way to the bytes; each has an access_url or an access_id (DRS-12)."""
        wants = {key: value for key, value in self._authorizations(file).items() if key != "drs_object_id"}
        yield {"type": "https", "access_id": "https", "available": file.available, "authorizations": wants}
        for store, key in file.locations:
            if store == "ftp" and file.dataset.tier == "open":
                yield {"type": "ftp", "access_url": {"url": key}, "available": file.available}
            elif store in self._places.presigning:
                yield {"type": "s3", "access_id": f"s3.{store}", "available": file.available, "authorizations": wants}
        if file.format in self._htsget and file.index:
            url = f"{self._public_url}{self._htsget[file.format]}/{quote(file.id, safe='')}"
            yield {"type": "htsget", "access_url": {"url": url}, "authorizations": wants}

    def _authorizations(self, file: FileRecord) -> Body:
        if file.dataset.tier == "open":
            return {"drs_object_id": file.id, "supported_types": ["None"]}
        return {
            "drs_object_id": file.id,
            "supported_types": ["PassportAuth", "BearerAuth"],
            "passport_auth_issuers": [self._public_url],
            "bearer_auth_issuers": [self._broker],
        }

    def _access(self, file: FileRecord, access_id: str, caller: Caller) -> Answer:
        url = self._url(file, access_id, caller)
        if not file.available:
            return None, 202, {"Retry-After": str(RETRY_SECONDS)}
        return {"url": url}

    def _url(self, file: FileRecord, access_id: str, caller: Caller) -> str:
        decision = self._policy.fetch(caller, rule(file), int(time.time()))
        if not decision.allowed:
            raise refusal(decision, f"file {file.id}", self._request_at(file))
        if access_id == "https":
            return self._places.byte_url(file, caller, decision)
        for store, key in file.locations:
            if access_id == f"s3.{store}":
                seconds = 900 if decision.expires is None else min(900, decision.expires - int(time.time()))
                url = self._places.store_url(store, key, seconds)
                if url is not None:
                    return url
        raise Failure(404, f"file {file.id} has no access {access_id[:64]!r}")


def _known(file: FileRecord | None, id: str) -> FileRecord:
    if file is None:
        raise Failure(404, f"there is no object {id[:128]!r}")
    return file


def _bounded(items: Sequence[Any]) -> list[Any]:
    """The items, if a bulk request may hold that many (DRS-36)."""
    if not items:
        raise Failure(400, "the list of ids is empty")
    if len(items) > MAX_BULK:
        raise Failure(413, f"{len(items)} ids in one request; allowed: {MAX_BULK}")
    return list(items)


def _bulk(requested: int, name: str, found: list[Body], missing: list[tuple[int, str]]) -> Body:
    """The answer of a bulk call: the summary adds up, ids are grouped by error (DRS-35)."""
    grouped: dict[int, list[str]] = defaultdict(list)
    for status, id in missing:
        grouped[status].append(id)
    return {
        "summary": {"requested": requested, "resolved": len(found), "unresolved": len(missing)},
        "unresolved_drs_objects": [{"error_code": code, "object_ids": ids} for code, ids in sorted(grouped.items())],
        name: found,
    }
