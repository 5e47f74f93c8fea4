"""Slices: the parts of a file that hold its header and the records of some regions, as a file of its own.

A slice may hold more records than were asked for (the reader filters), never fewer; records stand in file order and
each once. Nothing is decoded but the header and the blocks at the edges, and nothing is encoded again but those.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from adapters.cache import Cache
from adapters.reads import bam, bcf, bgzf, cram, vcf
from adapters.reads.belonging import check_containers, check_records
from adapters.reads.binning import BinnedIndex
from adapters.reads.blocks import cut
from adapters.reads.containers import containers
from adapters.reads.crai import ContainerIndex, parse_crai
from adapters.reads.errors import DamagedFile, DamagedIndex, MissingIndex, StaleIndex, UnknownReference
from adapters.reads.header import Header
from adapters.reads.index import LARGEST_INDEX, parse_index
from adapters.reads.inflated import Blocks
from adapters.reads.parts import Inline, Part, Span, joined
from adapters.reads.records import records
from adapters.reads.region import ALIGNMENTS, Format, Region
from adapters.reads.source import ByteSource, read_exactly


@dataclass(frozen=True, slots=True)
class Stored:
    """Bytes somewhere.

    :param identity: differs whenever the content does: what was read of it is kept under that name.
    :param modified: when the content was written, in UTC; None if the store cannot tell.
    """

    source: ByteSource
    identity: Hashable
    modified: dt.datetime | None = None


@dataclass(frozen=True)
class Layout:
    """A header that was read, and the parts of the file it takes.

    :param end: byte at which the data end.
    :param marker: what ends a file of this format.
    """

    header: Header
    parts: tuple[Part, ...]
    end: int
    marker: bytes

    @property
    def weight(self) -> int:
        """Bytes of memory it takes, roughly."""
        return self.header.weight + sum(len(part.data) for part in self.parts if isinstance(part, Inline))


Index = BinnedIndex | ContainerIndex
SHORT = 1 << 22  # bases of a region that an index is searched for in a moment
FEW = 1000  # slices of a CRAM that are looked at in a moment


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
        layout = self._layout(format, file)
        return joined([*layout.parts, Inline(layout.marker, "header")])

    def slice(self, format: Format, file: Stored, index: Stored | None, regions: Sequence[Region]) -> list[Part]:
        """The header and the records that overlap any of the regions.

        :raises UnknownReference: if the file has no reference of a region's name.
        :raises MissingIndex: if ``index`` is None.
        :raises StaleIndex: if it was written before the file.
        :raises DamagedIndex: if the index is broken, of another kind, or of another file.
        :raises DamagedFile: if the file is not of ``format`` or is cut off where the slice begins or ends.
        """
        layout = self._layout(format, file)
        if index is None:
            self._known(format, layout.header, regions)
            raise MissingIndex(f"the {format} file has no index: only the whole file or its header can be had")
        _fresh(file, index)
        parsed = self._index(format, file, layout, index)
        if isinstance(parsed, ContainerIndex):
            body = containers(file.source, layout.header, parsed, regions, layout.end)
        else:
            body = records(format, file.source, layout.header, parsed, regions, layout.end)
        return joined([*layout.parts, *body, Inline(layout.marker, "body")])

    def at_once(self, format: Format, file: Stored, index: Stored, region: Region) -> list[Part] | None:
        """What :meth:`slice` gives, if that takes a moment only: header and index are kept, the region is short.

        What else it reads is for the source to refuse. None if it would take longer.
        """
        layout = self._layouts.known((format, file.identity))
        parsed = self._indexes.known((format, file.identity, index.identity))
        if layout is None or parsed is None or region.stop is None or region.stop - region.start > SHORT:
            return None
        number = layout.header.references.get(region.reference, -1)
        if isinstance(parsed, ContainerIndex) and parsed.effort(number, region.start, region.stop) > FEW:
            return None
        return self.slice(format, file, index, [region])

    def _layout(self, format: Format, file: Stored) -> Layout:
        return self._layouts.get((format, file.identity), lambda: _layout(format, file.source))

    def _index(self, format: Format, file: Stored, layout: Layout, index: Stored) -> Index:
        def make() -> Index:
            parsed = _read_index(format, index.source)
            if isinstance(parsed, ContainerIndex):
                check_containers(file.source, layout.header, parsed, layout.end)
            else:
                check_records(format, file.source, layout.header, parsed, layout.end)
            return parsed

        return self._indexes.get((format, file.identity, index.identity), make)

    def _known(self, format: Format, header: Header, regions: Iterable[Region]) -> None:
        for region in regions:
            if region.reference not in header.references and not (region.unplaced and format in ALIGNMENTS):
                raise UnknownReference(region.reference)


def _fresh(file: Stored, index: Stored) -> None:
    if file.modified and index.modified and index.modified < file.modified:
        raise StaleIndex(f"the index is of {index.modified:%FT%TZ}, its file is newer, of {file.modified:%FT%TZ}")


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
    end, marker = _end(format, source)
    if format is Format.CRAM:
        return Layout(header, (Span(0, header.end, "header"),), end, marker)
    parts = cut(Blocks(source), (0, header.end), source.size, "header", lambda _data, _at: True)
    return Layout(header, tuple(joined(parts)), end, marker)


def _read_index(format: Format, source: ByteSource) -> Index:
    if source.size > LARGEST_INDEX:
        raise DamagedIndex(f"the index has {source.size} bytes; at most {LARGEST_INDEX} are read")
    try:
        data = read_exactly(source, 0, source.size)
    except DamagedFile as error:
        raise DamagedIndex(f"the index is cut off: {error}") from error
    return parse_crai(data) if format is Format.CRAM else parse_index(data)
