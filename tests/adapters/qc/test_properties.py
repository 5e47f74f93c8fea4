"""The kernel against plain Python on random texts, whatever the size of the blocks that it is fed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.qc import source
from adapters.qc.checking import Options, check
from adapters.qc.duplicates import new_seed
from adapters.qc.engines import engine
from adapters.qc.findings import Finding
from adapters.qc.outcome import Limits
from tests.adapters.qc.planting import PLANTS, findings, record, text

FEW_BITS = np.uint64(0b11111)
"""Of a key, so that most names collide and only the comparison of bytes tells them apart."""


@pytest.fixture(params=[64, 257, 1 << 16], ids=lambda size: f"blocks-of-{size}")
def blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(source, "BLOCK", request.param)
    monkeypatch.setattr(source, "ROOM", 32)
    monkeypatch.setattr(source, "READ", request.param)
    return int(request.param)


lines = st.one_of(
    st.sampled_from([b"@", b"+", b"", b"@a", b"@a/1", b"@a/2", b"@b 1:N:0", b"+a", b"ACGT", b"IIII", b"@III", b"+III"]),
    st.binary(max_size=9).map(lambda line: line.replace(b"\n", b"")),
)
junk = st.lists(st.tuples(lines, st.sampled_from([b"\n", b"\n", b"\n", b"\r\n"])), max_size=40).map(
    lambda all_: b"".join(line + end for line, end in all_)
)
reads = st.lists(
    st.tuples(st.integers(1, 12), st.one_of(st.none(), st.sampled_from(PLANTS))).map(
        lambda drawn: drawn[1].sow(record(drawn[0], 20)) if drawn[1] else record(drawn[0], 20)
    ),
    max_size=25,
).map(text)
relaxed = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _check(path: Path, name: str, **options: object) -> tuple[int, int, list[Finding]]:
    made = check([path], Options(engine=engine(name), **options), lambda _path, _read: None)  # type: ignore[arg-type]
    file = made.files[0]
    assert file.reason is None, file.reason
    return file.reads, file.bases, [*file.findings, *made.sets[0].findings]


@relaxed
@given(data=st.one_of(junk, reads, st.tuples(reads, junk).map(b"".join)), cut=st.integers(0, 12))
def test_kernel_is_plain_python(data: bytes, cut: int, blocks: int, tmp_path: Path) -> None:
    """Equal findings with equal counts and places; wherever blocks end, and wherever the file is cut."""
    path = tmp_path / "reads.fastq"
    path.write_bytes(data[: len(data) - cut])
    assert _check(path, "kernel") == _check(path, "plain-set")


@relaxed
@given(numbers=st.lists(st.integers(1, 40), max_size=120), memory=st.sampled_from([1 << 12, 1 << 24]))
def test_duplicates_are_exact_where_hashes_collide(numbers: list[int], memory: int, tmp_path: Path) -> None:
    """With 32 different hashes in all, and with so little memory that everything is split over files."""
    path = tmp_path / "reads.fastq"
    path.write_bytes(text([record(number, 5) for number in numbers]))
    exact = _check(path, "plain-set")
    assert _check(path, "kernel", seed=new_seed(FEW_BITS), limits=Limits(memory=memory)) == exact
    assert _check(path, "kernel", limits=Limits(memory=memory)) == exact
    assert sum(finding.count for finding in exact[2] if finding.kind == "duplicate-name") == len(numbers) - len(
        set(numbers)
    )


def test_names_that_differ_in_the_last_byte(tmp_path: Path) -> None:
    reads = [[b"@" + b"n" * 60 + bytes([last]), *record(1)[1:]] for last in range(33, 126)]
    assert findings(text(reads), tmp_path) == {}
    assert findings(text([*reads, reads[50]]), tmp_path) == {"duplicate-name": 1}


@pytest.mark.parametrize("memory", [1 << 14, 1 << 26], ids=["split", "in-memory"])
def test_every_name_a_duplicate(memory: int, tmp_path: Path) -> None:
    """Of 20,000 reads each twice, and of 20,000 reads with one name."""
    reads = [[b"@r%d" % (number % 10_000), b"A", b"+", b"I"] for number in range(20_000)]
    assert findings(text(reads), tmp_path, memory=memory) == {"duplicate-name": 10_000}
    reads = [[b"@same", b"A", b"+", b"I"]] * 20_000
    assert findings(text(reads), tmp_path, memory=memory) == {"duplicate-name": 19_999}
