"""``/data``: the bytes of files by signed, expiring URLs, with Range (RFC 9110 section 14).

The token in the path says what may be read; whether its grants still stand and whether the file still exists is looked
up at every request, so a revoked grant or a withdrawn file ends open URLs at once.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Mapping
from urllib.parse import quote

import anyio.to_thread
import structlog
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Route

from adapters.catalog.catalog import Catalog, FileRecord
from adapters.store.protocol import ArchiveStore, NoSuchObject
from auth.caller import Caller
from auth.policy import Decision
from auth.signed import Capability, Signer
from web.errors import Failure

log = structlog.get_logger(__name__)

PREFIX = "/data"
RANGE = re.compile(r"bytes=(?:(\d{1,19})-(\d{1,19})?|-(\d{1,19}))")
InForce = Callable[[Collection[str]], Collection[str]]


class Data:
    """Signs byte URLs and answers them.

    :param seconds: longest life of a URL; a decision that ends earlier ends it earlier (CLH-04).
    :param in_force: which of these grants stand now.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        stores: Mapping[str, ArchiveStore],
        signer: Signer,
        in_force: InForce,
        public_url: str,
        seconds: int,
    ) -> None:
        self._catalog = catalog
        self._stores = stores
        self._signer = signer
        self._in_force = in_force
        self._public_url = public_url
        self._seconds = seconds

    def url(
        self, file: FileRecord, caller: Caller, decision: Decision, first: int | None = None, last: int | None = None
    ) -> str:
        """A URL of the file, or of its bytes ``first`` to ``last`` (0-based, inclusive), for this decision."""
        expires = int(time.time()) + self._seconds
        if decision.expires is not None:
            expires = min(expires, decision.expires)
        token = self._signer.sign(Capability(file.id, "GET", expires, decision.grants, caller.subject, first, last))
        return f"{self._public_url}{PREFIX}/{token}/{quote(file.name.rsplit('/', 1)[-1], safe='')}"

    def routes(self) -> list[Route]:
        """The route of the byte URLs."""
        return [Route(PREFIX + "/{token}/{name}", self._serve, methods=["GET", "HEAD"])]

    async def _serve(self, request: Request) -> Response:
        capability = self._signer.verify(request.path_params["token"], int(time.time()))
        file = await anyio.to_thread.run_sync(self._standing, capability)
        store, key = self.place(file)
        try:
            size = (await anyio.to_thread.run_sync(store.head, key)).size
        except NoSuchObject as error:
            log.error("archived_file_missing", file=file.id)
            raise Failure(500, f"the archive has lost the bytes of {file.id}; the operator has been told") from error
        if size != file.size:
            log.error("archived_file_changed", file=file.id, size=size, registered=file.size)
            raise Failure(500, f"the bytes of {file.id} are not those registered; the operator has been told")
        path = store.path(key)
        if path is not None and capability.first is None and capability.last is None:
            return FileResponse(path, media_type=file.mime_type, headers={"Cache-Control": "private, no-store"})
        first = capability.first or 0
        last = file.size - 1 if capability.last is None else min(capability.last, file.size - 1)
        answer = part(store, key, first, last, request.headers.get("range"), file.mime_type)
        return Response(status_code=answer.status_code, headers=answer.headers) if request.method == "HEAD" else answer

    def _standing(self, capability: Capability) -> FileRecord:
        if capability.grants and set(self._in_force(capability.grants)) != set(capability.grants):
            raise Failure(403, "the access that this URL was made for has ended")
        file = self._catalog.file(capability.object)
        if file is None:
            raise Failure(404, "there is no such file")
        return file

    def place(self, file: FileRecord) -> tuple[ArchiveStore, str]:
        """The store and key to read the file from."""
        for name, key in file.locations:
            if name in self._stores:
                return self._stores[name], key
        log.error("file_without_store", file=file.id)
        raise Failure(500, f"no configured store holds {file.id}; the operator has been told")


def part(store: ArchiveStore, key: str, first: int, last: int, wanted: str | None, mime_type: str) -> Response:
    """The bytes ``first`` to ``last`` (inclusive) of an object as a representation of its own, a Range of it honoured.

    Several ranges in one request are answered with the whole part, which RFC 9110 allows.
    """
    length = max(0, last - first + 1)
    status, start, end = 200, 0, length - 1
    headers = {"Accept-Ranges": "bytes", "Cache-Control": "private, no-store"}
    match = RANGE.fullmatch(wanted.strip()) if wanted else None
    if match and not (match[2] and int(match[1]) > int(match[2])):  # an inverted range is no range: ignored
        start, end = _bounds(match, length)
        if start > end:
            raise Failure(416, f"the range lies outside {length} bytes", headers={"Content-Range": f"bytes */{length}"})
        status = 206
        headers["Content-Range"] = f"bytes {start}-{end}/{length}"
    count = max(0, end - start + 1)
    headers["Content-Length"] = str(count)
    content = store.stream(key, first + start, count) if count else iter(())
    return StreamingResponse(content, status, headers, media_type=mime_type)


def _bounds(match: re.Match[str], length: int) -> tuple[int, int]:
    if match[3] is not None:
        return max(0, length - int(match[3])), length - 1 if int(match[3]) else -1
    return int(match[1]), min(length - 1, int(match[2])) if match[2] else length - 1
