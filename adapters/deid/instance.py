"""One file on the byte path: walked, its identifying values gathered, and what is written in its place."""

from __future__ import annotations

import os
import stat
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

from adapters.deid import vr as representations
from adapters.deid.charset import Charset
from adapters.deid.errors import Reason, Refused
from adapters.deid.facts import TAGS, Facts
from adapters.deid.known import Known
from adapters.deid.meta import DEFLATED, EXPLICIT_BIG, IMPLICIT_LITTLE, RLE, read_meta, syntax_of
from adapters.deid.private import declared_safe
from adapters.deid.rules import PrivateTag, Profile
from adapters.deid.source import Source
from adapters.deid.values import STRINGS
from adapters.deid.walker import PIXEL_DATA, UNDEFINED, Element, Item, Walker

CHARACTER_SET = 0x00080005
INFLATED_AT_ONCE = 1 << 18
BITS_OF_NUMBERS = {"US": "<H", "UL": "<I"}


class BigEndian(Exception):
    """The file is big endian, which the byte path does not read."""


class Instance:
    """A file that was walked.

    :ivar source: where the places of the elements count: the file, or its inflated data set.
    """

    def __init__(self, source: Source, root: Item, syntax: str, profile: Profile) -> None:
        self.source = source
        self.root = root
        self.syntax = syntax
        self.profile = profile

    def facts(self) -> Facts:
        """What decides about the object."""
        texts: dict[str, str] = {}
        pixels: int | None = None
        overlay = False
        for element in self.root.elements:
            name = TAGS.get(element.tag)
            if name:
                texts[name] = self._plain(element)
            elif element.tag == PIXEL_DATA:
                pixels = -1 if element.length == UNDEFINED else element.length
            elif element.tag >> 24 == 0x60 and element.tag & 0xFFFF == 0x0102 and not element.tag >> 16 & 1:
                overlay |= self._plain(element) not in {"", "0"}
        return Facts(texts, pixels, overlay)

    def known(self) -> Known:
        """Identifying values of this file."""
        known = Known()
        for element, charset in self._all(self.root, Charset()):
            if not element.tag >> 16 & 1 and element.vr in STRINGS and element.items is None:
                known.note(self.profile, element.tag, element.vr, charset.decode(self.raw(element))[0])
        return known

    def declared(self) -> frozenset[PrivateTag]:
        """Private elements that (0008,0300) declares safe."""
        found: set[PrivateTag] = set()
        for element in self.root.elements:
            if element.tag == 0x00080300:
                for item in element.items or []:
                    found.update(self._declared(item))
        return frozenset(found)

    def _declared(self, item: Item) -> Iterator[PrivateTag]:
        by_tag = {element.tag: element for element in item.elements}
        if not {0x00080301, 0x00080302, 0x00080303} <= by_tag.keys():
            return
        group = int(self._plain(by_tag[0x00080301]) or 0)
        listed: tuple[int, ...] = ()
        if 0x00080304 in by_tag:
            raw = self.raw(by_tag[0x00080304])
            listed = struct.unpack(f"<{len(raw) // 2}H", raw[: len(raw) // 2 * 2])
        creator, status = (self._plain(by_tag[tag]) for tag in (0x00080302, 0x00080303))
        yield from declared_safe(group, creator, status, listed)

    def raw(self, element: Element) -> bytes:
        """The bytes of a value.

        :raises Refused: if a text is too long to be looked at.
        """
        if element.length > self.profile.limit("text"):
            raise Refused(Reason.TOO_LARGE, f"value at byte {element.value} is too long to be cleaned")
        return self.source.read(element.value, element.length)

    def _plain(self, element: Element) -> str:
        raw = self.raw(element)
        format_ = BITS_OF_NUMBERS.get(element.vr)
        if format_:
            size = struct.calcsize(format_)
            return str(struct.unpack_from(format_, raw)[0]) if len(raw) >= size else ""
        return raw.decode("latin-1").strip(" \0")

    def charset(self, item: Item, outer: Charset) -> Charset:
        """The character set of a data set: its own, or that around it."""
        for element in item.elements:
            if element.tag == CHARACTER_SET:
                return Charset(self._plain(element).split("\\"))
            if element.tag > CHARACTER_SET:
                break
        return outer

    def _all(self, item: Item, outer: Charset) -> Iterator[tuple[Element, Charset]]:
        charset = self.charset(item, outer)
        for element in item.elements:
            yield element, charset
            for inner in element.items or []:
                yield from self._all(inner, charset)


@contextmanager
def opened(path: Path, profile: Profile) -> Iterator[Instance]:
    """A file, walked. Links are not followed.

    :raises Refused: if it is not DICOM, damaged, or of a transfer syntax that is not taken in.
    :raises BigEndian: if it is big endian.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise Refused(Reason.LINK if path.is_symlink() else Reason.DAMAGED, error.strerror or "") from error
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Refused(Reason.NOT_DICOM, "no file with bytes in it")
        source = Source(file.fileno())
        meta, start = read_meta(source)
        syntax = syntax_of(meta)
        if syntax == EXPLICIT_BIG:
            raise BigEndian
        if syntax != DEFLATED:
            yield _walked(source, start, syntax, profile)
            return
        with TemporaryFile() as inflated:
            for piece in _inflated(source, start, profile.limit("inflated")):
                inflated.write(piece)
            inflated.flush()
            yield _walked(Source(inflated.fileno()), 0, syntax, profile)


def _walked(source: Source, start: int, syntax: str, profile: Profile) -> Instance:
    walker = Walker(source, profile.limit("elements"), profile.limit("depth"))
    return Instance(source, walker.data_set(start, implicit=syntax == IMPLICIT_LITTLE), syntax, profile)


def _inflated(source: Source, start: int, most: int) -> Iterator[bytes]:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    total = 0
    for piece in source.chunks(start, source.size):
        while piece and not inflater.eof:
            try:
                out = inflater.decompress(piece, INFLATED_AT_ONCE)
            except zlib.error as error:
                raise Refused(Reason.DAMAGED, "the deflated data set cannot be inflated") from error
            total += len(out)
            if total > most:
                raise Refused(Reason.TOO_LARGE, f"inflates to more than {most} bytes")
            yield out
            piece = inflater.unconsumed_tail
    if not inflater.eof:
        raise Refused(Reason.DAMAGED, "the deflated data set is cut off")


def is_encapsulated(syntax: str) -> bool:
    """Whether pixel data of the transfer syntax is compressed."""
    return syntax == RLE or syntax.startswith("1.2.840.10008.1.2.4.")


def text_padding(vr: str) -> bytes:
    """The byte that makes a value even (PS3.5 6.2)."""
    return b"\0" if vr in {"UI", "OB", "UN"} or vr not in representations.KNOWN else b" "
