"""A worker: takes the jobs of one member and works on them in child processes, beside as many others as there are."""

from __future__ import annotations

import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from adapters.jobs.ledger import Claim
from adapters.jobs.limits import ChildLimits
from adapters.jobs.queue import Queue, TableQueue
from adapters.jobs.runner import Workshop, run
from adapters.jobs.scratch import sweep
from adapters.jobs.upkeep import reconcile
from node.settings import MemberSettings, WorkerSettings, profile

log = structlog.get_logger(__name__)

UPKEEP: Final = 5.0
"""Seconds between two looks for what was lost."""


def workshop(given: MemberSettings | WorkerSettings, engine: Engine) -> Workshop:
    """What attempts at a member's jobs need."""
    known = profile(given.member)
    archive: dict[str, Any] = {
        "database": given.database,
        "stores": {name: store.model_dump(mode="json") for name, store in given.stores.items()},
        "accessions": known.accessions.model_dump(),
        "tiers": list(known.tiers),
        "taxonomy": str(given.jobs.taxonomy) if given.jobs.taxonomy else None,
        "screen": given.jobs.screen.model_dump() if given.jobs.screen and known.human_reads == "refused" else None,
        "images": given.images.model_dump(mode="json") if given.images else None,
    }
    jobs = given.jobs
    limits = ChildLimits(jobs.memory_mb << 20, jobs.seconds)
    return Workshop(engine, archive, jobs.scratch or Path(tempfile.gettempdir()), limits, jobs.attempts)


def queue(engine: Engine) -> Queue:
    """How jobs reach workers on this database."""
    if engine.dialect.name != "postgresql":
        return TableQueue(engine)
    from adapters.jobs.procrastinate_queue import ProcrastinateQueue

    return ProcrastinateQueue(engine)


def work(given: MemberSettings | WorkerSettings, engine: Engine) -> None:
    """Work until told to stop; jobs under way are given back then."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    work_until(given, engine, stop)


def work_until(given: MemberSettings | WorkerSettings, engine: Engine, stop: threading.Event) -> None:
    """Work until ``stop``."""
    shop, hands_out = workshop(given, engine), queue(engine)
    worker = f"{socket.gethostname()}:{os.getpid()}"
    log.info("worker began", worker=worker, slots=given.jobs.slots, swept=sweep(shop.scratch))
    upkeep = threading.Thread(target=_upkeep, args=(shop, hands_out, stop), name="upkeep")
    upkeep.start()
    try:
        hands_out.work(worker, _runner(shop, stop), given.jobs.slots, stop)
    finally:
        stop.set()
        upkeep.join()
    log.info("worker ended", worker=worker)


def _runner(shop: Workshop, stop: threading.Event) -> Callable[[Claim], None]:
    return lambda claim: run(shop, claim, stop)


def _upkeep(shop: Workshop, hands_out: Queue, stop: threading.Event) -> None:
    _forget_images(shop)
    while True:
        began, last = time.monotonic(), stop.is_set()
        try:
            sweep(shop.scratch)
            _dispose(shop)
            if lost := reconcile(shop.engine, hands_out, shop.attempts):
                log.warning("jobs taken back from silent workers", jobs=lost)
        except OperationalError as error:  # the database is away for a while
            log.warning("upkeep failed", reason=str(error).splitlines()[0])
        if last:
            return
        stop.wait(max(0.0, UPKEEP - (time.monotonic() - began)))


def _dispose(shop: Workshop) -> None:
    """Let go of the originals of images that have their last state."""
    if (given := shop.archive["images"]) is None:
        return
    from adapters.images.disposal import NoSeal, dispose, seal_of
    from adapters.images.quarantine import Quarantine

    try:
        dispose(shop.engine, Quarantine(Path(given["quarantine"])), seal_of(given))
    except (NoSeal, OSError) as error:
        log.error("originals are not let go of", reason=str(error))


def _forget_images(shop: Workshop) -> None:
    """Remove what a day ago somebody who was killed left in quarantine."""
    if (given := shop.archive["images"]) is None:
        return
    from adapters.images import disposal
    from adapters.images.quarantine import Quarantine

    if left := disposal.sweep(shop.engine, Quarantine(Path(given["quarantine"]))):
        log.warning("files left behind in quarantine were removed", files=left)
