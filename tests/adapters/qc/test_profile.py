"""Profiles beside a count by hand, and the same whatever the number of threads."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from adapters.qc.checking import Options, check
from adapters.qc.outcome import Limits
from tests.adapters.qc.aligning import EOF, blocked
from tests.adapters.qc.planting import counts, report

LETTERS = "ACGTN"


def made(count: int, letters: str) -> tuple[bytes, list[tuple[str, str]]]:
    draw = random.Random(3)
    reads = []
    for _ in range(count):
        length = draw.randrange(1, 90)
        sequence = "".join(draw.choices(letters, k=length))
        reads.append((sequence, "".join(chr(33 + draw.randrange(42)) for _ in range(length))))
    text = "".join(f"@r{n}\n{sequence}\n+\n{quality}\n" for n, (sequence, quality) in enumerate(reads))
    return text.encode(), reads


@pytest.mark.parametrize("letters", ["ACGT", "ACGTACGTACGTN", "ACGTacgtnU"])
def test_bases_and_qualities_by_cycle(letters: str, tmp_path: Path) -> None:
    text, reads = made(500, letters)
    path = tmp_path / "r.fastq"
    path.write_bytes(text)
    profile = report(path).files[0].profile
    for row in profile["cycles"]:
        at = row["cycle"] - 1
        present = [(s[at].upper().replace("U", "T"), ord(q[at]) - 33) for s, q in reads if len(s) > at]
        found = Counter(base for base, _ in present)
        assert row["reads"] == len(present)
        assert row["acgtn"] == [round(found[letter] / len(present), 5) for letter in LETTERS]
        assert row["mean"] == pytest.approx(sum(q for _, q in present) / len(present), abs=1e-3)
    assert len(profile["cycles"]) == max(len(sequence) for sequence, _ in reads)
    every = "".join(sequence for sequence, _ in reads).upper()
    known = sum(letter in "ACGTU" for letter in every)
    assert profile["gc_share"] == round(sum(letter in "GC" for letter in every) / known, 6)
    wanted = Counter(int(100 * sum(b in "GCgc" for b in s) / len(s) + 0.5) for s, _ in reads)
    assert dict(map(tuple, profile["gc"])) == wanted


def checked(path: Path, threads: int) -> tuple[dict[str, int], int, int]:
    (file,) = check([path], Options(limits=Limits(threads=threads)), lambda _path, _read: None).files
    return counts(file), file.reads, file.bases


@pytest.mark.parametrize("size", [300, 30_000])
def test_threads_change_nothing(size: int, tmp_path: Path) -> None:
    """Whole files, and such as are cut, damaged, go on as plain gzip, or have other data after the end."""
    text, reads = made(20_000, "ACGT")
    whole = blocked(text, size) + EOF
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 0xFF
    path = tmp_path / "r.fastq.gz"
    for content in (whole, whole[: -len(EOF) - 9], bytes(damaged), whole + b"more", whole + whole):
        path.write_bytes(content)
        alone = checked(path, 1)
        assert checked(path, 2) == checked(path, 5) == alone
    path.write_bytes(whole)
    assert checked(path, 3) == ({}, len(reads), sum(len(sequence) for sequence, _ in reads))
