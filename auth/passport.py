"""Verification of passports and visas (AAI 1.2.1, Passport 1.2.1). Pure: keys are handed in, nothing is fetched.

A passport that does not verify rejects the request. A visa that is not trusted, or says something odd, is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import structlog

from auth import conditions, identities, jose
from auth.caller import Visa
from auth.errors import InvalidToken, TokenTooLarge
from auth.keyset import KeySet
from auth.signatures import Signatures
from auth.trust import Broker, Trust, TrustEntry

log = structlog.get_logger(__name__)

PASSPORT_TYPES = ("vnd.ga4gh.passport+jwt",)
VISA_TYPES = ("vnd.ga4gh.visa+jwt", "jwt", "")
"""``typ`` is only recommended for visas (AAI-03); what makes a visa is its claim ``ga4gh_visa_v1``."""

MAX_PASSPORTS = 20
MAX_PASSPORT = 2 * 1024 * 1024
MAX_VISA = 32 * 1024
MAX_VISAS = 1000
MAX_URL = 255
_URL_VALUES = frozenset({"AcceptedTermsAndPolicies", "ControlledAccessGrants", "ResearcherStatus"})
_NEED_BY = frozenset({"AcceptedTermsAndPolicies", "ControlledAccessGrants"})
_BY = frozenset({"self", "peer", "system", "so", "dac"})


@dataclass(frozen=True, slots=True)
class Passport:
    """A verified passport; its visas are not verified by that (CLH-01)."""

    issuer: str
    subject: str
    expires: int
    visas: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A visa whose issuer and key URL are trusted, before its signature is checked."""

    parsed: jose.Unverified
    entry: TrustEntry

    @property
    def is_access_token(self) -> bool:
        """Is it of the deprecated form that is an access token of its issuer (AAI-04)?"""
        return _is_access_token(self.parsed.claims)

    @property
    def kid(self) -> str:
        """Name of the key that it says it was signed with."""
        return str(self.parsed.header["kid"])


def open_passport(token: str, trust: Trust) -> tuple[jose.Unverified, Broker]:
    """A passport taken apart, and the broker whose keys must verify it.

    :raises InvalidToken: malformed, or its broker is not trusted.
    """
    parsed = jose.unverified(token, max_bytes=MAX_PASSPORT)
    broker = trust.brokers.get(jose.text(parsed.claims, "iss"))
    if broker is None:
        raise InvalidToken("the passport's broker (iss) is not trusted here")
    return parsed, broker


def verify_passport(parsed: jose.Unverified, keys: KeySet, now: int) -> Passport:
    """Verify signature, type, times and claims of a passport (AAI-02).

    :raises InvalidToken: any of them is wrong.
    """
    claims = jose.check(parsed, keys, typ=PASSPORT_TYPES, now=now).claims
    if "ga4gh_visa_v1" in claims:
        raise InvalidToken("the passport is a visa")
    return Passport(
        jose.text(claims, "iss"),
        jose.text(claims, "sub"),
        jose.numeric(claims, "exp"),
        visa_tokens(claims.get("ga4gh_passport_v1")),
    )


def visa_tokens(claim: Any) -> tuple[str, ...]:
    """The visas in a ``ga4gh_passport_v1`` claim, each once.

    :raises InvalidToken: not a list of text.
    :raises TokenTooLarge: more than 1,000, or one above 32 KiB.
    """
    if not isinstance(claim, list) or not all(isinstance(token, str) for token in claim):
        raise InvalidToken("ga4gh_passport_v1 is not a list of visas")
    if len(claim) > MAX_VISAS:
        raise TokenTooLarge(f"the passport has more than {MAX_VISAS} visas")
    if any(len(token) > MAX_VISA for token in claim):
        raise TokenTooLarge(f"a visa is longer than {MAX_VISA} bytes")
    return tuple(dict.fromkeys(claim))


def candidates(tokens: Iterable[str], trust: Trust) -> list[Candidate]:
    """Visas whose ``iss`` is trusted with exactly their ``jku``; decided before anything is fetched (CLH-02)."""
    found = []
    for token in tokens:
        try:
            found.append(_candidate(token, trust))
        except InvalidToken as error:
            log.info("visa_ignored", reason=str(error))
    return found


def _candidate(token: str, trust: Trust) -> Candidate:
    parsed = jose.unverified(token, max_bytes=MAX_VISA)
    entry = trust.issuers.get(jose.text(parsed.claims, "iss"))
    if entry is None:
        raise InvalidToken("the visa's issuer (iss) is not trusted here")
    _check_form(parsed, entry)
    return Candidate(parsed, entry)


def _check_form(parsed: jose.Unverified, entry: TrustEntry) -> None:
    """A document token names its keys (AAI-03); an access token is confirmed by its issuer instead (ATTACKS 43, 44)."""
    if _is_access_token(parsed.claims):
        if entry.userinfo is None:
            raise InvalidToken("the visa is an access token; of its issuer only document tokens are accepted")
        if "jku" not in parsed.header:
            return
    if parsed.header.get("jku") != entry.jwks_uri:
        raise InvalidToken("the visa's key URL (jku) is not the one trusted for its issuer")


