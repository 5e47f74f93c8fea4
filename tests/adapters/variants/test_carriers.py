"""Every form of an encoded set gives back the set, and the smallest form is chosen."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from pyroaring import BitMap

from adapters.variants.carriers import ARRAY, BITS, ROARING, Mask, decode, encode, union

small = st.sets(st.integers(0, 3000))
wide = st.sets(st.integers(0, 2**32 - 1), max_size=30)
dense = st.builds(lambda a, n: set(range(a, a + 9 * n, 9)), st.integers(65_000, 66_000), st.integers(70, 700))
runs = st.builds(lambda a, n, gone: set(range(a, a + n)) - gone, st.integers(0, 70_000), st.integers(0, 9000), small)
people = st.one_of(small, wide, runs, dense)


@settings(max_examples=150, deadline=None)
@given(people)
def test_decode_is_the_inverse_of_encode(who: set[int]) -> None:
    assert set(decode(encode(BitMap(who)))) == who


@settings(max_examples=100, deadline=None)
@given(st.lists(people, max_size=6), people)
def test_union_and_mask_equal_those_of_plain_sets(sets: list[set[int]], seen: set[int]) -> None:
    encoded = [encode(BitMap(who)) for who in sets]
    assert set(union(encoded)) == set().union(*sets)
    mask = Mask(BitMap(seen))
    for who, data in zip(sets, encoded, strict=True):
        assert mask.count(data) == len(who & seen)
        assert mask.meets(data) == bool(who & seen)
        assert set(mask.of(data)) == who & seen


def test_rare_common_and_large_sets_take_their_own_form() -> None:
    assert encode(BitMap([7, 2503])) == ARRAY + b"\x07\x00\xc7\x09"
    common = encode(BitMap(range(0, 2504, 3)))
    assert common[:1] == BITS
    assert len(common) == 5 + 2502 // 8 + 1
    assert encode(BitMap(range(100_000)))[:1] == ROARING
    assert encode(BitMap()) == ARRAY
    far = encode(BitMap(range(1_000_000, 1_000_200, 2)))
    assert far[:1] == BITS, "a cohort with high ordinals costs no more than one with low ones"
    assert len(far) == 5 + 25
