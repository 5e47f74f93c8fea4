"""The first look at an original: whether it can be passed on, and whose it is. Its texts are read by its job."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from adapters.deid.errors import Reason, Refused
from adapters.deid.facts import UID, Facts
from adapters.deid.instance import walked
from adapters.deid.meta import read_meta
from adapters.deid.opening import BigEndian, opened
from adapters.deid.rules import Profile
from adapters.deid.source import Source
from adapters.deid.values import STRINGS
from adapters.deid.walker import Element
from adapters.dicom.reading import header
from adapters.images.quarantine import STORE
from adapters.store.local import LocalStore
from adapters.store.source import ByteSource


def first_look(path: Path, profile: Profile) -> Facts:
    """What an object says of itself.

    :raises Refused: if it cannot be passed on.
    """
    try:
        with opened(path, profile) as body:
            instance = walked(body, profile)
            _expect_texts(instance.root.elements, profile.limit("text"))
            facts = instance.facts()
            facts.check(profile)
    except BigEndian:
        from adapters.deid import dataset

        facts = dataset.read(path, profile).facts
    if facts.pixels is None and facts["rows"] and not _has_floats(path):
        raise Refused(Reason.INCOMPLETE, "it has rows, but no pixel data: it was cut off")
    return facts


def sop_of(path: Path) -> tuple[str, str] | None:
    """SOP class and instance as the file meta information names them; None if it cannot be read."""
    try:
        with path.open("rb") as file:
            meta, _ = read_meta(Source(file.fileno(), path.stat().st_size))
    except (FileNotFoundError, Refused):
        return None
    found = [meta.get(tag, b"").decode("latin-1").strip(" \0") for tag in (0x0002, 0x0003)]
    return (found[0], found[1]) if all(UID.fullmatch(uid) for uid in found) else None


def _expect_texts(elements: Iterable[Element], most: int) -> None:
    for element in elements:
        if element.items is not None:
            for item in element.items:
                _expect_texts(item.elements, most)
        elif element.length > most and element.vr in STRINGS:
            raise Refused(Reason.TOO_LARGE, f"value at byte {element.value} is too long to be cleaned")


def _has_floats(path: Path) -> bool:
    """Whether pixel data are there that are no whole numbers (parametric maps)."""
    with ByteSource(LocalStore(STORE, path.parent), path.name) as source:
        return header(source).pixels is not None
