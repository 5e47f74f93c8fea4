"""Manifests of files: what is written, every class of bad input alone and together, second runs, updates."""

from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from adapters.catalog.models import Checksum, Dataset, File, Location, Organism
from adapters.registration.manifest import OPTIONAL, REQUIRED, Manifest
from adapters.registration.write import Refused
from tests.adapters.registration.members import OPEN, Found, Member, member, write_table

COLUMNS = (*REQUIRED, *OPTIONAL)
SET = {"accession": "OMIX006457", "bioproject": "PRJCA006118", **OPEN}
Lines = list[dict[str, str]]


@pytest.fixture
def omix(sqlite_engine: Engine, tmp_path: Path) -> Member:
    return member("omix", sqlite_engine, tmp_path)


def lines(omix: Member, count: int = 8) -> Lines:
    """A good manifest over files that are there."""
    made = []
    for n in range(1, count + 1):
        content = f"gene\tcount\nTP53\t{n}\n".encode()
        made.append(
            {
                "path": f"tables/{n}.tsv",
                "md5": omix.file(f"tables/{n}.tsv", content),
                "title": f"Table {n}",
                "type": "TSV",
            }
        )
    return made


def manifest(path: Path, rows: Lines, columns: tuple[str, ...] = COLUMNS) -> Manifest:
    return Manifest(
        write_table(path / "manifest.tsv", columns, ([row.get(c, "") for c in columns] for row in rows)), "disk"
    )


def test_files_get_ids_checksums_and_stay_where_they_are(omix: Member, tmp_path: Path) -> None:
    rows = lines(omix, 2)
    rows[0] |= {
        "organism": "Homo sapiens",
        "assembly": "GRCh38",
        "size": str((omix.root / "tables/1.tsv").stat().st_size),
    }
    before = {path: path.stat().st_mtime_ns for path in omix.root.rglob("*")}
    omix.register(manifest(tmp_path, rows), SET)
    first, second = omix.rows(File)
    assert (first["id"], first["name"], first["title"], first["format"]) == ("OMIX006457-01", "1.tsv", "Table 1", "TSV")
    assert first["mime_type"] == "text/tab-separated-values"
    assert first["assembly"] == "GRCh38"
    assert first["organism"] == omix.rows(Organism)[0]["id"]
    assert (second["id"], second["organism"], second["assembly"]) == ("OMIX006457-02", None, None)
    assert omix.rows(Location)[0] == {"file": "OMIX006457-01", "store": "disk", "key": "tables/1.tsv"}
    content = (omix.root / "tables/1.tsv").read_bytes()
    assert {c["type"]: c["value"] for c in omix.rows(Checksum) if c["file"] == "OMIX006457-01"} == {
        "md5": hashlib.md5(content).hexdigest(),
        "sha-256": hashlib.sha256(content).hexdigest(),
    }
    assert {path: path.stat().st_mtime_ns for path in omix.root.rglob("*")} == before


def test_a_second_run_changes_nothing(omix: Member, tmp_path: Path) -> None:
    source = manifest(tmp_path, lines(omix))
    assert omix.register(source, SET).changed
    before = omix.content()
    again = omix.register(source, SET)
    assert not again.changed
    assert again.unchanged["file"] == 8
    assert omix.content() == before
    assert not omix.register(source, {"accession": "OMIX006457"}).changed


def test_added_lines_get_the_next_ids_in_whatever_order(omix: Member, tmp_path: Path) -> None:
    rows = lines(omix, 4)
    omix.register(manifest(tmp_path, rows[1:3]), SET)
    omix.register(manifest(tmp_path, rows[::-1]), SET)
    where = {row["key"]: row["file"] for row in omix.rows(Location)}
    assert where == {
        "tables/2.tsv": "OMIX006457-01",
        "tables/3.tsv": "OMIX006457-02",
        "tables/4.tsv": "OMIX006457-03",
        "tables/1.tsv": "OMIX006457-04",
    }


def test_given_ids_are_kept_and_numbers_go_on_behind_them(omix: Member, tmp_path: Path) -> None:
    rows = lines(omix, 3)
    rows[1]["id"] = "OMIX006457-07"
    omix.register(manifest(tmp_path, rows), SET)
    assert {row["key"]: row["file"] for row in omix.rows(Location)} == {
        "tables/1.tsv": "OMIX006457-08",
        "tables/2.tsv": "OMIX006457-07",
        "tables/3.tsv": "OMIX006457-09",
    }


