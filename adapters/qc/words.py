"""Eight bytes of text at a time, in one machine word."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from adapters.qc.compiled import compiled
from adapters.qc.tally import Bytes

ONES: Final = np.uint64(0x0101010101010101)
HIGH: Final = np.uint64(0x8080808080808080)
EVEN: Final = np.uint64(0x00FF00FF00FF00FF)
PAIRS: Final = np.uint64(0x0000FFFF0000FFFF)
LOWEST: Final = 33
HIGHEST: Final = 126


def _load(_context: Any, array: Any, index: Any) -> Any:
    """The word that begins at any byte: numba has no unaligned load of its own."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        address = builder.bitcast(builder.gep(data, [arguments[1]]), ir.IntType(64).as_pointer())
        return builder.load(address, align=1)

    return types.uint64(array, index), emit


load: Any = intrinsic(_load)
"""``load(buf, i)``: bytes ``i`` to ``i + 7``, little-endian. They must be there."""


@compiled
def odd(word: np.uint64) -> bool:
    """Whether a byte is not printable ASCII, or is a blank."""
    below = (word - ONES * np.uint64(LOWEST)) & ~word & HIGH
    above = (word + ONES) & HIGH
    return bool((below | above | (word & HIGH)) != 0)


@compiled
def first_odd(buf: Bytes, start: int, end: int) -> int:
    """Place of the first byte that is not printable ASCII or is a blank, or ``end``."""
    i = start
    while i + 8 <= end and not odd(load(buf, i)):
        i += 8
    while i < end and LOWEST <= buf[i] <= HIGHEST:
        i += 1
    return i


@compiled
def total(buf: Bytes, start: int, end: int) -> tuple[int, bool]:
    """Sum of the bytes, and whether one is odd."""
    summed = np.int64(0)
    strange = np.uint64(0)
    i = start
    while i + 8 <= end:
        lanes = np.uint64(0)
        stop = min(end - 7, i + 1024)
        while i < stop:
            word = load(buf, i)
            strange |= ((word - ONES * np.uint64(LOWEST)) & ~word) | (word + ONES) | word
            lanes += (word & EVEN) + ((word >> np.uint64(8)) & EVEN)
            i += 8
        lanes = (lanes & PAIRS) + ((lanes >> np.uint64(16)) & PAIRS)
        summed += np.int64((lanes + (lanes >> np.uint64(32))) & np.uint64(0xFFFFFFFF))
    rest = False
    while i < end:
        summed += buf[i]
        rest |= buf[i] < LOWEST or buf[i] > HIGHEST
        i += 1
    return int(summed), bool((strange & HIGH) != 0) or rest
