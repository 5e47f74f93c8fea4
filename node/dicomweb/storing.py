"""Objects are stored (STOW-RS, PS3.18 10.5): streamed into quarantine, and from there on their way by jobs."""

from __future__ import annotations

import errno
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Final

import anyio.to_thread
import orjson
import structlog
from starlette.requests import Request
from starlette.responses import Response

from adapters.deid.errors import Refused
from adapters.deid.objects import Reader
from adapters.images.intake import NoCollection, Reception, sop_of
from adapters.images.quarantine import Incoming, TooLarge
from adapters.images.reasons import CANNOT_UNDERSTAND, NO_RESOURCES, OTHER_STUDY, status_of
from adapters.images.receiving import Seen
from auth.clearinghouse import Clearinghouse
from auth.policy import Policy
from node.delivery import CACHE
from node.dicomweb import accept
from node.dicomweb.accept import DICOM
from node.dicomweb.multipart import Parts
from web.errors import Failure

log = structlog.get_logger(__name__)

ROOM_SECONDS: Final = 5.0
GATHERED: Final = 1 << 20  # bytes of a body that are handed on at once
COERCED: Final = 0xB000
FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
Sop = tuple[str, str]  # class and instance
Document = dict[str, Any]


@dataclass(slots=True)
class _Stored:
    """What came in with one request."""

    seen: list[tuple[Sop, Seen]] = field(default_factory=list)
    failed: list[tuple[Sop | None, int]] = field(default_factory=list)


class Storing:
    """The store transaction.

    :param receptions: the reception of a collection, for a submitter.
    :param object_bytes: the most that one object may have.
    :param base: URL of the service.
    """

    def __init__(
        self,
        receptions: Callable[[str, str], Reception],
        policy: Policy,
        clearinghouse: Clearinghouse,
        object_bytes: int,
        base: str,
    ) -> None:
        self._receptions = receptions
        self._policy = policy
        self._clearinghouse = clearinghouse
        self._object_bytes = object_bytes
        self._base = base
        self._rooms: dict[str, tuple[float, int]] = {}

    async def answer(self, request: Request) -> Response:
        """Answer a request."""
        wanted = accept.accepted(request.headers.get("accept"), ())
        if not any(one.takes(accept.JSON) or one.takes("application/json") for one in wanted):
            raise accept.refused([accept.JSON])
        caller = await self._clearinghouse.bearer(request.headers.get("authorization"))
        held = await anyio.to_thread.run_sync(self._policy.held, caller, "submitter", int(time.time()))
        reception = self._receptions(_collection(held, request.query_params.get("collection")), str(caller.subject))
        if await self._room(reception) <= 0:
            raise Failure(503, "the quarantine of this collection is full: wait until its images have their answer")
        stored = _Stored()
        taking = _Taking(reception, stored, self._object_bytes, request.path_params.get("study"))
        parts = Parts(request.headers.get("content-type"), taking.begin)
        try:
            async for piece in _gathered(request):
                await anyio.to_thread.run_sync(parts.feed, piece)
            parts.finish()
            return await anyio.to_thread.run_sync(self._answer, reception, stored)
        except BaseException as error:  # a client that goes away too: nothing of its request stays
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(taking.give_up)
            if isinstance(error, NoCollection):
                raise Failure(404, str(error)) from error
            if isinstance(error, OSError) and error.errno in FULL:
                log.error("quarantine_full", collection=reception.dataset)
                raise Failure(503, "there is no room for more images; the operator has been told") from error
            raise

    async def _room(self, reception: Reception) -> int:
        """Bytes that its quarantine still takes, as they were some seconds ago."""
        asked, room = self._rooms.get(reception.dataset, (0.0, 0))
        if time.monotonic() - asked > ROOM_SECONDS or room <= 0:
            room = await anyio.to_thread.run_sync(reception.room)
            self._rooms[reception.dataset] = (time.monotonic(), room)
        return room

    def _answer(self, reception: Reception, stored: _Stored) -> Response:
        """Write down what came in, and say what became of each object."""
        references: list[Document] = []
        studies = set()
        available = True
        for (sop, seen), one in zip(stored.seen, reception.receive([seen for _, seen in stored.seen]), strict=True):
            if one.refused:
                stored.failed.append((sop, status_of(one.refused.reason)))
                continue
            path = _path(reception, seen)
            studies.add(path.split("/")[1])
            available &= one.archived
            references.append(_item(sop) | _url(f"{self._base}/{path}") | _number("00081196", COERCED))
        log.info("images_stored", collection=reception.dataset, stored=len(references), failed=len(stored.failed))
        status = 409 if not references else 202 if stored.failed or not available else 200
        body = _document(references, stored.failed)
        if len(studies) == 1:
            body |= _url(f"{self._base}/studies/{studies.pop()}")
        headers = {"Cache-Control": CACHE}
        return Response(orjson.dumps(body), status, media_type=accept.JSON, headers=headers)


