"""Where the bytes of an answer come from: files as they are stored, or what is made of them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Protocol

import anyio.to_thread
from starlette.concurrency import iterate_in_threadpool

from adapters.catalog.held import Held
from adapters.store.protocol import WouldWait
from adapters.store.source import ByteSource
from node.delivery import AT_ONCE
from node.dicomweb.objects import Objects


class Content(Protocol):
    """Bytes that are sent."""

    @property
    def size(self) -> int | None:
        """How many, where it is known before."""

    def at_once(self, before: bytes = b"", after: bytes = b"") -> memoryview | None:
        """All bytes between ``before`` and ``after``, if they are not many and can be had without waiting.

        Raises as :meth:`pieces`.
        """

    def pieces(self) -> AsyncGenerator[bytes | memoryview, None]:
        """The bytes, a piece at a time."""


class Stored:
    """A file of the archive, or ``size`` bytes of it from the 0-based ``start`` on.

    What the system has in memory of a disk of its own is read in the thread of the event loop, the rest in others.
    """

    def __init__(self, objects: Objects, held: Held, start: int = 0, size: int | None = None) -> None:
        self._objects = objects
        self._held = held
        self._start = start
        self.size = held.file.size - start if size is None else size

    def at_once(self, before: bytes = b"", after: bytes = b"") -> memoryview | None:
        """See :class:`Content`."""
        source = self._objects.at_hand(self._held) if self.size <= AT_ONCE else None
        if source is None:
            return None
        with source:
            try:
                return memoryview(source.at_once(self._start, self.size, before, after))
            except WouldWait:
                return None

    async def pieces(self) -> AsyncGenerator[bytes | memoryview, None]:
        """See :class:`Content`.

        :raises Failure: before the first piece, as :meth:`Objects.opened`.
        """
        at_hand = self._objects.at_hand(self._held)
        if at_hand is not None:
            with at_hand as source:
                for start in range(self._start, self._start + self.size, AT_ONCE):
                    yield await _read(source, start, min(AT_ONCE, self._start + self.size - start))
        elif self.size <= AT_ONCE:
            yield await anyio.to_thread.run_sync(self._whole)
        else:
            stream = await anyio.to_thread.run_sync(self._objects.stream, self._held, self._start, self.size)
            async for piece in iterate_in_threadpool(stream):
                yield piece

    def _whole(self) -> bytes:
        with self._objects.opened(self._held) as source:
            return source.read(self._start, self.size)


async def _read(source: ByteSource, start: int, length: int) -> bytes | memoryview:
    try:
        return memoryview(source.at_once(start, length))
    except WouldWait:
        return await anyio.to_thread.run_sync(source.read, start, length)


class Made:
    """What ``make`` makes, in a thread and when its turn comes."""

    size: int | None = None

    def __init__(self, make: Callable[[], bytes]) -> None:
        self._make = make

    def at_once(self, before: bytes = b"", after: bytes = b"") -> None:
        """See :class:`Content`."""

    async def pieces(self) -> AsyncGenerator[bytes | memoryview, None]:
        """See :class:`Content`."""
        yield await anyio.to_thread.run_sync(self._make)
