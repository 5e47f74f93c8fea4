"""Compiled loops over the samples of one record: genotypes read from text, and sets of people encoded.

Only what loads variants imports this: numba takes half a second and 60 MB. Every loop is in this one file, because
numba looks at the file of a function alone to see whether what it kept is still right.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

from adapters.variants.carriers import ARRAY_MOST, ARRAYS_BELOW, SMALL

P = ParamSpec("P")
R = TypeVar("R")
Bytes = NDArray[np.uint8]
Calls = NDArray[np.int32]
States = NDArray[np.uint8]
Integers = NDArray[np.int64]

MISSING, ABSENT = -1, -2  # of a genotype's allele: a dot, and no second allele (haploid)
NOT_A_GENOTYPE, TOO_MANY_ALLELES, TOO_FEW_SAMPLES, TOO_MANY_SAMPLES = -1, -2, -3, -4
TAB, COLON, SLASH, BAR, DOT, ZERO = 9, 58, 47, 124, 46, 48
LARGEST = 1 << 30
SPARSE, SPREAD = 10, -1  # no roaring bitmap takes more than 10 bytes for each of its people, and 9


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile for this processor at the first call and keep the result beside the source or in the user's cache."""
    return cast("Callable[P, R]", numba.njit(function, nogil=True, cache=True, boundscheck=False, error_model="numpy"))


@compiled
def genotypes(text: Bytes, field: int, calls: Calls, highest: Calls) -> int:
    """Read the genotype of every sample of a line.

    :param text: the sample columns, from the first sample's first byte to the last one's last.
    :param field: which of the parts of a column, separated by colons, is GT.
    :param calls: is filled, a row per sample: two allele numbers, ``MISSING`` or ``ABSENT``.
    :param highest: its first place is set to the highest allele number.
    :returns: 0, or one of the codes above - 8 * the sample (from 0) at which reading ended.
    """
    i, end, most = 0, len(text), 0
    for sample in range(len(calls)):
        if i > end:
            return TOO_FEW_SAMPLES - 8 * sample
        if field == 0 and i + 3 < end and text[i + 3] == TAB and (text[i + 1] == BAR or text[i + 1] == SLASH):
            left, right = np.uint8(text[i] - ZERO), np.uint8(text[i + 2] - ZERO)
            if left < 10 and right < 10:  # two alleles of one digit and nothing else: nearly every column
                calls[sample, 0], calls[sample, 1] = left, right
                most = max(most, int(max(left, right)))
                i += 4
                continue
        for _ in range(field):
            while i < end and text[i] != COLON and text[i] != TAB:
                i += 1
            if i < end and text[i] == COLON:
                i += 1
        first, second, alleles = MISSING, ABSENT, 0
        if field > 0 and (i == end or text[i] == TAB):
            alleles = 1
        elif i < end and (text[i] == SLASH or text[i] == BAR):
            i += 1  # VCF 4.4 may say the phase of the first allele too
        while alleles == 0 or (i < end and (text[i] == SLASH or text[i] == BAR)):
            if alleles > 0:
                i += 1
            allele = MISSING
            if i < end and text[i] == DOT:
                i += 1
            else:
                begin, allele = i, 0
                while i < end and ZERO <= text[i] < ZERO + 10:
                    allele = min(allele * 10 + (text[i] - ZERO), LARGEST)
                    i += 1
                if i == begin:
                    return NOT_A_GENOTYPE - 8 * sample
            most = max(most, allele)
            alleles += 1
            if alleles == 1:
                first = allele
            elif alleles == 2:
                second = allele
            elif most <= highest[0]:
                return TOO_MANY_ALLELES - 8 * sample
        if i < end and text[i] != TAB and text[i] != COLON:
            return NOT_A_GENOTYPE - 8 * sample
        calls[sample, 0], calls[sample, 1] = first, second
        while i < end and text[i] != TAB:
            i += 1
        i += 1
    highest[0] = most
    return 0 if i == end + 1 else TOO_MANY_SAMPLES - 8 * len(calls)


@compiled
def called(calls: Calls, persons: Integers, states: States) -> int:
    """How many alleles of each person were called in the sample where most were (0, 1 or 2).

    :param persons: index of each sample's person. :param states: is filled, one per person.
    :returns: the sum over people.
    """
    states[:] = 0
    for sample in range(len(calls)):
        copies = np.uint8(calls[sample, 0] >= 0) + np.uint8(calls[sample, 1] >= 0)
        if copies > states[persons[sample]]:
            states[persons[sample]] = copies
    return int(states.sum())


@compiled
def carried(calls: Calls, persons: Integers, allele: int, states: States) -> int:
    """How many copies of allele number ``allele`` each person has, in the sample with most; returns the sum."""
    states[:] = 0
    total = 0
    for sample in range(len(calls)):
        copies = np.uint8(calls[sample, 0] == allele) + np.uint8(calls[sample, 1] == allele)
        if copies > 0:
            person = persons[sample]
            if copies > states[person]:
                total += copies - states[person]
                states[person] = copies
    return total


@compiled
def encoded(states: States, low: int, high: int, ordinals: Integers, out: Bytes, about: Integers) -> int:
    """Encode the people whose state is from ``low`` to ``high`` as :mod:`adapters.variants.carriers` does.

    :param ordinals: of the people, ascending. :param out: takes the encoded set.
    :param about: its first place is set to the number of people in the set.
    :returns: length of what was written, 0 for nobody; negative if a roaring bitmap may be smaller than that, and
        :data:`SPREAD` if nothing was written because it certainly is.
    """
    count, runs, first, last = 0, 0, 0, -2
    for person in range(len(states)):
        if low <= states[person] <= high:
            ordinal = ordinals[person]
            if count == 0:
                first = ordinal
            runs += ordinal != last + 1
            last = ordinal
            count += 1
    about[0] = count
    if count == 0:
        return 0
    first = first // 8 * 8
    bits = 5 + (last - first) // 8 + 1
    as_array = last < ARRAYS_BELOW and count <= ARRAY_MOST and 1 + 2 * count < bits
    size = 1 + 2 * count if as_array else bits
    if size > SPARSE * count + SMALL:
        return SPREAD
    if as_array:
        out[0] = 72
        at = 1
        for person in range(len(states)):
            if low <= states[person] <= high:
                out[at], out[at + 1] = ordinals[person] & 255, ordinals[person] >> 8
                at += 2
    else:
        out[:size] = 0
        out[0] = 66
        for byte in range(4):
            out[1 + byte] = (first >> (8 * byte)) & 255
        for person in range(len(states)):
            if low <= states[person] <= high:
                place = ordinals[person] - first
                out[5 + (place >> 3)] |= np.uint8(1 << (place & 7))
    # One container of runs takes 11 bytes and 4 for each run; several take more for each.
    return -size if size > SMALL and (12 + 4 * runs < size or last >= ARRAYS_BELOW) else size
