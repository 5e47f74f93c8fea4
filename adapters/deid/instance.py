"""One object on the byte path: its elements as they stand in the file, and what they say."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from adapters.deid import vr as representations
from adapters.deid.charset import Charset
from adapters.deid.errors import Reason, Refused
from adapters.deid.facts import TAGS, Facts
from adapters.deid.known import Known
from adapters.deid.opening import Body
from adapters.deid.private import declared_safe
from adapters.deid.rules import PrivateTag, Profile
from adapters.deid.source import Source
from adapters.deid.values import STRINGS
from adapters.deid.walker import PIXEL_DATA, UNDEFINED, Element, Item, Walker

CHARACTER_SET = 0x00080005
DECLARED_SAFE = 0x00080300
BITS_OF_NUMBERS = {"US": "<H", "UL": "<I"}
NOTHING = Facts({}, None)


class Instance:
    """The elements of a file that are looked at: all, or those in which it differs from files that were.

    :ivar source: where the places of the elements count: the file, or its inflated data set.
    :param outer: character set around the elements.
    :param beside: what the elements say that are not looked at.
    """

    def __init__(
        self, source: Source, root: Item, profile: Profile, outer: Charset | None = None, beside: Facts = NOTHING
    ) -> None:
        self.source = source
        self.root = root
        self.profile = profile
        self.outer = outer or Charset()
        self._beside = beside
        self._most = profile.limit("text")

    def facts(self) -> Facts:
        """What decides about the object."""
        texts = dict(self._beside.texts)
        pixels, overlay = self._beside.pixels, self._beside.embedded_overlay
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
        for element, charset in self._all(self.root, self.outer):
            if not element.tag >> 16 & 1 and element.vr in STRINGS and element.items is None:
                known.note(self.profile, element.tag, element.vr, charset.decode(self.raw(element))[0])
        return known

    def declared(self) -> frozenset[PrivateTag]:
        """Private elements that (0008,0300) declares safe."""
        found: set[PrivateTag] = set()
        for element in self.root.elements:
            if element.tag == DECLARED_SAFE:
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
        if element.length > self._most:
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


def walked(body: Body, profile: Profile) -> Instance:
    """The instance in a file, every element found.

    :raises Refused: if the data set is damaged, or larger than allowed.
    """
    walker = Walker(body.source, profile.limit("elements"), profile.limit("depth"))
    return Instance(body.source, walker.data_set(body.start, implicit=body.implicit), profile)


def text_padding(vr: str) -> bytes:
    """The byte that makes a value even (PS3.5 6.2)."""
    return b"\0" if vr in {"UI", "OB", "UN"} or vr not in representations.KNOWN else b" "
