"""dnaio for the records and rbloom for their names: the fastest that the package index has.

dnaio stops at the first record that it cannot read, so that this engine claims duplicates only, and of files that are
well formed otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import RawIOBase
from typing import Any, BinaryIO, Final, cast

import numpy as np

from adapters.qc.detection import Container
from adapters.qc.engines.plain import confirmed, key_of, number
from adapters.qc.errors import EngineAbsent
from adapters.qc.findings import Finding
from adapters.qc.outcome import Limits, Outcome, Progress
from adapters.qc.source import Source
from adapters.qc.spool import Spool
from adapters.qc.tally import Keys
from adapters.qc.wording import duplicate_finding

ERROR_RATE: Final = 0.001
BYTES_PER_READ: Final = 30
"""Stored bytes of a read, at least, of which the filter's size is guessed."""


class DnaioRbloom:
    """Two libraries, as they are."""

    name = "dnaio+rbloom"
    claims = frozenset({"duplicate-name"})

    def __init__(self) -> None:
        """Load both.

        :raises EngineAbsent: if one is not installed.
        """
        try:
            import dnaio
            import rbloom
        except ImportError as error:
            raise EngineAbsent("engine dnaio+rbloom needs the packages dnaio and rbloom") from error
        self.dnaio: Any = dnaio
        self.rbloom: Any = rbloom

    def check(self, file: BinaryIO, container: Container, seed: Keys, limits: Limits, progress: Progress) -> Outcome:
        """Check an open file as far as dnaio reads it."""
        size = file.seek(0, 2)
        filter_ = self.rbloom.Bloom(max(1000, size // BYTES_PER_READ), ERROR_RATE)
        spool, findings, candidates = Spool(limits.folder), list[Finding](), set[bytes]()
        reads = bases = 0
        markers = np.zeros(4, np.int64)
        file.seek(0)
        source = Source(file, container)
        try:
            for line, sequence in self._records(source, progress):
                key = key_of(line)
                if key in filter_:
                    candidates.add(key)
                filter_.add(key)
                spool.write(np.array([number(key, seed)], np.uint64))
                markers[int(key[-1:] or 0)] += 1
                reads, bases = reads + 1, bases + sequence
        except self.dnaio.FileFormatError as error:
            findings.append(Finding("broken-record", 1, "places", f"dnaio stopped: {error}"))
        file.seek(0)
        again = confirmed(self._keys(Source(file, container)), candidates)
        findings += duplicate_finding(again)
        return Outcome(reads, bases, findings, 33, {}, source.fault, spool, markers)

    def _records(self, source: Source, progress: Progress) -> Iterator[tuple[bytes, int]]:
        """Name line and length of each record."""
        stream = _Stream(source, progress)
        with self.dnaio.open(cast(BinaryIO, stream), fileformat="fastq") as records:
            for record in records:
                yield record.name.encode(), len(record.sequence)

    def _keys(self, source: Source) -> Iterator[tuple[bytes, int]]:
        try:
            for line, (name, _) in enumerate(self._records(source, lambda _: None)):
                yield key_of(name), 4 * line + 1
        except self.dnaio.FileFormatError:
            return


class _Stream(RawIOBase):
    """Decompressed pieces as a file that can be read."""

    def __init__(self, source: Source, progress: Progress) -> None:
        self.source = source
        self.progress = progress
        self.pieces = source.pieces()
        self.rest = b""
        self.told = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill as much of ``buffer`` as the next piece gives."""
        if not self.rest:
            self.rest = next(self.pieces, b"")
            self.progress(self.source.stored - self.told)
            self.told = self.source.stored
        count = min(len(buffer), len(self.rest))
        buffer[:count] = self.rest[:count]
        self.rest = self.rest[count:]
        return count
