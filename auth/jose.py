"""JSON Web Signatures: the one door to joserfc, with the checks that it leaves to its caller.

Only ES256 and RS256 (AAI profile, Signing Algorithms), compact form, a ``kid`` that names one key of a given set,
``typ`` as the endpoint wants it (RFC 8725 section 3.11), no ``crit``, no key inside the token, no duplicate names. A
token that is bound to a key (``cnf``, RFC 7800: DPoP, mutual TLS) is refused, never taken as a Bearer token.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError

from auth import strictjson
from auth.errors import InvalidToken, TokenTooLarge
from auth.keyset import KeySet, PublicKey, SigningKey
from auth.signatures import Signatures

ALGORITHMS = ("ES256", "RS256")
SKEW = 30
"""Seconds by which another machine's clock may run ahead of ours (``iat``, ``nbf``)."""

MAX_BYTES = 64 * 1024
MAX_HEADER = 4096
MAX_KID = 256
MAX_TIME = 2**40
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
_FORBIDDEN = frozenset({"crit", "b64", "jwk", "x5u", "x5c", "enc", "zip"})


@dataclass(frozen=True, slots=True)
class Unverified:
    """A token taken apart. Nothing in it may be believed; it only tells whose keys to look for."""

    token: str
    header: Mapping[str, Any]
    claims: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Verified:
    """A token whose signature, type and times hold."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]


class _Registry(jws.JWSRegistry):
    """Sizes are limited before joserfc sees a token; its own limits refuse a passport of 200 visas."""

    max_header_length = 2 * MAX_HEADER
    max_payload_length = 16 * 1024 * 1024


_REGISTRY = _Registry(algorithms=ALGORITHMS, strict_check_header=False)


def _segment(text: str) -> bytes:
    try:
        content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise InvalidToken("the token is not base64url") from error
    if base64.urlsafe_b64encode(content).rstrip(b"=").decode() != text:
        raise InvalidToken("the token is not canonical base64url")
    return content


def unverified(token: str, *, max_bytes: int = MAX_BYTES) -> Unverified:
    """Take ``token`` apart without believing it.

    :param max_bytes: longest token that is looked at, in bytes.
    :raises TokenTooLarge: longer than ``max_bytes``.
    :raises InvalidToken: not a compact JWS with an acceptable header.
    """
    if len(token) > max_bytes:
        raise TokenTooLarge(f"the token is longer than {max_bytes} bytes")
    if not _COMPACT.fullmatch(token):
        raise InvalidToken("the token is not a compact JSON Web Signature")
    head, body, signature = token.split(".")
    if len(head) > MAX_HEADER:
        raise TokenTooLarge(f"the token's header is longer than {MAX_HEADER} bytes")
    _segment(signature)
    try:
        header, claims = strictjson.loads(_segment(head)), strictjson.loads(_segment(body))
    except strictjson.InvalidJson as error:
        raise InvalidToken(f"the token's content: {error}") from error
    _check_header(header)
    return Unverified(token, header, claims)


def _check_header(header: Mapping[str, Any]) -> None:
    if header.get("alg") not in ALGORITHMS:
        raise InvalidToken(f"the token's algorithm is not one of {', '.join(ALGORITHMS)}")
    forbidden = sorted(_FORBIDDEN & header.keys())
    if forbidden:
        raise InvalidToken(f"the token's header has {forbidden[0]!r}, which is not accepted")
    kid = header.get("kid")
    if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KID:
        raise InvalidToken("the token's header names no key (kid)")


def check(
    parsed: Unverified,
    keys: KeySet,
    *,
    typ: Collection[str],
    now: int | None = None,
    seen: Signatures | None = None,
) -> Verified:
    """Verify a token that was taken apart.

    :param typ: accepted types without ``application/``, in lower case; an empty string accepts a token without type.
    :param seen: signatures that need not be verified again.
    :param now: epoch seconds; the machine's clock if None.
    :raises InvalidToken: type, key, signature or time is wrong, or the token is bound to a key.
    """
    if _typ(parsed.header) not in {name.lower() for name in typ}:
        raise InvalidToken("the token's type (typ) is not accepted here")
    key = keys.find(str(parsed.header["kid"]), str(parsed.header["alg"]))
    if key is None:
        raise InvalidToken("the token's key (kid) is not one of its issuer's")
    thumbprint = keys.thumbprint(str(parsed.header["kid"]))
    if seen is None or not seen.holds(parsed.token, thumbprint):
        _check_signature(parsed.token, key)
        if seen is not None:
            seen.remember(parsed.token, thumbprint)
    if "cnf" in parsed.claims:
        raise InvalidToken("the token is bound to a key or certificate (cnf), of which no proof can be given here")
    check_times(parsed.claims, int(time.time()) if now is None else now)
    return Verified(parsed.header, parsed.claims)


def _check_signature(token: str, key: PublicKey) -> None:
    try:
        jws.deserialize_compact(token, key, registry=_REGISTRY)
    except JoseError as error:
        raise InvalidToken("the token's signature does not verify") from error


def verify(
    token: str, keys: KeySet, *, typ: Collection[str], max_bytes: int = MAX_BYTES, now: int | None = None
) -> Verified:
    """Verify ``token`` (see :func:`unverified` and :func:`check`); ``iat`` and ``exp`` are required."""
    return check(unverified(token, max_bytes=max_bytes), keys, typ=typ, now=now)


def _typ(header: Mapping[str, Any]) -> str:
    typ = header.get("typ", "")
    if not isinstance(typ, str):
        raise InvalidToken("the token's type (typ) is not text")
    return typ.lower().removeprefix("application/")


def check_times(claims: Mapping[str, Any], now: int) -> None:
    """Refuse a token out of its time: ``exp`` strictly ahead, ``iat`` and ``nbf`` at most :data:`SKEW` s ahead.

    :raises InvalidToken: also when ``exp`` or ``iat`` is absent or not a finite number.
    """
    if numeric(claims, "exp") <= now:
        raise InvalidToken("the token has expired")
    if numeric(claims, "iat") > now + SKEW:
        raise InvalidToken("the token was issued in the future")
    if "nbf" in claims and numeric(claims, "nbf") > now + SKEW:
        raise InvalidToken("the token is not valid yet")


def numeric(claims: Mapping[str, Any], name: str) -> int:
    """NumericDate ``name`` of ``claims`` (RFC 7519 section 2), whole epoch seconds, rounded toward zero.

    :raises InvalidToken: absent, text, boolean or not finite.
    """
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not -MAX_TIME < value < MAX_TIME:
        raise InvalidToken(f"the token's {name} is not a number of seconds")
    return int(value)


def text(claims: Mapping[str, Any], name: str, *, longest: int = 1024) -> str:
    """Claim ``name`` as non-empty text of at most ``longest`` characters.

    :raises InvalidToken: anything else.
    """
    value = claims.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise InvalidToken(f"the token's {name} is not text of 1 to {longest} characters")
    if not value.isprintable():
        raise InvalidToken(f"the token's {name} has characters that cannot be printed")
    return value


def sign(claims: Mapping[str, Any], key: SigningKey, *, typ: str, headers: Mapping[str, str] | None = None) -> str:
    """A compact JWS (ES256) over ``claims``.

    :param headers: further protected header parameters such as ``jku``.
    """
    header = {"typ": typ, "alg": "ES256", "kid": key.kid, **(headers or {})}
    content = json.dumps(claims, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return jws.serialize_compact(header, content, key.key, registry=_REGISTRY)
