"""Lineages of reference genomes: from a dump of the NCBI taxonomy, or from a table of sourmash."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = 1


class BadTaxonomy(ValueError):
    """A table or dump cannot be used; the message names the file and the place."""


@dataclass(frozen=True, slots=True)
class Taxon:
    """A node of the taxonomy; ``taxid`` is 0 where it is not known."""

    rank: str
    name: str
    taxid: int = 0


Lineage = tuple[Taxon, ...]
"""From the root down."""


class Dump:
    """``nodes.dmp`` and ``names.dmp`` of the NCBI."""

    def __init__(self, folder: Path) -> None:
        """Read both.

        :raises BadTaxonomy: if they are not there or not in that form.
        """
        self.folder = folder
        self.parents: dict[int, tuple[int, str]] = {}
        self.names: dict[int, str] = {}
        for fields in _rows(folder / "nodes.dmp", 3):
            self.parents[int(fields[0])] = (int(fields[1]), fields[2])
        for fields in _rows(folder / "names.dmp", 4):
            if fields[3] == "scientific name":
                self.names[int(fields[0])] = fields[1]

    def lineage(self, taxid: int) -> Lineage:
        """From the root (left out) down to ``taxid``.

        :raises BadTaxonomy: if it is not in the dump.
        """
        found: list[Taxon] = []
        at = taxid
        while at != ROOT and len(found) < len(self.parents):
            if at not in self.parents:
                raise BadTaxonomy(f"taxid {at} is not in {self.folder / 'nodes.dmp'}")
            parent, rank = self.parents[at]
            found.append(Taxon(rank, self.names.get(at, str(at)), at))
            at = parent
        return tuple(reversed(found))


def _rows(path: Path, least: int) -> Iterable[list[str]]:
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                fields = [field.strip() for field in line.rstrip("\n").removesuffix("|").split("|")]
                if len(fields) < least or not fields[0].isdecimal():
                    raise BadTaxonomy(f"{path}: line {number}: is no line of a dump of the NCBI taxonomy")
                yield fields
    except OSError as error:
        raise BadTaxonomy(f"{path} cannot be read: {error.strerror}") from error


def read_table(path: Path) -> dict[str, Lineage]:
    """Lineages by identifier from a table of sourmash: ``ident``, then one column per rank.

    :raises BadTaxonomy: if a column is missing.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        columns = rows.fieldnames or []
        if "ident" not in columns or len(columns) < 2:
            raise BadTaxonomy(f"{path}: the first line must name the column ident and one for each rank")
        ranks = [column for column in columns if column not in ("ident", "taxid", "taxpath", "strain_taxid")]
        return {row["ident"]: _lineage(row, ranks) for row in rows}


def _lineage(row: Mapping[str, str], ranks: Sequence[str]) -> Lineage:
    taxids = (row.get("taxpath") or "").split("|")
    made = []
    for number, rank in enumerate(ranks):
        taxid = taxids[number] if number < len(taxids) else ""
        if row[rank]:
            made.append(Taxon(rank, row[rank], int(taxid) if taxid.isdecimal() else 0))
    return tuple(made)


def is_of(lineage: Lineage, organism: str) -> bool:
    """Whether a genome of this lineage may be of the declared organism: one names the other or a part of it.

    ``Escherichia coli O157:H7`` agrees with the species ``Escherichia coli``, and ``Bacteria`` with both.
    """
    declared = organism.casefold().strip()
    return any(
        (name := taxon.name.casefold()) == declared
        or (declared.startswith(f"{name} ") and taxon.rank not in ("superkingdom", "domain", "kingdom"))
        or name.startswith(f"{declared} ")
        for taxon in lineage
    )
