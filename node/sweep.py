"""What a member looks after while it serves: grants that ended by time, and the anchors of its audit log."""

from __future__ import annotations

import threading
from pathlib import Path

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from auth import anchors
from auth.dac import Dac
from auth.keys import clock

log = structlog.get_logger(__name__)

SECONDS = 60


def sweep(dac: Dac, engine: Engine, path: Path | None, stop: threading.Event, interval: float = SECONDS) -> None:
    """Write down which grants have ended, and anchor the audit log, every ``interval`` seconds until ``stop`` is set.

    What fails is told and tried again: the node serves on without it.
    """
    while not stop.wait(interval):
        try:
            dac.expire()
            if path is not None:
                anchors.note(engine, path, clock())
        except (SQLAlchemyError, OSError, anchors.DamagedAnchors) as error:
            log.error("sweep_failed", reason=f"{type(error).__name__}: {error}"[:300])
