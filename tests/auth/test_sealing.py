"""Private keys at rest: a copy of the database gives nobody the keys."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from auth import jose
from auth.keys import ANNOUNCE, OVERLAP, Key, KeyRing
from auth.sealing import Seal, SealBroken
from tests.auth.world import NOW, Clock

SECRET, OTHER = bytes(range(32)), bytes(32)
DOCUMENT = {"kty": "EC", "d": "private"}


def test_what_is_sealed_opens_under_its_name_with_its_secret_only() -> None:
    stored = Seal(SECRET).close("a", DOCUMENT)
    assert "private" not in json.dumps(stored)
    assert Seal(SECRET).open("a", stored) == DOCUMENT
    assert Seal(SECRET).close("a", DOCUMENT) != stored  # a nonce is never used twice
    changed = stored["sealed"][:-1] + ("A" if stored["sealed"][-1] != "A" else "B")
    for seal, name, content in (
        (Seal(), "a", stored),
        (Seal(OTHER), "a", stored),
        (Seal(SECRET), "b", stored),
        (Seal(SECRET), "a", {"sealed": changed}),
        (Seal(SECRET), "a", {"sealed": "x"}),
        (Seal(SECRET), "a", {"sealed": 7}),
    ):
        with pytest.raises(SealBroken):
            seal.open(name, content)


@pytest.mark.parametrize("secret", [b"", b"short", bytes(33)])
def test_secrets_of_another_length_are_refused(secret: bytes) -> None:
    with pytest.raises(ValueError, match="32 are needed"):
        Seal(secret)


def test_the_database_holds_no_private_key(auth_engine: Engine, clock: Clock) -> None:
    ring = KeyRing(auth_engine, clock, Seal(SECRET))
    private = ring.current().private_jwk()["d"]
    ring.rotate()
    with auth_engine.connect() as connection:
        stored = str(connection.execute(text("SELECT * FROM auth_key")).all())
    assert private not in stored
    assert '"d"' not in stored
    assert all(key.sealed for key in ring.held())
    for other in (Seal(), Seal(OTHER)):
        with pytest.raises(SealBroken):
            KeyRing(auth_engine, clock, other).public_jwks()
    token = jose.sign({"iss": "i", "iat": NOW, "exp": NOW + 60}, ring.current(), typ="at+jwt")
    again = KeyRing(auth_engine, clock, Seal(SECRET))
    assert jose.verify(token, again.key_set(), typ={"at+jwt"}, now=NOW)


def test_a_secret_given_later_seals_the_next_key(small_engine: Engine, clock: Clock) -> None:
    plain = KeyRing(small_engine, clock).current().kid
    ring = KeyRing(small_engine, clock, Seal(SECRET))
    assert ring.current().kid == plain
    new = ring.rotate().kid
    assert [(key.kid, key.sealed) for key in ring.held()] == sorted([(plain, False), (new, True)])


def test_private_halves_that_are_gone_are_forgotten(small_engine: Engine, clock: Clock) -> None:
    ring = KeyRing(small_engine, clock)
    first = ring.current().kid
    second = ring.rotate().kid
    clock.seconds = NOW + ANNOUNCE
    assert {key.kid: key.state for key in ring.held()} == {first: "replaced", second: "signing"}
    clock.seconds += OVERLAP
    third = ring.rotate().kid
    assert {key.kid: key.state for key in ring.held()} == {first: "gone", second: "signing", third: "announced"}
    ring.revoke(second)
    with Session(small_engine) as session:
        stored = {key.kid: key.jwk for key in session.query(Key)}
    assert stored[first] == stored[second] == {}
    assert stored[third]["d"]
