"""One attempt at a job: a child does the work step by step, this process watches it and writes down what it says.

The child is told to go on only after what it found has been written down, so that nothing it did is unknown.
"""

from __future__ import annotations

import json
import queue
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Final

import structlog
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from adapters.jobs import ledger
from adapters.jobs.ledger import Cancelled, Claim, LostClaim, Verdict
from adapters.jobs.limits import ChildLimits, end, start
from adapters.jobs.scratch import attempt_folder
from adapters.jobs.states import FileState, Kind, Step
from adapters.jobs.tables import Arrival, Job

log = structlog.get_logger(__name__)

BEAT: Final = 5.0
"""Seconds between two signs of life."""
TAIL: Final = 300
"""Characters of a child's last words that are kept."""


class Broke(Exception):
    """The attempt ended without an answer; the message says how."""


class Stopped(Exception):
    """The worker is asked to end."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """What attempts need: how the archive is reached and judged (handed to the child as it is), limits, a folder for
    what they write, and how many attempts a job has."""

    engine: Engine
    archive: Mapping[str, Any]
    scratch: Path
    limits: ChildLimits
    attempts: int


def run(shop: Workshop, claim: Claim, stop: threading.Event) -> None:
    """Make one attempt. Whatever happens, the job is in a state that another worker can go on from."""
    bound = log.bind(job=claim.job)
    try:
        with attempt_folder(shop.scratch) as folder:
            _attempt(shop, claim, stop, folder)
        bound.info("attempt ended")
    except LostClaim:
        bound.warning("the job was taken back from this worker")
    except Cancelled:
        with suppress(LostClaim):
            ledger.cancelled(shop.engine, claim)
        bound.info("cancelled")
    except Stopped:
        with suppress(LostClaim):
            ledger.let_go(shop.engine, claim)
        bound.info("given back")
    except (Broke, OSError) as error:
        with suppress(LostClaim):
            ledger.broke(shop.engine, claim, str(error), shop.attempts)
        bound.warning("attempt failed", reason=str(error))


def _attempt(shop: Workshop, claim: Claim, stop: threading.Event, folder: Path) -> None:
    errors = folder / "errors"
    child = start([sys.executable, "-m", "adapters.jobs.attempt"], shop.limits, errors, folder)
    assert child.stdin
    assert child.stdout
    said: queue.Queue[dict[str, Any] | None] = queue.Queue()
    listening = threading.Thread(target=_listen, args=(child.stdout, said), name="listen", daemon=True)
    listening.start()
    try:
        _tell(child.stdin, _request(shop, claim, folder))
        if not _watch(shop, claim, stop, said, child.stdin):
            child.wait()
            raise Broke(_last_words(child.returncode, errors))
    finally:
        end(child)
        listening.join()


def _watch(
    shop: Workshop, claim: Claim, stop: threading.Event, said: queue.Queue[dict[str, Any] | None], to: IO[bytes]
) -> bool:
    """Follow the child; whether it said all that it had to say."""
    deadline = time.monotonic() + shop.limits.seconds
    beaten, done = time.monotonic(), 0
    while True:
        if stop.is_set():
            raise Stopped
        if time.monotonic() > deadline:
            raise Broke(f"took longer than the {shop.limits.seconds:,.0f} s that an attempt may take")
        if time.monotonic() - beaten >= BEAT:
            ledger.beat(shop.engine, claim, done)
            beaten = time.monotonic()
        try:
            line = said.get(timeout=0.25)
        except queue.Empty:
            continue
        if line is None:
            return False
        if "bytes" in line:
            done = int(line["bytes"])
            continue
        if "failed" in line:
            raise Broke(line["failed"])
        if not ledger.passed(shop.engine, claim, Step(line["step"]), _verdicts(line)) or line["last"]:
            return True
        _tell(to, {"go": True})


def _verdicts(line: Mapping[str, Any]) -> dict[int, Verdict]:
    return {
        int(id): Verdict(
            tuple(said["reasons"]),
            said["report"],
            said["file"],
            FileState(said["state"]) if said["state"] else None,
        )
        for id, said in line["verdicts"].items()
    }


def _request(shop: Workshop, claim: Claim, folder: Path) -> dict[str, Any]:
    with Session(shop.engine) as session:
        job = session.get_one(Job, claim.job)
        checked = select(Arrival).where(Arrival.job == claim.job, Arrival.state == FileState.CHECKING)
        files = [
            {
                "id": one.id,
                "store": one.store,
                "key": one.key,
                "size": one.size,
                "declared": one.declared,
                "report": one.report if job.kind == Kind.IMAGES else None,
            }
            for one in session.scalars(checked.order_by(Arrival.id))
        ]
        return {
            "archive": dict(shop.archive),
            "job": job.id,
            "kind": job.kind,
            "dataset": job.dataset,
            "step": job.step,
            "files": files,
            "folder": str(folder),
            "memory": asdict(shop.limits)["memory"],
        }


def _tell(to: IO[bytes], line: Mapping[str, Any]) -> None:
    """Hand a line to the child; one that is gone is noticed by what it said last."""
    with suppress(BrokenPipeError):
        to.write(json.dumps(line).encode() + b"\n")
        to.flush()


def _listen(pipe: IO[bytes], said: queue.Queue[dict[str, Any] | None]) -> None:
    for line in pipe:
        with suppress(ValueError):  # a line that was cut when the child was ended
            said.put(json.loads(line))
    said.put(None)


def _last_words(code: int, errors: Path) -> str:
    words = errors.read_text("utf-8", "replace").strip().splitlines()
    how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
    return f"the child {how}{': ' + words[-1][:TAIL] if words else ''}"
