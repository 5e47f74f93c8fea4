"""Files of made-up reads for the benchmark of quality control, written once and kept."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
LENGTH = 150
AT_ONCE = 20_000
BGZF_DATA = 65_280
_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


def short_reads(reads: int, seed: int) -> Iterator[bytes]:
    """Text of ``reads`` reads of 150 bases with binned qualities, as a sequencer of today writes them."""
    random = np.random.default_rng(seed)
    for first in range(0, reads, AT_ONCE):
        yield _block(random, first, min(AT_ONCE, reads - first))


def _block(random: np.random.Generator, first: int, count: int) -> bytes:
    names = [
        b"@A00123:45:HXXXXDSXX:%d:%d:%05d:%05d 1:N:0:ACGT\n" % (1 + n % 4, 1101 + n // 40_000, n % 40_000, n % 36_007)
        for n in range(first, first + count)
    ]
    bases = np.frombuffer(b"ACGT", np.uint8)[random.integers(0, 4, (count, LENGTH))]
    qualities = np.full((count, LENGTH), ord("F"), np.uint8)
    drops = random.random((count, LENGTH)) < np.linspace(0.02, 0.15, LENGTH)
    qualities[drops] = np.frombuffer(b"#,:", np.uint8)[random.integers(0, 3, int(drops.sum()))]
    return b"".join(
        name + base.tobytes() + b"\n+\n" + quality.tobytes() + b"\n"
        for name, base, quality in zip(names, bases, qualities, strict=True)
    )


def long_reads(bases: int, seed: int) -> Iterator[bytes]:
    """Text of reads of varied length, together about ``bases`` bases, as a nanopore writes them."""
    random = np.random.default_rng(seed)
    made = number = 0
    while made < bases:
        length = int(random.lognormal(8.6, 1.0)) + 200
        sequence = np.frombuffer(b"ACGT", np.uint8)[random.integers(0, 4, length)].tobytes()
        quality = random.integers(35, 75, length, np.uint8).tobytes()
        yield b"@%08x-1234-4abc-9def-%012x runid=0123456789abcdef ch=%d\n%s\n+\n%s\n" % (
            number,
            int(random.integers(0, 1 << 47)),
            number % 512,
            sequence,
            quality,
        )
        made += length
        number += 1


def write(path: Path, text: Iterator[bytes], *, bgzf: bool) -> None:
    """Write text as BGZF or as one gzip member, at once or not at all."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        for piece in _bgzf(text) if bgzf else _gzip(text):
            file.write(piece)
    partial.rename(path)


def _gzip(text: Iterator[bytes]) -> Iterator[bytes]:
    member = isal_zlib.compressobj(2, wbits=31)
    for piece in text:
        yield member.compress(piece)
    yield member.flush()


def _bgzf(text: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in text:
        rest += piece
        while len(rest) >= BGZF_DATA:
            yield _bgzf_block(rest[:BGZF_DATA])
            rest = rest[BGZF_DATA:]
    yield _bgzf_block(rest) + _END


def _bgzf_block(data: bytes) -> bytes:
    packed = isal_zlib.compress(data, 2, wbits=-15)
    header = struct.pack("<4BI2BH2BHH", 31, 139, 8, 4, 0, 0, 255, 6, 66, 67, 2, len(packed) + 25)
    return header + packed + struct.pack("<2I", zlib.crc32(data), len(data))
