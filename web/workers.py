"""Several worker processes on one listening socket, watched by the process that made them."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

import structlog

log = structlog.get_logger(__name__)

PAUSE = 1.0  # seconds before a worker that ended by itself is replaced
SIGNALS = (signal.SIGTERM, signal.SIGINT)


def supervise(workers: int, serve: Callable[[], None]) -> None:
    """Run ``serve`` in ``workers`` child processes until told to stop; one that ends by itself is replaced.

    SIGTERM and SIGINT are handed on; the call returns when all have ended. Workers stop too where this process is
    killed. Must be called before any thread starts.

    :raises SystemExit: with 1, if the workers end by themselves again and again before they served for a second.
    """
    stopping = False
    alive = os.pipe()  # its writing end is open as long as this process lives
    started: dict[int, float] = {}

    def stop(number: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True
        for child in list(started):
            os.kill(child, number)

    former = {number: signal.signal(number, stop) for number in SIGNALS}
    for _ in range(workers):
        started[_forked(serve, former, alive)] = time.monotonic()
    failures = 0
    while started:
        child, status = os.waitpid(-1, 0)
        lived = time.monotonic() - started.pop(child)
        if stopping:
            continue
        log.error("worker_ended", worker=child, status=os.waitstatus_to_exitcode(status), seconds=round(lived, 1))
        failures = failures + 1 if lived < PAUSE else 0
        if failures >= workers:
            stop(signal.SIGTERM, None)
            raise SystemExit(1)
        time.sleep(PAUSE)
        started[_forked(serve, former, alive)] = time.monotonic()


def _forked(serve: Callable[[], None], handlers: Mapping[signal.Signals, Any], alive: tuple[int, int]) -> int:
    """A child process that runs ``serve`` and ends with it."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.close(alive[1])
        threading.Thread(target=_follow, args=(alive[0],), daemon=True).start()
        for number, handler in handlers.items():
            signal.signal(number, handler)
        serve()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:  # the child must never run on into its parent's code
        log.exception("worker_failed")
    finally:
        os._exit(code)


def _follow(alive: int) -> None:
    os.read(alive, 1)
    os.kill(os.getpid(), signal.SIGTERM)
