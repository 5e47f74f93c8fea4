"""What is written in the place of a data set: new bytes where a rule applies, stretches of the file elsewhere."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from adapters.deid.charset import Charset
from adapters.deid.instance import Instance, text_padding
from adapters.deid.marks import marks
from adapters.deid.private import Basis, Keeper
from adapters.deid.rules import TEXT, Action, PrivateTag
from adapters.deid.values import STRINGS, Subject
from adapters.deid.vr import LONG
from adapters.deid.walker import UNDEFINED, Element, Item

Kept: TypeAlias = "Counter[tuple[Basis, PrivateTag]]"
Piece: TypeAlias = bytes | tuple[int, int]  # bytes to write, or a stretch of the source
ITEM = struct.Struct("<HHI")
ITEM_END = ITEM.pack(0xFFFE, 0xE00D, 0)
SEQUENCE_END = ITEM.pack(0xFFFE, 0xE0DD, 0)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What becomes of every file of a template: bytes to write, and tags whose elements are judged in each file.

    :ivar kept: private elements that are kept in every file.
    :ivar blocks: tags of creators of which each file keeps an element.
    """

    steps: tuple[bytes | int, ...]
    kept: Kept
    blocks: frozenset[int]


class Rewriter:
    """Rewrites one object for one subject.

    :param blocks: creators that stay, whatever becomes of the elements that are looked at.
    :ivar kept: private elements that were kept, counted by basis, creator and tag.
    """

    def __init__(
        self, instance: Instance, subject: Subject, keeper: Keeper, blocks: frozenset[int] = frozenset()
    ) -> None:
        self._instance = instance
        self._subject = subject
        self._profile = subject.profile
        self._keeper = keeper
        self._blocks = blocks
        self.kept: Kept = Counter()

    def outputs(self) -> dict[int, Sequence[Piece]]:
        """What is written for the elements of the top level, by tag; what is removed has no entry."""
        return dict(self._elements(self._instance.root, self._instance.outer, self._blocks))

    def _elements(
        self, item: Item, outer: Charset, blocks: frozenset[int] = frozenset()
    ) -> list[tuple[int, Sequence[Piece]]]:
        charset = self._instance.charset(item, outer)
        private = self._private(item, charset, blocks) if any(e.tag >> 16 & 1 for e in item.elements) else {}
        action, span = self._profile.action, Action.KEEP
        out: list[tuple[int, Sequence[Piece]]] = []
        for element in item.elements:
            tag = element.tag
            if tag >> 16 & 1:
                found = private.get(tag)
            else:
                what = action(tag, element.vr)
                if what is span and element.vr not in STRINGS and element.items is None:
                    out.append((tag, ((element.start, element.end),)))
                    continue
                found = self._standard(element, what, charset, item.implicit)
            if found is not None:
                out.append((tag, found))
        return out

    def _standard(self, element: Element, action: Action, charset: Charset, implicit: bool) -> Sequence[Piece] | None:
        if action is Action.REMOVE:
            return None
        if element.vr == "SQ":
            return self._sequence(element, action, charset, implicit)
        if element.vr not in STRINGS:
            return self._binary(element, action, implicit)
        return self._text(element, action, charset, implicit)

    def _text(self, element: Element, action: Action, charset: Charset, implicit: bool) -> Sequence[Piece]:
        raw = self._instance.raw(element)
        text, codec = charset.decode(raw)
        text = text.rstrip(" \0")
        new = self._subject.text(action, element.vr, text)
        if new == text:
            return ((element.start, element.end),)
        return (_written(element, charset.encode(new, codec), implicit),)

    def _binary(self, element: Element, action: Action, implicit: bool) -> Sequence[Piece] | None:
        if action is Action.KEEP:
            return ((element.start, element.end),)
        if action in {Action.CLEAN, Action.DATE}:
            return None
        return (_written(element, b"" if action is Action.EMPTY else bytes(_dummy_size(element)), implicit),)

    def _sequence(self, element: Element, action: Action, charset: Charset, implicit: bool) -> Sequence[Piece]:
        if action in {Action.EMPTY, Action.ACCESSION} or element.items is None:
            return (_header(element, 0, implicit),)
        inside: list[Piece] = []
        for item in element.items:
            dummy = action is Action.DUMMY
            parts = self._dummies(item, charset) if dummy else self._elements(item, charset)
            body: list[Piece] = []
            for _, pieces in parts:
                _add(body, pieces)
            length = UNDEFINED if item.undefined else _size(body)
            _add(inside, [ITEM.pack(0xFFFE, 0xE000, length), *body, *([ITEM_END] if item.undefined else [])])
        if element.length == UNDEFINED:
            return [_header(element, UNDEFINED, implicit), *inside, SEQUENCE_END]
        return [_header(element, _size(inside), implicit), *inside]

    def _dummies(self, item: Item, outer: Charset) -> list[tuple[int, Sequence[Piece]]]:
        """The shape of an item, with nothing of its own in it."""
        charset = self._instance.charset(item, outer)
        out: list[tuple[int, Sequence[Piece]]] = []
        for element in item.elements:
            if element.tag >> 16 & 1 or element.tag & 0xFFFF == 0:
                continue
            found = self._standard(element, Action.DUMMY, charset, item.implicit)
            if found is not None:
                out.append((element.tag, found))
        return out

    def _private(self, item: Item, charset: Charset, blocks: frozenset[int]) -> dict[int, Sequence[Piece]]:
        """The private elements that stay, and the creators of their blocks."""
        creators = {e.tag: e for e in item.elements if e.tag >> 16 & 1 and 0x10 <= e.tag & 0xFFFF <= 0xFF}
        names = {tag: self._creator(element) for tag, element in creators.items()}
        kept: dict[int, Sequence[Piece]] = {tag: ((e.start, e.end),) for tag, e in creators.items() if tag in blocks}
        for element in item.elements:
            if not element.tag >> 16 & 1:
                continue
            block = element.tag & 0xFFFF0000 | element.tag >> 8 & 0xFF
            creator = names.get(block)
            if creator is None:
                continue
            tag = PrivateTag(creator, element.tag >> 16, element.tag & 0xFF)
            pieces = self._private_element(element, tag, charset, item.implicit)
            if pieces is not None:
                kept[element.tag] = pieces
                kept.setdefault(block, ((creators[block].start, creators[block].end),))
        return kept

    def _creator(self, element: Element) -> str | None:
        """The creator of a block; None if its name is no name of a product."""
        creator = self._instance.raw(element).decode("latin-1").strip(" \0")
        return creator if creator and self._subject.cleaner.clean(creator) == creator else None

    def _private_element(
        self, element: Element, tag: PrivateTag, charset: Charset, implicit: bool
    ) -> Sequence[Piece] | None:
        basis = self._keeper.basis(tag, element.vr)
        if basis is None:
            if element.items is not None or element.length > 4096:
                return None
            if not self._keeper.is_harmless(element.vr, self._instance.raw(element)):
                return None
            self.kept[Basis.NUMERIC, tag] += 1
            return ((element.start, element.end),)
        self.kept[basis, tag] += 1
        return self._standard(element, private_action(element.vr), charset, implicit)


