"""Run a process: bind first, serve, finish the requests under way when told to stop."""

from __future__ import annotations

import gc
import socket
import sys

import uvicorn
from starlette.types import ASGIApp

from web.gathering import OneWrite

# A thread that computes (a slice, a long answer) keeps the event loop waiting this long; Python's own 5 ms are felt by
# every other request, and much less than this makes the threads spend their time on taking turns.
SWITCH_SECONDS = 0.0005


class PortTaken(OSError):
    """Somebody else listens where this process should."""


def bind(host: str, port: int) -> socket.socket:
    """A listening socket.

    :raises PortTaken: if the address is in use or may not be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise PortTaken(f"cannot listen on {host}:{port}: {error.strerror}") from error
    listening.listen(2048)
    return listening


def serve(application: ASGIApp, listening: socket.socket, *, grace_seconds: int) -> None:
    """Serve until SIGTERM or SIGINT; then refuse new connections and give those under way ``grace_seconds``."""
    sys.setswitchinterval(SWITCH_SECONDS)
    # What the process is made of lives as long as it does: a full collection that looked at it all would hold every
    # request up for a tenth of a second.
    gc.collect()
    gc.freeze()
    config = uvicorn.Config(
        application,
        http=OneWrite,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=grace_seconds,
        lifespan="on",
    )
    uvicorn.Server(config).run(sockets=[listening])
