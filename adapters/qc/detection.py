"""What a file is, from its first bytes; and whether its name says the same."""

from __future__ import annotations

import stat
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Literal, get_args

from adapters.qc.errors import NotAFile

Container = Literal["plain", "gzip", "bgzf", "zstd", "bzip2", "xz", "zip"]
Format = Literal["fastq", "fasta", "bam", "cram", "vcf", "bcf", "sam", "empty", "utf-16", "unknown"]

HEAD: Final = 1 << 16
_CONTAINERS: Final[tuple[tuple[bytes, Container], ...]] = (
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"PK\x03\x04", "zip"),
)
_SUFFIXES: Final[dict[str, tuple[Container, ...]]] = {
    ".gz": ("gzip", "bgzf"),
    ".bgz": ("bgzf",),
    ".zst": ("zstd",),
    ".bz2": ("bzip2",),
    ".xz": ("xz",),
    ".zip": ("zip",),
}
_FORMATS: Final[dict[str, Format]] = {
    ".fastq": "fastq",
    ".fq": "fastq",
    ".fasta": "fasta",
    ".fa": "fasta",
    ".bam": "bam",
    ".cram": "cram",
    ".sam": "sam",
    ".vcf": "vcf",
    ".bcf": "bcf",
}


@dataclass(frozen=True, slots=True)
class Detected:
    """What a file is. ``format`` is that of the decompressed content."""

    container: Container
    format: Format


def container(head: bytes) -> Container:
    """Compression of a file that begins with ``head``."""
    for magic, name in _CONTAINERS:
        if head.startswith(magic):
            return "bgzf" if name == "gzip" and bgzf_size(head) else name
    return "plain"


def bgzf_size(head: bytes) -> int:
    """Bytes of the BGZF block that begins with ``head`` (SAM specification 4.1); 0 if it is not one."""
    if len(head) < 18 or head[:4] != b"\x1f\x8b\x08\x04":
        return 0
    extra = struct.unpack_from("<H", head, 10)[0]
    at = 12
    while at + 4 <= min(12 + extra, len(head)):
        identity, length = head[at : at + 2], struct.unpack_from("<H", head, at + 2)[0]
        if identity == b"BC" and length == 2 and at + 6 <= len(head):
            return int(struct.unpack_from("<H", head, at + 4)[0]) + 1
        at += 4 + length
    return 0


def content(head: bytes) -> Format:
    """Format of text or data that begins with ``head``."""
    if not head:
        return "empty"
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head.startswith(b"@"):
        return "sam" if head[:4] in (b"@HD\t", b"@SQ\t", b"@RG\t", b"@PG\t", b"@CO\t") else "fastq"
    return "fastq" if _has_records(head) else "unknown"


_MAGIC: Final[tuple[tuple[bytes, Format], ...]] = (
    (b"BAM\x01", "bam"),
    (b"CRAM", "cram"),
    (b"BCF", "bcf"),
    (b"##fileformat=VCF", "vcf"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"@\x00", "utf-16"),
    (b"\x00@", "utf-16"),
)


def _has_records(head: bytes) -> bool:
    """Whether text that does not begin with ``@`` has FASTQ records: a ``+`` line between lines of one length."""
    lines = [line.rstrip(b"\r") for line in head.split(b"\n")]
    return any(
        plus[:1] == b"+" and sequence and len(sequence) == len(quality)
        for sequence, plus, quality in zip(lines, lines[1:], lines[2:], strict=False)
    )


def claimed(name: str) -> tuple[tuple[Container, ...], Format | None]:
    """Containers and format that a file's name promises; no format where its suffixes say nothing."""
    suffixes = [suffix.lower() for suffix in Path(name).suffixes]
    containers: tuple[Container, ...] = ("plain",)
    if not suffixes or (suffixes[-1] not in _SUFFIXES and suffixes[-1] not in _FORMATS):
        return tuple(get_args(Container)), None
    if suffixes and suffixes[-1] in _SUFFIXES:
        containers = _SUFFIXES[suffixes.pop()]
    format_ = _FORMATS.get(suffixes[-1]) if suffixes else None
    if format_ in ("bam", "bcf"):
        containers = ("bgzf", "gzip")
    return containers, format_


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading.

    :raises NotAFile: for a directory, a pipe, a device, and what cannot be opened.
    """
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise NotAFile(f"{path} is {_what(mode)}; only regular files are checked, because they are read twice")
        return path.open("rb")
    except OSError as error:
        raise NotAFile(f"{path} cannot be read: {error.strerror}") from error


def _what(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a directory"
    return "a pipe" if stat.S_ISFIFO(mode) else "not a regular file"