def whole(instance: Instance, outputs: dict[int, Sequence[Piece]], *, pixels: bool) -> list[Piece]:
    """The whole data set, with what it says about its de-identification (PS3.15 E.1.1).

    :param pixels: whether there is pixel data, and no text in it.
    """
    marked = outputs | _marks(instance, pixels=pixels)
    pieces: list[Piece] = []
    for tag in sorted(marked):
        _add(pieces, marked[tag])
    return pieces


def recipe(
    instance: Instance, outputs: dict[int, Sequence[Piece]], loose: frozenset[int], kept: Kept, *, pixels: bool
) -> Recipe:
    """What every file gets that equals ``instance`` in all but its loose elements.

    :param kept: private elements outside the loose ones that are kept.
    """
    marks = _marks(instance, pixels=pixels)
    marked = outputs | marks
    steps: list[bytes | int] = []
    for tag in sorted(marked.keys() | loose):
        if tag in loose and tag not in marks:
            steps.append(tag)
            continue
        written = b"".join(p if isinstance(p, bytes) else instance.source.read(p[0], p[1] - p[0]) for p in marked[tag])
        if steps and isinstance(steps[-1], bytes):
            steps[-1] += written
        else:
            steps.append(written)
    stable = (tag for tag in outputs if tag >> 16 & 1 and tag & 0xFFFF > 0xFF and tag not in loose)
    return Recipe(tuple(steps), kept, frozenset(tag & 0xFFFF0000 | tag >> 8 & 0xFF for tag in stable))


