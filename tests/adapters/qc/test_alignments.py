"""Faults planted in BAM and CRAM files: each alone and all together are found, and nothing else is."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pysam
import pytest

from adapters.qc.reference import ReferenceGenome
from adapters.qc.report import FileReport
from tests.adapters.qc.aligning import EOF, TEXT, Bam, Record, good, unblocked
from tests.adapters.qc.planting import Sown, found, report, wanted
from tests.support import shared


def check(content: bytes, folder: Path, name: str = "a.bam") -> dict[str, int]:
    (folder / name).write_bytes(content)
    return found(folder / name)


PLANTS = [
    Sown("no-such-reference", "position", lambda r: replace(r, reference=2, position=0)),
    Sown("beyond-the-end", "position", lambda r: replace(r, position=4990, reference=r.reference)),
    Sown("below-unplaced", "position", lambda r: replace(r, reference=-2, flag=4)),
    Sown("mate-nowhere", "mate-position", lambda r: replace(r, next_reference=9, next_position=1)),
    Sown("mate-beyond", "mate-position", lambda r: replace(r, next_reference=1, next_position=3000)),
    Sown("no-name", "record-name", lambda r: replace(r, name=b"")),
    Sown("name-not-ended", "record-name", lambda r: replace(r, end=b"x")),
    Sown("name-with-blank", "record-name", lambda r: replace(r, name=b"a b")),
    Sown("name-with-at", "record-name", lambda r: replace(r, name=b"a@b")),
    Sown("cigar-short", "cigar", lambda r: replace(r, cigar=((19, 0),))),
    Sown("cigar-long", "cigar", lambda r: replace(r, cigar=((20, 0), (1, 1)))),
    Sown("cigar-unknown", "cigar", lambda r: replace(r, cigar=((20, 9),))),
    Sown("hard-clip-inside", "cigar", lambda r: replace(r, cigar=((10, 0), (5, 5), (10, 0)))),
    Sown("soft-clip-inside", "cigar", lambda r: replace(r, cigar=((8, 0), (4, 4), (8, 0)))),
    Sown("quality", "record-quality", lambda r: replace(r, quality=bytes([30] * 19 + [94]))),
    Sown("tag-type", "tags", lambda r: replace(r, tags=b"XXq\0")),
    Sown("tag-cut", "tags", lambda r: replace(r, tags=b"NMi\0\0")),
    Sown("tag-text-not-ended", "tags", lambda r: replace(r, tags=b"XXZabc")),
    Sown("tag-array-cut", "tags", lambda r: replace(r, tags=b"XXBi\2\0\0\0\0\0\0\0")),
    Sown("tag-rest", "tags", lambda r: replace(r, tags=b"NMC\1\0")),
    Sown("single-but-proper", "flags", lambda r: replace(r, flag=2)),
    Sown("single-but-second", "flags", lambda r: replace(r, flag=0x80)),
    Sown("proper-but-unmapped", "flags", lambda r: replace(r, flag=1 | 2 | 4)),
    Sown("unknown-flag", "flags", lambda r: replace(r, flag=0x1000)),
    Sown("read-group", "read-group", lambda r: replace(r, tags=b"RGZg2\0")),
    Sown("read-group-prefix", "read-group", lambda r: replace(r, tags=b"RGZg\0")),
]
AT_REST = 1
"""Plants that move a record: the order is broken too, unless the record is put where it belongs."""


def planted(plants: list[Sown[Record]]) -> Bam:
    """A file without an order that has to be kept, with one record for each plant."""
    records = good(60)
    for number, plant in enumerate(plants):
        base = Record(b"plant%d" % number, 0, 0, 100)
        records.insert(2 * number, plant.sow(base))
    return Bam(records, TEXT.replace("SO:coordinate", "SO:unsorted"))


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.name)
def test_a_planted_fault_is_found_and_nothing_else(plant: Sown[Record], tmp_path: Path) -> None:
    assert check(planted([plant]).packed(), tmp_path) == {plant.kind: 1}


def test_all_faults_together(tmp_path: Path) -> None:
    assert check(planted(PLANTS).packed(), tmp_path) == wanted(PLANTS)
    (tmp_path / "a.bam").write_bytes(planted(PLANTS[:1]).packed())
    (finding,) = report(tmp_path / "a.bam").files[0].findings
    head = len(planted([]).content()) - sum(len(record.packed()) for record in good(60))
    assert (finding.places[0].record, finding.places[0].byte) == (1, head)


def test_a_clean_file_and_what_is_said_of_it(tmp_path: Path) -> None:
    assert check(Bam().packed(), tmp_path) == {}
    file = report(tmp_path / "a.bam").files[0]
    with pysam.AlignmentFile(str(tmp_path / "a.bam")) as opened:
        records = list(opened)
    primary = [record for record in records if not record.flag & 0x900]
    assert file.facts == {
        "records": len(records),
        "mapped": sum(not record.is_unmapped for record in primary),
        "unmapped": sum(record.is_unmapped for record in primary),
        "references": 2,
        "read_groups": 1,
        "order": "coordinate",
    }
    assert (file.reads, file.bases) == (len(primary), sum(record.query_length for record in primary))


def test_order_of_coordinates(tmp_path: Path) -> None:
    records = good(60)
    swapped = [*records[:20], records[21], records[20], *records[22:]]
    assert records[20].position < records[21].position
    assert check(Bam(swapped).packed(), tmp_path) == {"sort-order": 1}
    assert check(Bam([records[-1], *records[:-1]]).packed(), tmp_path) == {"sort-order": 1}, "unplaced come last"


@pytest.mark.parametrize(
    ("names", "wrong"),
    [
        ([b"r1", b"r2", b"r10"], 0),  # as samtools sorts
        ([b"r1", b"r10", b"r2"], 0),  # as Picard sorts
        ([b"r2", b"r1", b"r10"], 1),
        ([b"b", b"a", b"c", b"b"], 2),
        ([b"r01", b"r1", b"r2"], 0),
    ],
)
def test_order_of_names(names: list[bytes], wrong: int, tmp_path: Path) -> None:
    records = [Record(name, 4, -1, -1, 0, ()) for name in names]
    made = check(Bam(records, TEXT.replace("coordinate", "queryname")).packed(), tmp_path)
    assert made == ({"sort-order": wrong} if wrong else {})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("VN:1.6", "VN:one"),
        ("SO:coordinate", "SO:sideways"),
        ("@HD\t", "@hd "),
        ("SN:chr2", "SN:chr1"),
        ("LN:3000", "LN:0"),
        ("@SQ\tSN:chr2\tLN:3000", "@SQ\tLN:3000"),
        ("LN:5000", "LN:5001"),
        ("@RG\tID:g1", "@RG\tSM:g1"),
        ("@RG\tID:g1\tSM:s\n", "@RG\tID:g1\tSM:s\n@RG\tID:g1\n"),
        ("PP:a", "PP:c"),
        ("@CO\tanything", "anything"),
    ],
)
def test_header(old: str, new: str, tmp_path: Path) -> None:
    text = TEXT.replace(old, new)
    assert text != TEXT
    records = [replace(record, tags=b"") for record in good(60)]
    assert set(check(Bam(records, text).packed(), tmp_path)) == {"header"}


def test_ends(tmp_path: Path) -> None:
    whole = Bam().packed()
    assert check(Bam().packed(end=b""), tmp_path) == {"end-marker": 1}
    assert check(whole[:-100], tmp_path) == {"compression-truncated": 1}
    assert check(whole + b"more", tmp_path) == {"trailing-data": 1}
    wrong = bytearray(whole)
    wrong[-len(EOF) - 5] ^= 1
    assert set(check(bytes(wrong), tmp_path)) == {"compression-corrupt"}
    assert check(unblocked(Bam()), tmp_path) == {"container": 1}
    content = Bam().content()
    from tests.adapters.qc.aligning import blocked

    assert check(blocked(content[:-30]) + EOF, tmp_path) == {"record-cut": 1}
    assert check(blocked(content[:60]) + EOF, tmp_path) == {"header": 1}
    sized = [*good(60)[:30], Record(b"size", 0, 1, 1999, size=20), *good(60)[-4:]]
    assert check(Bam(sized).packed(), tmp_path) == {"record-size": 1}
    inner = [*good(60)[:30], replace(Record(b"inner", 0, 1, 1999), bases=4000), *good(60)[-4:]]
    assert check(Bam(inner).packed(), tmp_path) == {"record-size": 1}
    assert check(Bam().packed(), tmp_path, "a.fastq.gz") == {"extension": 1}


@pytest.mark.parametrize("kind", ["bai", "csi"])
def test_index(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.bam"
    assert check(Bam().packed(), tmp_path) == {}
    pysam.index(*(["-c"] if kind == "csi" else []), str(path))
    index = tmp_path / f"a.bam.{kind}"
    assert found(path) == {}
    index.rename(tmp_path / f"a.{kind}")
    assert found(path) == {}, "the other name that an index may have"
    (tmp_path / f"a.{kind}").rename(index)
    path.write_bytes(Bam(good(61)).packed())
    assert set(found(path)) == {"index"}, "of another state of the file"
    path.write_bytes(Bam().packed())
    data = index.read_bytes()
    index.write_bytes(data[: len(data) // 2])
    assert found(path) == {"index": 1}
    index.write_bytes(b"no index at all")
    assert found(path) == {"index": 1}


def fasta(folder: Path, sequences: dict[str, str], width: int = 60) -> ReferenceGenome:
    path = folder / "ref.fa"
    with path.open("w") as file:
        for name, bases in sequences.items():
            lines = [bases[at : at + width] for at in range(0, len(bases), width)]
            file.write(f">{name} any words\n" + "\n".join(lines) + "\n")
    return ReferenceGenome(path)


SEQUENCES = {"chr1": "ACGTTGCA" * 625, "chr2": "ggatcctt" * 375}


def with_sums(sequences: dict[str, str]) -> str:
    text = TEXT
    for name, bases in sequences.items():
        md5 = hashlib.md5(bases.upper().encode(), usedforsecurity=False).hexdigest()
        text = text.replace(f"SN:{name}\tLN:{len(bases)}", f"SN:{name}\tLN:{len(bases)}\tM5:{md5}")
    return text


def test_sums_of_references(tmp_path: Path) -> None:
    path = tmp_path / "a.bam"
    path.write_bytes(Bam(text=with_sums(SEQUENCES)).packed())
    assert found(path, genome=fasta(tmp_path, SEQUENCES)) == {}
    other = {**SEQUENCES, "chr1": "T" + SEQUENCES["chr1"][1:]}
    assert found(path, genome=fasta(tmp_path, other)) == {"reference": 1}
    assert found(path, genome=fasta(tmp_path, {"chr1": SEQUENCES["chr1"]})) == {"reference": 1}
    longer = {name: bases + "A" for name, bases in SEQUENCES.items()}
    assert found(path, genome=fasta(tmp_path, longer)) == {"reference": 2}


def cram(folder: Path, genome: ReferenceGenome) -> Path:
    """A good CRAM with its index."""
    (folder / "a.bam").write_bytes(Bam(good(400)).packed())
    path = folder / "a.cram"
    options = ["--output-fmt-option", "seqs_per_slice=50"]
    pysam.view("-C", "-T", str(genome.path), *options, "-o", str(path), str(folder / "a.bam"), catch_stdout=False)
    pysam.index(str(path))
    return path


def test_cram(tmp_path: Path) -> None:
    genome = fasta(tmp_path, SEQUENCES)
    path = cram(tmp_path, genome)
    whole = path.read_bytes()
    assert found(path) == {}
    assert found(path, genome=genome) == {}
    assert report(path).files[0].facts["records"] == 400
    path.write_bytes(whole[:-38])
    assert found(path) == {"end-marker": 1}
    path.write_bytes(whole[: len(whole) // 2])
    assert set(found(path)) == {"end-marker", "container"}
    path.write_bytes(whole)
    index = tmp_path / "a.cram.crai"
    kept = index.read_bytes()
    index.write_bytes(b"0\t1\t2\t3\n")
    assert found(path) == {"index": 1}
    index.write_bytes(b"0\t1\t2\t5\t6\t7\n")
    assert "index" in found(path)
    index.write_bytes(kept)
    other = fasta(tmp_path, {**SEQUENCES, "chr1": "T" * 5000})
    assert found(path, genome=other) == {"reference": 1}, "bases are not decoded with another"


def test_a_reference_that_a_cram_file_names_is_not_opened(tmp_path: Path) -> None:
    """Here it is a pipe, at which whoever opens it waits forever."""
    genome = fasta(tmp_path, SEQUENCES)
    path = cram(tmp_path, genome)
    assert str(genome.path) in pysam.view("-H", str(path))
    for place in (genome.path, Path(f"{genome.path}.fai")):
        place.unlink(missing_ok=True)
    os.mkfifo(genome.path)
    (tmp_path / "other").mkdir()
    other = fasta(tmp_path / "other", {"chr1": SEQUENCES["chr1"]})
    assert found(path, genome=other) == {"reference": 1}
    assert found(path) == {}


@pytest.mark.parametrize("at", [0.3, 0.6, 0.9])
def test_a_damaged_byte_in_cram(at: float, tmp_path: Path) -> None:
    path = cram(tmp_path, fasta(tmp_path, SEQUENCES))
    wrong = bytearray(path.read_bytes())
    wrong[int(len(wrong) * at)] ^= 0xFF
    path.write_bytes(bytes(wrong))
    assert set(found(path)) & {"container", "decoding"}


def real(name: str) -> list[Path]:
    return sorted(path for path in shared("data/reads").iterdir() if path.suffix == name)


def statuses(files: list[FileReport]) -> list[tuple[str, str | None, list[str]]]:
    return [(f.path.name, f.reason, [one.kind for one in f.findings]) for f in files if f.status != "clean"]


def test_real_files_are_clean() -> None:
    paths = real(".bam") + real(".cram")
    assert len(paths) == 7
    assert statuses(report(*paths).files) == []
    genome = ReferenceGenome(shared("data/reads/GRCh38_chrM.fasta"))
    with_reference = [path for path in paths if "chrM" in path.name]
    assert statuses(report(*with_reference, genome=genome).files) == []


def test_real_faults_are_found() -> None:
    assert found(shared("data/edge_cases/truncated.bam")) == {"compression-truncated": 1}
    unreadable = shared("data/edge_cases/cramtools3_unaligned_not_readable_by_samtools.cram")
    assert found(unreadable) == {"decoding": 1}
