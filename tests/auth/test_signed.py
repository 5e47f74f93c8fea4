"""Signed capabilities under attack: row 71."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.errors import ExpiredCapability, InvalidCapability
from auth.signed import MAX_TOKEN, Capability, Signer
from tests.auth.world import NOW

SIGNER = Signer(b"k" * 32)
GIVEN = Capability("HRR000128-01", "GET", NOW + 60, ("g1", "g2"), "alice", 10, 99)
TOKEN = SIGNER.sign(GIVEN)


def test_a_capability_comes_back_as_it_was() -> None:
    assert SIGNER.verify(TOKEN, NOW) == GIVEN
    plain = Capability("x", "GET", NOW + 1)
    assert SIGNER.verify(SIGNER.sign(plain), NOW) == plain
    assert TOKEN.isascii()
    assert not set(TOKEN) & set("/+=?#% ")


def test_ATTACKS_71_expired() -> None:
    assert SIGNER.verify(TOKEN, NOW + 59)
    for now in (NOW + 60, NOW + 61, NOW + 10**9):
        with pytest.raises(ExpiredCapability):
            SIGNER.verify(TOKEN, now)


def test_ATTACKS_71_a_signature_that_was_verified_before_outlives_nothing() -> None:
    signer = Signer(b"s" * 32)
    token = signer.sign(GIVEN)
    for _ in range(2):
        assert signer.verify(token, NOW) == GIVEN
        with pytest.raises(ExpiredCapability):
            signer.verify(token, NOW + 60)
        with pytest.raises(InvalidCapability):
            signer.verify(token[:-1], NOW)
        with pytest.raises(InvalidCapability):
            Signer(b"t" * 32).verify(token, NOW)


CHANGES: dict[str, dict[str, Any]] = {
    "object": {"object": "HRR000129-01"},
    "method": {"method": "PUT"},
    "expiry": {"expires": NOW + 10**6},
    "grants dropped": {"grants": ()},
    "grant changed": {"grants": ("g1", "g3")},
    "subject": {"subject": "bob"},
    "first": {"first": 0},
    "last": {"last": None},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_ATTACKS_71_seal_of_one_capability_on_another(change: dict[str, Any]) -> None:
    other = SIGNER.sign(replace(GIVEN, **change))
    assert other != TOKEN
    seal = base64.urlsafe_b64decode(TOKEN + "=" * (-len(TOKEN) % 4))[:32]
    content = base64.urlsafe_b64decode(other + "=" * (-len(other) % 4))[32:]
    with pytest.raises(InvalidCapability):
        SIGNER.verify(base64.urlsafe_b64encode(seal + content).rstrip(b"=").decode(), NOW)


def test_ATTACKS_71_any_character_changed() -> None:
    for place, character in enumerate(TOKEN):
        for other in "A_":
            if character != other:
                with pytest.raises(InvalidCapability):
                    SIGNER.verify(TOKEN[:place] + other + TOKEN[place + 1 :], NOW)


def test_ATTACKS_71_another_key() -> None:
    with pytest.raises(InvalidCapability):
        Signer(b"j" * 32).verify(TOKEN, NOW)


MALFORMED = [
    "",
    "A",
    "AAAA",
    "=",
    TOKEN + "=",
    TOKEN + "A",
    TOKEN[:-1],
    TOKEN.upper(),
    "A" * (MAX_TOKEN + 1),
    "\u0661" * 50,
    "a b",
]


@pytest.mark.parametrize("token", MALFORMED)
def test_ATTACKS_71_malformed(token: str) -> None:
    with pytest.raises(InvalidCapability):
        SIGNER.verify(token, NOW)


def test_content_without_a_seal_is_not_read() -> None:
    content = json.dumps({"object": "x", "method": "GET", "expires": NOW + 9, "grants": []}).encode()
    with pytest.raises(InvalidCapability):
        SIGNER.verify(base64.urlsafe_b64encode(bytes(32) + content).decode().rstrip("="), NOW)


@given(st.binary(max_size=200))
def test_random_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(InvalidCapability):
        SIGNER.verify(base64.urlsafe_b64encode(content).decode().rstrip("="), NOW)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 32"):
        Signer(b"short")
