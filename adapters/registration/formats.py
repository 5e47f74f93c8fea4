"""What the bytes of a file are: by content where a few bytes tell, else by name; the list of formats is data."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

HEAD = 65_536  # bytes of a file that detection looks at
PLAIN = {
    b"CRAM": "CRAM",
    b"BAI\1": "BAI",
    b"CSI\1": "CSI",
    b"%PDF": "PDF",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\x89HDF\r\n\x1a\n": "HDF5",
    b"\xff\xd8\xff": "JPEG",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"##fileformat=VCF": "VCF",
    b"BCF\2": "BCF",
}
COMPRESSED = {
    b"BAM\1": "BAM",
    b"TBI\1": "TBI",
    b"CSI\1": "CSI",
    b"BCF\2": "BCF",
    b"##fileformat=VCF": "VCF",
}
TELLING = frozenset({*PLAIN.values(), *COMPRESSED.values(), "DICOM", "FASTQ"})


@dataclass(frozen=True, slots=True)
class Format:
    """A file format; ``indexes`` are the suffixes of files which a file of this format may index."""

    name: str
    suffixes: tuple[str, ...]
    media_type: str
    indexes: tuple[str, ...]


@cache
def formats() -> Mapping[str, Format]:
    """All formats, by name."""
    text = files("config.registration").joinpath("file_formats.tsv").read_text("utf-8")
    rows = csv.DictReader(text.splitlines(), delimiter="\t")
    return {
        row["format"]: Format(
            row["format"], tuple(row["suffixes"].split()), row["media_type"], tuple(row["indexes"].split())
        )
        for row in rows
    }


def from_content(head: bytes) -> str | None:
    """The format that the first bytes of a file prove; None if they prove none."""
    if head[:2] == b"\x1f\x8b":
        return _first(COMPRESSED, inflated(head)) or _fastq(inflated(head))
    if head[128:132] == b"DICM":
        return "DICOM"
    return _first(PLAIN, head) or _fastq(head)


def from_name(file_name: str) -> str | None:
    """The format that the name suggests, without regard to a trailing ``.gz``; None if none is known."""
    lower = file_name.lower()
    for candidate in (lower, lower.removesuffix(".gz").removesuffix(".bz2")):
        for known in formats().values():
            if candidate.endswith(known.suffixes) and known.suffixes:
                return known.name
    return None


def media_type(format_name: str, head: bytes) -> str:
    """The media type of a file; that of the compression for text that is compressed."""
    kind = formats()[format_name].media_type
    if head[:2] == b"\x1f\x8b" and kind != "application/octet-stream":
        return "application/gzip"
    return kind


def indexed_names(file_name: str, format_name: str) -> list[str]:
    """Names that the file indexed by ``file_name`` may have: ``x.bam.bai`` and ``x.bai`` belong to ``x.bam``."""
    known = formats()[format_name]
    for suffix in known.suffixes:
        if file_name.lower().endswith(suffix):
            stem = file_name[: -len(suffix)]
            return [stem, *(stem + indexed for indexed in known.indexes)]
    return []


def inflated(head: bytes) -> bytes:
    """What the beginning of a gzip file holds, as far as ``head`` goes; empty if it is broken."""
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head, HEAD)
    except zlib.error:
        return b""


def _first(table: Mapping[bytes, str], head: bytes) -> str | None:
    return next((name for magic, name in table.items() if head.startswith(magic)), None)


def _fastq(text: bytes) -> str | None:
    lines = text.split(b"\n", 4)
    if len(lines) < 4 or lines[0][:1] != b"@" or lines[2][:1] != b"+":
        return None
    return "FASTQ" if lines[1] and len(lines[1].rstrip()) == len(lines[3].rstrip()) else None
