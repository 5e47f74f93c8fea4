"""Pseudonyms and nonces: comparable within one question, silent and incomparable outside it."""

from __future__ import annotations

import hmac
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from adapters.catalog.engine import writing
from federation.nonces import Nonces
from federation.pseudonyms import (
    InvalidNonce,
    blocks,
    decode,
    encode,
    fingerprint,
    made_at,
    new_nonce,
    pack,
    pseudonyms,
    rows,
    unpack,
)
from tests.federation.family import database

KEY, OTHER_KEY = bytes(32), bytes(31) + b"\x01"
NONCE, QUESTION = bytes(24), bytes(32)
ACCESSIONS = st.sets(st.from_regex(r"HRI[0-9]{6}", fullmatch=True), max_size=40)


def test_a_pseudonym_is_the_accession_encrypted_under_the_questions_key() -> None:
    question_key = hmac.new(KEY, NONCE + QUESTION, sha256).digest()
    (made,) = pseudonyms(KEY, NONCE, QUESTION, ["HRI000001", "HRI000001"])
    decryptor = Cipher(algorithms.AES256(question_key), modes.ECB()).decryptor()
    assert decryptor.update(made) == b"HRI000001" + bytes(7)


def test_accessions_of_any_length_and_script_have_pseudonyms_of_their_own() -> None:
    people = ["HRI000001", "HRI0000011234567", "HRI00000112345678", "x" * 200, "个体一", "个体二", "a", "b"]
    for some in (people, people[:2], people[:3]):
        made = blocks(KEY, NONCE, QUESTION, some)
        assert made.shape == (len(some), 16)
        assert len(set(rows(made))) == len(some)
        alone = [rows(blocks(KEY, NONCE, QUESTION, [one]))[0] for one in some]
        assert rows(made) == alone, "whoever else is there"


@given(ACCESSIONS, ACCESSIONS)
def test_two_members_share_as_many_pseudonyms_as_people(one: set[str], other: set[str]) -> None:
    left, right = (unpack(pack(pseudonyms(KEY, NONCE, QUESTION, side))) for side in (one, other))
    assert (len(left), len(right), len(left & right)) == (len(one), len(other), len(one & other))


@given(ACCESSIONS)
def test_another_key_nonce_or_question_shares_nothing(people: set[str]) -> None:
    made = [
        frozenset(pseudonyms(*given, people))
        for given in (
            (KEY, NONCE, QUESTION),
            (OTHER_KEY, NONCE, QUESTION),
            (KEY, b"\x01" + bytes(23), QUESTION),
            (KEY, NONCE, b"\x01" + bytes(31)),
        )
    ]
    assert len(frozenset().union(*made)) == 4 * len(people)


def test_order_tells_nothing() -> None:
    people = [f"HRI{number:06}" for number in range(50)]
    assert pseudonyms(KEY, NONCE, QUESTION, people) == pseudonyms(KEY, NONCE, QUESTION, people[::-1])


@pytest.mark.parametrize("sizes", [(31, 24, 32), (32, 23, 32), (32, 25, 32), (32, 24, 31)])
def test_short_keys_nonces_and_hashes_are_refused(sizes: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="must have"):
        pseudonyms(*(bytes(size) for size in sizes), [])


@pytest.mark.parametrize("text", [None, 5, "not base64!", "AAAA", pack([bytes(16), bytes(16)])])
def test_packed_garbage_is_refused(text: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - several kinds of garbage, one class
        unpack(text)


@given(st.binary(max_size=70))
def test_base64url_round_trip(value: bytes) -> None:
    assert decode(encode(value)) == value


def test_the_fingerprint_does_not_depend_on_the_order_of_keys() -> None:
    assert fingerprint({"a": 1, "b": [1, 2]}) == fingerprint({"b": [1, 2], "a": 1})
    assert fingerprint({"a": [1, 2]}) != fingerprint({"a": [2, 1]})


def test_a_nonce_says_when_it_was_made() -> None:
    assert made_at(new_nonce(1_700_000_000.9)) == 1_700_000_000
    assert new_nonce(1) != new_nonce(1)
    with pytest.raises(InvalidNonce):
        made_at(b"short")


def test_nonces_are_forgotten_when_they_could_not_be_sent_again(tmp_path: Path) -> None:
    engine = database(tmp_path, "nonces")
    nonces = Nonces(writing(engine))
    old, new = new_nonce(1000), new_nonce(1061)
    nonces.spend(old, "obia", 1000)
    with pytest.raises(InvalidNonce, match="used before"):
        nonces.spend(old, "obia", 1060)
    nonces.spend(new, "obia", 1062)
    with pytest.raises(InvalidNonce, match="at most 60"):
        nonces.spend(old, "obia", 1062)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM federation_nonce").scalar() == 1
    engine.dispose()
