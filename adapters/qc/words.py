"""Eight bytes of text at a time, in one machine word."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from adapters.qc.compiled import inlined
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


def _bump(_context: Any, array: Any, index: Any) -> Any:
    """One more at a place of an array of 32-bit counts, without a look at where the array begins and ends."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        address = builder.gep(data, [arguments[1]])
        builder.store(builder.add(builder.load(address), ir.Constant(ir.IntType(32), 1)), address)
        return context.get_dummy_value()

    return types.void(array, index), emit


bump: Any = intrinsic(_bump)
"""``bump(counts, i)``: ``counts[i] += 1`` for a flat array of 32-bit counts. The place must be there."""


def _fetch(_context: Any, array: Any, index: Any) -> Any:
    """Ask the processor for the cache line of a place that will be changed soon."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        type_ = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        prefetch = builder.module.declare_intrinsic("llvm.prefetch", [byte], type_)
        # To be written, to stay, data.
        kinds = [ir.Constant(number, kind) for kind in (1, 3, 1)]
        builder.call(prefetch, [builder.bitcast(builder.gep(data, [arguments[1]]), byte), *kinds])
        return context.get_dummy_value()

    return types.void(array, index), emit


fetch: Any = intrinsic(_fetch)
"""``fetch(array, i)``: have place ``i`` at hand soon. It need not be there."""


def _lowest_bit(_context: Any, word: Any) -> Any:
    """Number of the lowest bit that is set; the word may not be 0."""

    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(word), emit


lowest_bit: Any = intrinsic(_lowest_bit)
"""``lowest_bit(word)``: number of the lowest bit that is set; one must be."""


@inlined
def odd_bits(word: np.uint64) -> np.uint64:
    """A high bit for each byte that is not printable ASCII or is a blank.

    The lowest is right; above it there may be some too many, because a byte below carries.
    """
    return (((word - ONES * np.uint64(LOWEST)) & ~word) | (word + ONES) | word) & HIGH


@inlined
def first_odd(buf: Bytes, start: int, end: int) -> int:
    """Place of the first byte that is not printable ASCII or is a blank, or ``end``."""
    i = start
    while i + 8 <= end:
        found = odd_bits(load(buf, i))
        if found:
            return i + int(np.int64(lowest_bit(found) >> np.uint64(3)))
        i += 8
    if i > start and not odd_bits(load(buf, end - 8)):
        return end
    while i < end and LOWEST <= buf[i] <= HIGHEST:
        i += 1
    return i


@inlined
def strange_bits(word: np.uint64) -> np.uint64:
    """Bits under :data:`HIGH` of which one is set if a byte is odd."""
    return ((word - ONES * np.uint64(LOWEST)) & ~word) | (word + ONES) | word


@inlined
def halves(word: np.uint64) -> np.uint64:
    """Sums of pairs of bytes, in four lanes of 16 bits: 128 of them can be added up."""
    return (word & EVEN) + ((word >> np.uint64(8)) & EVEN)


@inlined
def lanes_sum(lanes: np.uint64) -> np.int64:
    """Sum of four lanes of 16 bits."""
    pairs = (lanes & PAIRS) + ((lanes >> np.uint64(16)) & PAIRS)
    return np.int64((pairs + (pairs >> np.uint64(32))) & np.uint64(0xFFFFFFFF))
