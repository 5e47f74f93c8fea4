"""The clearinghouse: from a bearer token or passports to a verified caller (AAI 1.2.1, sections on clearinghouses)."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import anyio.to_thread
import structlog

from auth import jose, passport
from auth.caller import ANONYMOUS, Caller, Visa
from auth.confirming import Confirmations
from auth.errors import InvalidToken, IssuerUnavailable, TokenTooLarge
from auth.http import HttpStatus, JsonGet
from auth.jwks import Jwks
from auth.keys import clock
from auth.keyset import KeySet
from auth.signatures import Signatures
from auth.trust import Broker, Trust

log = structlog.get_logger(__name__)

MAX_ACCESS_TOKEN = 8192
CACHE_SECONDS = 60
CACHE_SIZE = 4096
_OPAQUE = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)


class Clearinghouse:
    """Verifies who asks.

    Callers are cached for at most 60 s by the SHA-256 of what they sent; whether a grant is in force is never
    cached, it is asked by the policy at every decision.

    :param public_url: this node: a token made for other nodes is refused.
    :param trust: brokers and visa issuers believed.
    """

    def __init__(
        self, public_url: str, trust: Trust, jwks: Jwks, http: JsonGet, now: Callable[[], int] = clock
    ) -> None:
        self._public_url = public_url
        self._trust = trust
        self._jwks = jwks
        self._http = http
        self._now = now
        self._confirmations = Confirmations(http, now)
        self._signatures = Signatures()
        self._cache: OrderedDict[bytes, tuple[int, Caller]] = OrderedDict()

    async def bearer(self, authorization: str | None) -> Caller:
        """The caller of an ``Authorization`` header; anonymous if there is none.

        :raises InvalidToken: not a Bearer access token of a trusted broker for this node, or the broker refuses it.
        :raises IssuerUnavailable: the broker does not answer.
        """
        if authorization is None:
            return ANONYMOUS
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise InvalidToken("the Authorization header is not a Bearer token")
        known = self._cached(("bearer", token))
        return known or self._remember(("bearer", token), await self._resolve(token.strip(" ")))

    async def passports(self, passports: Sequence[str]) -> Caller:
        """The caller of the passports of a request body (X-04); anonymous if the list is empty.

        :raises InvalidToken: one of them does not verify; the whole request is then refused.
        :raises TokenTooLarge: more than 20 passports, or one too large.
        :raises IssuerUnavailable: a broker's keys cannot be had.
        """
        if not passports:
            return ANONYMOUS
        if len(passports) > passport.MAX_PASSPORTS:
            raise TokenTooLarge(f"more than {passport.MAX_PASSPORTS} passports in one request")
        sent = ("passports", *passports)
        known = self._cached(sent)
        return known or self._remember(sent, await self._admit(passports))

    async def close(self) -> None:
        """Close the connections to brokers and issuers."""
        await self._http.close()

    async def _resolve(self, token: str) -> Caller:
        if not token.startswith("ey") and (broker := self._trust.opaque) is not None:  # "ey": a JSON object's beginning
            return await self._resolve_opaque(token, broker)
        parsed = jose.unverified(token, max_bytes=MAX_ACCESS_TOKEN)
        named = self._trust.brokers.get(jose.text(parsed.claims, "iss"))
        if named is None:
            raise InvalidToken("the access token's broker (iss) is not trusted here")
        broker = named
        keys = await self._jwks.keys(broker.jwks_uri, str(parsed.header["kid"]))
        claims = jose.check(parsed, keys, typ=broker.token_types, now=self._now()).claims
        self._check_access_token(claims)
        said = await self._userinfo(broker, token)
        if said.get("sub") != claims["sub"]:
            raise InvalidToken("the broker's UserInfo is about another subject")
        tokens = passport.visa_tokens(said.get("ga4gh_passport_v1", []))
        client, name = claims.get("client_id"), said.get("name")
        return await self._caller(
            (str(claims["sub"]), broker.issuer),
            jose.numeric(claims, "exp"),
            tokens,
            client=client if isinstance(client, str) else None,
            name=name if isinstance(name, str) else "",
        )

    async def _resolve_opaque(self, token: str, broker: Broker) -> Caller:
        """What a broker says of an opaque token; nothing of it is known longer than the answer is kept."""
        if len(token) > MAX_ACCESS_TOKEN or not _OPAQUE.fullmatch(token):
            raise InvalidToken("the access token has characters that no Bearer token has (RFC 6750 section 2.1)")
        said = await self._userinfo(broker, token)
        tokens = passport.visa_tokens(said.get("ga4gh_passport_v1", []))
        name = said.get("name")
        return await self._caller(
            (jose.text(said, "sub", longest=255), broker.issuer),
            self._now() + CACHE_SECONDS,
            tokens,
            name=name if isinstance(name, str) else "",
        )

    def _check_access_token(self, claims: Any) -> None:
        """AAI-01: no visas inside."""
        jose.text(claims, "sub")
        if "ga4gh_passport_v1" in claims or "ga4gh_visa_v1" in claims:
            raise InvalidToken("the access token carries visas")
        if "openid" not in str(claims.get("scope", "")).split():
            raise InvalidToken("the access token's scope lacks openid")
        self._check_audience(claims)

    def _check_audience(self, claims: Any) -> None:
        """What names nodes in ``aud`` was sent to those and is replayed anywhere else."""
        audience = claims.get("aud", [])
        named = [audience] if isinstance(audience, str) else audience
        if not isinstance(named, list) or not all(isinstance(one, str) for one in named):
            raise InvalidToken("the token's audience (aud) is not text or a list of text")
        nodes = [one for one in named if one.startswith(("https://", "http://"))]
        if nodes and self._public_url not in nodes:
            raise InvalidToken("the token was made for another node")

    async def _userinfo(self, broker: Broker, token: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}"}
        try:
            return await self._http.get(broker.userinfo, max_bytes=passport.MAX_PASSPORT, headers=headers)
        except HttpStatus as error:
            if error.status in (400, 401, 403):
                raise InvalidToken("the broker does not accept the access token") from error
            raise

    async def _admit(self, tokens: Sequence[str]) -> Caller:
        """All passports must verify (ATTACKS 25); the first says who asks, visas of others need a link."""
        opened = [passport.open_passport(token, self._trust) for token in tokens]
        verified = []
        for parsed, broker in opened:
            keys = await self._jwks.keys(broker.jwks_uri, str(parsed.header["kid"]))
            verified.append(passport.verify_passport(parsed, keys, self._now()))
            self._check_audience(parsed.claims)
        visas = [visa for one in verified for visa in one.visas]
        if len(visas) > passport.MAX_VISAS:
            raise TokenTooLarge(f"the passports have more than {passport.MAX_VISAS} visas")
        expires = min(one.expires for one in verified)
        return await self._caller((verified[0].subject, verified[0].issuer), expires, visas)

    async def _caller(
        self, who: tuple[str, str], expires: int, tokens: Sequence[str], client: str | None = None, name: str = ""
    ) -> Caller:
        now = self._now()
        found = passport.candidates(tokens, self._trust)
        wanted = sorted({(candidate.entry.jwks_uri, candidate.kid) for candidate in found})
        fetched = await asyncio.gather(*(self._keys(url, kid) for url, kid in wanted))
        by_key = dict(zip(wanted, fetched, strict=True))
        verified = await anyio.to_thread.run_sync(self._verify, found, by_key, now)
        believed = await asyncio.gather(*(self._believed(candidate) for candidate, _ in verified))
        visas = [visa for (_, visa), good in zip(verified, believed, strict=True) if good]
        return Caller(who[0], who[1], passport.combine(who, visas, self._trust), expires, client, name)

    async def _believed(self, candidate: passport.Candidate) -> bool:
        """A document token speaks for itself; a visa access token that is old needs its issuer's word (ATTACKS 44)."""
        userinfo, claims = candidate.entry.userinfo, candidate.parsed.claims
        if not candidate.is_access_token:
            return True
        if userinfo is None:
            return False
        token, issued = candidate.parsed.token, jose.numeric(claims, "iat")
        return await self._confirmations.believed(token, jose.text(claims, "sub"), issued, userinfo)

    async def _keys(self, url: str, kid: str) -> KeySet | None:
        """Keys of a visa issuer; one that cannot be reached costs its own visas only."""
        try:
            return await self._jwks.keys(url, kid)
        except IssuerUnavailable as error:
            log.warning("visa_issuer_unavailable", url=url, reason=str(error))
            return None

    def _verify(
        self,
        found: Sequence[passport.Candidate],
        keys: Mapping[tuple[str, str], KeySet | None],
        now: int,
    ) -> list[tuple[passport.Candidate, Visa]]:
        verified = []
        for candidate in found:
            key_set = keys[candidate.entry.jwks_uri, candidate.kid]
            visa = None if key_set is None else passport.verify_visa(candidate, key_set, now, self._signatures)
            if visa is not None:
                verified.append((candidate, visa))
        return verified

    def _cached(self, sent: tuple[str, ...]) -> Caller | None:
        until, caller = self._cache.get(_digest(sent), (0, ANONYMOUS))
        return caller if until > self._now() else None

    def _remember(self, sent: tuple[str, ...], caller: Caller) -> Caller:
        """Keep ``caller`` until its token or one of its visas expires, at most 60 s (CLH-04)."""
        ends = [self._now() + CACHE_SECONDS, *(visa.expires for visa in caller.visas)]
        if caller.expires is not None:
            ends.append(caller.expires)
        self._cache[_digest(sent)] = (min(ends), caller)
        while len(self._cache) > CACHE_SIZE:
            self._cache.popitem(last=False)
        return caller


def _digest(sent: tuple[str, ...]) -> bytes:
    """SHA-256 of the parts; tokens hold no NUL, so that parts cannot run into each other."""
    return hashlib.sha256("\0".join(sent).encode("utf-8", "surrogatepass")).digest()
