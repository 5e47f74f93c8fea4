"""Stands between a client and a server, looks at requests, and stops passing an answer on where it is told to."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

CHUNK = 1 << 16
LINE = re.compile(rb"(GET|POST) (\S+) HTTP/1\.1\r\n(.*?)\r\n\r\n", re.S)


@dataclass
class Relay:
    """One relay on 127.0.0.1.

    :ivar asked: (path, value of Range) of each request.
    :ivar most: bytes of one connection that are passed on before it waits for ``go_on``, or is ``cut`` once.
    """

    target: tuple[str, int]
    port: int
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    most: int | None = None
    go_on: threading.Event = field(default_factory=threading.Event)
    cut: bool = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def carry(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self.target)
        except OSError:
            client.close()  # nobody listens there yet
            return
        with client, server:
            answers = threading.Thread(target=self._back, args=(server, client), daemon=True)
            answers.start()
            self._forth(client, server)
            answers.join()

    def _forth(self, client: socket.socket, server: socket.socket) -> None:
        seen = b""
        with contextlib.suppress(OSError):
            while piece := client.recv(CHUNK):
                seen += piece
                while found := LINE.search(seen):
                    asked = re.search(rb"(?i)^range: (\S+)", found[3], re.M)
                    self.asked.append((found[2].decode(), asked[1].decode() if asked else None))
                    seen = seen[found.end() :]
                server.sendall(piece)
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_WR)

    def _back(self, server: socket.socket, client: socket.socket) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while piece := server.recv(CHUNK):
                if self.most is not None and passed + len(piece) > self.most:
                    if self.cut:
                        self.most, self.cut = None, False
                        client.shutdown(socket.SHUT_RDWR)
                        return
                    self.go_on.wait()
                client.sendall(piece)
                passed += len(piece)
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_WR)


@contextmanager
def relaying(port: int, target: int) -> Iterator[Relay]:
    """A relay from ``port`` to ``target``, both of 127.0.0.1."""
    relay = Relay(("127.0.0.1", target), port)
    with socket.create_server(("127.0.0.1", port)) as listening:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listening.accept()
                    threading.Thread(target=relay.carry, args=(client,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield relay
        finally:
            relay.go_on.set()
            listening.shutdown(socket.SHUT_RDWR)
