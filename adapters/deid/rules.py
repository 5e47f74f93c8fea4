"""The profile: what happens to each attribute, read from ``config/deid`` (PS3.15 tables E.1-1 and E.3.10-1)."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cached_property
from importlib.resources import files
from typing import Any, NamedTuple

import yaml

TEXT = frozenset({"AE", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})  # what a person may have written
DATES = frozenset({"DA", "DT"})
NUMERIC = frozenset({"DS", "FD", "FL", "IS", "SL", "SS", "SV", "UL", "US", "UV"})
# Clean Descriptors first: where an option says "clean" and another "keep", cleaning keeps all that does not identify.
OPTIONS = {"113105": "C", "113108": "CK", "113109": "CK"}
MODIFIED_DATES = "113107"


class Action(Enum):
    """What is done with an element (table E.1-1a, with the alternatives resolved)."""

    KEEP = auto()
    REMOVE = auto()
    EMPTY = auto()
    DUMMY = auto()
    UID = auto()
    DATE = auto()
    CLEAN = auto()
    ACCESSION = auto()


# The IOD is not known here, so an alternative is resolved to the one that is valid for every type of attribute.
BASIC = {
    "X": Action.REMOVE,
    "Z": Action.EMPTY,
    "D": Action.DUMMY,
    "U": Action.UID,
    "X/Z": Action.EMPTY,
    "X/D": Action.DUMMY,
    "Z/D": Action.DUMMY,
    "X/Z/D": Action.DUMMY,
    "X/Z/U*": Action.CLEAN,  # a sequence of references: its items are kept, their UIDs replaced
}


class PrivateTag(NamedTuple):
    """A private attribute, wherever its block stands (PS3.5 7.8)."""

    creator: str
    group: int
    element: int  # the low byte


@dataclass(frozen=True)
class Profile:
    """The rules of one archive.

    :ivar table: rows of table E.1-1 by tag, each a mapping from column (``basic`` or option code) to action codes.
    :ivar safe: VR by private attribute of table E.3.10-1.
    """

    table: Mapping[int, Mapping[str, str]]
    safe: Mapping[PrivateTag, str]
    settings: Mapping[str, Any]
    _actions: dict[tuple[int, str], Action] = field(default_factory=dict, compare=False)

    def action(self, tag: int, vr: str) -> Action:
        """What is done with a standard element. A sequence that is kept or cleaned is entered."""
        found = self._actions.get((tag, vr))
        if found is None:
            found = self._actions[tag, vr] = self._resolve(tag, vr)
        return found

    def _resolve(self, tag: int, vr: str) -> Action:
        if tag in self.accessions:
            return Action.ACCESSION
        if tag & 0xFFFF == 0 or any(first <= tag >> 16 <= last for first, last in self._groups):
            return Action.REMOVE
        if tag in self._coded:
            return Action.KEEP
        row = self.table.get(tag)
        if row is None:
            return _unlisted(vr)
        return self._listed(row, vr)

    def _listed(self, row: Mapping[str, str], vr: str) -> Action:
        if row[MODIFIED_DATES] == "C" and vr in {"DA", "DT", "TM", "SH"}:
            return Action.DATE if vr in DATES else Action.KEEP
        for option, codes in OPTIONS.items():
            if option in self.codes and row[option] and row[option] in codes:
                cleaned = row[option] == "C" or vr == "SQ"
                if not cleaned:
                    return Action.KEEP
                if vr == "SQ" or vr in TEXT:
                    return Action.CLEAN
        return Action.REMOVE if int(row["tag"], 16) in self._not_without else BASIC[row["basic"]]

    @cached_property
    def _not_without(self) -> frozenset[int]:
        """Attributes that are not valid without a value or another attribute that goes."""
        return frozenset(int(tag, 16) for tag in [*self.settings["never_empty"], *self.settings["removed_with"]])

    @cached_property
    def codes(self) -> Mapping[str, str]:
        """Method codes of CID 7050 and their meanings."""
        return dict(self.settings["codes"])

    @cached_property
    def accessions(self) -> frozenset[int]:
        """Tags whose value becomes the accession of the individual."""
        return frozenset(int(tag, 16) for tag in self.settings["accession"])

    @cached_property
    def _coded(self) -> frozenset[int]:
        return frozenset(int(tag, 16) for tag in self.settings["coded"])

    @cached_property
    def _groups(self) -> tuple[tuple[int, int], ...]:
        return tuple((int(g["first"], 16), int(g["last"], 16)) for g in self.settings["groups_removed"].values())

    def limit(self, name: str) -> int:
        """A limit of size; see the settings."""
        return int(self.settings["limits"][name])

    def refused_class(self, uid: str) -> str | None:
        """Why objects of a SOP class are not passed on, if so; a class and all below it are named by a prefix."""
        for prefix, reason in self.settings["refused_classes"].items():
            if uid == prefix or uid.startswith(prefix + "."):
                return str(reason)
        return None


def _unlisted(vr: str) -> Action:
    """An attribute that table E.1-1 does not name does not identify by its meaning; free text may by its content."""
    if vr in DATES:
        return Action.DATE
    if vr == "PN":
        return Action.EMPTY
    if vr == "UN":
        return Action.REMOVE
    return Action.CLEAN if vr in TEXT or vr == "SQ" else Action.KEEP


def load(name: str = "obia") -> Profile:
    """The profile of an archive, from ``config/deid/NAME.yaml`` and the two tables beside it."""
    table = {int(row["tag"], 16): row for row in _rows("attributes.tsv") if _is_single(row["tag"])}
    safe = {
        PrivateTag(row["creator"], int(row["group"], 16), int(row["element"], 16)): row["vr"]
        for row in _rows("safe_private.tsv")
    }
    settings = yaml.load((files("config") / "deid" / f"{name}.yaml").read_bytes(), Loader=yaml.CSafeLoader)
    return Profile(table, safe, settings)


def _is_single(tag: str) -> bool:
    return "x" not in tag and tag != "private"


def _rows(name: str) -> Iterator[dict[str, str]]:
    with (files("config") / "deid" / name).open(encoding="utf-8") as file:
        yield from csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