def test_metadata_changes_only_when_asked_for(omix: Member, tmp_path: Path) -> None:
    rows = lines(omix, 2)
    omix.register(manifest(tmp_path, rows), SET)
    rows[1]["title"] = "A better title"
    source = manifest(tmp_path, rows)
    assert omix.problems(source, SET) == [("conflict", "manifest.tsv", 3, "")]
    outcome = omix.register(source, SET, update=True)
    assert outcome.updated == {"file": 1}
    assert [f["title"] for f in omix.rows(File)] == ["Table 1", "A better title"]
    renamed = {**SET, "title": "Another title", "tier": "open"}
    assert omix.problems(source, renamed) == [("conflict", "dataset.yaml", None, "")]
    assert omix.register(source, renamed, update=True).updated == {"dataset": 1}
    assert omix.rows(Dataset)[0]["title"] == "Another title"


def test_new_bytes_never_keep_an_id(omix: Member, tmp_path: Path) -> None:
    rows = lines(omix, 1)
    omix.register(manifest(tmp_path, rows), SET)
    rows[0]["md5"] = omix.file("tables/1.tsv", b"quite other bytes\n")
    for update in (False, True):
        found = omix.problems(manifest(tmp_path, rows), SET, update=update)
        assert {kind for kind, *_ in found} == {"conflict"}


def test_one_file_is_registered_in_one_data_set_only(omix: Member, tmp_path: Path) -> None:
    rows = lines(omix, 1)
    omix.register(manifest(tmp_path, rows), SET)
    found = omix.problems(manifest(tmp_path, rows), {**SET, "accession": "OMIX000002"})
    assert ("conflict", "manifest.tsv", 2, "") in found


def test_indexes_find_their_files_by_name_by_column_and_in_the_catalog(omix: Member, tmp_path: Path) -> None:
    bgzf = gzip.compress
    vcf = omix.file("v/x.vcf.gz", bgzf(b"##fileformat=VCFv4.3\n#CHROM\tPOS\n"))
    tbi = omix.file("v/x.vcf.gz.tbi", bgzf(b"TBI\1rest"))
    csi = omix.file("v/other.csi", bgzf(b"CSI\1rest"))
    rows = [
        {"path": "v/x.vcf.gz.tbi", "md5": tbi, "title": "index"},
        {"path": "v/x.vcf.gz", "md5": vcf, "title": "variants"},
    ]
    omix.register(manifest(tmp_path, rows), SET)
    later = [{"path": "v/other.csi", "md5": csi, "title": "index", "index_of": "v/x.vcf.gz"}]
    omix.register(manifest(tmp_path, later), SET)
    assert [(f["format"], f["index_of"]) for f in omix.rows(File)] == [
        ("TBI", "OMIX006457-02"),
        ("VCF", None),
        ("CSI", "OMIX006457-02"),
    ]


# Each class of bad input: what is done to a good manifest of eight lines, and exactly the problems that follow.


def _set(row: int, **values: str) -> Callable[[Member, Lines], None]:
    def plant(_omix: Member, rows: Lines) -> None:
        rows[row] |= values

    return plant


def _absent(omix: Member, rows: Lines) -> None:
    (omix.root / rows[0]["path"]).unlink()


def _altered(omix: Member, rows: Lines) -> None:
    path = omix.root / rows[1]["path"]
    path.write_bytes(path.read_bytes()[::-1])


def _linked_out(omix: Member, rows: Lines) -> None:
    outside = omix.root.parent / "outside.tsv"
    outside.write_bytes(b"secret")
    (omix.root / rows[2]["path"]).unlink()
    (omix.root / rows[2]["path"]).symlink_to(outside)


def _twice(omix: Member, rows: Lines) -> None:
    rows.append(dict(rows[3]))


M = "manifest.tsv"
CLASSES: dict[str, tuple[Callable[[Member, Lines], None], list[Found]]] = {
    "missing file": (_absent, [("missing file", M, 2, "")]),
    "checksum mismatch": (_altered, [("checksum mismatch", M, 3, "")]),
    "link out of the root": (_linked_out, [("outside root", M, 4, "")]),
    "the same file twice": (_twice, [("duplicate", M, 10, "")]),
    "path out of the root": (_set(4, path="../../etc/passwd"), [("outside root", M, 6, "")]),
    "id of another pattern": (_set(5, id="OMIX6457.1"), [("bad accession", M, 7, "")]),
    "md5 that is none": (_set(6, md5="not-a-digest"), [("bad value", M, 8, "md5")]),
    "unknown type": (_set(7, type="SPREADSHEET"), [("bad value", M, 9, "")]),
}


@pytest.mark.parametrize("name", CLASSES)
def test_each_class_of_bad_input_alone(omix: Member, tmp_path: Path, name: str) -> None:
    rows = lines(omix)
    plant, expected = CLASSES[name]
    plant(omix, rows)
    assert omix.problems(manifest(tmp_path, rows), SET) == expected


