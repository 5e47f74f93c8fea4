"""Whether an index was made of the file as it is: both ends of the records must be where the index has them.

The stretches of one region say little: an index of another file may find nothing there, and an empty slice would look
like an answer. Sorted files begin with the first record that has a place, and behind the last such record there is
nothing, or in a BAM the reads without a place.
"""

from __future__ import annotations

from adapters.reads import cram
from adapters.reads.bgzf import read_block
from adapters.reads.binning import BinnedIndex
from adapters.reads.crai import ContainerIndex
from adapters.reads.errors import DamagedFile, DamagedIndex
from adapters.reads.header import Header
from adapters.reads.region import Format
from adapters.reads.source import ByteSource

PLACE = 8  # bytes of a BAM record up to and with the number of its reference
UNPLACED = b"\xff\xff\xff\xff"


def check_records(format: Format, source: ByteSource, header: Header, index: BinnedIndex, end: int) -> None:
    """Compare the ends of the records with those that a BAI, CSI or TBI knows.

    :param end: byte at which the blocks of records end.
    :raises DamagedIndex: if they differ.
    """
    first = min(index.bins.chunks[0::2], default=header.end)
    last = max(index.after_placed, header.end)
    try:
        fits = _settled(source, first, end) == _settled(source, header.end, end)
        rest = _peeked(source, last, end)
    except DamagedFile as error:
        raise DamagedIndex(f"the index does not belong to the file: {error}") from error
    if not fits:
        raise DamagedIndex("the index does not belong to the file: the first record is not where it says")
    if rest and not (format is Format.BAM and rest[4:] == UNPLACED):
        raise DamagedIndex("the index does not belong to the file: it does not know the last records")


def check_containers(source: ByteSource, header: Header, index: ContainerIndex, end: int) -> None:
    """Compare the first and the last container of records with those that a CRAI knows.

    :raises DamagedIndex: if they differ.
    """
    first, after = header.end, header.end
    if index.containers:
        first, last = index.containers[0], index.containers[-1]
        try:
            container = cram.read_container(source, last, cram.version(source))
        except DamagedFile as error:
            raise DamagedIndex(f"the index does not belong to the file: {error}") from error
        after = last + container.head + container.body
    if first != header.end or after != end:
        raise DamagedIndex("the index does not belong to the file: it does not know its first or its last container")


def _settled(source: ByteSource, offset: int, end: int) -> int:
    """The same place, named by the block that holds its next byte."""
    block, at = offset >> 16, offset & 0xFFFF
    while block < end:
        inflated = read_block(source, block)
        if at < len(inflated.data):
            return block << 16 | at
        if at > len(inflated.data):
            raise DamagedFile(f"the block at byte {block} ends before {at}")
        block, at = block + inflated.size, 0
    if block > end or at:
        raise DamagedFile(f"the records end at byte {end}, before byte {block}")
    return end << 16


def _peeked(source: ByteSource, offset: int, end: int) -> bytes:
    """The next bytes of the records, as many as :data:`PLACE`; none at their end."""
    data = b""
    while len(data) < PLACE and (offset := _settled(source, offset, end)) < end << 16:
        block = read_block(source, offset >> 16)
        data += block.data[offset & 0xFFFF :]
        offset = (offset >> 16) + block.size << 16
    return data[:PLACE]
