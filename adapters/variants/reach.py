"""Finding long alleles by overlap: each has a class of reach, so that few starts before a region must be looked at.

An allele of up to :data:`SHORT` bases has no class; class k holds those of up to ``SHORT * 8**k`` bases.
"""

from __future__ import annotations

SHORT = 64


def reach_of(span: int) -> int | None:
    """The class of an allele that covers ``span`` bases, None for a short one."""
    if span <= SHORT:
        return None
    reach = 1
    while span > longest(reach):
        reach += 1
    return reach


def longest(reach: int) -> int:
    """The most bases that an allele of the class covers."""
    return SHORT * int(8**reach)


def classes(reaches: int) -> list[int]:
    """The classes whose bits are set in ``VariantContig.reaches``."""
    return [k for k in range(1, reaches.bit_length()) if reaches >> k & 1]
