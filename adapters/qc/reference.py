"""A reference genome in FASTA: lengths, MD5 (as in SAM headers, specification 1.3.2) and bases of any place."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from adapters.qc.errors import CannotCheck

KEPT: Final = 1 << 20
"""Bases read at a time around a place that is asked for."""


class BadReference(CannotCheck):
    """The file is no FASTA that can be read at any place."""


@dataclass(frozen=True, slots=True)
class Contig:
    """One sequence: ``length`` in bases, ``offset`` of its first base in the file, bases and bytes of a line."""

    length: int
    offset: int
    bases: int
    bytes: int
    md5: str


class ReferenceGenome:
    """A FASTA file that is not compressed; read once when it is opened, then at the places asked for."""

    def __init__(self, path: Path) -> None:
        """Read all of it.

        :raises BadReference: if it is no FASTA, or lines of one sequence are not equally long.
        """
        self.path = path
        self.contigs: dict[str, Contig] = {}
        self._window = ("", 0, b"")
        try:
            with path.open("rb") as file:
                self._index(file)
        except OSError as error:
            raise BadReference(f"{path} cannot be read: {error.strerror}") from error

    def _index(self, file: BinaryIO) -> None:
        building: _Building | None = None
        offset = 0
        for number, line in enumerate(file, 1):
            offset += len(line)
            if line.startswith(b">"):
                self._keep(building)
                building = _Building(
                    line[1:].split(maxsplit=1)[0].decode("utf-8", "replace") if line[1:].split() else "", offset
                )
            elif building is None:
                raise BadReference(f"{self.path}: line {number}: no FASTA that is not compressed begins like this")
            else:
                building.add(line, self.path, number)
        self._keep(building)
        if not self.contigs:
            raise BadReference(f"{self.path} holds no sequences")

    def _keep(self, building: _Building | None) -> None:
        if building is not None:
            self.contigs[building.name] = building.contig()

    def bases(self, contig: str, start: int, length: int) -> bytes:
        """Upper-case bases from the 0-based ``start``; fewer where the sequence ends."""
        name, first, held = self._window
        if name != contig or start < first or start + length > first + len(held):
            held, first = self._read(contig, start, max(length, KEPT)), start
            self._window = (contig, first, held)
        return held[start - first : start - first + length]

    def _read(self, contig: str, start: int, length: int) -> bytes:
        known = self.contigs[contig]
        stop = min(start + length, known.length)
        if start >= stop:
            return b""
        begin = known.offset + start // known.bases * known.bytes + start % known.bases
        end = known.offset + (stop - 1) // known.bases * known.bytes + (stop - 1) % known.bases + 1
        with self.path.open("rb") as file:
            file.seek(begin)
            return file.read(end - begin).replace(b"\n", b"").replace(b"\r", b"").upper()


class _Building:
    """A sequence while it is read."""

    def __init__(self, name: str, offset: int) -> None:
        self.name, self.offset = name, offset
        self.length = self.bases = self.bytes = 0
        self.short = False
        self.md5: Any = hashlib.md5(usedforsecurity=False)

    def add(self, line: bytes, path: Path, number: int) -> None:
        """Take a line.

        :raises BadReference: if a line before it was shorter than the first.
        """
        text = line.strip()
        if not self.bases:
            self.bases, self.bytes = len(text), len(line)
        if text and (self.short or len(text) > self.bases):
            raise BadReference(f"{path}: line {number}: the lines of {self.name!r} are not equally long")
        self.short = len(text) < self.bases
        self.length += len(text)
        self.md5.update(text.upper())

    def contig(self) -> Contig:
        """The sequence, complete."""
        return Contig(self.length, self.offset, max(1, self.bases), max(1, self.bytes), self.md5.hexdigest())
