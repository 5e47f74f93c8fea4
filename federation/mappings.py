"""Which terms of different vocabularies mean the same: a table in SSSOM form (w3id.org/sssom), read at start."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

EXACT = "skos:exactMatch"
PREDICATES = (EXACT, "skos:closeMatch", "skos:broadMatch", "skos:narrowMatch", "skos:relatedMatch")
COLUMNS = ("subject_id", "predicate_id", "object_id", "mapping_justification")


@dataclass
class Mappings:
    """Exact equivalents by term id, each with its provenance: ``FILE:LINE JUSTIFICATION`` of every line on the way.

    Exact matches hold in both directions and through each other (SKOS reference, section 10); nothing else does, so
    that broader, narrower and close matches stand in the table and are never used.
    """

    equivalents: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)

    def of(self, term: str) -> Mapping[str, tuple[str, ...]]:
        """Equivalents of a term in other vocabularies, in the order in which the table, read downwards, gives them."""
        return {other: by for other, by in self.equivalents.get(term, {}).items() if other != term}

    def join(self, subject: str, object_: str, by: str) -> None:
        """Take in one exact match.

        :raises ValueError: if it is already told by others, or makes two terms of one vocabulary the same.
        """
        left = dict(self.equivalents.setdefault(subject, {subject: ()}))
        right = dict(self.equivalents.setdefault(object_, {object_: ()}))
        if object_ in left:
            raise ValueError(f"{subject} and {object_} are the same already by {', '.join(left[object_])}")
        for one, before in left.items():
            for other, after in right.items():
                if _vocabulary(one) == _vocabulary(other):
                    raise ValueError(f"would make {one} and {other} the same, which are terms of one vocabulary")
                way = (*reversed(before), by, *after)
                self.equivalents[one][other], self.equivalents[other][one] = way, way[::-1]


def read_mappings(path: str | Path) -> Mappings:
    """Read a table: tab-separated, with a line of column names, after lines of metadata that begin with ``#``.

    :raises ValueError: naming the line, for a file that cannot be read, a cell that is missing or unknown, a pair of
        terms that stands there twice in any direction, and exact matches that close a circle.
    """
    try:
        lines = Path(path).read_text("utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read as UTF-8 text: {error}") from error
    told = [(n, line.split("\t")) for n, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")]
    names = [name.strip() for name in told[0][1]] if told else []
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise ValueError(f"{path}: no column {missing[0]!r}; needed are: {', '.join(COLUMNS)}")
    rows = [(number, dict(zip(names, map(str.strip, cells), strict=False))) for number, cells in told[1:]]
    return _joined(Path(path).name, rows)


def _joined(name: str, rows: Iterable[tuple[int, Mapping[str, str]]]) -> Mappings:
    mappings, first = Mappings(), dict[frozenset[str], int]()
    for number, row in rows:
        try:
            subject, predicate, object_, justification = _cells(row)
            before = first.setdefault(frozenset((subject, object_)), number)
            if before != number:
                raise ValueError(f"{subject} and {object_} stand in line {before} already")
            if predicate == EXACT and not row.get("predicate_modifier"):  # the only modifier is "Not"
                mappings.join(subject, object_, f"{name}:{number} {justification}")
        except ValueError as error:
            raise ValueError(f"{name}, line {number}: {error}") from error
    return mappings


def _cells(row: Mapping[str, str]) -> list[str]:
    cells = [row.get(name, "") for name in COLUMNS]
    for name, cell in zip(COLUMNS, cells, strict=True):
        if not cell:
            raise ValueError(f"{name} is empty")
        if name in ("subject_id", "object_id") and not all(cell.partition(":")):
            raise ValueError(f"{name}: {cell[:100]!r} is not PREFIX:ID")
    if cells[1] not in PREDICATES:
        raise ValueError(f"predicate_id: {cells[1][:100]!r}; allowed: {', '.join(PREDICATES)}")
    if cells[0] == cells[2]:
        raise ValueError(f"{cells[0]} is mapped to itself")
    return cells


def _vocabulary(term: str) -> str:
    return term.partition(":")[0]
