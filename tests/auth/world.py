"""A world for the tests of tokens and committees: issuers with keys, a clock that stands still."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from joserfc.jws import JWSRegistry

from auth import passport
from auth.caller import Caller, Visa
from auth.errors import IssuerUnavailable
from auth.keyset import KeySet, SigningKey
from auth.trust import Trust, jku

NOW = 1_800_000_000
MEMBER = "https://human.example"
BROKER = "https://broker.example"
FOREIGN = "https://dac.other.example"
LINKER = "https://links.example"
STRANGER = "https://stranger.example"

A_BROKER, B_FOREIGN = "alice,https%3A%2F%2Fbroker.example", "bob,https%3A%2F%2Fdac.other.example"
"""Two identities as they stand in the value of a LinkedIdentities visa."""


@dataclass
class Clock:
    """Stands still until told otherwise. Epoch seconds."""

    seconds: int = NOW

    def __call__(self) -> int:
        return self.seconds


@dataclass
class World:
    """Issuers, their keys, and whom the clearinghouse under test trusts."""

    keys: dict[str, SigningKey]
    trust: Trust

    def key_set(self, issuer: str) -> KeySet:
        return KeySet.of(self.keys[issuer])

    def visa(self, issuer: str = MEMBER, *, header: Mapping[str, Any] | None = None, **changes: Any) -> str:
        """A visa of ``issuer``; ``said_NAME=`` changes the visa object, other names the claims, None removes."""
        said = {
            "type": "ControlledAccessGrants",
            "asserted": NOW - 100,
            "value": f"{MEMBER}/datasets/HRA000001",
            "source": f"{issuer}/dac/DAC1",
            "by": "dac",
        }
        claims: dict[str, Any] = {"iss": issuer, "sub": "alice", "iat": NOW - 10, "exp": NOW + 600, "jti": "g1"}
        for name, value in changes.items():
            target, key = (said, name[5:]) if name.startswith("said_") else (claims, name)
            target[key] = value
        claims.setdefault("ga4gh_visa_v1", {k: v for k, v in said.items() if v is not None})
        claims = {k: v for k, v in claims.items() if v is not None}
        headers = {"jku": jku(issuer), "typ": "vnd.ga4gh.visa+jwt", **(header or {})}
        return sign(claims, self.keys.get(issuer, self.keys[STRANGER]), headers)

    def passport(
        self, visas: Any, *, header: Mapping[str, Any] | None = None, issuer: str = BROKER, **changes: Any
    ) -> str:
        claims = {
            "iss": issuer,
            "sub": "alice",
            "iat": NOW - 10,
            "exp": NOW + 900,
            "ga4gh_passport_v1": visas,
            **changes,
        }
        claims = {k: v for k, v in claims.items() if v is not None}
        return sign(claims, self.keys[issuer], {"typ": "vnd.ga4gh.passport+jwt", **(header or {})})

    def verified(self, *tokens: str, now: int = NOW) -> list[Visa]:
        """Visas that pass on their own, without regard to whose they are."""
        found = passport.candidates(tokens, self.trust)
        checked = (passport.verify_visa(one, self.key_set(one.entry.issuer), now) for one in found)
        return [visa for visa in checked if visa is not None]

    def effective(self, *tokens: str, subject: str = "alice", now: int = NOW) -> tuple[Visa, ...]:
        """Visas of ``subject`` of the broker that are in effect."""
        return passport.combine((subject, BROKER), self.verified(*tokens, now=now), self.trust)


def sign(claims: Mapping[str, Any], key: SigningKey, headers: Mapping[str, Any]) -> str:
    """A token as told, without the checks of ``auth.jose``; a header given as None is left out."""
    header = {"alg": "ES256", "kid": key.kid, **headers}
    present = {name: value for name, value in header.items() if value is not None}
    return signed(json.dumps(present), json.dumps(claims), key)


def signed(header: str, claims: str, key: SigningKey) -> str:
    """A token over exactly these texts, truly signed with ES256."""
    signing_input = f"{b64(header)}.{b64(claims)}"
    signature = JWSRegistry.algorithms["ES256"].sign(signing_input.encode(), key.key)
    return f"{signing_input}.{b64(signature)}"


def b64(content: bytes | str) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(content.encode() if isinstance(content, str) else content).rstrip(b"=").decode()


def link(world: World, value: str, sub: str = "alice", **changes: Any) -> str:
    """A link that the trusted linker asserts."""
    said = {"said_type": "LinkedIdentities", "said_value": value, "said_source": LINKER, "said_by": "system"}
    return world.visa(LINKER, sub=sub, **{**said, **changes})


def person(subject: str, *visas: Visa, expires: int = NOW + 900, issuer: str = BROKER) -> Caller:
    """A signed-in person."""
    return Caller(subject, issuer, visas, expires, "client", subject.title())


class Answers:
    """Answers GETs from a table by URL and counts them; an exception in the table is raised."""

    def __init__(self, answers: Mapping[str, Any | Callable[[Mapping[str, str]], Any]]) -> None:
        self.answers = dict(answers)
        self.asked: list[str] = []
        self.sent: list[tuple[str, str]] = []
        """URL and Authorization header of each request that had one."""

    async def get(self, url: str, *, max_bytes: int, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        self.asked.append(url)
        if headers and "Authorization" in headers:
            self.sent.append((url, headers["Authorization"]))
        await asyncio.sleep(0)  # as a real answer does, let others run meanwhile
        return dict(self._answer(url, headers or {}))

    async def text(self, url: str, *, max_bytes: int) -> str:
        self.asked.append(url)
        return str(self._answer(url, {}))

    def _answer(self, url: str, headers: Mapping[str, str]) -> Any:
        answer = self.answers.get(url, IssuerUnavailable("nobody there"))
        if callable(answer):
            answer = answer(headers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        pass
