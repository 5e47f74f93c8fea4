"""An archive behind an S3-compatible server (path style, AWS signature version 4)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, BinaryIO, Literal, cast

import obstore
from obstore.exceptions import BaseError, NotFoundError, PreconditionError
from obstore.store import S3Store as Bucket

from adapters.store.protocol import (
    LONGEST_URL_LIFE,
    PIECE,
    ChangedObject,
    NoSuchObject,
    Stat,
    StoreError,
    StoreUnavailable,
    WouldWait,
    checked_key,
    checked_range,
    pieces,
)

if TYPE_CHECKING:
    from obstore import GetOptions, ObjectMeta

WINDOW = 8 << 20  # bytes per request of a stream: bounds memory, and no request outlives its deadline
METHODS = ("GET", "HEAD", "PUT")


class S3Store:
    """One bucket. No connection is made before the first request."""

    prompt = False

    def __init__(self, name: str, *, endpoint: str, bucket: str, region: str, access_key: str, secret_key: str) -> None:
        self.name = name
        self._bucket = Bucket(
            bucket,
            endpoint=endpoint,
            region=region,
            access_key_id=access_key,
            secret_access_key=secret_key,
            virtual_hosted_style_request=False,
            client_options={"allow_http": endpoint.startswith("http://"), "timeout": "60s", "connect_timeout": "5s"},
            retry_config={"max_retries": 3, "retry_timeout": dt.timedelta(seconds=30)},
        )

    def head(self, key: str) -> Stat:
        """See :class:`~adapters.store.protocol.ArchiveStore`."""
        checked_key(key)
        try:
            return _stat(obstore.head(self._bucket, key))
        except (BaseError, OSError) as error:
            raise self._failure(key, error) from error

    def read(self, key: str, offset: int, length: int) -> bytes:
        """See :class:`~adapters.store.protocol.ArchiveStore`."""
        checked_range(offset, length)
        checked_key(key)
        if length == 0:
            self.head(key)
            return b""
        return self._range(key, offset, offset + length, None)

    def open(self, key: str) -> OpenObject:
        """See :class:`~adapters.store.protocol.ArchiveStore`."""
        stat = self.head(key)
        return OpenObject(stat, lambda start, end: self._range(key, start, end, stat.etag))

    def stream(self, key: str, offset: int = 0, length: int | None = None, chunk: int = PIECE) -> Iterator[bytes]:
        """See :class:`~adapters.store.protocol.ArchiveStore`; every request insists on the first one's entity tag."""
        checked_range(offset, length)
        stat = self.head(key)
        end = stat.size if length is None else min(stat.size, offset + length)
        return self._windows(key, offset, end, chunk, stat.etag)

    def url(self, key: str, expires_seconds: int, method: str = "GET") -> str | None:
        """See :class:`~adapters.store.protocol.ArchiveStore`; ``method`` is GET, HEAD or PUT.

        :raises ValueError: if the method or the lifetime is not allowed.
        """
        checked_key(key)
        if method not in METHODS:
            raise ValueError(f"method {method!r} cannot be signed; allowed: {', '.join(METHODS)}")
        if not 1 <= expires_seconds <= LONGEST_URL_LIFE:
            raise ValueError(f"lifetime {expires_seconds} s is not allowed; allowed: 1 to {LONGEST_URL_LIFE}")
        verb = cast(Literal["GET", "HEAD", "PUT"], method)
        return obstore.sign(self._bucket, verb, key, dt.timedelta(seconds=expires_seconds))

    def path(self, key: str) -> None:
        """None: the bytes are not on a file system of this machine."""
        checked_key(key)

    def put(self, key: str, content: BinaryIO | Iterable[bytes]) -> Stat:
        """See :class:`~adapters.store.protocol.ArchiveStore`; S3 shows an object only when it is complete."""
        checked_key(key)
        try:
            obstore.put(self._bucket, key, pieces(content), max_concurrency=2)
        except (BaseError, OSError) as error:
            raise self._failure(key, error) from error
        return self.head(key)

    def list(self, prefix: str = "") -> Iterator[str]:
        """See :class:`~adapters.store.protocol.ArchiveStore`."""
        if prefix:
            checked_key(prefix)
        return self._keys(prefix)

    def _keys(self, prefix: str) -> Iterator[str]:
        try:
            for page in obstore.list(self._bucket, f"{prefix}/" if prefix else None):
                for found in page:
                    yield found["path"]
        except (BaseError, OSError) as error:
            raise self._failure(prefix, error) from error

    def _windows(self, key: str, offset: int, end: int, chunk: int, etag: str) -> Iterator[bytes]:
        while offset < end:
            window = self._range(key, offset, min(end, offset + max(WINDOW, chunk)), etag)
            if not window:
                raise ChangedObject(f"{key!r} in store {self.name!r} was cut off at byte {offset} while being read")
            for start in range(0, len(window), chunk):
                yield window[start : start + chunk]
            offset += len(window)

    def _range(self, key: str, start: int, end: int, etag: str | None) -> bytes:
        try:
            options: GetOptions = {"range": (start, end)}
            if etag is not None:
                options["if_match"] = etag
            return bytes(obstore.get(self._bucket, key, options=options).bytes())
        except (BaseError, OSError) as error:
            if (
                etag is None
                and not isinstance(error, NotFoundError | FileNotFoundError)
                and start >= self.head(key).size
            ):
                return b""  # a range behind the end is an error of the protocol, not of the caller
            raise self._failure(key, error) from error

    def _failure(self, key: str, error: Exception) -> StoreError:
        if isinstance(error, NotFoundError | FileNotFoundError):
            return NoSuchObject(f"store {self.name!r} holds no object {key!r}")
        if isinstance(error, PreconditionError):
            return ChangedObject(f"{key!r} in store {self.name!r} was replaced while being read")
        return StoreUnavailable(f"store {self.name!r} cannot serve {key!r} ({type(error).__name__})")


class OpenObject:
    """See :class:`~adapters.store.protocol.Opened`; every request insists on the entity tag of the first.

    :param range: reads from a byte (inclusive) to another (exclusive).
    """

    def __init__(self, stat: Stat, range: Callable[[int, int], bytes]) -> None:
        self.stat = stat
        self.size = stat.size
        self._range = range

    def read(self, offset: int, length: int) -> bytes:
        """See :class:`~adapters.store.protocol.Opened`."""
        checked_range(offset, length)
        end = min(offset + length, self.size)
        return self._range(offset, end) if offset < end else b""

    def read_at_once(self, offset: int, into: memoryview) -> None:  # noqa: ARG002 - of its protocol
        """See :class:`~adapters.store.protocol.Opened`; what comes over a network is waited for."""
        raise WouldWait

    def close(self) -> None:
        """See :class:`~adapters.store.protocol.Opened`; nothing is held."""


def _stat(meta: ObjectMeta) -> Stat:
    return Stat(meta["size"], meta["e_tag"] or "", meta["last_modified"])
