"""The elements of a data set and where they stand in the file, without reading pixel data (PS3.5 section 7)."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

from adapters.deid import vr as representations
from adapters.deid.errors import Reason, Refused
from adapters.deid.source import Source

ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
UNDEFINED = 0xFFFFFFFF
PIXEL_DATA = 0x7FE00010
LONG = {vr.encode() for vr in representations.LONG}
EXPLICIT = Struct("<HH2sH").unpack_from
IMPLICIT = Struct("<HHI").unpack_from
LENGTH = Struct("<I").unpack_from


@dataclass(slots=True)
class Element:
    """One element: places are byte offsets in the file.

    :ivar vr: the VR by which it is treated; of an element of unknown VR the dictionary's.
    :ivar written: the VR in the file; empty with implicit VR.
    """

    tag: int
    vr: str
    written: str
    start: int
    value: int
    end: int
    length: int
    items: list[Item] | None = None


@dataclass(slots=True)
class Item:
    """One item of a sequence, or the whole data set."""

    elements: list[Element]
    implicit: bool
    undefined: bool = False


class Walker:
    """Walks the little-endian data set of a file.

    :param most: elements at most, in all.
    :param depth: sequences within sequences at most.
    """

    def __init__(self, source: Source, most: int, depth: int) -> None:
        self._source = source
        self._left = most
        self._depth = depth
        self._data, self._base = source.head, 0

    def data_set(self, start: int, *, implicit: bool) -> Item:
        """The data set from ``start`` to the end of the file.

        :raises Refused: if it is no data set, or larger than allowed.
        """
        elements, _ = self._elements(start, self._source.size, implicit, 0, delimited=False)
        return Item(elements, implicit)

    def _elements(self, at: int, end: int, implicit: bool, depth: int, *, delimited: bool) -> tuple[list[Element], int]:
        """Elements from ``at``, and where they end: at ``end``, or behind the delimiter of an item without length."""
        if depth > self._depth:
            raise Refused(Reason.TOO_DEEP, f"sequences nested deeper than {self._depth} at byte {at}")
        elements: list[Element] = []
        creators: dict[int, str] = {}
        last = -1
        while at < end:
            element = self.element(at, end, implicit, depth, creators)
            if element.tag == ITEM_END and delimited:
                return elements, element.end
            if element.tag <= last or element.tag >= 0xFFFE0000:
                raise Refused(Reason.DAMAGED, f"element out of order at byte {at}")
            last, at = element.tag, element.end
            elements.append(element)
        if delimited:
            raise Refused(Reason.DAMAGED, f"item without its end at byte {at}")
        return elements, at

    def element(self, at: int, end: int, implicit: bool, depth: int, creators: dict[int, str]) -> Element:
        """The element at ``at``, of a data set that reaches to ``end``.

        :param creators: creators of private blocks by the number of the block, in the element's group.
        :raises Refused: if it is damaged.
        """
        self._left -= 1
        if self._left < 0:
            raise Refused(Reason.TOO_LARGE, "more elements than allowed")
        tag, written, length, value = self._header(at, end, implicit)
        if tag == ITEM_END:
            return Element(tag, "", "", at, value, value, length)
        vr = written
        if not written or written == "UN":
            vr = self._looked_up(tag, creators)
        if length == UNDEFINED:
            return self._without_length(tag, vr, written, at, value, end, implicit, depth)
        if value + length > end:
            raise Refused(Reason.DAMAGED, f"value at byte {value} is longer than what holds it")
        element = Element(tag, vr, written, at, value, value + length, length)
        if vr == "SQ":
            inside = implicit or written == "UN"
            element.items, _ = self._items(value, value + length, inside, depth, delimited=False)
        elif tag >> 16 & 1 and 0x10 <= tag & 0xFFFF <= 0xFF:
            creators[tag & 0xFFFF] = self._source.read(value, min(length, 64)).decode("latin-1").strip(" \0")
        return element

    def _header(self, at: int, end: int, implicit: bool) -> tuple[int, str, int, int]:
        """Tag, VR (empty with implicit VR), length and place of the value."""
        place = at - self._base
        if place + 12 > len(self._data) or place < 0:
            self._data, self._base = self._source.window(at)
            place = at - self._base
        if at + 8 > end:
            raise Refused(Reason.DAMAGED, f"cut off at byte {at}")
        if implicit:
            group, number, length = IMPLICIT(self._data, place)
            return group << 16 | number, "", length, at + 8
        group, number, vr, short = EXPLICIT(self._data, place)
        if group == 0xFFFE:
            return group << 16 | number, "", LENGTH(self._data, place + 4)[0], at + 8
        name = representations.BY_BYTES.get(vr)
        if name is None:
            raise Refused(Reason.DAMAGED, f"no value representation at byte {at + 4}")
        if vr not in LONG:
            return group << 16 | number, name, short, at + 8
        if at + 12 > end:
            raise Refused(Reason.DAMAGED, f"cut off at byte {at}")
        return group << 16 | number, name, LENGTH(self._data, place + 8)[0], at + 12

    def _looked_up(self, tag: int, creators: dict[int, str]) -> str:
        if not tag >> 16 & 1:
            return representations.standard(tag)
        if 0x10 <= tag & 0xFFFF <= 0xFF:
            return "LO"
        creator = creators.get(tag >> 8 & 0xFF)
        return "UN" if creator is None else representations.private(tag, creator)

    def _without_length(
        self, tag: int, vr: str, written: str, at: int, value: int, end: int, implicit: bool, depth: int
    ) -> Element:
        if written in {"OB", "OW"} or (tag == PIXEL_DATA and written != "SQ"):
            if tag != PIXEL_DATA or depth or implicit:
                raise Refused(Reason.DAMAGED, f"value without length at byte {at}")
            return Element(tag, vr, written, at, value, self._fragments(value, end), UNDEFINED)
        if written not in {"", "SQ", "UN"}:
            raise Refused(Reason.DAMAGED, f"value without length at byte {at}")
        items, after = self._items(value, end, implicit or written == "UN", depth, delimited=True)
        return Element(tag, "SQ", written, at, value, after, UNDEFINED, items)

    def _items(self, at: int, end: int, implicit: bool, depth: int, *, delimited: bool) -> tuple[list[Item], int]:
        items: list[Item] = []
        while at < end:
            tag, length, value = self._item_header(at, end)
            if tag == SEQUENCE_END and delimited:
                return items, value
            if tag != ITEM:
                raise Refused(Reason.DAMAGED, f"no item of a sequence at byte {at}")
            undefined = length == UNDEFINED
            inner_end = end if undefined else value + length
            if inner_end > end:
                raise Refused(Reason.DAMAGED, f"item at byte {at} is longer than its sequence")
            elements, at = self._elements(value, inner_end, implicit, depth + 1, delimited=undefined)
            items.append(Item(elements, implicit, undefined))
        if delimited:
            raise Refused(Reason.DAMAGED, f"sequence without its end at byte {at}")
        return items, at

    def _fragments(self, at: int, end: int) -> int:
        """Where encapsulated pixel data ends (PS3.5 A.4)."""
        while at < end:
            tag, length, value = self._item_header(at, end)
            if tag == SEQUENCE_END:
                return value
            if tag != ITEM or value + length > end:
                raise Refused(Reason.DAMAGED, f"no fragment of pixel data at byte {at}")
            at = value + length
        raise Refused(Reason.DAMAGED, "pixel data without its end")

    def _item_header(self, at: int, end: int) -> tuple[int, int, int]:
        self._left -= 1
        if self._left < 0:
            raise Refused(Reason.TOO_LARGE, "more elements than allowed")
        tag, _, length, value = self._header(at, end, True)
        return tag, length, value
