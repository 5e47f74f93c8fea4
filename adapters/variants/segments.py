"""Loading one segment of a file: its records become rows, committed in batches."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from adapters.variants import releases
from adapters.variants.assemblies import assembly
from adapters.variants.lines import Segment
from adapters.variants.people import Cohort
from adapters.variants.rows import RecordRows
from adapters.variants.vcf import VariantFile

Committed = Callable[[int, str], None]
"""Told after each batch: how many records it was of, and the place of the last one."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What every process of a load is told. ``ordinals`` are of the people of the sample columns, None without."""

    path: Path
    release: int
    assembly: str
    ordinals: tuple[int, ...] | None
    batch: int


class SegmentLoader:
    """Loads segments of one file.

    :param turn: is held while a batch is written, where processes would only wait for each other in the database.
    """

    def __init__(
        self, engine: Engine, reader: VariantFile, plan: Plan, turn: AbstractContextManager[object] | None = None
    ) -> None:
        people = Cohort(plan.ordinals) if plan.ordinals is not None else None
        self._engine = engine
        self._reader = reader
        self._plan = plan
        self._rows = RecordRows(plan.release, reader, assembly(plan.assembly), people)
        self._turn = turn or nullcontext()

    def load(self, segment: Segment, before: int, committed: Committed) -> None:
        """Commit the records of a segment behind the first ``before`` of it.

        :raises InvalidVariantFile: what was committed before stays. :raises releases.LoadedElsewhere: likewise.
        """
        batch, place, at = releases.Batch(), "", before
        for index, record in enumerate(self._reader.records(segment)):
            if index < before:
                continue
            self._rows.add(record, batch)
            batch.records += 1
            place = f"{record.contig}:{record.position}"
            if len(batch.variants) >= self._plan.batch:
                at = self._commit(segment, at, batch, False)
                committed(batch.records, place)
                batch = releases.Batch()
        self._commit(segment, at, batch, True)
        if batch.records:
            committed(batch.records, place)

    def _commit(self, segment: Segment, before: int, batch: releases.Batch, last: bool) -> int:
        with self._turn:
            releases.append(self._engine, self._plan.release, segment.number, before, batch, last)
        return before + batch.records
