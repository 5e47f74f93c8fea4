"""What tests share: the optional pack of real data, and free ports."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

PACK = Path(os.environ.get("GSANODE_SHARED", Path(__file__).resolve().parents[2] / "shared"))


def shared(path: str) -> Path:
    """Path of a file of the real data pack; skips the test, with the reason, where the pack is not present."""
    found = PACK / path
    if not found.exists():
        pytest.skip(f"real data pack not present: {found}")
    return found


def free_port() -> int:
    """A TCP port on 127.0.0.1 that was free a moment ago."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])
