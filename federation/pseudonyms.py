"""Pseudonyms of one question: how two members let a third count the people they share without showing who they are.

A pseudonym is HMAC-SHA256 under a key that only the two linked members have, over the question's nonce, the question's
hash and the person's GSA-Human accession, cut to 16 bytes. Without the key it says nothing of the person; under another
nonce the same person has another one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from typing import Any

import orjson

NONCE_BYTES = 24
TIME_BYTES = 8
HASH_BYTES = 32
PSEUDONYM_BYTES = 16


class InvalidNonce(ValueError):
    """A nonce that is malformed, too old, from the future, or was seen before."""


def new_nonce(now: float) -> bytes:
    """A nonce for one question: 8 bytes of epoch seconds (big-endian), so that members need to remember nonces only
    for as long as they accept them, and 16 random bytes."""
    return int(now).to_bytes(TIME_BYTES, "big") + secrets.token_bytes(NONCE_BYTES - TIME_BYTES)


def made_at(nonce: bytes) -> int:
    """When ``nonce`` says that it was made, in epoch seconds.

    :raises InvalidNonce: if it has another length.
    """
    if len(nonce) != NONCE_BYTES:
        raise InvalidNonce(f"nonce: {len(nonce)} bytes; {NONCE_BYTES} are needed")
    return int.from_bytes(nonce[:TIME_BYTES], "big")


def fingerprint(value: Any) -> bytes:
    """SHA-256 of a JSON value in one canonical form: keys sorted, no spaces, UTF-8."""
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).digest()


def pseudonyms(key: bytes, nonce: bytes, question: bytes, accessions: Iterable[str]) -> list[bytes]:
    """The pseudonyms of people, each once, sorted: their order tells nothing of the order of the people.

    :param key: secret of the two linked members, at least 32 bytes.
    :param nonce: 24 bytes, see :func:`new_nonce`.
    :param question: 32 bytes, see :func:`fingerprint`.
    :param accessions: GSA-Human accessions of the people.
    """
    if len(key) < 32 or len(nonce) != NONCE_BYTES or len(question) != HASH_BYTES:
        raise ValueError("key, nonce and question hash must have 32 (or more), 24 and 32 bytes")
    prefix = nonce + question
    made = {hmac.digest(key, prefix + accession.encode(), "sha256")[:PSEUDONYM_BYTES] for accession in accessions}
    return sorted(made)


def pack(values: Iterable[bytes]) -> str:
    """Pseudonyms as one base64 text, 16 bytes each."""
    return base64.b64encode(b"".join(values)).decode()


def unpack(text: Any) -> frozenset[bytes]:
    """Pseudonyms of :func:`pack`.

    :raises ValueError: if it is not base64, not a multiple of 16 bytes, or not strictly ascending.
    """
    if not isinstance(text, str):
        raise ValueError("pseudonyms are not text")
    packed = base64.b64decode(text, validate=True)
    if len(packed) % PSEUDONYM_BYTES:
        raise ValueError("pseudonyms are not a multiple of 16 bytes")
    values = [packed[at : at + PSEUDONYM_BYTES] for at in range(0, len(packed), PSEUDONYM_BYTES)]
    distinct = frozenset(values)
    if len(distinct) != len(values):
        raise ValueError("pseudonyms are repeated")
    return distinct


def encode(value: bytes) -> str:
    """Bytes as base64url without padding."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Bytes of :func:`encode`.

    :raises ValueError: if the text is not base64url.
    """
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