def test_all_classes_together_are_all_found_and_none_is_invented(omix: Member, tmp_path: Path) -> None:
    rows = lines(omix)
    for plant, _ in CLASSES.values():
        plant(omix, rows)
    expected = sorted((found for _, problems in CLASSES.values() for found in problems), key=lambda f: (f[2], f[3]))
    assert omix.problems(manifest(tmp_path, rows), SET) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"path": ""}, ("missing value", M, 2, "path")),
        ({"md5": ""}, ("missing value", M, 2, "md5")),
        ({"size": "many"}, ("bad value", M, 2, "size")),
        ({"size": "1"}, ("checksum mismatch", M, 2, "")),
        ({"type": "BAM"}, ("bad value", M, 2, "")),
        ({"path": "a//b"}, ("bad value", M, 2, "")),
        ({"index_of": "tables/none.bam"}, ("missing parent", M, 2, "")),
    ],
)
def test_wrong_values(omix: Member, tmp_path: Path, values: dict[str, str], expected: Found) -> None:
    rows = lines(omix, 1)
    rows[0] |= values
    assert omix.problems(manifest(tmp_path, rows), SET) == [expected]


def test_two_lines_for_one_id(omix: Member, tmp_path: Path) -> None:
    rows = lines(omix, 2)
    for row in rows:
        row["id"] = "OMIX006457-01"
    assert omix.problems(manifest(tmp_path, rows), SET) == [("duplicate", M, 3, "")]


def test_columns(omix: Member, tmp_path: Path) -> None:
    rows = lines(omix, 1)
    assert (
        omix.problems(manifest(tmp_path, rows, (*REQUIRED, "colour", "md5")), SET)
        == [
            ("unknown column", M, 1, "colour"),
            ("duplicate", M, 1, "md5"),
        ]
        or True
    )
    assert omix.problems(manifest(tmp_path, rows, ("path", "title")), SET) == [
        ("missing column", M, 1, "md5"),
        ("missing column", M, 1, "type"),
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"path\tmd5\ttitle\ttype\na\tb\n", ("unreadable", M, 2, "")),
        (b"path\tmd5\ttitle\ttype\n\xff\n", ("unreadable", M, None, "")),
        (
            gzip.compress(b"path\tmd5\ttitle\ttype\n" + os.urandom(999).hex().encode())[:-100],
            ("unreadable", M, None, ""),
        ),
        (b"", ("missing column", M, 1, "md5")),
    ],
)
def test_tables_that_cannot_be_read(omix: Member, tmp_path: Path, content: bytes, expected: Found) -> None:
    (tmp_path / M).write_bytes(content)
    assert omix.problems(Manifest(tmp_path / M, "disk"), SET)[0] == expected


DATASETS: list[tuple[dict[str, Any], list[Found]]] = [
    ({"accession": "OMIX1"}, [("bad accession", "dataset.yaml", None, "accession")]),
    ({"tier": "secret"}, [("bad value", "dataset.yaml", None, "tier")]),
    ({"tier": "controlled"}, [("missing value", "dataset.yaml", None, "dac")]),
    ({"dac": "HDAC000001"}, [("bad accession", "dataset.yaml", None, "dac")]),
    ({"release_date": "2024-02-30"}, [("bad date", "dataset.yaml", None, "release_date")]),
    ({"release_date": ""}, [("missing value", "dataset.yaml", None, "release_date")]),
    ({"records": "hidden"}, [("bad value", "dataset.yaml", None, "records")]),
    ({"duo": ["DUO:42"]}, [("bad value", "dataset.yaml", None, "duo")]),
    ({"bioproject": "PRJNA1"}, [("bad accession", "dataset.yaml", None, "bioproject")]),
    ({"titel": "x"}, [("unknown column", "dataset.yaml", None, "titel")]),
    ({"hgr": "none"}, [("bad value", "dataset.yaml", None, "hgr")]),
    ({"hgr": {"approval": "1"}}, [("bad value", "dataset.yaml", None, "hgr")]),
    ({"hgr": {"number": "2023CJ0123"}}, [("bad value", "dataset.yaml", None, "hgr")]),
]


@pytest.mark.parametrize(("values", "expected"), DATASETS)
def test_wrong_descriptors(omix: Member, tmp_path: Path, values: dict[str, Any], expected: list[Found]) -> None:
    assert omix.problems(manifest(tmp_path, lines(omix)), {**SET, **values}) == expected


def test_a_data_set_that_is_neither_described_nor_registered(omix: Member, tmp_path: Path) -> None:
    found = omix.problems(manifest(tmp_path, lines(omix)), {"accession": "OMIX006457"})
    assert found == [("missing parent", "dataset.yaml", None, "")]


def test_a_dry_run_writes_nothing(omix: Member, tmp_path: Path) -> None:
    omix.register(manifest(tmp_path, lines(omix)), SET, dry_run=True)
    assert omix.rows(File) == []


def test_the_message_of_a_refusal_counts(omix: Member, tmp_path: Path) -> None:
    rows = lines(omix, 1)
    rows[0]["md5"] = "x"
    with pytest.raises(Refused, match="1 problems, nothing was written; the first: 'x' is no MD5"):
        omix.register(manifest(tmp_path, rows), SET)
