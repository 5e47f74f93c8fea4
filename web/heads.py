"""Heads of answers leave with their bodies: a head alone would wake the client up for nothing."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD = b"HTTP/1.1 "
LARGEST = 1 << 14  # bytes of a head


class OneWrite(HttpToolsProtocol):
    """HTTP/1.1 as uvicorn speaks it, in fewer system calls."""

    def connection_made(self, transport: Any) -> None:
        """See :class:`asyncio.Protocol`."""
        super().connection_made(Gathering(transport, self.loop))  # type: ignore[arg-type]


class Gathering:
    """A transport that writes what begins as a head together with what follows in the same turn of the event loop."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head: bytes | None = None

    def __getattr__(self, name: str) -> Any:
        """Whatever is not about writing."""
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """See :class:`asyncio.Transport`."""
        head, self._head = self._head, None
        if head is not None:
            self._transport.writelines((head, data))
        elif data.startswith(HEAD) and len(data) <= LARGEST:
            self._head = data
            self._loop.call_soon(self._flush)
        else:
            self._transport.write(data)

    def close(self) -> None:
        """See :class:`asyncio.Transport`."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        head, self._head = self._head, None
        if head is not None:
            self._transport.write(head)
