"""A Passport of 200 visas from the request body to a caller, cold and cached, and the decision alone.

The Passport comes from one broker, its visas from ten issuers with a key each (ES256). Cold: nothing was seen before,
but the keys of the issuers are at hand. The peer of the cold row is the floor under it: the bare verifications of the
201 signatures by the library below (cryptography), without any check of ours. The replay is in ``bench.replay``.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from auth import jose
from auth.clearinghouse import Clearinghouse
from auth.http import JsonGet
from auth.jwks import Jwks
from auth.keyset import KeySet, SigningKey
from auth.policy import DatasetRule, Policy
from auth.trust import Broker, Trust, TrustEntry, jku
from bench import replay
from bench.figure import Figure

VISAS, ISSUERS = 200, 10
BROKER, MEMBER = "https://broker.bench", "https://member.bench"
COLD, CACHED, DECISION = "<= 80", "<= 2", "<= 50"


def prepare(seed: int) -> None:
    """Nothing: the Passport is made in a moment."""


def run(*, quick: bool, seed: int) -> list[Figure]:
    """Medians over rounds; ``quick`` takes fewer, and replays a twentieth of the requests."""
    return [*asyncio.run(_measure(10 if quick else 50)), replay.figure(quick=quick, seed=seed)]


@dataclass(frozen=True, slots=True)
class World:
    """Whom the clearinghouse trusts, their keys, and one Passport."""

    trust: Trust
    keys: dict[str, SigningKey]
    passport: str
    visas: list[str]

    def clearinghouse(self) -> Clearinghouse:
        """One that has seen nothing yet; every key set is its own, so that none is fetched."""
        http = JsonGet()
        sets = {jku(name): KeySet.of(key) for name, key in self.keys.items()}
        held = {url: partial(sets.__getitem__, url) for url in sets}
        return Clearinghouse(MEMBER, self.trust, Jwks(http, held), http)


def _world() -> World:
    issuers = [MEMBER, *(f"https://issuer{number}.bench" for number in range(1, ISSUERS))]
    keys = {name: SigningKey.generate() for name in (BROKER, *issuers)}
    data = (f"{MEMBER}/datasets/",)
    entries = tuple(TrustEntry(name, jku(name), (f"{name}/dac/D",), data, subjects_of=BROKER) for name in issuers)
    now = int(time.time())
    visas = [_visa(keys, issuers[number % ISSUERS], number, now) for number in range(VISAS)]
    claims = {"iss": BROKER, "sub": "alice", "iat": now, "exp": now + 3600, "ga4gh_passport_v1": visas}
    passport = jose.sign(claims, keys[BROKER], typ="vnd.ga4gh.passport+jwt")
    return World(Trust.of((Broker(BROKER),), entries), keys, passport, visas)


def _visa(keys: dict[str, SigningKey], issuer: str, number: int, now: int) -> str:
    said = {
        "type": "ControlledAccessGrants",
        "asserted": now,
        "value": f"{MEMBER}/datasets/HRA{number:06}",
        "source": f"{issuer}/dac/D",
        "by": "dac",
    }
    claims = {"iss": issuer, "sub": "alice", "iat": now, "exp": now + 3600, "jti": f"g{number}", "ga4gh_visa_v1": said}
    return jose.sign(claims, keys[issuer], typ="vnd.ga4gh.visa+jwt", headers={"jku": jku(issuer)})


async def _measure(rounds: int) -> list[Figure]:
    world = _world()
    floor = median(_floor(world) for _ in range(rounds))
    cold, cached, decisions = [], [], []
    for _ in range(rounds):
        clearinghouse = world.clearinghouse()
        started = time.perf_counter()
        caller = await clearinghouse.passports([world.passport])
        cold.append(time.perf_counter() - started)
        assert len(caller.visas) == VISAS
        started = time.perf_counter()
        assert await clearinghouse.passports([world.passport]) is caller
        cached.append(time.perf_counter() - started)
        decisions.append(_decision(caller))
        await clearinghouse.close()
    return [
        Figure("passports.cold", round(median(cold) * 1e3, 2), "ms", COLD, f"{floor * 1e3:.1f} ms: bare signatures"),
        Figure("passports.cached", round(median(cached) * 1e3, 3), "ms", CACHED),
        Figure("passports.decision", round(median(decisions) * 1e6, 2), "us", DECISION),
    ]


def _decision(caller: Any) -> float:
    """Seconds of one decision about the last of 200 data sets, where the grants are looked up in a set."""
    standing = frozenset(f"g{number}" for number in range(VISAS))
    policy = Policy(MEMBER, lambda grants: {grant for grant in grants if grant in standing or " " in grant})
    rule, now = DatasetRule(f"HRA{VISAS - ISSUERS:06}", "controlled", "public", "D"), int(time.time())
    assert policy.fetch(caller, rule, now).allowed
    times = 200
    started = time.perf_counter()
    for _ in range(times):
        policy.fetch(caller, rule, now)
    return (time.perf_counter() - started) / times


def _floor(world: World) -> float:
    """Seconds to verify the signatures of Passport and visas, and nothing else."""
    jobs = [_bare(token, world) for token in (world.passport, *world.visas)]
    started = time.perf_counter()
    for job in jobs:
        job()
    return time.perf_counter() - started


def _bare(token: str, world: World) -> Callable[[], None]:
    head, body, signature = token.split(".")
    kid = jose.unverified(token, max_bytes=len(token)).header["kid"]
    key = next(key.key for key in world.keys.values() if key.kid == kid).public_key
    assert isinstance(key, EllipticCurvePublicKey)
    raw = base64.urlsafe_b64decode(signature + "==")
    der = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    signed = f"{head}.{body}".encode()
    return lambda: key.verify(der, signed, ECDSA(SHA256()))
