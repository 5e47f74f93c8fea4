"""Key sets (RFC 7517): the public keys of an issuer, and a private key of ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from joserfc.util import base64_to_int

from auth.errors import InvalidToken

MAX_KEYS = 100
RSA_BITS = range(2048, 8192 + 1)
MAX_EXPONENT = 8  # characters: larger ones only cost time
PublicKey = ECKey | RSAKey


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private P-256 key of ours."""

    kid: str
    key: ECKey

    @classmethod
    def generate(cls) -> SigningKey:
        """A new key; its ``kid`` is its thumbprint (RFC 7638)."""
        key = ECKey.generate_key("P-256", private=True)
        return cls(key.thumbprint(), key)

    @classmethod
    def load(cls, jwk: Mapping[str, Any]) -> SigningKey:
        """The key in a private JWK with ``kid``."""
        return cls(str(jwk["kid"]), ECKey.import_key(dict(jwk)))

    def private_jwk(self) -> dict[str, Any]:
        """The private JWK, for storage only."""
        return {**self.key.as_dict(private=True), "kid": self.kid}

    def public_jwk(self) -> dict[str, Any]:
        """The public JWK with ``kid``, ``use`` and ``alg``."""
        return {**self.key.as_dict(private=False), "kid": self.kid, "use": "sig", "alg": "ES256"}


@dataclass(frozen=True, slots=True)
class KeySet:
    """The signature keys of one issuer by ``kid``: key, algorithm, thumbprint (RFC 7638)."""

    keys: Mapping[str, tuple[PublicKey, str, str]]

    @classmethod
    def load(cls, document: Mapping[str, Any]) -> KeySet:
        """The usable keys of a JWK Set.

        Left out: keys for encryption, of other types or curves, RSA outside 2048 to 8192 bits, without ``kid``, with a
        ``kid`` that occurs twice, and keys whose private half was published with them.

        :raises InvalidToken: not a JWK Set, or more than 100 keys.
        """
        entries = document.get("keys")
        if not isinstance(entries, list) or len(entries) > MAX_KEYS:
            raise InvalidToken(f"the issuer's key set is not a list of at most {MAX_KEYS} keys")
        kids = [entry.get("kid") for entry in entries if isinstance(entry, dict)]
        found = (_public(entry) for entry in entries if isinstance(entry, dict) and kids.count(entry.get("kid")) == 1)
        return cls({kid: (key, alg, key.thumbprint()) for kid, key, alg in filter(None, found)})

    @classmethod
    def of(cls, *keys: SigningKey) -> KeySet:
        """The public halves of ``keys``."""
        return cls.load({"keys": [key.public_jwk() for key in keys]})

    def find(self, kid: str, alg: str) -> PublicKey | None:
        """The key named ``kid`` if it is one for ``alg``."""
        key, fits, _ = self.keys.get(kid, (None, "", ""))
        return key if fits == alg else None

    def thumbprint(self, kid: str) -> str:
        """Thumbprint of a key that is here."""
        return self.keys[kid][2]


def _public(jwk: Mapping[str, Any]) -> tuple[str, PublicKey, str] | None:
    kid, kind = jwk.get("kid"), jwk.get("kty")
    alg = {"EC": "ES256", "RSA": "RS256"}.get(kind) if isinstance(kind, str) else None
    if not isinstance(kid, str) or alg is None or "d" in jwk:
        return None
    if jwk.get("use", "sig") != "sig" or jwk.get("alg", alg) != alg:
        return None
    if kind == "EC" and jwk.get("crv") != "P-256":
        return None
    if kind == "RSA" and not _sound_rsa(jwk):
        return None
    try:
        key: PublicKey = ECKey.import_key(dict(jwk)) if kind == "EC" else RSAKey.import_key(dict(jwk))
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return kid, key, alg


def _sound_rsa(jwk: Mapping[str, Any]) -> bool:
    n, e = jwk.get("n"), jwk.get("e")
    if not isinstance(n, str) or not isinstance(e, str) or len(e) > MAX_EXPONENT or len(n) > RSA_BITS.stop:
        return False
    try:
        return base64_to_int(n).bit_length() in RSA_BITS
    except ValueError:
        return False
