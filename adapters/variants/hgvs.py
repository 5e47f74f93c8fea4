"""Genomic alleles in HGVS short form, such as ``NC_000017.11:g.43057063G>A`` (BEA-50)."""

from __future__ import annotations

import re
from dataclasses import dataclass

FORM = re.compile(
    r"(?P<sequence>[A-Za-z0-9_.]+):[gm]\.(?P<first>\d{1,10})(?:_(?P<last>\d{1,10}))?"
    r"(?:(?P<from>[ACGT]+)>(?P<to>[ACGT]+)|(?P<event>delins|del|dup|ins|inv)(?P<bases>[ACGT]*))"
)


class InvalidHgvs(ValueError):
    """The text is not a genomic allele in HGVS short form."""


@dataclass(frozen=True, slots=True)
class GenomicAllele:
    """An allele in 0-based, half-open coordinates.

    ``event`` is ``sub``, ``del``, ``dup``, ``ins``, ``delins`` or ``inv``. ``ref`` and ``alt`` are None where the
    text does not say them.
    """

    sequence: str
    start: int
    end: int
    event: str
    ref: str | None
    alt: str | None


def parse(text: str) -> GenomicAllele:
    """Read a genomic (``g.`` or ``m.``) allele.

    :raises InvalidHgvs: for anything else, with what is allowed.
    """
    found = FORM.fullmatch(text.strip())
    if not found:
        raise InvalidHgvs(
            "allowed are genomic alleles such as NC_000017.11:g.43057063G>A, g.10_12del, g.10_11insAC, g.10_12delinsT"
        )
    first, last = int(found["first"]), int(found["last"] or found["first"])
    if first < 1 or last < first:
        raise InvalidHgvs(f"positions {first} and {last} are not an ascending pair that starts at 1 or later")
    if found["from"]:
        return _substitution(found, first)
    event, bases = found["event"], found["bases"] or None
    if event == "ins":
        if last != first + 1 or bases is None:
            raise InvalidHgvs("an insertion needs two neighbouring positions and its bases, such as g.10_11insAC")
        return GenomicAllele(found["sequence"], first, first, event, "", bases)
    if event == "delins" and bases is None:
        raise InvalidHgvs("a delins needs its bases, such as g.10_12delinsT")
    if event in ("del", "dup") and bases is not None and len(bases) != last - first + 1:
        raise InvalidHgvs(f"{event}{bases} does not have the length of {first}_{last}")
    ref, alt = {"del": (bases, ""), "delins": (None, bases), "dup": ("", bases)}.get(event, (None, None))
    return GenomicAllele(found["sequence"], first - 1, last, event, ref, alt)


def _substitution(found: re.Match[str], first: int) -> GenomicAllele:
    ref, alt = found["from"], found["to"]
    if found["last"] and int(found["last"]) != first + len(ref) - 1:
        raise InvalidHgvs(f"{ref} does not have the length of {first}_{found['last']}")
    return GenomicAllele(found["sequence"], first - 1, first - 1 + len(ref), "sub", ref, alt)
