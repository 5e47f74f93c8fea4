"""Files of the archive as DICOM objects: where their bytes come from, and in which transfer syntax they leave."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import structlog

from adapters.catalog.catalog import FileRecord
from adapters.catalog.images import Held
from adapters.dicom import frames, pictures
from adapters.dicom.reading import Header, Unreadable, header
from adapters.store.protocol import ArchiveStore, ChangedObject, NoSuchObject
from adapters.store.source import ByteSource
from node.delivery import PIECE
from node.dicomweb.accept import EXPLICIT, Accepted
from web.errors import Failure

log = structlog.get_logger(__name__)
AS_STORED = "*"
Place = Callable[[FileRecord], tuple[ArchiveStore, str]]


class Objects:
    """Reads objects; every method may wait for the store and is to be called from a thread.

    :param base: URL of the service.
    """

    def __init__(self, place: Place, base: str) -> None:
        self._place = place
        self.base = base

    def url(self, held: Held, below: str = "") -> str:
        """The URL of an object, or of something below it."""
        return f"{self.base}/{held.path}{below}"

    def syntax(self, held: Held) -> str:
        """The transfer syntax of an object."""
        return held.syntax or self.header(held).syntax

    def place(self, held: Held) -> tuple[ArchiveStore, str]:
        """Store and key of an object whose bytes are there.

        :raises Failure: 503 if they come from tape, 500 (told to the operator) if they are not those registered.
        """
        file = held.file
        if not file.available:
            raise Failure(503, f"{file.instance} comes from tape: ask again later", headers={"Retry-After": "3600"})
        store, key = self._place(file)
        try:
            size = store.head(key).size
        except NoSuchObject as error:
            log.error("archived_file_missing", file=file.id)
            message = f"the archive has lost the bytes of {file.instance}; the operator has been told"
            raise Failure(500, message) from error
        if size != file.size:
            log.error("archived_file_changed", file=file.id, size=size, registered=file.size)
            message = f"the bytes of {file.instance} are not those registered; the operator has been told"
            raise Failure(500, message)
        return store, key

    def stored(self, held: Held, start: int = 0, length: int | None = None) -> Callable[[], Iterable[bytes]]:
        """The bytes of an object as they are, from the 0-based ``start`` on, a piece at a time.

        :raises Failure: as :meth:`place`, at once.
        """
        store, key = self.place(held)
        return lambda: store.stream(key, start, held.file.size - start if length is None else length, PIECE)

    def header(self, held: Held) -> Header:
        """The header of an object.

        :raises Failure: as :meth:`place`, and 500 if it is damaged.
        """
        with self._opened(held) as source:
            return header(source)

    def explicit(self, held: Held) -> bytes:
        """The object in Explicit VR Little Endian.

        :raises Failure: 406 if its pixel data cannot be decoded.
        """
        with self._opened(held) as source:
            return pictures.uncompressed(source)

    def decoded(self, held: Held, header: Header, frame: int) -> bytes:
        """A compressed frame, decoded.

        :raises Failure: 406 if there is no codec.
        """
        with self._opened(held) as source:
            return pictures.decoded(source, header, frame)

    def compressed(self, held: Held, header: Header, frame: int) -> bytes:
        """A compressed frame as it is stored."""
        with self._opened(held) as source:
            return frames.compressed(source, header, frame)

    def picture(self, held: Held, header: Header, frame: int, view: pictures.View) -> bytes:
        """A frame as a picture.

        :raises Failure: 406 if there is no codec.
        """
        with self._opened(held) as source:
            return pictures.rendered(source, header, frame, view)

    @contextmanager
    def _opened(self, held: Held) -> Iterator[ByteSource]:
        try:
            with ByteSource(*self.place(held)) as source:
                yield source
        except pictures.NoCodec as error:
            raise Failure(406, f"{held.file.instance}: {error}; ask for transfer-syntax=*") from error
        except (Unreadable, ChangedObject) as error:
            log.error("image_damaged", file=held.file.id, reason=str(error))
            raise Failure(500, f"{held.file.instance} is damaged; the operator has been told") from error


def fits(wanted: Accepted, syntax: str) -> bool:
    """Whether an object may leave as it is stored. A request that names no syntax means Explicit VR Little Endian."""
    return wanted.syntax == AS_STORED or (wanted.syntax or EXPLICIT) == syntax


def may_be_explicit(wanted: Accepted) -> bool:
    """Whether the request takes Explicit VR Little Endian."""
    return wanted.syntax in {"", AS_STORED, EXPLICIT}
