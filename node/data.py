"""``/data``: the bytes of files by signed, expiring URLs, with Range (RFC 9110 section 14).

The token in the path says what may be read; whether its grants still stand and whether the file still exists is looked
up at every request, so a revoked grant or a withdrawn file ends open URLs at once.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from email.utils import format_datetime
from urllib.parse import quote

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from adapters.catalog.catalog import FileRecord
from adapters.catalog.single import Single
from adapters.store.local import LocalStore
from adapters.store.protocol import ArchiveStore, ChangedObject, NoSuchObject, Stat, StoreUnavailable
from adapters.store.source import ByteSource
from auth.caller import Caller
from auth.policy import Decision
from auth.signed import Capability, Signer
from node.delivery import Accel, Delivered, WholeFile, described, few, made, streamed, whole_digest
from node.drs.manifests import Manifest
from web.errors import Failure, Table

log = structlog.get_logger(__name__)

PREFIX = "/data"
METHODS = ("GET", "HEAD")
THREADS = 32  # that may wait for the archive at once: of their own, so that one which hangs holds up no database
InForce = Callable[[Collection[str]], Collection[str]]

STORE_FAILURES: Table = {
    StoreUnavailable: lambda error: Failure(503, str(error), headers={"Retry-After": "10"}),
    ChangedObject: lambda error: Failure(503, str(error), headers={"Retry-After": "10"}),
}


def version(etag: str) -> str:
    """A short name of the content that a store knows by ``etag``."""
    return hashlib.blake2b(etag.encode(), digest_size=12).hexdigest()


class Data:
    """Signs byte URLs and answers them: an ASGI application for everything below :data:`PREFIX`.

    :param files: reads the file of an id.
    :param seconds: longest life of a URL; a decision that ends earlier ends it earlier (CLH-04).
    :param in_force: which of these grants stand now.
    :param manifest: the manifest of an id, if it holds now.
    :param accel: set where nginx stands in front and serves the files of local stores itself.
    """

    def __init__(
        self,
        *,
        files: Single,
        stores: Mapping[str, ArchiveStore],
        signer: Signer,
        in_force: InForce,
        public_url: str,
        seconds: int,
        manifest: Callable[[str], Manifest | None] = lambda _id: None,
        accel: Accel | None = None,
    ) -> None:
        self._files = files
        self._stores = stores
        self._signer = signer
        self._in_force = in_force
        self._public_url = public_url
        self._seconds = seconds
        self._manifest = manifest
        self._accel = accel
        self._threads = ThreadPoolExecutor(THREADS, "archive")

    def url(self, file: FileRecord, caller: Caller, decision: Decision, etag: str | None) -> str:
        """A URL of the file, see :meth:`urls`."""
        return self.urls(file, caller, decision, etag)(None, None)

    def urls(
        self, file: FileRecord, caller: Caller, decision: Decision, etag: str | None
    ) -> Callable[[int | None, int | None], str]:
        """Makes URLs of the file's bytes ``first`` to ``last`` (0-based, inclusive; None: its ends) for this decision.

        :param etag: what the store calls the content now: other bytes in its place are not served by this URL (DRS-24).
            None for a manifest, whose id names its content.
        """
        expires = int(time.time()) + self._seconds
        if decision.expires is not None:
            expires = min(expires, decision.expires)
        content = None if etag is None else version(etag)
        name = quote(file.name.rsplit("/", 1)[-1], safe="")

        def url(first: int | None, last: int | None) -> str:
            capability = Capability(file.id, "GET", expires, decision.grants, caller.subject, first, last, content)
            return f"{self._public_url}{PREFIX}/{self._signer.sign(capability)}/{name}"

        return url

    def etag(self, file: FileRecord) -> str | None:
        """What the store calls the file's content now; None for one in no store. Does I/O.

        :raises Failure: 500 if the archive does not hold what was registered.
        """
        return self._held(file)[2].etag if file.locations else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as ASGI application."""
        token, between, name = scope["path"].removeprefix(f"{PREFIX}/").partition("/")
        if not (token and between and name) or "/" in name:
            raise Failure(404, "there is no such file")
        if scope["method"] not in METHODS:
            raise HTTPException(405, headers={"Allow": ", ".join(METHODS)})
        request = Request(scope, receive)
        capability = self._signer.verify(token, int(time.time()))
        file = await self._files.file(capability.object)
        if file is not None and not capability.grants and self.prompt(file):
            answer = self._answer(request, capability, file)
        else:
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(self._threads, self._answer, request, capability, file)
        await answer(scope, receive, send)

    def _answer(self, request: Request, capability: Capability, known: FileRecord | None) -> ASGIApp:
        """Looks at grants and the archive: to be called from a thread, unless there are none and it is prompt."""
        file, content = self._standing(capability, known)
        if content is not None:
            return Delivered(made(request, content, described(file.checksums["sha-256"], ""), file.mime_type))
        store, key, stat, path = self._held(file)
        if capability.version not in (None, version(stat.etag)):
            log.error("archived_file_changed", file=file.id)
            raise Failure(410, f"{file.id} was replaced after this URL was made; ask for a new one")
        headers = described(file.checksums.get("sha-256"), stat.etag)
        whole = capability.first is None and capability.last is None
        if whole and isinstance(store, LocalStore) and path is not None and self._accel is not None:
            if request.method == "GET" and "range" not in request.headers:
                headers |= whole_digest(headers)
            return self._accel.to(store.name, path, headers, file.mime_type)
        first = capability.first or 0
        last = file.size - 1 if capability.last is None else min(capability.last, file.size - 1)
        if whole:
            headers["Last-Modified"] = format_datetime(stat.modified, usegmt=True)
        else:
            headers = {"ETag": f'{headers["ETag"][:-1]}.{first}-{last}"'}
        if store.prompt:
            with suppress(NoSuchObject), ByteSource(store, key) as source:
                at_once = few(request, source, first, last, headers, file.mime_type)
                if at_once and source.etag == stat.etag:
                    return at_once
        if whole and isinstance(store, LocalStore) and path is not None:
            return Delivered(WholeFile(store.root / path, media_type=file.mime_type, headers=headers))
        return Delivered(streamed(request, store, key, first, last, headers, file.mime_type))

    def _held(self, file: FileRecord) -> tuple[ArchiveStore, str, Stat, str | None]:
        """Store and key of the file, what the store says of it, and its path below the root of a local store.

        :raises Failure: 500, after an event for the operator, if the store does not hold what was registered; 503 if it
            does not answer.
        """
        store, key = self.place(file)
        try:
            path, stat = store.found(key) if isinstance(store, LocalStore) else (None, store.head(key))
        except NoSuchObject as error:
            log.error("archived_file_missing", file=file.id)
            raise Failure(500, f"the archive has lost the bytes of {file.id}; the operator has been told") from error
        except StoreUnavailable as error:
            log.error("store_unavailable", file=file.id, reason=str(error))
            raise Failure(503, "the archive does not answer; ask again", headers={"Retry-After": "10"}) from error
        if stat.size != file.size:
            log.error("archived_file_changed", file=file.id, size=stat.size, registered=file.size)
            raise Failure(500, f"the bytes of {file.id} are not those registered; the operator has been told")
        return store, key, stat, path

    def _standing(self, capability: Capability, file: FileRecord | None) -> tuple[FileRecord, bytes | None]:
        """The file that the capability is for and, if it is in no store, its content.

        :raises Failure: 403 if a grant has ended, 404 if there is no such file.
        """
        if capability.grants and set(self._in_force(capability.grants)) != set(capability.grants):
            raise Failure(403, "the access that this URL was made for has ended")
        if file is not None:
            return file, None
        manifest = self._manifest(capability.object)
        if manifest is None:
            raise Failure(404, "there is no such file")
        return manifest.file, manifest.content

    def prompt(self, file: FileRecord) -> bool:
        """Whether the file can be looked at without waiting for a network, so in the thread of the event loop."""
        store = next((self._stores[name] for name, _ in file.locations if name in self._stores), None)
        return store is not None and store.prompt

    def place(self, file: FileRecord) -> tuple[ArchiveStore, str]:
        """The store and key to read the file from."""
        for name, key in file.locations:
            if name in self._stores:
                return self._stores[name], key
        log.error("file_without_store", file=file.id)
        raise Failure(500, f"no configured store holds {file.id}; the operator has been told")
