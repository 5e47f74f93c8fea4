"""The containers of a CRAM that regions need."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.reads import cram
from adapters.reads.blocks import stretches
from adapters.reads.crai import ContainerIndex
from adapters.reads.errors import DamagedFile, DamagedIndex, UnknownReference
from adapters.reads.header import Header
from adapters.reads.parts import Part, Span
from adapters.reads.region import Region
from adapters.reads.source import ByteSource

MOST_SPANS = 500  # containers are whole: there are no edges to trim


def containers(
    source: ByteSource, header: Header, index: ContainerIndex, regions: Sequence[Region], end: int
) -> list[Part]:
    """Parts with every record of the regions.

    :param end: byte at which the containers of records end.
    :raises UnknownReference: if the header has no reference of a region's name.
    :raises DamagedIndex: if the index names places where no container begins.
    """
    found = _spans(header, index, regions, end)
    unseen = _unchecked(found, index, end)
    major = cram.version(source) if unseen else 0
    for boundary in unseen:
        try:
            cram.read_container(source, boundary, major)
        except DamagedFile as error:
            raise DamagedIndex(f"the index does not belong to the file: {error}") from error
    index.see(unseen)
    return [*found]


def _unchecked(found: Sequence[Span], index: ContainerIndex, end: int) -> set[int]:
    """Bytes at which containers should begin, and where the file was not looked at yet."""
    return index.unseen({boundary for span in found for boundary in (span.start, span.end)} - {end})


def _spans(header: Header, index: ContainerIndex, regions: Sequence[Region], end: int) -> list[Span]:
    """What :func:`containers` gives, as the index has it: the file is not read.

    :raises UnknownReference: if the header has no reference of a region's name.
    """
    wanted: set[int] = set()
    for region in regions:
        if region.unplaced:
            wanted |= index.unplaced()
        elif region.reference in header.references:
            wanted |= index.overlapping(header.references[region.reference], region.start, region.stop)
        else:
            raise UnknownReference(region.reference)
    # Shifted so that neighbours, which share a boundary, become one stretch and others do not.
    chunks = [(begin << 16, (index.after(begin) or end) << 16) for begin in wanted]
    return [Span(max(begin >> 16, header.end), stop >> 16, "body") for begin, stop in stretches(chunks, MOST_SPANS)]
