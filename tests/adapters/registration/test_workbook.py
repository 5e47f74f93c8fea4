"""The GSA workbook: what becomes of its rows, and every class of bad input alone and together."""

from __future__ import annotations

import datetime as dt
import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook as Book
from sqlalchemy import Engine

from adapters.catalog.models import BioProject, BioSample, Experiment, File, Location, Run
from adapters.registration.workbook import Workbook, columns
from tests.adapters.registration.members import OPEN, Found, Member, member
from tests.support import shared

SET = {"accession": "CRA028180", "bioproject": "PRJCA042537", **OPEN}
Sheets = dict[str, list[dict[str, Any]]]
BOOK = "CRA028180.xlsx"


@pytest.fixture
def gsa(sqlite_engine: Engine, tmp_path: Path) -> Member:
    return member("gsa", sqlite_engine, tmp_path)


def reads(name: str) -> bytes:
    return gzip.compress(f"@{name}/1\nACGT\n+\nIIII\n".encode(), mtime=0)


def sheets(gsa: Member, count: int = 6) -> Sheets:
    """A good workbook: one sample, experiment and run per number, with paired reads that are in the store."""
    made: Sheets = {"Sample": [], "Experiment": [], "Run": []}
    for n in range(1, count + 1):
        sample, experiment, run = f"SAMC569741{n}", f"CRX186873{n}", f"CRR200938{n}"
        made["Sample"].append(
            {
                "ID": n,
                "Sample name": f"Animal_{n}",
                "Accession": sample,
                "Project accession": "PRJCA042537",
                "Organism": "Atelerix albiventris",
                "Collection date": dt.datetime(2024, 5, n) if n % 2 else "2024-05",
                "Geographic location": "China: Fujian",
            }
        )
        made["Experiment"].append(
            {
                "ID": n,
                "Accession": experiment,
                "BioProject accession": "PRJCA042537",
                "BioSample accession": sample,
                "Platform": "DNBSEQ-T7",
                "Strategy": "RNA-Seq",
                "Source": "METATRANSCRIPTOMIC",
                "Layout": "PAIRED",
                "Insert size (bp)": 300,
            }
        )
        row = {
            "ID": n,
            "Accession": run,
            "Run title": f"run {n}",
            "Experiment accession": experiment,
            "Run data file type": "fastq",
        }
        for mate in (1, 2):
            name = f"{run}_r{mate}.fq.gz"
            content = reads(f"{run}.{mate}")
            row[f"Read filename {mate}"] = f"{name} ({len(content)} bytes)"
            row[f"Read file{mate} MD5"] = gsa.file(f"CRA028180/{run}/{name}", content)
            row["DownLoad Read file1" if mate == 1 else "DownLoad  Read file2"] = f"ftp://download.big.ac.cn/gsa/{name}"
        made["Run"].append(row)
    return made


def workbook(folder: Path, content: Sheets) -> Workbook:
    book = Book()
    book.remove(book.active)  # type: ignore[arg-type]
    for title, rows in content.items():
        sheet = book.create_sheet(title)
        header = list(dict.fromkeys(key for row in rows for key in row))
        sheet.append(header)
        for row in rows:
            sheet.append([row.get(key) for key in header])
    book.save(folder / BOOK)
    book.close()
    return Workbook(folder / BOOK, "disk")


def test_rows_of_all_sheets(gsa: Member, tmp_path: Path) -> None:
    outcome = gsa.register(workbook(tmp_path, sheets(gsa)), SET)
    assert outcome.inserted == {
        "bioproject": 1,
        "biosample": 6,
        "dataset": 1,
        "experiment": 6,
        "run": 6,
        "file": 12,
        "checksum": 24,
        "location": 24,
    }
    assert gsa.rows(BioProject) == [{"accession": "PRJCA042537", "title": "", "description": ""}]
    sample = gsa.rows(BioSample)[0]
    assert sample["organism"] == "Atelerix albiventris"
    assert sample["attributes"] == {
        "name": "Animal_1",
        "collection_date": "2024-05-01",
        "Geographic location": "China: Fujian",
    }
    experiment = gsa.rows(Experiment)[0]
    assert (experiment["biosample"], experiment["sample"], experiment["layout"]) == ("SAMC5697411", None, "PAIRED")
    assert experiment["attributes"] == {"Insert size (bp)": "300"}
    assert gsa.rows(Run)[0]["experiment"] == "CRX1868731"
    first, second, *_ = gsa.rows(File)
    assert (first["id"], first["run"], first["name"]) == ("CRR2009381-01", "CRR2009381", "CRR2009381_r1.fq.gz")
    assert (first["format"], first["mime_type"]) == ("FASTQ", "application/gzip")
    assert (second["id"], second["name"]) == ("CRR2009381-02", "CRR2009381_r2.fq.gz")
    assert gsa.rows(Location)[:2] == [
        {"file": "CRR2009381-01", "store": "disk", "key": "CRA028180/CRR2009381/CRR2009381_r1.fq.gz"},
        {"file": "CRR2009381-01", "store": "ftp", "key": "ftp://download.big.ac.cn/gsa/CRR2009381_r1.fq.gz"},
    ]


