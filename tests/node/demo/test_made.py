"""The made data: deterministic, with a realistic spectrum, readable by the tools of the field."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from pathlib import Path

import pydicom
import pysam
import pytest

from adapters.registration.plan import Plan
from adapters.registration.workbook import columns, sheets_of
from node.demo.made import images, reads, tables
from node.demo.made.genotypes import write_vcf
from node.demo.made.people import GROUPS, RARE, RARE_CARRIERS, labels, people
from node.demo.workbook import ReadFile, WorkbookRun, write_workbook

NAMES = [f"P{number:03d}" for number in range(100)]


def write_everything(folder: Path) -> None:
    folder.mkdir()
    write_vcf(folder / "a.vcf.gz", NAMES[:20], 1, random_sites=100)
    reads.write_fasta(folder / "r.fa", {"chrM": reads.made_sequence(1, 4000)})
    reads.write_cram(folder / "a.cram", folder / "r.fa", "P001", 1)
    reads.write_bam(folder / "a.bam", "P001", {"chr22": (10_000, 20_000)}, 1)
    reads.write_fastq_pair(folder / "1.fq.gz", folder / "2.fq.gz", reads.made_sequence(2, 5000), 1, pairs=50)
    images.write_series(folder / "ct", "P001", "F", 40, images.CHEST, dt.date(2024, 1, 1))
    tables.write_expression(folder / "counts.csv")


def test_same_command_gives_same_bytes_in_any_folder(tmp_path: Path) -> None:
    for name in ("one", "a-folder-with-a-longer-name"):
        write_everything(tmp_path / name)
    first = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert len(first) > 12
    for path in first:
        assert (tmp_path / "one" / path).read_bytes() == (
            tmp_path / "a-folder-with-a-longer-name" / path
        ).read_bytes(), path


def test_no_file_holds_a_path_of_this_machine(tmp_path: Path) -> None:
    write_everything(tmp_path / "one")
    with pysam.AlignmentFile(str(tmp_path / "one/a.cram"), reference_filename=str(tmp_path / "one/r.fa")) as cram:
        assert str(tmp_path) not in str(cram.header)
    for path in (tmp_path / "one").rglob("*"):
        if path.is_file():
            assert str(tmp_path).encode() not in path.read_bytes(), path


def test_variants_have_the_spectrum_of_a_population(tmp_path: Path) -> None:
    write_vcf(tmp_path / "a.vcf.gz", NAMES, 1, random_sites=800)
    counts: Counter[int] = Counter()
    with pysam.VariantFile(str(tmp_path / "a.vcf.gz")) as file:
        for record in file:
            called = [allele for sample in record.samples.values() for allele in sample["GT"]]
            expected = [called.count(number) for number in range(1, len(record.alts or ()) + 1)]
            assert list(record.info["AC"]) == expected
            assert record.info["AN"] == sum(allele is not None for allele in called)
            counts.update(expected)
    rare, common = sum(counts[k] for k in range(1, 11)), sum(n for k, n in counts.items() if k > 100)
    assert rare > 3 * common > 0


def test_variants_are_found_by_their_index(tmp_path: Path) -> None:
    write_vcf(tmp_path / "a.vcf.gz", NAMES[:10], 1, random_sites=50)
    with pysam.VariantFile(str(tmp_path / "a.vcf.gz")) as file:
        assert [record.id for record in file.fetch("chr19", 44_908_683, 44_908_684)] == ["rs429358"]


@pytest.mark.parametrize("kind", ["bam", "cram"])
def test_reads_lie_where_they_should(tmp_path: Path, kind: str) -> None:
    write_everything(tmp_path / "one")
    path, place = tmp_path / f"one/a.{kind}", {"bam": ("chr22", 10_000, 20_000), "cram": ("chrM", 0, 4000)}[kind]
    with pysam.AlignmentFile(str(path), reference_filename=str(tmp_path / "one/r.fa")) as file:
        found = [read.query_name for read in file.fetch(*place)]
        assert len(found) == len(set(found)) == (place[2] - place[1]) * 12 // 100


def test_phantoms_are_whole_dicom_files_of_nobody(tmp_path: Path) -> None:
    paths = images.write_series(tmp_path, "P001", "F", 40, images.BRAIN, dt.date(2024, 1, 1))
    found = [pydicom.dcmread(path) for path in paths]
    assert len({image.SOPInstanceUID for image in found}) == len(found) == images.SLICES
    assert {image.SeriesInstanceUID for image in found} == {found[0].SeriesInstanceUID}
    assert all(image.PatientName == "" and image.pixel_array.shape == (64, 64) for image in found)


def test_package_files_are_there_without_the_network(tmp_path: Path) -> None:
    found = dict(images.copy_package_files(tmp_path))
    assert len(found) == len(images.PACKAGE_FILES)
    assert all(found.values()), "a file without a patient id"


def test_people_are_as_many_as_planned_and_have_known_terms() -> None:
    everyone, known = people(), labels()
    assert len(everyone) == sum(group.size for group in GROUPS)
    assert len({person.accession for person in everyone}) == len(everyone)
    used = {feature["featureType"]["id"] for p in everyone for feature in p.record["phenotypicFeatures"]}
    assert used <= set(known)
    assert sum(RARE in str(person.record) for person in everyone) == RARE_CARRIERS
    assert people() == everyone


def test_workbook_has_columns_that_the_archive_knows(tmp_path: Path) -> None:
    file = ReadFile("a.fq.gz", "0" * 32, 10)
    write_workbook(tmp_path / "a.xlsx", "PRJCA900001", [WorkbookRun(1, "a", "Oryza sativa", "A", "fastq", (file,))])
    for title, rows in sheets_of(tmp_path / "a.xlsx", Plan()).items():
        assert {" ".join(str(cell).split()).casefold() for cell in rows[0]} <= set(columns(title))
