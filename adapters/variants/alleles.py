"""Alleles: from a VCF record's columns to one trimmed, typed, named allele each.

A sequence allele is trimmed of its common suffix, then of its common prefix (leftmost within its record, maximally
trimmed as Beacon asks), so that every padded way of writing it is the same allele.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

SEQUENCE = re.compile(r"[ACGTUNRYSWKMBDHV]+", re.IGNORECASE)
SYMBOLIC = re.compile(r"<([A-Za-z0-9_:*.+-]+)>")
COPY_NUMBER = re.compile(r"CN(\d+)")
# Alternate alleles that are calls of something else: an upstream deletion, "any other", or nothing.
NOT_AN_ALLELE = frozenset({"*", ".", "<*>", "<NON_REF>", "<X>"})
STRUCTURAL = {"DEL": "DEL", "DUP": "DUP", "INS": "INS", "INV": "INV", "CNV": "CNV", "BND": "BND", "TRA": "BND"}
LONGEST_ID = 160


class InvalidAllele(ValueError):
    """The columns of a record do not describe an allele."""


@dataclass(frozen=True, slots=True)
class Allele:
    """A trimmed allele. ``start`` 0-based, ``end`` exclusive; ``alt`` of a symbolic allele is its VCF text.

    ``anchor`` is the base before an insertion or deletion where the record gives it, else ``""``.
    ``length`` is in bases: of the longer side of a sequence allele, ``SVLEN`` or the span of a symbolic one.
    """

    start: int
    end: int
    ref: str
    alt: str
    anchor: str
    type: str
    length: int


def trim(start: int, ref: str, alt: str) -> tuple[int, str, str, str]:
    """``(start, ref, alt, anchor)`` without common suffix and prefix; both empty where ``ref`` equals ``alt``."""
    while ref and alt and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    shared = 0
    while shared < min(len(ref), len(alt)) and ref[shared] == alt[shared]:
        shared += 1
    anchor = ref[shared - 1] if shared and not (ref[shared:] and alt[shared:]) else ""
    return start + shared, ref[shared:], alt[shared:], anchor


def sequence_type(ref: str, alt: str) -> str:
    """SNP, MNP, INS, DEL or INDEL (bases replaced by another number of bases) of a trimmed allele."""
    if not ref:
        return "INS"
    if not alt:
        return "DEL"
    if len(ref) != len(alt):
        return "INDEL"
    return "SNP" if len(ref) == 1 else "MNP"


def sequence_allele(start: int, ref: str, alt: str) -> Allele:
    """The trimmed allele of two different base sequences at ``start`` (0-based)."""
    begin, short_ref, short_alt, anchor = trim(start, ref.upper(), alt.upper())
    kind = sequence_type(short_ref, short_alt)
    length = max(len(short_ref), len(short_alt))
    return Allele(begin, begin + len(short_ref), short_ref, short_alt, anchor, kind, length)


def symbolic_type(alt: str, sv_type: str | None) -> str:
    """The type of a symbolic or breakend allele: from its own text, then from ``SVTYPE``."""
    if "[" in alt or "]" in alt or alt.startswith(".") or alt.endswith("."):
        return "BND"
    name = alt.strip("<>").split(":")[0].upper()
    copies = COPY_NUMBER.fullmatch(name)
    if copies:
        return "DEL" if int(copies[1]) == 0 else "DUP" if int(copies[1]) > 1 else "CNV"
    return STRUCTURAL.get(name) or STRUCTURAL.get((sv_type or "").upper(), "OTHER")


def symbolic_allele(position: int, alt: str, sv_type: str | None, end: int | None, sv_length: int | None) -> Allele:
    """The allele of a symbolic ALT at 1-based ``position`` (the base before the event, VCF 4.4 section 1.6.1.5).

    :param end: INFO/END, 1-based inclusive; :param sv_length: INFO/SVLEN of this allele, in bases, either sign.
    """
    kind = symbolic_type(alt, sv_type)
    length = abs(sv_length) if sv_length is not None else None
    if kind == "BND":
        return Allele(position - 1, position, "", alt, "", kind, length or 0)
    if kind == "INS":
        return Allele(position, position, "", alt, "", kind, length or 0)
    last = end if end is not None else position + length if length is not None else None
    if last is None:
        raise InvalidAllele(f"{alt} has neither END nor SVLEN")
    if last < position:
        raise InvalidAllele(f"END {last} lies before POS {position}")
    return Allele(position, last, "", alt, "", kind, length if length is not None else last - position)


def is_symbolic(alt: str) -> bool:
    """Whether an ALT text stands for something else than its own bases (the empty text is a deletion)."""
    return bool(alt) and SEQUENCE.fullmatch(alt) is None


def check_columns(ref: str, alt: str) -> None:
    """:raises InvalidAllele: unless REF is bases and ALT is other bases, symbolic or a breakend."""
    if not SEQUENCE.fullmatch(ref):
        raise InvalidAllele(f"REF {ref[:40]!r} is not a sequence of bases")
    if ref.upper() == alt.upper():
        raise InvalidAllele(f"REF {ref[:40]!r} and ALT {alt[:40]!r} are the same")
    if SEQUENCE.fullmatch(alt) or SYMBOLIC.fullmatch(alt) or alt in NOT_AN_ALLELE:
        return
    if not ("[" in alt or "]" in alt or (len(alt) > 1 and (alt[0] == "." or alt[-1] == "."))):
        raise InvalidAllele(f"ALT {alt[:40]!r} is neither bases nor symbolic nor a breakend")


def internal_id(assembly: str, contig: str, start: int, end: int, ref: str, alt: str, length: int) -> str:
    """The stable id of an allele: ``assembly:contig:start:ref:alt``, made of characters that need no URL escape.

    A symbolic allele has its end in place of ``ref`` and ``TYPE.length`` in place of ``alt``; what would be longer
    than a URL should be, and breakends, end in a digest.
    """
    if is_symbolic(alt):
        name = alt.strip("<>").replace(":", ".")
        if not SYMBOLIC.fullmatch(alt):
            name = f"BND.{_digest(alt)}"
        elif re.search(r"[^A-Za-z0-9_.-]", name):
            name = _digest(alt)
        tail = f"{end}:{name}.{length}"
    else:
        tail = f"{ref}:{alt}"
    if len(tail) > LONGEST_ID:
        tail = f"{end}:{_digest(tail)}"
    return f"{assembly}:{contig}:{start}:{tail}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
