"""What tests share: the optional pack of real data, and free ports."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.types import ASGIApp

from web.gathering import OneWrite

PACK = Path(os.environ.get("GSANODE_SHARED", Path(__file__).resolve().parents[2] / "shared"))


def shared(path: str) -> Path:
    """Path of a file of the real data pack; skips the test, with the reason, where the pack is not present."""
    found = PACK / path
    if not found.exists():
        pytest.skip(f"real data pack not present: {found}")
    return found


def program(name: str) -> str:
    """Path of a program that a test needs: absent, it fails CI by its name and is a reported skip elsewhere."""
    found = shutil.which(name)
    if found:
        return found
    missing = f"program {name!r} is not installed (tests/interop/install.sh)"
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)


def free_port() -> int:
    """A TCP port on 127.0.0.1 that was free a moment ago."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@asynccontextmanager
async def running(application: ASGIApp, base_url: str = "http://testserver") -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client on an application whose lifespan has started; an exception inside becomes its 500 answer."""
    inward: asyncio.Queue[Any] = asyncio.Queue()
    outward: asyncio.Queue[Any] = asyncio.Queue()
    task = asyncio.ensure_future(application({"type": "lifespan", "state": {}}, inward.get, outward.put))  # type: ignore[arg-type]
    await inward.put({"type": "lifespan.startup"})
    answer = await outward.get()
    assert answer["type"] == "lifespan.startup.complete", answer
    transport = httpx.ASGITransport(application, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=base_url) as client:
        yield client
    await inward.put({"type": "lifespan.shutdown"})
    await task


@contextmanager
def served(application: ASGIApp) -> Iterator[str]:
    """The application on a port of this process; its base URL."""
    with served_as(lambda _url: application) as url:
        yield url


@contextmanager
def served_as(make: Callable[[str], ASGIApp]) -> Iterator[str]:
    """The application that ``make`` puts together for its base URL, on a port of this process; that URL."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(128)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        application = make(url)
        server = uvicorn.Server(uvicorn.Config(application, http=OneWrite, log_config=None, lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + 20
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        assert server.started
        yield url
        server.should_exit = True
        thread.join(20)
