"""Slices: the parts of a file that hold its header and the records of some regions, as a file of its own.

A slice may hold more records than were asked for (the reader filters), never fewer; records stand in file order and
each once. Nothing is decoded but the header and the blocks at the edges, and nothing is encoded again but those.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from adapters.reads import bam, bcf, bgzf, cram, vcf
from adapters.reads.binning import BinnedIndex, Chunk
from adapters.reads.blocks import Boundary, cut, stretches
from adapters.reads.cache import Cache
from adapters.reads.crai import ContainerIndex, parse_crai
from adapters.reads.errors import DamagedFile, DamagedIndex, MissingIndex, UnknownReference
from adapters.reads.header import Header
from adapters.reads.index import LARGEST_INDEX, parse_index
from adapters.reads.parts import Inline, Part, Span, joined
from adapters.reads.source import ByteSource, read_exactly

UNPLACED = "*"
MOST_STRETCHES = 24  # each has two edges of at most 64 KiB: a ticket carries at most 3 MiB inline
MOST_SPANS = 500  # of a CRAM, which has no edges to trim


class Format(StrEnum):
    """Formats that can be sliced."""

    BAM = "BAM"
    CRAM = "CRAM"
    VCF = "VCF"
    BCF = "BCF"


@dataclass(frozen=True, slots=True)
class Region:
    """Bases ``start`` (0-based, inclusive) to ``end`` (exclusive; None: to the end of the reference).

    An ``end`` equal to ``start`` asks for the records that lie around that point.
    ``reference`` is a name of the file's header, or ``*`` for the reads of a BAM or CRAM that have no place.
    """

    reference: str
    start: int = 0
    end: int | None = None

    @property
    def stop(self) -> int | None:
        """``end``, but never before the base after ``start``."""
        return None if self.end is None else max(self.end, self.start + 1)


@dataclass(frozen=True, slots=True)
class Stored:
    """Bytes somewhere. ``identity`` differs whenever the content does: what was read of it is kept under that name."""

    source: ByteSource
    identity: Hashable


@dataclass(frozen=True)
class Layout:
    """A header that was read, and the parts of the file it takes."""

    header: Header
    parts: tuple[Part, ...]

    @property
    def weight(self) -> int:
        """Bytes of memory it takes, roughly."""
        return self.header.weight + sum(len(part.data) for part in self.parts if isinstance(part, Inline))


Index = BinnedIndex | ContainerIndex


class Slicer:
    """Makes slices, and keeps the headers and indexes it has read.

    :param memory: bytes that may be kept of headers, and of indexes.
    """

    def __init__(self, memory: int = 1 << 28) -> None:
        self._layouts: Cache[Layout] = Cache(memory, lambda layout: layout.weight)
        self._indexes: Cache[Index] = Cache(memory, lambda index: index.weight)

    def whole(self, format: Format, file: Stored) -> list[Part]:
        """The file as it is, with an end marker where it lacks one."""
        end, marker = _end(format, file.source)
        complete = end < file.source.size
        return joined([Span(0, file.source.size, None), Inline(b"" if complete else marker, None)])

    def header(self, format: Format, file: Stored) -> list[Part]:
        """The header alone, as a file without records.

        :raises DamagedFile: if the file is not of ``format`` or its header is cut off.
        """
        _, marker = _end(format, file.source)
        return joined([*self._layout(format, file).parts, Inline(marker, "header")])

    def slice(self, format: Format, file: Stored, index: Stored | None, regions: Sequence[Region]) -> list[Part]:
        """The header and the records that overlap any of the regions.

        :raises UnknownReference: if the file has no reference of a region's name.
        :raises MissingIndex: if ``index`` is None.
        :raises DamagedIndex: if the index is broken, of another kind, or of another file.
        :raises DamagedFile: if the file is not of ``format`` or is cut off where the slice begins or ends.
        """
        layout = self._layout(format, file)
        if index is None:
            self._known(format, layout.header, regions)
            raise MissingIndex(f"the {format} file has no index: only the whole file or its header can be had")
        end, marker = _end(format, file.source)
        parsed = self._index(format, index)
        if isinstance(parsed, ContainerIndex):
            body = _containers(file.source, layout.header, parsed, regions, end)
        else:
            body = _records(format, file.source, layout.header, parsed, regions, end)
        return joined([*layout.parts, *body, Inline(marker, "body")])

    def _layout(self, format: Format, file: Stored) -> Layout:
        return self._layouts.get((format, file.identity), lambda: _layout(format, file.source))

    def _index(self, format: Format, index: Stored) -> Index:
        return self._indexes.get((format, index.identity), lambda: _read_index(format, index.source))

    def _known(self, format: Format, header: Header, regions: Iterable[Region]) -> None:
        for region in regions:
            if region.reference not in header.references and not _asks_unplaced(format, region):
                raise UnknownReference(region.reference)


def _asks_unplaced(format: Format, region: Region) -> bool:
    return region.reference == UNPLACED and format in (Format.BAM, Format.CRAM)


def _end(format: Format, source: ByteSource) -> tuple[int, bytes]:
    """Byte at which the data end, and the marker that ends such a file."""
    if format is Format.CRAM:
        major = cram.version(source)
        return cram.data_end(source, major), cram.end_marker(major)
    return bgzf.data_end(source), bgzf.EOF


READERS = {
    Format.BAM: bam.read_header,
    Format.CRAM: cram.read_header,
    Format.VCF: vcf.read_header,
    Format.BCF: bcf.read_header,
}


def _layout(format: Format, source: ByteSource) -> Layout:
    header = READERS[format](source)
    if format is Format.CRAM:
        return Layout(header, (Span(0, header.end, "header"),))
    parts = cut(source, (0, header.end), source.size, "header", lambda _data, _at: True)
    return Layout(header, tuple(joined(parts)))


def _read_index(format: Format, source: ByteSource) -> Index:
    if source.size > LARGEST_INDEX:
        raise DamagedIndex(f"the index has {source.size} bytes; at most {LARGEST_INDEX} are read")
    try:
        data = read_exactly(source, 0, source.size)
    except DamagedFile as error:
        raise DamagedIndex(f"the index is cut off: {error}") from error
    return parse_crai(data) if format is Format.CRAM else parse_index(data)


def _containers(
    source: ByteSource, header: Header, index: ContainerIndex, regions: Sequence[Region], end: int
) -> list[Part]:
    wanted: set[int] = set()
    for region in regions:
        if region.reference == UNPLACED:
            wanted |= index.unplaced()
        elif region.reference in header.references:
            wanted |= index.overlapping(header.references[region.reference], region.start, region.stop)
        else:
            raise UnknownReference(region.reference)
    major = cram.version(source)
    # Shifted so that neighbours, which share a boundary, become one stretch and others do not.
    chunks = [(begin << 16, (index.after(begin) or end) << 16) for begin in wanted]
    parts: list[Part] = []
    for begin, stop in stretches(chunks, MOST_SPANS):
        span = Span(max(begin >> 16, header.end), stop >> 16, "body")
        for boundary in {span.start, span.end} - {end}:
            try:
                cram.read_container(source, boundary, major)
            except DamagedFile as error:
                raise DamagedIndex(f"the index does not belong to the file: {error}") from error
        parts.append(span)
    return parts


def _records(
    format: Format, source: ByteSource, header: Header, index: BinnedIndex, regions: Sequence[Region], end: int
) -> list[Part]:
    numbers = header.references if index.names is None else {name: at for at, name in enumerate(index.names)}
    chunks: list[Chunk] = []
    for region in regions:
        if _asks_unplaced(format, region):
            chunks.append((index.after_placed, end << 16))
        elif region.reference in numbers:
            chunks += index.chunks(numbers[region.reference], region.start, region.stop)
        elif region.reference not in header.references:
            raise UnknownReference(region.reference)
    inside = [(max(begin, header.end), stop) for begin, stop in chunks]
    boundary = _boundary(format, header)
    parts: list[Part] = []
    for chunk in stretches([chunk for chunk in inside if chunk[0] < chunk[1]], MOST_STRETCHES):
        parts += cut(source, chunk, end, "body", boundary)
    return parts


def _boundary(format: Format, header: Header) -> Boundary:
    """How the beginning of a record is told from other bytes."""
    count = 1 + max(header.references.values(), default=-1)
    if format is Format.VCF:
        return lambda data, at: at == 0 or data[at - 1 : at] == b"\n"
    shape = bam.looks_like_record if format is Format.BAM else bcf.looks_like_record
    return lambda data, at: shape(data[at : at + 64], count)