class _Taking:
    """Takes parts into quarantine; calls come one after the other, from threads.

    :param study: the only Study Instance UID that is taken, if one is given.
    """

    def __init__(self, reception: Reception, stored: _Stored, most: int, study: str | None) -> None:
        self._reception = reception
        self._stored = stored
        self._most = most
        self._study = study
        self._reader = Reader(reception.profile)
        self._open: Incoming | None = None

    def begin(self, media_type: str) -> _Taking:
        """A part begins."""
        self._open = None
        if media_type == DICOM:
            self._open = Incoming(self._reception.quarantine, self._reception.dataset, self._most)
        else:
            self._stored.failed.append((None, CANNOT_UNDERSTAND))
        return self

    def write(self, piece: memoryview) -> None:
        """See :class:`node.dicomweb.multipart.Sink`."""
        if self._open is None:
            return
        try:
            self._open.write(piece)
        except TooLarge:
            self._close()
            self._stored.failed.append((None, NO_RESOURCES))

    def end(self) -> None:
        """See :class:`node.dicomweb.multipart.Sink`."""
        if self._open is None:
            return
        if not self._open.is_dicom:
            self._close()
            self._stored.failed.append((None, CANNOT_UNDERSTAND))
            return
        taken = self._open.keep()
        self._close()
        sop = sop_of(self._reception.quarantine.path(taken.key))
        try:
            seen = self._reception.look(taken, self._reader)
        except Refused as refused:
            self._stored.failed.append((sop, status_of(refused.reason)))
            return
        sop = (seen.facts["sop_class"], seen.facts["sop_instance"])
        if self._study not in (None, seen.facts["study"]):
            self._reception.drop(taken.key)
            self._stored.failed.append((sop, OTHER_STUDY))
            return
        self._stored.seen.append((sop, seen))

    def give_up(self) -> None:
        """The request is not answered: nothing of it stays."""
        self._close()
        for _, seen in self._stored.seen:
            self._reception.drop(seen.taken.key)

    def _close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None


async def _gathered(request: Request) -> AsyncIterator[bytes]:
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        pieces.append(piece)
        size += len(piece)
        if size >= GATHERED:
            yield b"".join(pieces)
            pieces, size = [], 0
    if size:
        yield b"".join(pieces)


def _collection(held: frozenset[str] | None, wanted: str | None) -> str:
    if held is None:
        raise Failure(401, "sign in first: only appointed submitters may store", headers={"WWW-Authenticate": "Bearer"})
    if wanted is None and len(held) > 1:
        raise Failure(400, f"name the collection: ?collection=…, one of {', '.join(sorted(held))}")
    chosen = wanted or next(iter(held), None)
    if chosen not in held or chosen is None:
        raise Failure(403, "you are no submitter of this collection")
    return chosen


def _path(reception: Reception, seen: Seen) -> str:
    uid = reception.keyed.uid
    study, series, instance = (uid(seen.facts[name]) for name in ("study", "series", "sop_instance"))
    return f"studies/{study}/series/{series}/instances/{instance}"


def _document(references: list[Document], failed: list[tuple[Sop | None, int]]) -> Document:
    """The response's data set (PS3.18 10.5.3.3 and annex I)."""
    named = [_item(sop) | _number("00081197", reason) for sop, reason in failed if sop is not None]
    others = [_number("00081197", reason) for sop, reason in failed if sop is None]
    sequences = (("00081198", named), ("00081199", references), ("0008119A", others))
    return {tag: {"vr": "SQ", "Value": items} for tag, items in sequences if items}


def _item(sop: Sop) -> Document:
    return {"00081150": {"vr": "UI", "Value": [sop[0]]}, "00081155": {"vr": "UI", "Value": [sop[1]]}}


def _number(tag: str, value: int) -> Document:
    return {tag: {"vr": "US", "Value": [value]}}


def _url(url: str) -> Document:
    return {"00081190": {"vr": "UR", "Value": [url]}}
