"""What every archive store can do, and what can go wrong with it.

A key is a path inside the store: segments joined by ``/``, none of them empty, ``.`` or ``..``, no control characters.
Offsets are 0-based, lengths and sizes are bytes.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, runtime_checkable

CONTROL = re.compile(r"[\x00-\x1f\x7f]")
LONGEST_KEY = 1024  # bytes of UTF-8, the limit of S3
PIECE = 1 << 20
LONGEST_URL_LIFE = 7 * 24 * 3600  # seconds, the limit of AWS signature version 4


class StoreError(Exception):
    """Something is wrong with an object or a store; the message names both."""


class InvalidKey(StoreError, ValueError):
    """The key is not one that any store can hold."""


class KeyOutsideRoot(InvalidKey):
    """The key, or a symbolic link on its way, leads out of the root of the store."""


class NoSuchObject(StoreError, LookupError):
    """The store holds no object (no regular file) of this key."""


class ChangedObject(StoreError):
    """The object was replaced while it was being read."""


class WouldWait(Exception):
    """What was asked for at once is not in memory; the same question may be asked again by who can wait."""


class StoreUnavailable(StoreError):
    """The store did not answer, or refused this node."""


@dataclass(frozen=True, slots=True)
class Stat:
    """``size`` in bytes; ``etag`` differs whenever the content was replaced; ``modified`` in UTC."""

    size: int
    etag: str
    modified: dt.datetime


class Opened(Protocol):
    """One object as it was when it was opened; to be closed. ``size`` in bytes."""

    size: int

    @property
    def stat(self) -> Stat:
        """What is known of it."""

    def read(self, offset: int, length: int) -> bytes:
        """``length`` bytes from ``offset``; fewer where the object ends, none at or after its end.

        :raises ChangedObject: if the object was replaced since and its former content is gone.
        """

    def read_at_once(self, offset: int, into: memoryview) -> None:
        """Fill ``into`` with the bytes from ``offset`` on, all within the object, if they can be had without waiting.

        :raises WouldWait: if not, or if the store cannot tell.
        """

    def close(self) -> None:
        """Let it go."""


@runtime_checkable
class ArchiveStore(Protocol):
    """One store of an archive. Every method may be called from any thread; all but ``url`` and ``path`` do I/O.

    All raise :class:`InvalidKey` (or its subclass :class:`KeyOutsideRoot`) for an impossible key,
    :class:`NoSuchObject` for an absent one and :class:`StoreUnavailable` when the store cannot be reached.

    :ivar prompt: looking at an object never waits for a network, so needs no thread of its own.
    """

    prompt: bool

    def head(self, key: str) -> Stat:
        """Size, entity tag and time of the last change."""

    def read(self, key: str, offset: int, length: int) -> bytes:
        """``length`` bytes from ``offset``; fewer where the object ends, none at or after its end.

        :raises ValueError: if ``offset`` or ``length`` is negative.
        """

    def open(self, key: str) -> Opened:
        """The object for reads of one content, even if it is replaced meanwhile."""

    def stream(self, key: str, offset: int = 0, length: int | None = None, chunk: int = PIECE) -> Iterator[bytes]:
        """The bytes of a range (to the end if ``length`` is None) in pieces of at most ``chunk`` bytes.

        Memory does not grow with the length. A missing object is reported before the first piece.
        :raises ChangedObject: if the object is replaced meanwhile and the store can tell.
        """

    def url(self, key: str, expires_seconds: int, method: str = "GET") -> str | None:
        """A signed URL that lives ``expires_seconds`` (1 … 604800), or None where the store cannot give one."""

    def path(self, key: str) -> Path | None:
        """The resolved file behind ``key``, or None where the store is not a file system."""

    def put(self, key: str, content: BinaryIO | Iterable[bytes]) -> Stat:
        """Store an object whole or not at all, replacing a former one; durable when this returns."""

    def list(self, prefix: str = "") -> Iterator[str]:
        """Keys of all objects in the folder ``prefix`` and below, in ascending order of their UTF-8 bytes."""


def checked_key(key: str) -> str:
    """``key`` itself, if a store can hold it.

    :raises KeyOutsideRoot: for an absolute key or one with ``..``.
    :raises InvalidKey: for empty, ``.`` or control-character segments, or more than 1024 bytes.
    """
    segments = key.split("/")
    if key.startswith("/") or ".." in segments:
        raise KeyOutsideRoot(f"key {key!r} leaves the root of the store; allowed: a relative path without '..'")
    if "" in segments or "." in segments or CONTROL.search(key):
        raise InvalidKey(f"key {key!r} has an empty segment, '.' or a control character")
    try:
        size = len(key.encode())
    except UnicodeEncodeError as error:
        raise InvalidKey(f"key {key!r} is not Unicode text") from error
    if size > LONGEST_KEY:
        raise InvalidKey(f"key of {size} bytes is too long; allowed: {LONGEST_KEY}")
    return key


def checked_range(offset: int, length: int | None) -> None:
    """:raises ValueError: if ``offset`` or ``length`` is negative."""
    if offset < 0 or (length is not None and length < 0):
        raise ValueError(f"offset {offset} and length {length} must not be negative")


def pieces(content: BinaryIO | Iterable[bytes]) -> Iterator[bytes]:
    """The content of an open binary file, or of an iterable, piece by piece."""
    read = getattr(content, "read", None)
    if read is None:
        yield from content
        return
    while piece := read(PIECE):
        yield piece
