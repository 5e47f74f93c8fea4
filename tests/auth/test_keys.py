"""The key ring: rotation with an overlap, and the kill."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from auth import jose
from auth.errors import InvalidToken
from auth.keys import ANNOUNCE, OVERLAP, KeyRing, UnknownKey
from tests.auth.world import NOW, Clock


def kids(ring: KeyRing) -> set[str]:
    return {key["kid"] for key in ring.public_jwks()["keys"]}


def token(ring: KeyRing, clock: Clock) -> str:
    return jose.sign({"iss": "i", "iat": clock(), "exp": clock() + OVERLAP}, ring.current(), typ="at+jwt")


def test_AAI_14_only_public_halves_are_published(auth_engine: Engine, clock: Clock) -> None:
    ring = KeyRing(auth_engine, clock)
    (key,) = ring.public_jwks()["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    assert (key["alg"], key["crv"], key["kid"]) == ("ES256", "P-256", ring.current().kid)
    assert KeyRing(auth_engine, clock).current().kid == ring.current().kid


def test_rotation_announces_then_signs_then_drops(auth_engine: Engine, clock: Clock) -> None:
    ring = KeyRing(auth_engine, clock)
    old = ring.current().kid
    new = ring.rotate().kid
    assert kids(ring) == {old, new}
    assert ring.current().kid == old
    clock.seconds = NOW + ANNOUNCE - 1
    last = token(ring, clock)
    clock.seconds = NOW + ANNOUNCE
    assert ring.current().kid == new
    clock.seconds = NOW + ANNOUNCE + OVERLAP - 2
    assert jose.verify(last, ring.key_set(), typ={"at+jwt"}, now=clock())
    clock.seconds = NOW + ANNOUNCE + OVERLAP
    assert kids(ring) == {new}


def test_ATTACKS_18_a_revoked_key_is_dead_at_once(auth_engine: Engine, clock: Clock) -> None:
    ring = KeyRing(auth_engine, clock)
    stolen, made = ring.current().kid, token(ring, clock)
    ring.revoke(stolen)
    with pytest.raises(InvalidToken):
        jose.verify(made, ring.key_set(), typ={"at+jwt"}, now=clock())
    assert ring.current().kid != stolen
    with pytest.raises(UnknownKey):
        ring.revoke("other")


def test_revoking_while_a_new_key_is_only_announced_makes_one_that_signs(auth_engine: Engine, clock: Clock) -> None:
    ring = KeyRing(auth_engine, clock)
    old, announced = ring.current().kid, ring.rotate().kid
    ring.revoke(old)
    assert ring.current().kid not in (old, announced)
    clock.seconds += ANNOUNCE
    assert ring.current().kid == announced
