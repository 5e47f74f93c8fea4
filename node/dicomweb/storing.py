"""Objects are stored (STOW-RS, PS3.18 10.5): streamed into quarantine, and from there on their way by jobs."""

from __future__ import annotations

import errno
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import anyio.to_thread
import orjson
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from adapters.images.intake import Reception
from adapters.images.reasons import status_of
from adapters.images.receiving import NoCollection, Seen
from auth.caller import Caller
from auth.clearinghouse import Clearinghouse
from auth.policy import Policy
from node.delivery import CACHE
from node.dicomweb import accept
from node.dicomweb.multipart import Parts
from node.dicomweb.taking import Sop, Stored, Taking
from web.errors import Failure

log = structlog.get_logger(__name__)

ROOM_SECONDS: Final = 5.0
GATHERED: Final = 1 << 20  # bytes of a body that are handed on at once
COERCED: Final = 0xB000
FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
Document = dict[str, Any]


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
        accept.as_json(accept.accepted(request.headers.get("accept"), ()))
        caller = await self._clearinghouse.bearer(request.headers.get("authorization"))
        transaction = _Transaction(self._taking, caller, request, self._base)
        try:
            # Nothing of a body of one piece waits for a second thread: to change threads takes as long as to store it.
            async for piece, last in _gathered(request):
                answer = await anyio.to_thread.run_sync(transaction.take, piece, last)
            assert answer
            return answer
        except BaseException as error:  # a client that goes away too: nothing of its request stays
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(transaction.give_up)
            if isinstance(error, NoCollection):
                raise Failure(404, str(error)) from error
            if isinstance(error, OSError) and error.errno in FULL:
                log.error("quarantine_full", collection=transaction.collection)
                raise Failure(503, "there is no room for more images; the operator has been told") from error
            raise

    def _taking(self, caller: Caller, request: Request) -> tuple[Reception, Taking]:
        """Where the objects of a request go.

        :raises Failure: if the caller may not store there, or there is no room.
        """
        held = self._policy.held(caller, "submitter", int(time.time()))
        reception = self._receptions(_collection(held, request.query_params.get("collection")), str(caller.subject))
        if self._room(reception) <= 0:
            raise Failure(503, "the quarantine of this collection is full: wait until its images have their answer")
        return reception, Taking(reception, self._object_bytes, request.path_params.get("study"))

    def _room(self, reception: Reception) -> int:
        """Bytes that its quarantine still takes, as they were some seconds ago."""
        asked, room = self._rooms.get(reception.dataset, (0.0, 0))
        if time.monotonic() - asked > ROOM_SECONDS or room <= 0:
            room = reception.room()
            self._rooms[reception.dataset] = (time.monotonic(), room)
        return room


class _Transaction:
    """One request; calls come one after the other, from threads.

    :param open: says where its objects go.
    """

    def __init__(
        self,
        open: Callable[[Caller, Request], tuple[Reception, Taking]],
        caller: Caller,
        request: Request,
        base: str,
    ) -> None:
        self._open = open
        self._caller = caller
        self._request = request
        self._base = base
        self._under_way: tuple[Reception, Taking, Parts] | None = None

    @property
    def collection(self) -> str | None:
        """Accession of the collection that its objects go to, when that is known."""
        return None if self._under_way is None else self._under_way[0].dataset

    def take(self, piece: bytes, last: bool) -> Response | None:
        """Take a piece of the body; the answer, after the last."""
        if self._under_way is None:
            reception, taking = self._open(self._caller, self._request)
            self._under_way = reception, taking, Parts(self._request.headers.get("content-type"), taking.begin)
        reception, taking, parts = self._under_way
        parts.feed(piece)
        if not last:
            return None
        parts.finish()
        return _answer(reception, taking.stored, self._base)

    def give_up(self) -> None:
        """The request is not answered: nothing of it stays."""
        if self._under_way is not None:
            self._under_way[1].give_up()


def _answer(reception: Reception, stored: Stored, base: str) -> Response:
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
        references.append(_item(sop) | _url(f"{base}/{path}") | _number("00081196", COERCED))
    log.info("images_stored", collection=reception.dataset, stored=len(references), failed=len(stored.failed))
    status = 409 if not references else 202 if stored.failed or not available else 200
    body = _document(references, stored.failed)
    if len(studies) == 1:
        body |= _url(f"{base}/studies/{studies.pop()}")
    return Response(orjson.dumps(body), status, media_type=accept.JSON, headers={"Cache-Control": CACHE})


async def _gathered(request: Request) -> AsyncIterator[tuple[bytes, bool]]:
    """The body in larger pieces, each with whether it is the last."""
    pieces: list[bytes] = []
    size = 0
    last = False
    while not last:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        last = not message.get("more_body", False)
        if last or size >= GATHERED:
            yield b"".join(pieces), last
            pieces, size = [], 0


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