def test_a_second_run_changes_nothing(gsa: Member, tmp_path: Path) -> None:
    content = sheets(gsa)
    gsa.register(workbook(tmp_path, content), SET)
    before = gsa.content()
    assert not gsa.register(workbook(tmp_path, content), SET).changed
    assert gsa.content() == before


def test_an_index_and_a_reference(gsa: Member, tmp_path: Path) -> None:
    content = sheets(gsa, 1)
    row = content["Run"][0]
    for key in list(row):
        if "ead" in key:
            del row[key]
    bam = gzip.compress(b"BAM\1\0\0\0\0", mtime=0)
    row |= {
        "Run data file type": "bam",
        "Read filename 1": "x.bam",
        "Read file1 MD5": gsa.file("CRA028180/CRR2009381/x.bam", bam),
        "Index filename 1": "odd.index",
        "Index file1 MD5": gsa.file("CRA028180/CRR2009381/odd.index", b"BAI\1rest"),
        "Reference file name": "ref.fa",
        "MD5 for reference file": gsa.file("CRA028180/CRR2009381/ref.fa", b">1\nACGT\n"),
        "Assembly Name or Accession": "EriEur2.0",
    }
    gsa.register(workbook(tmp_path, content), SET)
    assert [(f["name"], f["format"], f["index_of"], f["assembly"]) for f in gsa.rows(File)] == [
        ("x.bam", "BAM", None, "EriEur2.0"),
        ("odd.index", "BAI", "CRR2009381-01", "EriEur2.0"),
        ("ref.fa", "FASTA", None, "EriEur2.0"),
    ]


def test_columns_of_the_archive_are_all_known() -> None:
    """The names are those of the archive's own exports, in which one has two spaces."""
    table = shared("data/gsa/gsa_workbook_columns.tsv").read_text("utf-8").splitlines()[1:]
    for line in table:
        sheet, _, name, *_ = line.split("\t")
        assert " ".join(name.split()).casefold() in columns(sheet)


def _set(sheet: str, row: int, **values: Any) -> Callable[[Member, Sheets], None]:
    def plant(_gsa: Member, content: Sheets) -> None:
        content[sheet][row] |= {key.replace("_", " "): value for key, value in values.items()}

    return plant


def _absent(gsa: Member, _content: Sheets) -> None:
    (gsa.root / "CRA028180/CRR2009381/CRR2009381_r1.fq.gz").unlink()


def _cut_off(gsa: Member, _content: Sheets) -> None:
    path = gsa.root / "CRA028180/CRR2009382/CRR2009382_r2.fq.gz"
    path.write_bytes(path.read_bytes()[:-1])


def _altered(gsa: Member, content: Sheets) -> None:
    content["Run"][2]["Read file1 MD5"] = "0" * 32


def _colour(_gsa: Member, content: Sheets) -> None:
    content["Sample"][0]["Colour"] = "brown"


def _twice(_gsa: Member, content: Sheets) -> None:
    content["Experiment"].append(dict(content["Experiment"][0]))


def _misnamed(_gsa: Member, content: Sheets) -> None:
    content["Experiment"][3]["Accession"] = content["Run"][3]["Experiment accession"] = "CRX1"


