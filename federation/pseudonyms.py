"""Pseudonyms of one question: how two members let a third count the people they share without showing who they are.

A question's key is HMAC-SHA256 under a key that only the two linked members have, over the question's nonce and hash.
A pseudonym is the person's GSA-Human accession, as one block of 16 bytes, encrypted with AES-256 under the question's
key: different people have different pseudonyms, without the key they say nothing of the person, and in the next
question the same person has another one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Collection, Iterable
from typing import Any

import numpy as np
import orjson
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from federation.bloom import Blocks

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


def blocks(key: bytes, nonce: bytes, question: bytes, accessions: Collection[str]) -> Blocks:
    """The pseudonyms of people, one a row, in the order of ``accessions``.

    :param key: secret of the two linked members, at least 32 bytes.
    :param nonce: 24 bytes, see :func:`new_nonce`.
    :param question: 32 bytes, see :func:`fingerprint`.
    :param accessions: GSA-Human accessions of the people, each once.
    """
    if len(key) < 32 or len(nonce) != NONCE_BYTES or len(question) != HASH_BYTES:
        raise ValueError("key, nonce and question hash must have 32 (or more), 24 and 32 bytes")
    cipher = AES(hmac.digest(key, nonce + question, "sha256"))
    # Each block is another person and stands for itself: what ECB shows of a text is what is wanted here.
    made = Cipher(cipher, ECB()).encryptor().update(_plain(accessions))
    return np.frombuffer(made, np.uint8).reshape(-1, PSEUDONYM_BYTES)


def key_check(key: bytes, nonce: bytes, question: bytes) -> bytes:
    """8 bytes that are equal for equal keys within one question, and tell nothing of the key."""
    return hmac.digest(key, b"check" + nonce + question, "sha256")[:8]


def _plain(accessions: Collection[str]) -> bytes:
    """The accessions as blocks: ASCII and zeros, or of a longer one the hash."""
    lengths = frozenset(map(len, accessions))
    text = "".join(accessions)
    if len(lengths) == 1 and max(lengths) <= PSEUDONYM_BYTES and text.isascii():  # a million at once
        padded = np.zeros((len(accessions), PSEUDONYM_BYTES), np.uint8)
        padded[:, : max(lengths)] = np.frombuffer(text.encode("ascii"), np.uint8).reshape(len(accessions), -1)
        return padded.tobytes()
    return b"".join([_block(accession.encode()) for accession in accessions])


def _block(accession: bytes) -> bytes:
    if len(accession) <= PSEUDONYM_BYTES and accession.isascii():
        return accession.ljust(PSEUDONYM_BYTES, b"\0")
    return hashlib.sha256(accession).digest()[:PSEUDONYM_BYTES]


def pseudonyms(key: bytes, nonce: bytes, question: bytes, accessions: Iterable[str]) -> list[bytes]:
    """The pseudonyms of people, each once, sorted: their order tells nothing of the order of the people; see
    :func:`blocks`."""
    return sorted(rows(blocks(key, nonce, question, frozenset(accessions))))


def rows(made: Blocks, length: int = PSEUDONYM_BYTES) -> list[bytes]:
    """The first ``length`` bytes of each pseudonym."""
    packed = np.ascontiguousarray(made[:, :length]).tobytes()
    return [packed[at : at + length] for at in range(0, len(packed), length)]


def pack(values: Iterable[bytes]) -> str:
    """Pseudonyms as one base64 text, 16 bytes each."""
    return base64.b64encode(b"".join(values)).decode()


def unpack(text: Any, length: int = PSEUDONYM_BYTES) -> frozenset[bytes]:
    """Pseudonyms of :func:`pack`, or their first ``length`` bytes.

    :raises ValueError: if it is not base64, not a multiple of ``length`` bytes, or has one twice.
    """
    values = unpack_in_order(text, length)
    distinct = frozenset(values)
    if len(distinct) != len(values):
        raise ValueError("pseudonyms are repeated")
    return distinct


def unpack_in_order(text: Any, length: int) -> list[bytes]:
    """As :func:`unpack`, but in their order, and repeated ones too."""
    if not isinstance(text, str):
        raise ValueError("pseudonyms are not text")
    packed = base64.b64decode(text, validate=True)
    if len(packed) % length:
        raise ValueError(f"pseudonyms are not a multiple of {length} bytes")
    return [packed[at : at + length] for at in range(0, len(packed), length)]


def encode(value: bytes) -> str:
    """Bytes as base64url without padding."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Bytes of :func:`encode`.

    :raises ValueError: if the text is not base64url.
    """
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
