"""Small pieces of answers leave with what follows them: a head alone would wake the client up for nothing."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

SMALL = 1 << 12  # bytes of a piece that waits: heads of answers and of their parts


class OneWrite(HttpToolsProtocol):
    """HTTP/1.1 as uvicorn speaks it, in fewer system calls."""

    def connection_made(self, transport: Any) -> None:
        """See :class:`asyncio.Protocol`."""
        super().connection_made(Gathering(transport, self.loop))  # type: ignore[arg-type]


class Gathering:
    """A transport that writes a small piece together with what follows it in the same turn of the event loop."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._small: bytes | None = None

    def __getattr__(self, name: str) -> Any:
        """Whatever is not about writing."""
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """See :class:`asyncio.Transport`."""
        small, self._small = self._small, None
        if small is not None:
            self._transport.writelines((small, data))
        elif len(data) <= SMALL:
            self._small = data
            self._loop.call_soon(self._flush)
        else:
            self._transport.write(data)

    def close(self) -> None:
        """See :class:`asyncio.Transport`."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        small, self._small = self._small, None
        if small is not None:
            self._transport.write(small)
