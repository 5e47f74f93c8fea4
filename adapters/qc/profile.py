"""Shares and profiles of what was counted: the numbers behind the plots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from adapters.qc import tally as t_
from adapters.qc.letters import LETTERS
from adapters.qc.tally import Ints, Tally

SANGER: Final = 33
ILLUMINA: Final = 64
SOLEXA_LOWEST: Final = 59
"""Lowest character of the two encodings with an offset of 64."""
SANGER_HIGHEST_SHORT: Final = 74
LEVELS: Final = ((1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 9), (10, 49), (50, 99), (100, 499), (500, None))
QUANTILES: Final = (0.1, 0.25, 0.5, 0.75, 0.9)


@dataclass(slots=True)
class Totals:
    """The 64-bit sums of the two arrays of a tally that are 32 bits wide."""

    bases: Ints
    qualities: Ints

    @classmethod
    def empty(cls) -> Totals:
        """Nothing counted."""
        return cls(np.zeros((t_.ROWS, t_.CODES), np.int64), np.zeros((t_.ROWS, t_.QUALITIES), np.int64))

    def take(self, tally: Tally) -> None:
        """Take what ``tally`` counted, and empty its arrays."""
        self.bases += tally.bases.reshape(t_.CODES, t_.ROWS).T
        self.qualities += tally.qualities.reshape(t_.QUALITIES, t_.ROWS).T
        self._take_fours(tally)
        tally.bases[:] = 0
        tally.qualities[:] = 0

    def _take_fours(self, tally: Tally) -> None:
        """Take bases that were counted four cycles at a time."""
        fours = tally.fours.reshape(t_.CYCLES // 4, 4, 4, 4, 4).astype(np.int64)
        for cycle in range(4):
            others = tuple(axis for axis in range(1, 5) if axis != 4 - cycle)
            self.bases[cycle : t_.CYCLES : 4, LETTERS] += fours.sum(axis=others)
        tally.fours[:] = 0


def encoding(lowest: int, highest: int) -> int:
    """Offset of the qualities by the characters that occur: 64 if none is below ``;`` and some above ``K``, else 33."""
    return ILLUMINA if lowest >= SOLEXA_LOWEST and highest > SANGER_HIGHEST_SHORT + 1 else SANGER


def profile(tally: Tally, totals: Totals) -> dict[str, Any]:
    """All profiles of a file."""
    state = tally.state
    reads, bases = int(state[t_.RECORDS]), int(state[t_.BASES])
    by_code = totals.bases.sum(axis=0)
    by_quality = totals.qualities.sum(axis=0)
    measured = int(by_quality.sum())
    occurring = np.flatnonzero(by_quality[:127] * (np.arange(127) >= SANGER))
    lowest, highest = (int(occurring[0]), int(occurring[-1])) if len(occurring) else (SANGER, SANGER)
    offset = encoding(lowest, highest)
    counted = int(by_code.sum())
    return {
        "reads": reads,
        "bases": bases,
        "shortest": int(state[t_.SHORTEST]) if reads else 0,
        "longest": int(state[t_.LONGEST]),
        "mean_length": round(bases / reads, 2) if reads else 0.0,
        "n50": _n50(tally.lengths),
        "quality_offset": offset,
        "lowest_quality": lowest - offset if measured else None,
        "highest_quality": highest - offset if measured else None,
        "gc_share": _share(int(by_code[1] + by_code[2]), int(by_code[:4].sum())),
        "acgtu_share": _share(int(by_code[:4].sum()), counted),
        "n_share": _share(int(by_code[4]), counted),
        "q20_share": _share(int(by_quality[offset + 20 :].sum()), measured),
        "q30_share": _share(int(by_quality[offset + 30 :].sum()), measured),
        "reads_q30_share": _share(int(tally.means[offset + 30 :].sum()), int(tally.means.sum())),
        "cycles": _cycles(totals, offset),
        "mean_quality": _histogram(tally.means, -offset),
        "gc": _histogram(tally.gc, 0),
        "lengths": _lengths(tally.lengths),
        "duplication": duplication(tally),
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None


def first_cycle(row: int) -> int:
    """First cycle (1-based) of a row."""
    if row < t_.CYCLES:
        return row + 1
    octave, half = divmod(row - t_.CYCLES, 2)
    low = t_.CYCLES << octave
    return low + half * (low // 2) + 1


def _cycles(totals: Totals, offset: int) -> list[dict[str, Any]]:
    """By cycle (or a span of cycles): mean and quantiles of the quality, shares of A, C, G, T/U and N."""
    used = np.flatnonzero(totals.bases.any(axis=1) | totals.qualities.any(axis=1))
    rows = []
    for row in used.tolist():
        bases, qualities = totals.bases[row], totals.qualities[row]
        of = max(1, int(bases.sum()))
        rows.append(
            {
                "cycle": first_cycle(row),
                "reads": int(qualities.sum()) if row < t_.CYCLES else None,
                "mean": _mean(qualities, offset),
                "quantiles": _quantiles(qualities, offset),
                "acgtn": [round(int(bases[code]) / of, 5) for code in range(5)],
            }
        )
    return rows


def _mean(counts: NDArray[np.int64], offset: int) -> float | None:
    whole = int(counts.sum())
    return round(float(counts @ np.arange(len(counts))) / whole - offset, 3) if whole else None


def _quantiles(counts: NDArray[np.int64], offset: int) -> list[int]:
    whole = int(counts.sum())
    if not whole:
        return []
    ranks = np.cumsum(counts)
    return [int(np.searchsorted(ranks, share * whole)) - offset for share in QUANTILES]


def _histogram(counts: Ints, shift: int) -> list[list[int]]:
    """``[value, reads]`` of the values that occur."""
    return [[int(value) + shift, int(counts[value])] for value in np.flatnonzero(counts)]


def length_of(bin_: int) -> int:
    """Least length of a bin."""
    if bin_ < t_.LENGTHS:
        return bin_
    octave, part = divmod(bin_ - t_.LENGTHS, 16)
    low = t_.LENGTHS << octave
    return low + -(-part * low // 16)


def _lengths(counts: Ints) -> list[list[int]]:
    return [[length_of(bin_), int(counts[bin_])] for bin_ in np.flatnonzero(counts).tolist()]


def _n50(counts: Ints) -> int:
    """Half of all bases are in reads of at least this length; the least length of the bin beyond 2,048."""
    bases = np.array([length_of(bin_) for bin_ in range(len(counts))]) * counts
    if not bases.any():
        return 0
    longer = np.cumsum(bases[::-1])
    return length_of(len(counts) - 1 - int(np.searchsorted(longer, longer[-1] / 2)))


def duplication(tally: Tally) -> dict[str, Any]:
    """How often sequences occur (by their first 64 bases), from the sequences whose hash ends in ``bits`` zeros.

    Those are counted over the whole file, so their counts are exact and the shares are unbiased.
    """
    counts = tally.sample_counts[tally.sample_counts > 0]
    reads = int(counts.sum())
    levels = []
    for low, high in LEVELS:
        chosen = counts[(counts >= low) & (counts <= (high or np.iinfo(np.int64).max))]
        levels.append(
            {
                "from": low,
                "to": high,
                "distinct_share": _share(len(chosen), len(counts)) or 0.0,
                "reads_share": _share(int(chosen.sum()), reads) or 0.0,
            }
        )
    return {
        "followed": len(counts),
        "one_in": 1 << int(tally.state[t_.SAMPLE_BITS]),
        "distinct_share": _share(len(counts), reads),
        "levels": levels,
    }
