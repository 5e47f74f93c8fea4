"""The operations of ``specs/htsget.yaml``: who may have what slice, and the ticket for it."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from typing import Any
from urllib.parse import quote

import orjson
import structlog
from connexion.lifecycle import ConnexionResponse

from adapters.catalog.catalog import FileRecord
from adapters.catalog.single import Single
from adapters.reads.errors import MissingIndex, SliceError, StaleIndex, UnknownReference
from adapters.reads.parts import Inline, Part
from adapters.reads.slices import Slicer, Stored
from adapters.store.protocol import ChangedObject, NoSuchObject, WouldWait
from adapters.store.source import ByteSource
from auth.caller import Caller
from auth.clearinghouse import Clearinghouse
from auth.policy import DatasetRule, Decision, Policy
from node.htsget.query import FORMATS, Datatype, Query, from_body, from_parameters, invalid
from web.errors import Failure
from web.request import header, parameters

VERSION = "1.3.0"
MEDIA_TYPE = f"application/vnd.ga4gh.htsget.v{VERSION}+json"
LARGEST_URL = 1_000_000_000  # bytes behind one URL (HTS-40)
INDEX_ENDINGS = (".bai", ".csi", ".tbi", ".crai")
RETRY_SECONDS = 3600
THREADS = 4  # that cut slices at once
RESIDENT_BYTES = 1 << 19  # that are read of a file, and inflated, in the thread of the event loop

Body = dict[str, Any]
ByteUrl = Callable[[int, int], str]
Open = Callable[[FileRecord], ByteSource]
Cut = Callable[[Stored, Stored | None, Query], list[Part] | None]
log = structlog.get_logger(__name__)


class Htsget:
    """Handler of the htsget contract.

    :param files: reads the file of an id.
    :param open_source: random access to a file of the archive.
    :param open_resident: the same of what can be read without waiting.
    :param prompt: whether even opening a file waits for no network.
    :param byte_urls: signs the URLs of a ticket: of (file, caller, decision, entity tag) a function from the first and
        the last byte (0-based, inclusive) to a URL. Nothing else is needed to fetch them (HTS-44); none lives longer
        than the decision, and than the content that the tag names.
    :param service: service-info document of this member, given artifact, standard_version and extra.
    """

    def __init__(
        self,
        *,
        files: Single,
        policy: Policy,
        clearinghouse: Clearinghouse,
        slicer: Slicer,
        open_source: Open,
        open_resident: Open,
        prompt: Callable[[FileRecord], bool],
        byte_urls: Callable[[FileRecord, Caller, Decision, str | None], ByteUrl],
        public_url: str,
        service: Callable[..., Body],
    ) -> None:
        self._files = files
        self._policy = policy
        self._clearinghouse = clearinghouse
        self._slicer = slicer
        self._open_source = open_source
        self._open_resident = open_resident
        self._prompt = prompt
        self._byte_urls = byte_urls
        self._public_url = public_url
        self._service = service
        self._threads = ThreadPoolExecutor(THREADS, "slices")

    async def get_reads_service_info(self) -> Body:
        """Service-info of the reads service (HTS-50)."""
        return self._service_info("reads")

    async def get_variants_service_info(self) -> Body:
        """Service-info of the variants service (HTS-50)."""
        return self._service_info("variants")

    async def get_reads(self, id: str) -> ConnexionResponse:
        """Ticket for the reads of a file, or for those of one region."""
        return await self._answer("reads", id, from_parameters("reads", parameters()))

    async def post_reads(self, id: str, body: Body | None = None) -> ConnexionResponse:
        """Ticket for the reads of several regions."""
        return await self._answer("reads", id, from_body("reads", parameters(), body))

    async def get_variants(self, id: str) -> ConnexionResponse:
        """Ticket for the variants of a file, or for those of one region."""
        return await self._answer("variants", id, from_parameters("variants", parameters()))

    async def post_variants(self, id: str, body: Body | None = None) -> ConnexionResponse:
        """Ticket for the variants of several regions."""
        return await self._answer("variants", id, from_body("variants", parameters(), body))

    def _service_info(self, datatype: Datatype) -> Body:
        htsget = {
            "datatype": datatype,
            "formats": list(FORMATS[datatype]),
            "fieldsParameterEffective": False,
            "tagsParametersEffective": False,
        }
        info = self._service(artifact="htsget", standard_version=VERSION, extra={"htsget": htsget})
        return {**info, "id": f"{info['id']}.{datatype}", "name": f"{info['name']} ({datatype})"}

    async def _answer(self, datatype: Datatype, id: str, query: Query) -> ConnexionResponse:
        caller = await self._clearinghouse.bearer(header(b"authorization"))
        file = await self._existing(datatype, id)
        index = await self._files.file(file.index) if file.index and query.regions else None
        ticket = self._at_once(file, index, query, caller)
        if ticket is None:
            loop = asyncio.get_running_loop()
            make = partial(self._ticket, file, index, query, caller, self._open_source, self._parts)
            ticket = await loop.run_in_executor(self._threads, make)
        return ConnexionResponse(
            body=ticket,
            mimetype=MEDIA_TYPE,
            content_type=f"{MEDIA_TYPE}; charset=utf-8",
            headers={"Cache-Control": "private, no-store"},
        )

    def _at_once(self, file: FileRecord, index: FileRecord | None, query: Query, caller: Caller) -> bytes | None:
        """The ticket, where it takes about as long as to wake a thread: nobody's grants are asked, no disk is read."""
        if index is None or not (self._policy.settled(_rule(file)) and self._prompt(file) and self._prompt(index)):
            return None
        try:
            return self._ticket(file, index, query, caller, self._open_resident, self._few_parts)
        except WouldWait:
            return None

    def _ticket(
        self, file: FileRecord, index: FileRecord | None, query: Query, caller: Caller, open_source: Open, cut: Cut
    ) -> bytes | None:
        """The ticket as JSON, with the parts that ``cut`` finds; None if it finds none.

        Asks for grants and looks at the archive: to be called from a thread, unless neither takes any time.
        """
        decision = self._allowed(caller, file)
        if query.format != file.format:
            message = f"{file.id} is held as {file.format} and not converted: ask for format={file.format}"
            raise Failure(400, message, kind="UnsupportedFormat")
        if not file.available:
            raise Failure(
                503, f"{file.id} comes from tape: ask again later", headers={"Retry-After": f"{RETRY_SECONDS}"}
            )
        etag, parts = self._sliced(file, index, query, open_source, cut)
        if parts is None:
            return None
        urls = self._urls(parts, self._byte_urls(file, caller, decision, etag))
        return orjson.dumps({"htsget": {"format": query.format, "urls": urls}})

    async def _existing(self, datatype: Datatype, id: str) -> FileRecord:
        """The file, if it exists and is of the datatype; an index is no object of this service."""
        file = None
        if "\0" not in id and not id.lower().endswith(INDEX_ENDINGS):
            file = await self._files.file(id)
        if file is None or file.format not in FORMATS[datatype]:
            raise Failure(404, f"there are no {datatype} of id {id[:128]!r}", kind="NotFound")
        return file

    def _allowed(self, caller: Caller, file: FileRecord) -> Decision:
        """The decision that lets the caller have the file; 401 and 403 say where access is asked for."""
        decision = self._policy.fetch(caller, _rule(file), int(time.time()))
        if decision.allowed:
            return decision
        where = f"access is requested at {self._public_url}/datasets/{quote(file.dataset.accession)}"
        if decision.authenticate:
            message = f"{file.id} needs a bearer token; {where}"
            raise Failure(
                401, message, kind="InvalidAuthentication", headers={"WWW-Authenticate": 'Bearer realm="gsanode"'}
            )
        raise Failure(403, f"{file.id} is not granted to you ({decision.reason}); {where}", kind="PermissionDenied")

    def _sliced(
        self, file: FileRecord, index: FileRecord | None, query: Query, open_source: Open, cut: Cut
    ) -> tuple[str, list[Part] | None]:
        """What the store calls the content, and the parts of it that answer the question."""
        try:
            with open_source(file) as source, open_source(index) if index else nullcontext() as other:
                beside = _stored(index, other) if index and other else None
                return source.etag, cut(_stored(file, source), beside, query)
        except UnknownReference as error:
            raise Failure(404, f"{file.id}: {error}", kind="NotFound") from error
        except MissingIndex as error:
            raise invalid(f"{file.id}: {error}") from error
        except (NoSuchObject, ChangedObject) as error:
            log.error("archived_file_missing", file=file.id, index=file.index, reason=type(error).__name__)
            raise Failure(500, f"the archive has lost the bytes of {file.id}; the operator has been told") from error
        except StaleIndex as error:
            log.error("sequence_index_stale", file=file.id, index=file.index, reason=str(error))
            message = f"the index of {file.id} is older than the file: regions cannot be had until it is renewed"
            raise Failure(500, f"{message}; the operator has been told") from error
        except SliceError as error:
            log.error("sequence_file_damaged", file=file.id, index=file.index, reason=str(error))
            raise Failure(500, f"{file.id} or its index is damaged; the operator has been told") from error

    def _parts(self, stored: Stored, index: Stored | None, query: Query) -> list[Part]:
        if query.header_only:
            return self._slicer.header(query.format, stored)
        if query.regions is None:
            return self._slicer.whole(query.format, stored)
        return self._slicer.slice(query.format, stored, index, query.regions)

    def _few_parts(self, stored: Stored, index: Stored | None, query: Query) -> list[Part] | None:
        """The same parts, if it takes a moment only to find them."""
        if index is None or query.regions is None or len(query.regions) != 1:
            return None
        return self._slicer.at_once(query.format, stored, index, query.regions[0])

    def _urls(self, parts: Sequence[Part], url: ByteUrl) -> list[Body]:
        """The items of ``urls``; they have a class only if each has one (HTS-41)."""
        classed = all(part.section for part in parts)
        urls: list[Body] = []
        for part in parts:
            shown: Mapping[str, str] = {"class": part.section} if classed and part.section else {}
            if isinstance(part, Inline):
                urls.append({"url": f"data:;base64,{base64.b64encode(part.data).decode()}", **shown})
                continue
            for first, last in _ranges(part.start, part.end):
                urls.append({"url": url(first, last), **shown})
        return urls


def _rule(file: FileRecord) -> DatasetRule:
    dataset = file.dataset
    return DatasetRule(dataset.accession, dataset.tier, dataset.records, dataset.dac)


def _stored(file: FileRecord, source: ByteSource) -> Stored:
    """The file's bytes. The store's entity tag says which content it is, should an operator have replaced them."""
    if source.size != file.size:
        log.error("archived_file_changed", file=file.id, size=source.size, registered=file.size)
        raise Failure(500, f"the bytes of {file.id} are not those registered; the operator has been told")
    return Stored(source, (file.id, source.etag, source.modified), source.modified)


def _ranges(start: int, end: int) -> Iterable[tuple[int, int]]:
    """Inclusive ranges of at most ``LARGEST_URL`` bytes."""
    for first in range(start, end, LARGEST_URL):
        yield first, min(first + LARGEST_URL, end) - 1
