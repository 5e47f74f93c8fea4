"""Who is in a file: sample columns of a VCF, read groups of a BAM or SAM."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator

GZIP = zlib.MAX_WBITS | 16
LARGEST_HEADER = 64 << 20  # bytes, decompressed


class UnreadableHeader(ValueError):
    """The header of the file cannot be read, or its format has no names that are cheap to read."""


def persons_named(format_name: str, content: Iterable[bytes]) -> list[str]:
    """Distinct sample names in the header of a file, in their order; reads no further than the header.

    :raises UnreadableHeader: if the header is broken, too long, or of another format than VCF, BAM or SAM.
    """
    if format_name == "VCF":
        return _vcf_samples(_lines(_inflated(content)))
    if format_name == "BAM":
        return _read_groups(_bam_header(_inflated(content)).split(b"\n"))
    if format_name == "SAM":
        return _read_groups(_until_reads(_lines(_inflated(content))))
    raise UnreadableHeader(f"names of persons cannot be read from {format_name} files: list the individuals instead")


def _vcf_samples(lines: Iterable[bytes]) -> list[str]:
    for line in lines:
        if line.startswith(b"#CHROM\t"):
            return list(dict.fromkeys(_text(line).rstrip("\r").split("\t")[9:]))
        if not line.startswith(b"##"):
            break
    raise UnreadableHeader("the VCF header has no #CHROM line")


def _read_groups(lines: Iterable[bytes]) -> list[str]:
    groups = (line.rstrip(b"\r").split(b"\t") for line in lines if line.startswith(b"@RG\t"))
    return list(dict.fromkeys(_text(part[3:]) for group in groups for part in group if part.startswith(b"SM:")))


def _until_reads(lines: Iterable[bytes]) -> Iterator[bytes]:
    for line in lines:
        if not line.startswith(b"@"):
            return
        yield line


def _bam_header(content: Iterator[bytes]) -> bytes:
    """The text of a BAM header (SAM specification 4.2)."""
    held = b""
    for piece in content:
        held += piece
        if len(held) < 8:
            continue
        magic, length = struct.unpack_from("<4si", held)
        if magic != b"BAM\1" or not 0 <= length <= LARGEST_HEADER:
            break
        if len(held) >= 8 + length:
            return held[8 : 8 + length]
    raise UnreadableHeader("the BAM header is broken")


def _lines(content: Iterable[bytes]) -> Iterator[bytes]:
    rest, seen = b"", 0
    for piece in content:
        seen += len(piece)
        if seen > LARGEST_HEADER:
            raise UnreadableHeader(f"the header is longer than {LARGEST_HEADER} bytes")
        *whole, rest = (rest + piece).split(b"\n")
        yield from whole
    if rest:
        yield rest


def _inflated(content: Iterable[bytes]) -> Iterator[bytes]:
    """The content of a gzip file of any number of members (BGZF is one), or of a plain file as it is."""
    machine, inside = None, False
    for number, piece in enumerate(content):
        if number == 0 and piece[:2] == b"\x1f\x8b":
            machine = zlib.decompressobj(GZIP)
        if machine is None:
            yield piece
            continue
        while piece:
            try:
                yield machine.decompress(piece)
            except zlib.error as error:
                raise UnreadableHeader(f"the compressed data is broken: {error}") from error
            piece, inside = machine.unused_data, not machine.eof
            if machine.eof:
                machine = zlib.decompressobj(GZIP)
    if inside:  # a line cut short would hide the persons at its end
        raise UnreadableHeader("the compressed data is cut off")


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise UnreadableHeader("the header is not UTF-8") from error