def followed(recipe: Recipe, outputs: dict[int, Sequence[Piece]]) -> list[Piece]:
    """The whole data set of a file, by its recipe and what is written for its loose elements."""
    pieces: list[Piece] = []
    for step in recipe.steps:
        if isinstance(step, bytes):
            pieces.append(step)
        else:
            _add(pieces, outputs.get(step, ()))
    return pieces


def _marks(instance: Instance, *, pixels: bool) -> dict[int, Sequence[Piece]]:
    implicit = instance.root.implicit
    new = marks(instance.profile, pixels=pixels)
    return {tag: (_marked(tag, mark, implicit),) for tag, mark in new.items()}


def private_action(vr: str) -> Action:
    """What is done with a private element that is known to be safe: its values are still cleaned by their kind."""
    if vr in {"DA", "DT"}:
        return Action.DATE
    if vr == "UI":
        return Action.UID
    if vr == "PN":
        return Action.EMPTY
    return Action.CLEAN if vr in TEXT or vr == "SQ" else Action.KEEP


def _dummy_size(element: Element) -> int:
    return min(element.length, 8) + min(element.length, 8) % 2 if element.length != UNDEFINED else 2


def _written(element: Element, value: bytes, implicit: bool) -> bytes:
    if len(value) % 2:
        value += text_padding(element.written or element.vr)
    return _header(element, len(value), implicit) + value


def _header(element: Element, length: int, implicit: bool) -> bytes:
    return _tagged(element.tag, element.written or element.vr, length, implicit)


def _tagged(tag: int, vr: str, length: int, implicit: bool) -> bytes:
    if implicit:
        return struct.pack("<HHI", tag >> 16, tag & 0xFFFF, length)
    if vr in LONG:
        return struct.pack("<HH2s2xI", tag >> 16, tag & 0xFFFF, vr.encode(), length)
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr.encode(), length)


def _marked(tag: int, mark: tuple[str, object], implicit: bool) -> bytes:
    vr, value = mark
    if isinstance(value, str):
        raw = value.encode("ascii")
        raw += b" " * (len(raw) % 2)
    else:
        assert isinstance(value, list)
        raw = b"".join(_code(item, implicit) for item in value)
    return _tagged(tag, vr, len(raw), implicit) + raw


def _code(item: dict[int, tuple[str, str]], implicit: bool) -> bytes:
    body = b"".join(_marked(tag, mark, implicit) for tag, mark in sorted(item.items()))
    return ITEM.pack(0xFFFE, 0xE000, len(body)) + body


def _add(pieces: list[Piece], new: Sequence[Piece]) -> None:
    """Append, joining stretches that follow each other."""
    for piece in new:
        last = pieces[-1] if pieces else None
        if isinstance(piece, tuple) and isinstance(last, tuple) and last[1] == piece[0]:
            pieces[-1] = (last[0], piece[1])
        else:
            pieces.append(piece)


def _size(pieces: Sequence[Piece]) -> int:
    return sum(len(piece) if isinstance(piece, bytes) else piece[1] - piece[0] for piece in pieces)
