"""The child of an attempt: ``python -m adapters.jobs.attempt``. One line of JSON in, then one line per step out.

It goes on to the next step when a line comes in. Secrets of stores reach it by its standard input only.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Final

from adapters.jobs.ledger import Verdict
from adapters.jobs.screen import ScreenFailed
from adapters.jobs.states import STEPS, Kind, Step
from adapters.qc.errors import CannotCheck
from adapters.store import StoreError

TOLD_EVERY: Final = 1.0  # seconds


def main() -> None:
    """Do the steps that are left."""
    say = _mouth()
    request = json.loads(sys.stdin.readline())
    steps = STEPS[Kind(request["kind"])]
    do = _steps(request, _progress(say))
    try:
        for step in steps[steps.index(Step(request["step"])) :]:
            verdicts = {str(id): asdict(verdict) for id, verdict in do[step]().items()}
            say({"step": step, "last": step is steps[-1], "verdicts": verdicts})
            if not sys.stdin.readline():
                return
    except MemoryError:
        say({"failed": f"needs more than the {request['memory'] >> 20:,} MB of memory that an attempt may take"})
    except (StoreError, ScreenFailed, CannotCheck) as error:
        say({"failed": str(error)})
    except OSError as error:
        say({"failed": f"{error.filename or 'a file'}: {error.strerror or error}"})


def _steps(
    request: Mapping[str, Any], progress: Callable[[int], None]
) -> Mapping[Step, Callable[[], dict[int, Verdict]]]:
    """What is done at each step; the libraries of the other kind are not loaded."""
    if request["kind"] == Kind.IMAGES:
        from adapters.images.work import Work as Images

        images = Images.of(request, progress)
        return {Step.DEIDENTIFY: images.deidentify, Step.CHECK: images.check, Step.ARCHIVE: images.archive_files}
    from adapters.jobs.work import Work

    work = Work.of(request, progress)
    return {
        Step.CHECKSUM: work.checksum,
        Step.CHECK: work.check,
        Step.SCREEN: work.screen,
        Step.ARCHIVE: work.archive_files,
    }


def _mouth() -> Callable[[Mapping[str, Any]], None]:
    """What speaks to the parent. Whatever else prints goes where errors go."""
    pipe = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(line: Mapping[str, Any]) -> None:
        pipe.write(json.dumps(line) + "\n")
        pipe.flush()

    return say


def _progress(say: Callable[[Mapping[str, Any]], None]) -> Callable[[int], None]:
    told = 0.0

    def progress(done: int) -> None:
        nonlocal told
        if time.monotonic() - told >= TOLD_EVERY:
            told = time.monotonic()
            say({"bytes": done})

    return progress


if __name__ == "__main__":
    main()