def _is_access_token(claims: Mapping[str, Any]) -> bool:
    return "openid" in str(claims.get("scope", "")).split()


def verify_visa(candidate: Candidate, keys: KeySet, now: int, seen: Signatures | None = None) -> Visa | None:
    """The visa, or None (with a logged reason) if its signature, form or scope of trust is wrong."""
    try:
        typ = (*VISA_TYPES, "at+jwt") if candidate.is_access_token else VISA_TYPES
        claims = jose.check(candidate.parsed, keys, typ=typ, now=now, seen=seen).claims
        visa = _visa(claims)
        _check_scope(visa, candidate.entry)
        return _aged(visa, candidate.entry, now)
    except (InvalidToken, conditions.InvalidConditions) as error:
        log.info("visa_ignored", issuer=candidate.entry.issuer, reason=str(error))
        return None


def _visa(claims: Any) -> Visa:
    said = claims.get("ga4gh_visa_v1")
    if not isinstance(said, dict):
        raise InvalidToken("the token is not a visa")
    asserted = said.get("asserted")
    if isinstance(asserted, bool) or not isinstance(asserted, int):
        raise InvalidToken("the visa's asserted is not a number of seconds")
    if not 0 < asserted <= jose.numeric(claims, "iat"):
        raise InvalidToken("the visa was asserted after it was issued, or never")
    return Visa(
        issuer=jose.text(claims, "iss"),
        subject=jose.text(claims, "sub"),
        type=jose.text(said, "type", longest=MAX_URL),
        value=jose.text(said, "value", longest=conditions.MAX_VALUE),
        source=jose.text(said, "source", longest=MAX_URL),
        by=_by(said),
        asserted=asserted,
        conditions=conditions.parse(said["conditions"]) if "conditions" in said else (),
        expires=jose.numeric(claims, "exp"),
        jti=jose.text(claims, "jti") if "jti" in claims else None,
    )


def _by(said: Any) -> str | None:
    by = said.get("by")
    return by if isinstance(by, str) and by in _BY else None


def _check_scope(visa: Visa, entry: TrustEntry) -> None:
    """What this issuer may say here (CLH-06, ATTACKS 13, 17, 37, 41)."""
    if visa.type not in entry.types:
        raise InvalidToken("the visa's type is not one its issuer is trusted with")
    if not _is_url(visa.source) or not entry.may_quote(visa.source):
        raise InvalidToken("the visa's source is not one its issuer is trusted with")
    if visa.type in _URL_VALUES and not _is_url(visa.value):
        raise InvalidToken("the visa's value is not a URL of at most 255 characters")
    if visa.type == "AffiliationAndRole" and affiliation(visa.value) is None:
        raise InvalidToken("the visa's value is not role@organisation")
    if visa.type in _NEED_BY and visa.by is None:
        raise InvalidToken("the visa does not say who asserts it (by)")
    if visa.type == "ControlledAccessGrants" and (visa.by == "self" or not entry.may_grant(visa.value)):
        raise InvalidToken("the visa grants what its issuer may not grant")


def affiliation(value: str) -> tuple[str, str] | None:
    """(role, organisation) of an AffiliationAndRole, split at the first ``@`` (VIS-06); None if one is missing."""
    role, _, organisation = value.partition("@")
    return (role, organisation) if role and organisation else None


def _is_url(text: str) -> bool:
    if len(text) > MAX_URL or not text.isascii() or not text.isprintable():
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def _aged(visa: Visa, entry: TrustEntry, now: int) -> Visa:
    if entry.max_age is None:
        return visa
    expires = min(visa.expires, visa.asserted + entry.max_age)
    if expires <= now:
        raise InvalidToken("the visa's statement is too old")
    return replace(visa, expires=expires)


def combine(start: identities.Identity, visas: Sequence[Visa], trust: Trust) -> tuple[Visa, ...]:
    """The visas of the person who is ``start`` that are in effect: linked identities joined, conditions met.

    A visa with conditions, or of a linked identity, rests on the visas that meet or join it and expires with them.
    """
    mine = identities.person(start, visas, trust)
    of_person = [_resting(visa, mine[who]) for visa in visas if (who := identities.identity(visa, trust)) in mine]
    effective = []
    for visa in of_person:
        if not visa.conditions:
            effective.append(visa)
        elif (meeting := conditions.met(visa.conditions, of_person)) is not None:
            effective.append(_resting(visa, meeting))
    return tuple(effective)


def _resting(visa: Visa, others: Iterable[Visa]) -> Visa:
    """``visa`` as it is when it needs ``others``."""
    needed = tuple(others)
    if not needed:
        return visa
    rests = {named: None for other in needed for named in ((other.issuer, other.jti), *other.rests)}
    expires = min(visa.expires, *(other.expires for other in needed))
    return replace(visa, expires=expires, rests=(*visa.rests, *(named for named in rests if named not in visa.rests)))
