"""Files of the archive as DICOM objects: opened, described, decoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import anyio.to_thread
import orjson
import structlog
from starlette.responses import Response

from adapters.cache import Cache
from adapters.catalog.catalog import FileRecord
from adapters.catalog.held import Held
from adapters.dicom import pictures
from adapters.dicom.frames import compressed
from adapters.dicom.layout import Layout, NoSuchFrame, layout
from adapters.dicom.model import described
from adapters.dicom.reading import Header, Unreadable, header
from adapters.store.local import LocalStore
from adapters.store.protocol import ArchiveStore, ChangedObject, NoSuchObject
from adapters.store.source import ByteSource
from node.delivery import CACHE, PIECE, Accel
from node.dicomweb.accept import EXPLICIT, Accepted
from web.errors import Failure

log = structlog.get_logger(__name__)
AS_STORED = "*"
DOCUMENTS = 64 << 20  # bytes of headers as JSON that a process keeps
LAYOUTS = 50_000  # objects of which it knows where their pixels are
Place = Callable[[FileRecord], tuple[ArchiveStore, str]]
T = TypeVar("T", bytes, Layout)


class Objects:
    """Reads objects. What was read of a file is kept by its id and what the store calls its content now.

    :param place: store and key of a file.
    :param base: URL of the service.
    :param accel: set where nginx stands in front and sends files of local stores itself.
    """

    def __init__(self, place: Place, base: str, accel: Accel | None = None) -> None:
        self._place = place
        self._accel = accel
        self.base = base
        self._documents: Cache[bytes] = Cache(DOCUMENTS, len)
        self._layouts: Cache[Layout] = Cache(LAYOUTS, lambda _: 1)

    def url(self, held: Held, below: str = "") -> str:
        """The URL of an object, or of something below it."""
        return f"{self.base}/{held.path}{below}"

    def at_hand(self, held: Held) -> ByteSource | None:
        """The bytes of an object for the thread of the event loop, None if it might wait; raises as :meth:`opened`."""
        if not held.file.available:
            return None
        store, key = self._place(held.file)
        return _looked_at(held, store, key) if store.prompt else None

    def opened(self, held: Held) -> ByteSource:
        """The bytes of an object, looked at now.

        :raises Failure: 503 if they come from tape, 500 (told to the operator) if they are not those registered.
        """
        file = held.file
        if not file.available:
            raise Failure(503, f"{file.instance} comes from tape: ask again later", headers={"Retry-After": "3600"})
        return _looked_at(held, *self._place(file))

    async def handed_over(self, held: Held, media_type: str) -> Response | None:
        """The answer that makes nginx send an object as it is stored; None where that cannot be. Raises as opened."""
        if self._accel is None or not held.file.available:
            return None
        store, key = self._place(held.file)
        if not isinstance(store, LocalStore):
            return None
        accel, headers = self._accel, {"Cache-Control": CACHE, "Vary": "Accept"}

        def answer() -> Response:
            self.opened(held).close()
            return accel.to(store.name, store.found(key)[0], headers, media_type)

        return answer() if store.prompt else await anyio.to_thread.run_sync(answer)

    def stream(self, held: Held, start: int, length: int) -> Iterator[bytes]:
        """Bytes of an object from the 0-based ``start`` on, a piece at a time; to be called from a thread.

        :raises Failure: as :meth:`opened`, at once.
        """
        self.opened(held).close()
        store, key = self._place(held.file)
        return store.stream(key, start, length, PIECE)

    async def syntax(self, held: Held) -> str:
        """The transfer syntax of an object."""
        return held.syntax or (await self.layout(held)).syntax

    async def layout(self, held: Held) -> Layout:
        """Where the pixels of an object are.

        :raises Failure: as :meth:`opened`, and 500 if it is damaged.
        """
        known = self._known(self._layouts, held)
        if known is not None:
            return known
        return await anyio.to_thread.run_sync(self._read, self._layouts, held, _layout)

    async def documents(self, objects: Sequence[Held]) -> list[bytes]:
        """The headers of objects as JSON; raises as :meth:`layout`."""
        known = [(held, self._known(self._documents, held)) for held in objects]
        found = [document for _, document in known if document is not None]
        return found if len(found) == len(known) else await anyio.to_thread.run_sync(self._written, known)

    def _written(self, known: Sequence[tuple[Held, bytes | None]]) -> list[bytes]:
        def write(held: Held) -> bytes:
            bulk = self.url(held, "/bulkdata")
            return self._read(self._documents, held, lambda source: orjson.dumps(described(source, bulk)))

        return [document or write(held) for held, document in known]

    def header(self, held: Held) -> Header:
        """The header of an object; raises as :meth:`layout`. To be called from a thread, as all below."""
        with self._reading(held) as source:
            return header(source)

    def explicit(self, held: Held) -> bytes:
        """The object in Explicit VR Little Endian.

        :raises Failure: 406 if its pixel data cannot be decoded.
        """
        with self._reading(held) as source:
            return pictures.uncompressed(source)

    def decoded(self, held: Held, layout: Layout, frame: int) -> bytes:
        """A compressed frame, decoded.

        :raises Failure: 406 if there is no codec.
        """
        with self._reading(held) as source:
            return pictures.decoded(source, layout, frame)

    def compressed(self, held: Held, layout: Layout, frame: int) -> bytes:
        """A compressed frame as it is stored."""
        with self._reading(held) as source:
            return compressed(source, layout, frame)

    def picture(self, held: Held, frame: int | None, view: pictures.View) -> bytes:
        """A frame as a picture, the one in the middle if none is named.

        :raises Failure: 404 if there is no such frame, 406 if there is no codec.
        """
        with self._reading(held) as source:
            read = header(source)
            found = layout(read)
            chosen = frame or (found.count + 1) // 2
            found.check(chosen)
            return pictures.rendered(source, read, chosen, view)

    def _known(self, cache: Cache[T], held: Held) -> T | None:
        """What is kept of an object as it is now; None if a network would have to be waited for."""
        source = self.at_hand(held)
        if source is None:
            return None
        with source:
            return cache.known(_content(held, source))

    def _read(self, cache: Cache[T], held: Held, make: Callable[[ByteSource], T]) -> T:
        with self._reading(held) as source:
            return cache.get(_content(held, source), lambda: make(source))

    @contextmanager
    def _reading(self, held: Held) -> Iterator[ByteSource]:
        try:
            with self.opened(held) as source:
                yield source
        except NoSuchFrame as error:
            raise Failure(404, str(error)) from error
        except pictures.NoCodec as error:
            raise Failure(406, f"{held.file.instance}: {error}; ask for transfer-syntax=*") from error
        except (Unreadable, ChangedObject) as error:
            log.error("image_damaged", file=held.file.id, reason=str(error))
            raise Failure(500, f"{held.file.instance} is damaged; the operator has been told") from error


def _looked_at(held: Held, store: ArchiveStore, key: str) -> ByteSource:
    file = held.file
    try:
        source = ByteSource(store, key)
    except NoSuchObject as error:
        log.error("archived_file_missing", file=file.id)
        message = f"the archive has lost the bytes of {file.instance}; the operator has been told"
        raise Failure(500, message) from error
    if source.size != file.size:
        source.close()
        log.error("archived_file_changed", file=file.id, size=source.size, registered=file.size)
        message = f"the bytes of {file.instance} are not those registered; the operator has been told"
        raise Failure(500, message)
    return source


def _content(held: Held, source: ByteSource) -> tuple[str, str, str]:
    """Other bytes in a file's place are another content, another place of it has other URLs."""
    return held.file.id, source.etag, held.path


def _layout(source: ByteSource) -> Layout:
    return layout(header(source))


def fits(wanted: Accepted, syntax: str) -> bool:
    """Whether an object may leave as it is stored. A request that names no syntax means Explicit VR Little Endian."""
    return wanted.syntax == AS_STORED or (wanted.syntax or EXPLICIT) == syntax


def may_be_explicit(wanted: Accepted) -> bool:
    """Whether the request takes Explicit VR Little Endian."""
    return wanted.syntax in {"", AS_STORED, EXPLICIT}
