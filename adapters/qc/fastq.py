"""The check of one FASTQ file with the kernel: the whole file, every finding with count and first places."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

from adapters.qc import tally as t_
from adapters.qc import wording
from adapters.qc.detection import Container
from adapters.qc.duplicates import Membership, Named, Names
from adapters.qc.errors import ChangedWhileRead
from adapters.qc.framing import places
from adapters.qc.kernel import check_block
from adapters.qc.kinds import KINDS
from adapters.qc.naming import name_block
from adapters.qc.outcome import Limits, Outcome, Progress
from adapters.qc.profile import Totals, profile
from adapters.qc.repeats import Repeated
from adapters.qc.source import Fault, Source
from adapters.qc.stitched import read_all
from adapters.qc.tally import Bytes, Keys, Tally, tally

RECORDS_AT_ONCE: Final = 1 << 15
EMPTIED_AFTER: Final = 1 << 30
"""Bytes of text after which the 32-bit counts are added up: none can have overflowed."""
MARGIN: Final = 1.1


@dataclass(slots=True)
class Checked:
    """What the first pass over a file found."""

    tally: Tally
    totals: Totals
    names: Names
    fault: Fault | None
    identity: tuple[int, ...]


class Kernel:
    """The engine of every day."""

    name = "kernel"
    claims = frozenset(KINDS)

    def check(self, file: BinaryIO, container: Container, seed: Keys, limits: Limits, progress: Progress) -> Outcome:
        """Check an open file, whole: once, and a second time if names may be duplicates."""
        checked = first_pass(file, container, seed, limits, progress)
        try:
            again = repeated(file, container, seed, checked)
        except BaseException:  # however the check ends, the disk that the names take is given back
            checked.names.close()
            raise
        numbers = profile(checked.tally, checked.totals)
        return Outcome(
            reads=numbers["reads"],
            bases=numbers["bases"],
            findings=[
                *wording.record_findings(checked.tally),
                *wording.line_end_findings(checked.tally),
                *wording.duplicate_finding(again),
            ],
            quality_offset=numbers["quality_offset"],
            shares={"acgtu-share": numbers["acgtu_share"], "q30-share": numbers["reads_q30_share"]},
            fault=checked.fault,
            names=checked.names.spool,
            markers=checked.tally.markers,
            profile=numbers,
        )


def identity(file: BinaryIO) -> tuple[int, ...]:
    """What tells that a file is still the same and unchanged."""
    status = os.fstat(file.fileno())
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def first_pass(file: BinaryIO, container: Container, seed: Keys, limits: Limits, progress: Progress) -> Checked:
    """First pass over an open file, from its beginning.

    :raises ChangedWhileRead: if the file changed under the check.
    """
    before = identity(file)
    checked = Checked(tally(), Totals.empty(), Names(limits.folder, limits.memory), None, before)
    try:
        checked.fault = _read(Source(file, container, limits.threads), seed, checked, progress)
        unchanged(file, before)
    except BaseException:  # as above
        checked.names.close()
        raise
    return checked


def _read(source: Source, seed: Keys, checked: Checked, progress: Progress) -> Fault | None:
    source.file.seek(0)
    at, keys = places(), np.zeros(RECORDS_AT_ONCE, np.uint64)
    counted, state = checked.tally, checked.tally.state
    held: list[Keys] = []

    def read(text: Bytes, start: int, end: int, final: bool) -> int:
        while True:
            start, written = check_block(text, start, end, final, at, counted, keys, seed)
            held.append(keys[:written].copy())
            if written < len(keys):
                return start

    emptied = told = 0
    size = checked.identity[2]
    for block in read_all(source, read):
        if checked.names.filter is None and state[t_.RECORDS] and not checked.names.partitioned:
            checked.names.expect(int(MARGIN * state[t_.RECORDS] * max(1.0, size / block.stored)))
        _hand_over(held, checked.names)
        if state[t_.BYTES_READ] - emptied > EMPTIED_AFTER:
            emptied = int(state[t_.BYTES_READ])
            checked.totals.take(counted)
        progress(block.stored - told)
        told = block.stored
    _hand_over(held, checked.names)
    checked.totals.take(counted)
    progress(size - told)
    return source.fault


def _hand_over(held: list[Keys], names: Names) -> None:
    for keys in held:
        names.add(keys)
    held.clear()


def unchanged(file: BinaryIO, before: tuple[int, ...]) -> None:
    """Fail if the file is not what it was.

    :raises ChangedWhileRead: if it grew, shrank, was replaced or vanished.
    """
    try:
        status = Path(file.name).stat()
    except OSError as error:
        raise ChangedWhileRead(f"{file.name} vanished while it was read") from error
    now = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
    if now != before or identity(file) != before:
        raise ChangedWhileRead(f"{file.name} changed while it was read; check it again when it is complete")


def repeated(file: BinaryIO, container: Container, seed: Keys, checked: Checked) -> Repeated:
    """Second pass, where one is needed: the reads that have the name of an earlier one."""
    result = checked.names.repeated(lambda members: _named(file, container, seed, members))
    unchanged(file, checked.identity)
    return result


def _named(file: BinaryIO, container: Container, seed: Keys, members: Membership) -> Iterator[Named]:
    """Reads whose key is a member, in file order."""
    file.seek(0)
    at, state = places(), np.zeros(3, np.int64)
    keys, found = np.zeros(RECORDS_AT_ONCE, np.uint64), np.zeros((RECORDS_AT_ONCE, 4), np.int64)
    ready: list[Named] = []

    def read(text: Bytes, start: int, end: int, final: bool) -> int:
        while True:
            first = int(state[0])
            start, written = name_block(text, start, end, final, at, state, keys, found, seed)
            chosen = np.flatnonzero(members.find(keys[:written]) & (keys[:written] != 0))
            if len(chosen):
                ready.append(Named(text, keys[chosen], _rows(first, chosen, found)))
            if written < len(keys):
                return start

    for _ in read_all(Source(file, container), read):
        yield from ready
        ready.clear()
    yield from ready


def _rows(first: int, chosen: t_.Ints, found: t_.Ints) -> t_.Ints:
    rows = np.empty((len(chosen), 5), np.int64)
    rows[:, 0] = first + chosen + 1
    rows[:, 1:3] = found[chosen, 2:4]
    rows[:, 3] = found[chosen, 0]
    rows[:, 4] = found[chosen, 1] - found[chosen, 0]
    return rows
