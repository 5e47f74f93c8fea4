"""Private keys at rest: sealed with AES-256-GCM under a secret that is not in the database (JWE, RFC 7516, ``dir``)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from auth.errors import AuthError

SECRET_BYTES = 32
_FIELD = "sealed"


class SealBroken(AuthError):
    """Something sealed cannot be opened: no secret is configured, another one, or the row was changed."""


class Seal:
    """Seals and opens small documents.

    :param secret: 32 bytes; None leaves what is stored in the clear, and opens only what is in the clear.
    """

    def __init__(self, secret: bytes | None = None) -> None:
        if secret is not None and len(secret) != SECRET_BYTES:
            raise ValueError(f"the secret has {len(secret)} bytes; {SECRET_BYTES} are needed")
        self._key = None if secret is None else OctKey.import_key(secret)

    def close(self, name: str, document: Mapping[str, Any]) -> dict[str, Any]:
        """What is stored for ``document``; bound to ``name``, so that rows cannot be exchanged."""
        if self._key is None:
            return dict(document)
        header = {"alg": "dir", "enc": "A256GCM", "kid": name}
        return {_FIELD: jwe.encrypt_compact(header, json.dumps(document), self._key)}

    def open(self, name: str, stored: Mapping[str, Any]) -> dict[str, Any]:
        """The document that was stored under ``name``.

        :raises SealBroken: it cannot be opened.
        """
        if _FIELD not in stored:
            return dict(stored)
        if self._key is None:
            raise SealBroken(f"{name} is sealed and no secret is configured")
        try:
            opened = jwe.decrypt_compact(stored[_FIELD], self._key, algorithms=["dir", "A256GCM"])
        except (JoseError, ValueError) as error:
            raise SealBroken(f"{name} was sealed with another secret, or was changed") from error
        if opened.headers().get("kid") != name or opened.plaintext is None:
            raise SealBroken(f"{name} was sealed under another name")
        document: dict[str, Any] = json.loads(opened.plaintext)
        return document


def is_sealed(stored: Mapping[str, Any]) -> bool:
    """Is this the stored form of something sealed?"""
    return _FIELD in stored
