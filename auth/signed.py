"""Signed capabilities: an object's bytes, or a part of them, for a while (URLs under ``/data``, htsget tickets).

The signature binds everything that the URL allows; what may change meanwhile (grants, existence) is looked up at each
request by whoever serves the bytes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from functools import lru_cache

import orjson

from auth.errors import ExpiredCapability, InvalidCapability

MAX_TOKEN = 8192
MIN_KEY = 32
OPENED = 1000  # tokens whose signature was verified already: a client asks for many ranges with one
_DIGEST = hashlib.sha256().digest_size


@dataclass(frozen=True, slots=True)
class Capability:
    """What a signed URL allows.

    :param object: id of the object (a DRS id).
    :param method: ``GET`` covers HEAD.
    :param expires: epoch seconds; the URL is dead from this second on.
    :param grants: ``jti`` of each grant that must still be in force at every use.
    :param subject: who it was made for, for the log; None for anyone.
    :param first: first byte allowed, 0-based; None for the beginning.
    :param last: last byte allowed, 0-based inclusive; None for the end.
    :param version: which content of the object it was made for; None where the object names its content itself.
    """

    object: str
    method: str
    expires: int
    grants: tuple[str, ...] = ()
    subject: str | None = None
    first: int | None = None
    last: int | None = None
    version: str | None = None


class Signer:
    """Signs and verifies capabilities with HMAC-SHA256.

    :param key: secret of this member, at least 32 bytes.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) < MIN_KEY:
            raise ValueError(f"the key of signed URLs has {len(key)} bytes; at least {MIN_KEY} are needed")
        self._key = key
        self._opened = lru_cache(OPENED)(self._open)

    def sign(self, capability: Capability) -> str:
        """A URL-path-safe token for ``capability``."""
        content = orjson.dumps(capability)
        return base64.urlsafe_b64encode(self._seal(content) + content).rstrip(b"=").decode()

    def verify(self, token: str, now: int) -> Capability:
        """The capability in ``token``.

        :param now: epoch seconds.
        :raises ExpiredCapability: its time is over.
        :raises InvalidCapability: this key did not sign it, or it was changed.
        """
        capability = self._opened(token)
        if capability.expires <= now:
            raise ExpiredCapability("the URL has expired; ask for a new one")
        return capability

    def _open(self, token: str) -> Capability:
        """What this key signed, expired or not."""
        if len(token) > MAX_TOKEN or not token.isascii():
            raise InvalidCapability("the URL was not signed by this node")
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except binascii.Error as error:
            raise InvalidCapability("the URL was not signed by this node") from error
        if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != token:
            raise InvalidCapability("the URL was not signed by this node")
        seal, content = raw[:_DIGEST], raw[_DIGEST:]
        if not hmac.compare_digest(seal, self._seal(content)):
            raise InvalidCapability("the URL was not signed by this node")
        fields = orjson.loads(content)
        return Capability(**{**fields, "grants": tuple(fields["grants"])})

    def _seal(self, content: bytes) -> bytes:
        return hmac.digest(self._key, b"gsanode-capability-1\0" + content, "sha256")
