"""Replacements drawn with a key: UIDs of a collection, days by which a person's dates move."""

from __future__ import annotations

import hashlib
import hmac

SHORTEST_KEY = 32  # bytes


class WeakKey(ValueError):
    """The key is too short."""


class Keyed:
    """Keyed replacements of one collection; the same on every machine that has the key.

    :raises WeakKey: if the key has fewer than 32 bytes.
    """

    def __init__(self, key: bytes, collection: str) -> None:
        if len(key) < SHORTEST_KEY:
            raise WeakKey(f"the key has {len(key)} bytes; at least {SHORTEST_KEY} are needed")
        self.collection = collection
        self._uids = _derived(key, "uid", collection)
        self._days = _derived(key, "days", collection)
        self._patients = _derived(key, "patient", collection)
        self._known: dict[str, str] = {}

    def uid(self, original: str) -> str:
        """A UID below 2.25 (PS3.5 B.2) in the place of ``original``; equal originals get equal UIDs."""
        found = self._known.get(original)
        if found is None:
            found = f"2.25.{_uuid(hmac.digest(self._uids, original.encode(), 'sha256'))}"
            if len(self._known) > 100_000:
                self._known.clear()
            self._known[original] = found
        return found

    def patient(self, original: str) -> str:
        """What a patient id is remembered by; it tells nobody the id who has not the key."""
        return hmac.digest(self._patients, original.encode("utf-8", "surrogateescape"), "sha256").hex()[:32]

    def days(self, individual: str, least: int, most: int) -> int:
        """Days by which the dates of an individual move back, between ``least`` and ``most`` inclusive."""
        drawn = int.from_bytes(hmac.digest(self._days, individual.encode(), "sha256")[:8], "big")
        return least + drawn % (most - least + 1)


def _derived(key: bytes, purpose: str, collection: str) -> bytes:
    return hmac.digest(key, f"gsanode deid {purpose} {collection}".encode(), hashlib.sha256)


def _uuid(digest: bytes) -> int:
    """A version 8 UUID (RFC 9562) of the first 128 bits, as an integer."""
    number = int.from_bytes(digest[:16], "big")
    number = number & ~(0xF << 76) | 0x8 << 76
    return number & ~(0x3 << 62) | 0x2 << 62
