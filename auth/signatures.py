"""Remembering which signatures verified, so that the same visas in the next Passport cost no curve arithmetic."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict


class Signatures:
    """Signatures that verified, by SHA-256 of the whole token and of the key's thumbprint; the latest are kept.

    Only that a signature holds is remembered: times, trust and grants are judged anew each time.

    :param size: number of signatures kept at most (about 200 bytes each).
    """

    def __init__(self, size: int = 65_536) -> None:
        self._size = size
        self._held: OrderedDict[bytes, None] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._held)

    def holds(self, token: str, thumbprint: str) -> bool:
        """Was this very token verified with this very key?"""
        name = self._name(token, thumbprint)
        with self._lock:
            if name not in self._held:
                return False
            self._held.move_to_end(name)
            return True

    def remember(self, token: str, thumbprint: str) -> None:
        """Note a signature that has just verified."""
        with self._lock:
            self._held[self._name(token, thumbprint)] = None
            if len(self._held) > self._size:
                self._held.popitem(last=False)

    @staticmethod
    def _name(token: str, thumbprint: str) -> bytes:
        return hashlib.sha256(f"{thumbprint}.{token}".encode()).digest()
