"""Clean files of reads, and faults to plant in them; each plant says which findings are then right, and no others."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from adapters.qc.checking import Options, check
from adapters.qc.engines import engine
from adapters.qc.outcome import Limits
from adapters.qc.report import FileReport, Report

Row = TypeVar("Row")
ENGINES = ("kernel", "plain-set", "pybloom-live")
"""Engines that claim every kind of finding."""


def record(number: int, length: int = 60) -> list[bytes]:
    """Four lines of a good read."""
    draw = random.Random(number)
    bases = bytes(draw.choice(b"ACGT") for _ in range(length))
    qualities = bytes(draw.choice(b"#,5:FI") for _ in range(length))
    return [b"@M0:1:F:1:%d 1:N:0:ACGT" % number, bases, b"+", qualities]


def records(count: int) -> list[list[bytes]]:
    """Good reads."""
    return [record(number) for number in range(1, count + 1)]


def text(reads: Sequence[Sequence[bytes]], end: bytes = b"\n") -> bytes:
    """The lines of reads, each ended."""
    return b"".join(line + end for read in reads for line in read)


def report(path: Path, *more: Path, **options: object) -> Report:
    """Check files with an engine named by ``engine``, and a memory limit in bytes named by ``memory``."""
    limits = Limits(memory=int(str(options.pop("memory", 64 << 20))))
    chosen = engine(str(options.pop("engine", "kernel")))
    return check([path, *more], Options(engine=chosen, limits=limits, **options), lambda _path, _read: None)  # type: ignore[arg-type]


def findings(data: bytes, folder: Path, name: str = "reads.fastq", **options: object) -> dict[str, int]:
    """Counts of findings in a file with this content."""
    path = folder / name
    path.write_bytes(data)
    checked = report(path, **options)
    assert checked.files[0].reason is None, checked.files[0].reason
    return counts(checked.files[0]) | {f.kind: f.count for f in checked.sets[0].findings}


def counts(file: FileReport) -> dict[str, int]:
    """Counts of the findings of a file."""
    return {finding.kind: finding.count for finding in file.findings}


def found(path: Path, **options: object) -> dict[str, int]:
    """Counts of the findings of one file, and no reason why it could not be checked."""
    (file,) = report(path, **options).files
    assert file.reason is None, file.reason
    return counts(file)


@dataclass(frozen=True)
class Sown(Generic[Row]):
    """``sow`` changes a record; ``kind`` is then found in it, and nothing else."""

    name: str
    kind: str
    sow: Callable[[Row], Row]


def wanted(plants: Iterable[Sown[Any]]) -> dict[str, int]:
    """Counts of findings that are right where all of these were sown."""
    return dict(Counter(plant.kind for plant in plants))


@dataclass(frozen=True)
class Plant:
    """``sow`` changes the lines of one read (or returns lines in place of it); ``expected`` are the findings."""

    name: str
    sow: Callable[[list[bytes]], list[bytes]]
    expected: dict[str, int]


def _changed(line: int, change: Callable[[bytes], bytes]) -> Callable[[list[bytes]], list[bytes]]:
    return lambda read: [change(text) if number == line else text for number, text in enumerate(read)]


PLANTS = [
    Plant("no-at", _changed(0, lambda line: line[1:]), {"at-sign": 1}),
    Plant("other-sign", _changed(0, lambda line: b">" + line[1:]), {"at-sign": 1}),
    Plant("no-plus", _changed(2, lambda _line: b"-"), {"plus-line": 1}),
    Plant("empty-plus", _changed(2, lambda _line: b""), {"plus-line": 1}),
    Plant("plus-name", _changed(2, lambda _line: b"+other"), {"plus-name": 1}),
    Plant("short-quality", _changed(3, lambda line: line[:-1]), {"length": 1}),
    Plant("long-quality", _changed(3, lambda line: line + b"I"), {"length": 1}),
    Plant("empty-quality", _changed(3, lambda _line: b""), {"length": 1}),
    Plant("empty-read", lambda read: [read[0], b"", b"+", b""], {"empty-read": 1}),
    Plant("base", _changed(1, lambda line: line[:7] + b"J" + line[8:]), {"alphabet": 1}),
    Plant("base-nul", _changed(1, lambda line: line[:7] + b"\x00" + line[8:]), {"alphabet": 1}),
    Plant("base-blank", _changed(1, lambda line: line[:59] + b" "), {"alphabet": 1}),
    Plant("quality-low", _changed(3, lambda line: b"\x1f" + line[1:]), {"quality-range": 1}),
    Plant("quality-high", _changed(3, lambda line: line[:-1] + b"\x7f"), {"quality-range": 1}),
    Plant("quality-eighth-bit", _changed(3, lambda line: line[:9] + b"\xc8" + line[10:]), {"quality-range": 1}),
    Plant("no-name", _changed(0, lambda _line: b"@"), {"name-empty": 1}),
    Plant("blank-name", _changed(0, lambda _line: b"@ 1:N:0:ACGT"), {"name-empty": 1}),
    Plant("long-name", _changed(0, lambda line: b"@" + b"n" * 255 + line[line.index(b" ") :]), {"name-length": 1}),
    Plant("name-nul", _changed(0, lambda line: line[:3] + b"\x00" + line[4:]), {"name-characters": 1}),
    Plant("comment-utf8", _changed(0, lambda line: line + "é".encode()), {"name-characters": 1}),
    Plant("no-quality-line", lambda read: read[:3], {"broken-record": 1}),
    Plant("no-plus-line", lambda read: [*read[:2], read[3]], {"broken-record": 1}),
    Plant("no-sequence-line", lambda read: [read[0], *read[2:]], {"broken-record": 1}),
    Plant("no-name-line", lambda read: read[1:], {"broken-record": 1}),
    Plant("extra-line", lambda read: [*read[:2], b"ACGT", *read[2:]], {"broken-record": 1}),
    Plant("name-only", lambda read: read[:1], {"broken-record": 1}),
    Plant("blank-line", lambda read: [*read, b""], {"blank-line": 1}),
    Plant("two-blank-lines", lambda read: [b"", b"", *read], {"blank-line": 2}),
    Plant("duplicate", lambda read: [*read, *read], {"duplicate-name": 1}),
    Plant("three-alike", lambda read: [*read, *read, *read], {"duplicate-name": 2}),
    Plant("other-mate", lambda read: [*read, read[0].replace(b" 1:", b" 2:"), *read[1:]], {"pair-marker": 1}),
]