CLASSES: dict[str, tuple[Callable[[Member, Sheets], None], list[Found]]] = {
    "unknown column": (_colour, [("unknown column", "Sample", 1, "Colour")]),
    "bad date": (_set("Sample", 1, Collection_date="31.12.2024"), [("bad date", "Sample", 3, "Collection date")]),
    "missing value": (_set("Sample", 2, Organism=None), [("missing value", "Sample", 4, "Organism")]),
    "duplicate accession": (_twice, [("duplicate", "Experiment", 8, "")]),
    "bad accession": (
        _misnamed,
        [("bad accession", "Experiment", 5, "Accession"), ("bad accession", "Run", 5, "Experiment accession")],
    ),
    "bad project": (
        _set("Experiment", 4, BioProject_accession="subPRJCA1"),
        [("bad accession", "Experiment", 6, "BioProject accession")],
    ),
    "no such parent": (
        _set("Experiment", 5, BioSample_accession="SAMC000001"),
        [("missing parent", "Experiment", 7, "")],
    ),
    "missing file": (_absent, [("missing file", "Run", 2, "Read filename 1")]),
    "another size": (_cut_off, [("checksum mismatch", "Run", 3, "Read filename 2")]),
    "another checksum": (_altered, [("checksum mismatch", "Run", 4, "Read filename 1")]),
    "path out of the root": (
        _set("Run", 4, Read_filename_1="../../../../etc/passwd"),
        [("outside root", "Run", 6, "Read filename 1")],
    ),
    "no experiment": (_set("Run", 5, Experiment_accession="CRX9999999"), [("missing parent", "Run", 7, "")]),
}


@pytest.mark.parametrize("name", CLASSES)
def test_each_class_of_bad_input_alone(gsa: Member, tmp_path: Path, name: str) -> None:
    content = sheets(gsa)
    plant, expected = CLASSES[name]
    plant(gsa, content)
    assert gsa.problems(workbook(tmp_path, content), SET) == expected


def test_all_classes_together_are_all_found_and_none_is_invented(gsa: Member, tmp_path: Path) -> None:
    content = sheets(gsa)
    for plant, _ in CLASSES.values():
        plant(gsa, content)
    found = gsa.problems(workbook(tmp_path, content), SET)
    assert sorted(found, key=str) == sorted((f for _, problems in CLASSES.values() for f in problems), key=str)


def test_sheets_and_columns_that_are_missing(gsa: Member, tmp_path: Path) -> None:
    content = sheets(gsa, 1)
    del content["Sample"]
    content["Samples"] = [{"ID": 1}]
    del content["Run"][0]["Read file1 MD5"]
    assert gsa.problems(workbook(tmp_path, content), SET) == [
        ("missing parent", "Experiment", 2, ""),
        ("missing column", "Run", 1, "Read file1 MD5"),
        ("missing column", "Sample", None, ""),
        ("unknown column", "Samples", None, ""),
    ]


@pytest.mark.parametrize(
    "damage", [lambda raw: raw[:-200], lambda raw: raw[:100], lambda _raw: b"", lambda _raw: b"ID\tAccession"]
)
def test_what_is_no_workbook(gsa: Member, tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    source = workbook(tmp_path, sheets(gsa, 1))
    source.path.write_bytes(damage(source.path.read_bytes()))
    assert gsa.problems(source, SET) == [("unreadable", BOOK, None, "")]


def test_the_example_of_the_archive(gsa: Member, tmp_path: Path) -> None:
    """Its MD5 are placeholders and its files are not here: exactly that is reported, for each of them."""
    content: Sheets = {}
    for sheet in ("Sample", "Experiment", "Run"):
        lines = shared(f"data/gsa/example_CRA028180_{sheet}.tsv").read_text("utf-8").splitlines()
        header = lines[0].split("\t")
        content[sheet] = [dict(zip(header, line.split("\t"), strict=False)) for line in lines[1:]]
    assert gsa.problems(workbook(tmp_path, content), SET) == [
        ("bad value", "Run", 2, "Read file1 MD5"),
        ("bad value", "Run", 2, "Read file2 MD5"),
        ("missing file", "Run", 2, "Read filename 1"),
        ("missing file", "Run", 2, "Read filename 2"),
        ("bad value", "Run", 3, "Read file1 MD5"),
        ("missing file", "Run", 3, "Read filename 1"),
    ]
    for row, names in zip(content["Run"], ((1, 2), (1,)), strict=True):
        for mate in names:
            name = f"{row['Accession']}_{mate}.fq.gz"
            body = reads(name)
            row[f"Read filename {mate}"] = f"{name} ({len(body)} bytes)"
            row[f"Read file{mate} MD5"] = gsa.file(f"CRA028180/{row['Accession']}/{name}", body)
    assert gsa.register(workbook(tmp_path, content), SET).inserted["file"] == 3
