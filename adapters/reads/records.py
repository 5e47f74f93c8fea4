"""The blocks of a BGZF file that hold the records of regions."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.reads import bam, bcf, narrow
from adapters.reads.binning import BinnedIndex, Chunk
from adapters.reads.blocks import Boundary, cut, stretches
from adapters.reads.errors import UnknownReference
from adapters.reads.header import Header
from adapters.reads.inflated import Blocks
from adapters.reads.parts import Part
from adapters.reads.region import ALIGNMENTS, Format, Region
from adapters.reads.source import ByteSource

MOST_STRETCHES = 24  # each has two edges of at most 64 KiB: a ticket carries at most 3 MiB inline
MOST_NARROWED = 24  # regions; with more of them the exactness of the index must do
SHAPES = {Format.BAM: narrow.BAM, Format.BCF: narrow.BCF}


def records(
    format: Format, source: ByteSource, header: Header, index: BinnedIndex, regions: Sequence[Region], end: int
) -> list[Part]:
    """Parts with every record of the regions.

    :param end: byte at which the blocks of records end.
    :raises UnknownReference: if neither header nor index has a reference of a region's name.
    :raises DamagedIndex: if the index names places where no record begins.
    """
    shape = SHAPES.get(format) if len(regions) <= MOST_NARROWED else None
    numbers = header.references if index.names is None else {name: at for at, name in enumerate(index.names)}
    wanted: list[Chunk] = []
    blocks, boundary = Blocks(source), _boundary(format, header)
    for region in regions:
        if region.unplaced and format in ALIGNMENTS:
            wanted.append((max(index.after_placed, header.end), end << 16))
        elif region.reference in numbers:
            number = numbers[region.reference]
            found = [(max(begin, header.end), stop) for begin, stop in index.chunks(number, region.start, region.stop)]
            found = stretches([chunk for chunk in found if chunk[0] < chunk[1]], MOST_STRETCHES)
            wanted += _narrowed(blocks, found, shape, index, number, region) if shape else found
        elif region.reference not in header.references:
            raise UnknownReference(region.reference)
    parts: list[Part] = []
    for chunk in stretches([chunk for chunk in wanted if chunk[0] < chunk[1]], MOST_STRETCHES):
        parts += cut(blocks, chunk, end, "body", boundary)
    return parts


def _narrowed(
    blocks: Blocks, chunks: list[Chunk], shape: narrow.Shape, index: BinnedIndex, number: int, region: Region
) -> list[Chunk]:
    """The stretches of a region without the neighbours before its first record and after its last."""
    left = list(chunks)
    while left:
        likely = index.first_at(number, region.start)
        begin = narrow.narrowed_begin(blocks, left[0], shape, number, region.start, likely)
        left[0] = (begin, left[0][1])
        if begin < left[0][1]:
            break
        del left[0]
    while left and region.stop is not None:
        low, high = left[-1]
        after = max(low, index.first_at(number, region.stop - 1))
        stop = narrow.narrowed_end(blocks, (after, high), shape, number, region.stop) if after < high else high
        left[-1] = (low, stop)
        if low < stop:
            break
        del left[-1]
    return left


def _boundary(format: Format, header: Header) -> Boundary:
    """How the beginning of a record is told from other bytes."""
    count = 1 + max(header.references.values(), default=-1)
    if format is Format.VCF:
        return lambda data, at: at == 0 or data[at - 1 : at] == b"\n"
    shape = bam.looks_like_record if format is Format.BAM else bcf.looks_like_record
    return lambda data, at: shape(data[at : at + 64], count)
