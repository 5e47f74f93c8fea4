"""The segments of a file, loaded one after the other in this process, or side by side in several."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from sqlalchemy import Engine

from adapters.catalog.engine import connect
from adapters.variants.lines import Segment
from adapters.variants.releases import Interrupted, Loading
from adapters.variants.segments import Committed, Plan, SegmentLoader
from adapters.variants.vcf import VariantFile, opened

Progress = Callable[[int, str], None]
LOOK = 0.2  # seconds between two looks at what the other processes have committed


def run(
    engine: Engine,
    reader: VariantFile,
    plan: Plan,
    segments: list[Segment],
    loading: Loading,
    processes: int,
    progress: Progress,
) -> None:
    """Load ``segments``, each behind the records of it that are committed.

    :raises Interrupted: if one of the processes was killed.
    :raises InvalidVariantFile: the first mistake that was met; the other processes stop at their next segment.
    """
    total = sum(loading.records)

    def committed(records: int, place: str) -> None:
        nonlocal total
        total += records
        progress(total, place)

    if min(processes, len(segments)) <= 1:
        loader = SegmentLoader(engine, reader, plan)
        for segment in segments:
            loader.load(segment, loading.records[segment.number], committed)
        return
    url = engine.url.render_as_string(hide_password=False)
    _side_by_side(url, plan, segments, loading, min(processes, len(segments)), committed)


def _side_by_side(
    url: str, plan: Plan, segments: list[Segment], loading: Loading, processes: int, committed: Committed
) -> None:
    context = multiprocessing.get_context("spawn")
    told: Any = context.SimpleQueue()
    turn = context.Lock() if url.startswith("sqlite") else None
    with ProcessPoolExecutor(processes, context, _start, (url, plan, turn, told)) as pool:
        waiting: set[Future[None]] = {pool.submit(_load, part, loading.records[part.number]) for part in segments}
        try:
            while waiting:
                done, waiting = wait(waiting, LOOK, FIRST_COMPLETED)
                while not told.empty():
                    committed(*told.get())
                for future in done:
                    future.result()
        except BrokenProcessPool as error:
            raise Interrupted(f"{plan.path}: a process of the load was killed; load again to go on") from error
        finally:
            pool.shutdown(cancel_futures=True)
            while not told.empty():
                told.get()


_loader: SegmentLoader
_told: Any


def _start(url: str, plan: Plan, turn: Any, told: Any) -> None:
    """Make the loader of a worker process; it ends with the process that started it."""
    global _loader, _told
    threading.Thread(target=_follow, daemon=True).start()
    _loader = SegmentLoader(connect(url), opened(plan.path), plan, turn)
    _told = told


def _follow() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _load(segment: Segment, before: int) -> None:
    _loader.load(segment, before, lambda records, place: _told.put((records, place)))
