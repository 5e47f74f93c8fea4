"""Every kind of fault, alone and all together: all found, none invented, by each engine that claims it."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import pytest

from tests.adapters.qc.planting import ENGINES, PLANTS, Plant, counts, findings, record, records, report, text

CUT_AT_THE_END = ("no-quality-line", "no-plus-line", "no-sequence-line", "no-name-line", "name-only")
every_engine = pytest.mark.parametrize("engine", ENGINES)


@every_engine
@pytest.mark.parametrize("where", [0, 10, 29], ids=["first", "middle", "last"])
@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.name)
def test_fault_alone(plant: Plant, where: int, engine: str, tmp_path: Path) -> None:
    reads = records(30)
    reads[where] = plant.sow(reads[where])
    expected = dict(plant.expected)
    if where == 29 and plant.name in CUT_AT_THE_END:
        expected = {"partial-record": 1}
    assert findings(text(reads), tmp_path, engine=engine) == expected


@every_engine
@pytest.mark.parametrize("seed", range(3))
def test_all_faults_together(seed: int, engine: str, tmp_path: Path) -> None:
    """Every plant once, at random places with good reads between them, CR LF in one line, and the last read cut."""
    reads = records(400)
    places = random.Random(seed).sample(range(2, 398, 3), len(PLANTS))
    expected: dict[str, int] = {}
    for place, plant in zip(places, PLANTS, strict=True):
        reads[place] = plant.sow(reads[place])
        for kind, count in plant.expected.items():
            expected[kind] = expected.get(kind, 0) + count
    data = text(reads).replace(b"\n", b"\r\n", 1) + text([record(999)])[:-10]
    assert findings(data, tmp_path, engine=engine) == expected | {"mixed-line-ends": 1, "partial-record": 1}


@every_engine
def test_clean_file_is_clean(engine: str, tmp_path: Path) -> None:
    assert findings(text(records(200)), tmp_path, engine=engine) == {}
    assert findings(text(records(200))[:-1], tmp_path, engine=engine) == {}, "no line end at the end is well"


@every_engine
def test_first_places(engine: str, tmp_path: Path) -> None:
    reads = records(30)
    reads[10][1] = reads[10][1][:7] + b"J" + reads[10][1][8:]
    path = tmp_path / "reads.fastq"
    path.write_bytes(text(reads))
    (finding,) = report(path, engine=engine).files[0].findings
    (place,) = finding.places
    assert (place.record, place.line, place.column, place.detail) == (11, 42, 8, "found 'J'")
    assert place.byte is not None
    assert text(reads)[place.byte : place.byte + 1] == b"J"


@every_engine
def test_duplicates_name_both_places(engine: str, tmp_path: Path) -> None:
    reads = [*records(30), record(4), record(7), record(4)]
    path = tmp_path / "reads.fastq"
    path.write_bytes(text(reads))
    (finding,) = report(path, engine=engine).files[0].findings
    assert (finding.count, finding.message) == (3, "reads have the name of an earlier read (2 different names)")
    assert [(place.record, place.line, place.detail) for place in finding.places] == [
        (31, 121, "M0:1:F:1:4 is also read 4 (line 13)"),
        (32, 125, "M0:1:F:1:7 is also read 7 (line 25)"),
        (33, 129, "M0:1:F:1:4 is also read 4 (line 13)"),
    ]


@every_engine
def test_line_ends(engine: str, tmp_path: Path) -> None:
    assert findings(text(records(10), b"\r\n"), tmp_path, engine=engine) == {"crlf": 40}
    late = text(records(500)) + text([record(501)], b"\r\n")
    assert findings(late, tmp_path, engine=engine) == {"mixed-line-ends": 4}


@every_engine
def test_quality_encoding(engine: str, tmp_path: Path) -> None:
    reads = [[*read[:3], bytes(64 + (q - 33) % 41 for q in read[3])] for read in records(50)]
    assert findings(text(reads), tmp_path, engine=engine) == {"quality-encoding": 50}


@every_engine
def test_shares(engine: str, tmp_path: Path) -> None:
    reads = [[read[0], b"N" * 60, b"+", read[3]] for read in records(50)]
    assert findings(text(reads), tmp_path, engine=engine) == {"acgtu-share": 1}


@every_engine
def test_cut_gzip_with_other_faults(engine: str, tmp_path: Path) -> None:
    """What is before the cut is checked, and the cut is reported once."""
    reads = records(3000)
    reads[5][2] = b"-"
    packed = gzip.compress(text(reads), 1)
    found = findings(packed[: len(packed) // 2], tmp_path, "reads.fastq.gz", engine=engine)
    assert found == {"plus-line": 1, "compression-truncated": 1}


@every_engine
def test_corrupt_gzip(engine: str, tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(text(records(3000)), 1))
    packed[-8] ^= 1
    assert findings(bytes(packed), tmp_path, "reads.fastq.gz", engine=engine) == {"compression-corrupt": 1}


@every_engine
def test_data_after_gzip(engine: str, tmp_path: Path) -> None:
    packed = gzip.compress(text(records(30)), 1)
    assert findings(packed + b"more", tmp_path, "reads.fastq.gz", engine=engine) == {"trailing-data": 1}
    assert findings(packed + b"\x00" * 512, tmp_path, "reads.fastq.gz", engine=engine) == {}, "zeros pad a tape"


def test_extension(tmp_path: Path) -> None:
    packed = gzip.compress(text(records(30)), 1)
    assert findings(packed, tmp_path, "reads.fastq") == {"extension": 1}
    assert findings(text(records(30)), tmp_path, "reads.fastq.gz") == {"extension": 1}
    assert findings(text(records(30)), tmp_path, "reads.bam") == {"extension": 1}
    assert findings(text(records(30)), tmp_path, "reads") == {}


def test_dnaio_rbloom_finds_every_duplicate(tmp_path: Path) -> None:
    reads = [*records(3000), *records(7)]
    assert findings(text(reads), tmp_path, engine="dnaio+rbloom") == {"duplicate-name": 7}
    assert findings(text(records(3000)), tmp_path, engine="dnaio+rbloom") == {}


def test_counts_of_clean_file(tmp_path: Path) -> None:
    path = tmp_path / "reads.fastq"
    path.write_bytes(text(records(30)))
    (file,) = report(path).files
    assert (file.reads, file.bases, counts(file)) == (30, 1800, {})
