"""The files of a series are alike: elements that equal those of a file before, byte for byte, are not judged again."""

from __future__ import annotations

from adapters.deid.instance import CHARACTER_SET, DECLARED_SAFE, Instance
from adapters.deid.opening import Body
from adapters.deid.walker import PIXEL_DATA, Element, Item, Walker

LARGEST = 1 << 13  # bytes of an element that is compared; larger ones are looked at in every file
STUDY, PATIENT = 0x0020000D, 0x00100020
# What other elements depend on. Files that differ here are not alike, whatever else is equal.
FIXED = frozenset({CHARACTER_SET, DECLARED_SAFE, STUDY, PATIENT})


class Template:
    """What the files seen so far have in common, told by the last of them and by the elements that differed before.

    :ivar loose: tags of the top level that are looked at in every file.
    """

    def __init__(self, instance: Instance, before: Template | None = None) -> None:
        self._profile = instance.profile
        self._implicit = instance.root.implicit
        self._raw = {element.tag: _compared(instance, element) for element in instance.root.elements}
        self.loose = frozenset(tag for tag, raw in self._raw.items() if raw is None)
        if before is not None:
            self.loose |= before.differing(self) or frozenset()
        self.loose |= {_block(tag) for tag in self.loose if _is_private(tag)} & self._raw.keys()
        self._creators = _creators(instance)
        self._charset = instance.charset(instance.root, instance.outer)
        stable = [element for element in instance.root.elements if element.tag not in self.loose]
        self._beside = Instance(instance.source, Item(stable, self._implicit), self._profile).facts()
        self._parts = self._joined()
        self._usable = not any(tag in FIXED or _is_creator(tag) for tag, raw in self._raw.items() if raw is None)

    def differing(self, other: Template) -> frozenset[int] | None:
        """Tags in which files of the same shape differ; None if the files are not alike."""
        if self._raw.keys() != other._raw.keys() or self._implicit is not other._implicit or not self._usable:
            return None
        differing = self.loose | {tag for tag, raw in self._raw.items() if raw != other._raw[tag]}
        if any(tag in FIXED or _is_creator(tag) for tag in differing if self._raw[tag] != other._raw[tag]):
            return None
        return differing

    def _joined(self) -> list[bytes | int]:
        """Stretches of equal bytes, and the tags between them."""
        parts: list[bytes | int] = []
        stretch: list[bytes] = []
        for tag, raw in self._raw.items():
            if tag not in self.loose:
                assert raw is not None
                stretch.append(raw)
                continue
            if stretch:
                parts.append(b"".join(stretch))
                stretch = []
            parts.append(tag)
        return [*parts, b"".join(stretch)] if stretch else parts

    def fit(self, body: Body) -> Instance | None:
        """The loose elements of a file that is alike; None for another.

        :raises Refused: if an element is damaged.
        """
        if not self._usable or body.implicit is not self._implicit:
            return None
        head, at, end = body.source.head, body.start, body.source.size
        walker = Walker(body.source, self._profile.limit("elements"), self._profile.limit("depth"))
        found: list[Element] = []
        for part in self._parts:
            if isinstance(part, bytes):
                if not head.startswith(part, at):
                    return None
                at += len(part)
                continue
            if at >= end:
                return None
            element = walker.element(at, end, self._implicit, 0, self._creators.get(part >> 16, {}))
            if element.tag != part or (_is_creator(part) and head[at : element.end] != self._raw[part]):
                return None
            found.append(element)
            at = element.end
        if at != end:
            return None
        root = Item(found, self._implicit)
        return Instance(body.source, root, self._profile, self._charset, self._beside)


class Templates:
    """The template of the files read last. Only files that were passed on are learned from."""

    def __init__(self) -> None:
        self.last: Template | None = None

    def fit(self, body: Body) -> Instance | None:
        """See :meth:`Template.fit`."""
        return self.last.fit(body) if self.last else None

    def learn(self, instance: Instance) -> Template:
        """A template of a whole file and of those before it."""
        self.last = Template(instance, self.last)
        return self.last


def _compared(instance: Instance, element: Element) -> bytes | None:
    head = instance.source.head
    if element.tag == PIXEL_DATA or element.end > len(head) or element.end - element.start > LARGEST:
        return None
    return head[element.start : element.end]


def _is_private(tag: int) -> bool:
    return bool(tag >> 16 & 1)


def _is_creator(tag: int) -> bool:
    return _is_private(tag) and 0x10 <= tag & 0xFFFF <= 0xFF


def _block(tag: int) -> int:
    """The creator of a private element's block; of a creator, itself."""
    return tag if _is_creator(tag) else tag & 0xFFFF0000 | tag >> 8 & 0xFF


def _creators(instance: Instance) -> dict[int, dict[int, str]]:
    creators: dict[int, dict[int, str]] = {}
    for element in instance.root.elements:
        if _is_creator(element.tag):
            name = instance.source.read(element.value, min(element.length, 64)).decode("latin-1").strip(" \0")
            creators.setdefault(element.tag >> 16, {})[element.tag & 0xFFFF] = name
    return creators
