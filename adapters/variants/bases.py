"""Comparing bases with IUPAC wildcards (BEA-51)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from adapters.variants.alleles import is_symbolic, trim

BASES = re.compile(r"[ACGTUNRYSWKMBDHV]*")
PLAIN = re.compile(r"[ACGT]*")
CODES = {
    "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC",
    "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGTN",
}  # fmt: skip


def normalised(text: str) -> str | None:
    """Upper-case DNA of a base pattern (``-`` and ``.`` mean empty), or None if it is not one."""
    bases = "" if text in ("-", ".") else text.upper()
    return bases.replace("U", "T") if BASES.fullmatch(bases) else None


def _pattern(bases: str) -> re.Pattern[str]:
    return re.compile("".join(f"[{CODES[b]}{b}]" if b in CODES else b for b in bases))


@dataclass(frozen=True)
class BasePattern:
    """Bases asked for; None where the question leaves a side open.

    An allele matches as it is stored (trimmed) or, at an exact position or where both sides are given, as VCF writes
    an insertion or deletion, with the base before it. (In a range ``T`` alone asks for bases that became T, not for
    every deletion behind a T.) If both sides are given without wildcards they are trimmed, so that every padded way
    of asking finds the allele.
    """

    ref: str | None
    alt: str | None

    def matches(self, ref: str, alt: str, anchor: str | None) -> bool:
        """Whether a stored allele matches, wherever it lies."""
        if is_symbolic(alt):
            return False
        exact = self.exact(0)
        if exact is not None:
            return (ref, alt) == exact[1:]
        if self._form(ref, alt):
            return True
        both = self.ref is not None and self.alt is not None
        return both and bool(anchor) and self._form(f"{anchor}{ref}", f"{anchor}{alt}")

    def matches_at(self, asked: int, start: int, ref: str, alt: str, anchor: str | None) -> bool:
        """Whether a stored allele at ``start`` matches the bases asked for at ``asked`` (both 0-based)."""
        if is_symbolic(alt):
            return False
        exact = self.exact(asked)
        if exact is not None:
            return (start, ref, alt) == exact
        if start == asked and self._form(ref, alt):
            return True
        return start == asked + 1 and bool(anchor) and self._form(f"{anchor}{ref}", f"{anchor}{alt}")

    def exact(self, start: int) -> tuple[int, str, str] | None:
        """``(start, ref, alt)`` of the one trimmed allele that is asked for, if both sides are plain bases."""
        if self.ref is None or self.alt is None or not PLAIN.fullmatch(self.ref + self.alt):
            return None
        begin, ref, alt, _ = trim(start, self.ref, self.alt)
        return begin, ref, alt

    def _form(self, ref: str, alt: str) -> bool:
        fits = self.ref is None or _pattern(self.ref).fullmatch(ref) is not None
        return fits and (self.alt is None or _pattern(self.alt).fullmatch(alt) is not None)
