"""``gsanode qc``: exit codes, reports, and files that cannot be checked or should not be believed."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import subprocess
import sys
import tracemalloc
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema_rs
import pytest
import yaml
from isal import isal_zlib
from typer.testing import CliRunner

from adapters.qc import checking, source, spool
from adapters.qc.alignments import kinds as alignments
from adapters.qc.documents import document as document_of
from adapters.qc.documents import report as report_of
from adapters.qc.kinds import KINDS
from adapters.qc.page import page
from adapters.qc.variants import kinds as variants
from node.cli import app
from tests.adapters.qc.aligning import EOF, blocked
from tests.adapters.qc.planting import PLANTS, findings, record, records, report, text
from tests.support import shared

SCHEMA = json.loads((files("config") / "qc" / "report.schema.json").read_text())


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["qc", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout


def document(*arguments: object) -> tuple[int, Any]:
    code, out = run(*arguments, "--json")
    made = json.loads(out)
    jsonschema_rs.validator_for(SCHEMA).validate(made)
    return code, made


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    path = tmp_path / "clean.fastq.gz"
    path.write_bytes(gzip.compress(text(records(50))))
    return path


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    path = tmp_path / "faulty.fastq"
    reads = records(3 * len(PLANTS))
    for number, plant in enumerate(PLANTS):
        reads[3 * number + 1] = plant.sow(reads[3 * number + 1])
    path.write_bytes(text(reads))
    return path


def test_exit_codes(clean: Path, faulty: Path, tmp_path: Path) -> None:
    assert document(clean)[0] == 0
    assert document(clean, faulty)[0] == 1
    assert document(clean, faulty, tmp_path / "absent.fastq")[0] == 2, "not checked is worse than findings"


def test_document(clean: Path, faulty: Path) -> None:
    _, made = document(clean, faulty)
    assert made["status"] == "findings"
    first, second = (one["files"][0] for one in made["sets"])
    assert (first["status"], first["reads"], first["profile"]["mean_length"]) == ("clean", 50, 60)
    assert {finding["kind"] for finding in second["findings"]} >= {"at-sign", "duplicate-name", "broken-record"}


def test_a_document_is_a_report_again(faulty: Path, clean: Path, tmp_path: Path) -> None:
    """So that the page of a check can be made long after it."""
    absent = tmp_path / "absent.fastq"
    document_ = document(faulty, clean, absent)[1]
    again = report_of(document_)
    assert document_of(again) == document_
    assert [file.status for file in again.files] == ["findings", "clean", "unchecked"]
    assert page(again, "en").count("<svg") == 12


def test_xml_has_the_codes(faulty: Path, tmp_path: Path) -> None:
    assert run(faulty, "--xml", tmp_path / "report.xml")[0] == 1
    root = ElementTree.parse(tmp_path / "report.xml").getroot()
    errors = root.findall(".//error")
    assert {error.get("code") for error in errors} == {"203", "205", "206", "207", "208", "209", "210", "212"}
    (duplicate,) = [error for error in errors if error.get("code") == "210"]
    assert duplicate.get("count") == "3"
    assert duplicate.find("place") is not None


def test_every_kind_has_one_code_and_its_words() -> None:
    codes = yaml.safe_load((files("config") / "qc" / "codes.yaml").read_text())
    assert sorted(codes) == [*range(201, 213), *range(301, 312)]
    kinds = {*KINDS, *alignments.RECORD_KINDS, *alignments.FILE_KINDS, *variants.RECORD_KINDS, "organism"}
    assert sorted(kind for row in codes.values() for kind in row["kinds"]) == sorted(kinds)
    words = yaml.safe_load((files("config") / "qc" / "words.yaml").read_text())
    assert sorted(words["zh"]["kinds"]) == sorted(kinds)
    assert words["en"].keys() == words["zh"].keys()
    assert sorted(SCHEMA["$defs"]["finding"]["properties"]["kind"]["enum"]) == sorted(kinds)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_page_needs_nothing_else(language: str, clean: Path, faulty: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    assert run(clean, faulty, "--html", page, "--language", language)[0] == 1
    made = page.read_text()
    assert made.count("<svg") == 12, "six plots for each file"
    assert "http:" not in made
    assert "https:" not in made
    assert "<script" not in made


def test_names_in_the_page_are_escaped(tmp_path: Path) -> None:
    path, page = tmp_path / "r.fastq", tmp_path / "report.html"
    path.write_bytes(text([[b"@<script>alert(1)</script>", *record(1)[1:]]] * 2))
    assert run(path, "--html", page, "--xml", tmp_path / "r.xml")[0] == 1
    assert "<script" not in page.read_text()
    ElementTree.parse(tmp_path / "r.xml")


@pytest.mark.parametrize(
    ("name", "data", "kinds"),
    [
        ("empty.fastq", b"", {"empty-file"}),
        ("empty.fastq.gz", gzip.compress(b""), {"empty-file"}),
        ("one.fastq", b"@", {"partial-record"}),
        ("one.fastq.gz", b"\x1f", {"extension", "format"}),
        ("other.fastq", b"x", {"format"}),
        ("utf16.fastq", text(records(9)).decode().encode("utf-16"), {"format"}),
        ("utf16le.fastq", text(records(9)).decode().encode("utf-16-le"), {"format"}),
        ("picture.fastq.gz", b"\x89PNG\r\n\x1a\n" + bytes(99), {"extension", "format"}),
        ("bam.fastq.gz", gzip.compress(b"BAM\x01" + bytes(99)), {"extension", "container", "record-size"}),
        ("fasta.fastq", b">a\nACGT\n>b\nACGT\n", {"format"}),
    ],
)
def test_files_that_are_no_fastq(name: str, data: bytes, kinds: set[str], tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    code, made = document(path)
    assert (code, {finding["kind"] for finding in made["sets"][0]["files"][0]["findings"]}) == (1, kinds)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("reads.sam", b"@HD\tVN:1.6\n", "SAM"),
        ("genome.fa", b">a\nACGT\n", "not recognised"),
        ("notes.txt", b"hello", "not recognised"),
        ("reads.fastq.zip", b"PK\x03\x04" + bytes(99), "zip"),
    ],
)
def test_formats_that_are_not_checked_are_refused(name: str, data: bytes, said: str, tmp_path: Path) -> None:
    """Never reported clean."""
    path = tmp_path / name
    path.write_bytes(data)
    code, made = document(path)
    assert code == 2
    assert said in made["sets"][0]["files"][0]["reason"]


def test_directory_and_pipe(tmp_path: Path) -> None:
    assert document(tmp_path)[1]["sets"][0]["files"][0]["reason"].startswith(f"{tmp_path} is a directory")
    os.mkfifo(tmp_path / "pipe.fastq")
    code, made = document(tmp_path / "pipe.fastq")
    assert code == 2
    assert "is a pipe" in made["sets"][0]["files"][0]["reason"]


@pytest.mark.parametrize("change", ["grows", "vanishes"])
def test_file_that_changes_while_it_is_read(change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "reads.fastq"
    path.write_bytes(text(records(50)))
    detect = checking.detect

    def then(file: Any) -> Any:
        found = detect(file)
        monkeypatch.setattr(source.Source, "_read", _after(source.Source._read, path, change))
        return found

    monkeypatch.setattr(checking, "detect", then)
    made = report(path)
    assert made.exit_code == 2
    assert ("changed" if change == "grows" else "vanished") in (made.files[0].reason or "")


def _after(read: Any, path: Path, change: str) -> Any:
    def once(self: source.Source) -> bytes:
        if path.exists() and path.stat().st_size < 20_000:
            with path.open("ab") as file:
                file.write(bytes(20_000))
            if change == "vanishes":
                path.unlink()
        return bytes(read(self))

    return once


@pytest.mark.parametrize(
    "pack",
    [gzip.compress, bz2.compress, lzma.compress, lambda data: gzip.compress(data[:999]) + gzip.compress(data[999:])],
    ids=["gzip", "bzip2", "xz", "members"],
)
def test_compressions(pack: Any, tmp_path: Path) -> None:
    path = tmp_path / "reads"
    path.write_bytes(pack(text(records(500))))
    made = report(path)
    assert (made.exit_code, made.files[0].reads) == (0, 500)


def test_zstd(tmp_path: Path) -> None:
    zstd = pytest.importorskip("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
    data = text(records(500))
    packed = zstd.compress(data[:777]) + zstd.compress(data[777:])
    assert findings(packed, tmp_path, "reads.fastq.zst") == {}
    assert findings(packed[:-9], tmp_path, "reads.fastq.zst") == {"compression-truncated": 1}


def test_bomb_takes_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """400 MB of one letter in 400 kB: refused when a record is longer than any may be, not unpacked into memory."""
    monkeypatch.setattr("adapters.qc.stitched.LONGEST_RECORD", 1 << 22)
    member = isal_zlib.compressobj(3, wbits=31)
    packed = b"".join(member.compress(b"@" + b"A" * (1 << 22)) for _ in range(100)) + member.flush()
    path = tmp_path / "bomb.fastq.gz"
    path.write_bytes(packed)
    report(path)
    tracemalloc.start()
    made = report(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert made.exit_code == 2
    assert "a record is longer than" in (made.files[0].reason or "")
    assert peak < 80 << 20


def test_lines_of_10_mb(tmp_path: Path) -> None:
    length = 10_000_000
    long = [b"@long 1:N:0:A", b"ACGT" * (length // 4), b"+", b"I" * length]
    assert findings(text([record(1), long, record(2)]), tmp_path) == {}
    long[1] = long[1][:-1] + b"!"
    assert findings(text([record(1), long, record(2)]), tmp_path) == {"alphabet": 1}


def test_disk_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that is always full stands for the spool: a plain reason, and nothing is left behind."""
    monkeypatch.setattr(spool.tempfile, "TemporaryFile", lambda **_: Path("/dev/full").open("r+b", buffering=0))  # noqa: SIM115
    path = tmp_path / "reads.fastq"
    path.write_bytes(text(records(50)))
    made = report(path)
    assert made.exit_code == 2
    assert "No space left on device" in (made.files[0].reason or "")
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_remains_in_the_folder_of_spools(clean: Path, tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    folder.mkdir()
    assert run(clean, "--tmp", folder)[0] == 0
    assert list(folder.iterdir()) == []
    code, made = document(clean, "--tmp", folder / "absent")
    assert code == 2
    assert "cannot be kept in" in made["sets"][0]["files"][0]["reason"]


def mates(count: int, mark: int) -> list[list[bytes]]:
    return [[line.replace(b" 1:", b" %d:" % mark) for line in read] for read in records(count)]


def write(folder: Path, name: str, reads: list[list[bytes]]) -> Path:
    path = folder / name
    path.write_bytes(text(reads))
    return path


def set_findings(*paths: Path, **options: Any) -> tuple[str, dict[str, int]]:
    (one,) = report(*paths, **options).sets
    assert all(file.status == "clean" for file in one.files)
    return one.layout, {finding.kind: finding.count for finding in one.findings}


@pytest.mark.parametrize("engine", ["kernel", "plain-set"])
def test_mates(engine: str, tmp_path: Path) -> None:
    first = write(tmp_path, "s_1.fastq", mates(50, 1))
    reads = mates(50, 2)
    assert set_findings(first, write(tmp_path, "s_2.fastq", reads), engine=engine) == ("paired", {})
    swapped = [*reads[:10], reads[11], reads[10], *reads[12:]]
    assert set_findings(first, write(tmp_path, "s_2.fastq", swapped), engine=engine)[1] == {"pair-order": 2}
    assert set_findings(first, write(tmp_path, "s_2.fastq", reads[:-3]), engine=engine)[1] == {"pair-count": 3}
    assert set_findings(first, write(tmp_path, "s_2.fastq", mates(50, 1)), engine=engine)[1] == {"pair-marker": 50}


@pytest.mark.parametrize("engine", ["kernel", "plain-set"])
def test_interleaved(engine: str, tmp_path: Path) -> None:
    pairs = [read for pair in zip(mates(50, 1), mates(50, 2), strict=True) for read in pair]
    assert set_findings(write(tmp_path, "i.fastq", pairs), engine=engine) == ("interleaved", {})
    pairs[41], pairs[43] = pairs[43], pairs[41]
    assert set_findings(write(tmp_path, "i.fastq", pairs), engine=engine)[1] == {"pair-order": 2}
    assert set_findings(write(tmp_path, "i.fastq", pairs[:40] + pairs[44:-1]), engine=engine)[1] == {"pair-count": 1}


def test_set_of_10x(tmp_path: Path) -> None:
    paths = [
        write(tmp_path, f"s_S1_L001_{role}_001.fastq", mates(50, mark))
        for role, mark in (("I1", 1), ("R1", 1), ("R2", 2))
    ]
    assert set_findings(*paths) == ("set", {})


def test_unknown_words(clean: Path) -> None:
    assert run(clean, "--engine", "quick")[0] == 2
    assert run(clean, "--layout", "both")[0] == 2
    assert run(clean, clean, clean, "--layout", "paired")[0] == 2
    assert run(clean, "--language", "fr")[0] == 2


def test_no_serving_process_loads_the_compiler() -> None:
    """Nor does any command but this one."""
    script = "import sys, node.app, node.cli, node.commands.serve; print('numba' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "False\n"
    )


@pytest.mark.parametrize("engine", ["kernel", "plain-set", "pybloom-live", "dnaio+rbloom"])
def test_real_reads_are_clean(engine: str) -> None:
    paths = sorted(shared("data/reads").glob("*.fastq.gz"))
    made = report(*paths, engine=engine)
    assert [(file.path.name, file.reason, file.findings) for file in made.files if file.status != "clean"] == []
    assert made.status == "clean"


def _bgzf(data: bytes, tmp_path: Path) -> bytes:
    from pysam import tabix_compress

    (tmp_path / "plain").write_bytes(data)
    tabix_compress(str(tmp_path / "plain"), str(tmp_path / "packed"), force=True)
    return (tmp_path / "packed").read_bytes()


def test_bgzf(tmp_path: Path) -> None:
    """Blocks are read whole; a cut or a wrong check sum in one is found, and what comes before it is checked."""
    reads = records(3000)
    reads[5][2] = b"-"
    packed = _bgzf(text(reads), tmp_path)
    assert findings(packed, tmp_path, "r.fastq.gz") == {"plus-line": 1}
    plain = gzip.compress(text([record(9999)]))
    assert findings(packed + plain, tmp_path, "r.fastq.gz") == {"plus-line": 1}, "a member that is no block may follow"
    assert findings(packed[:-100], tmp_path, "r.fastq.gz") == {"plus-line": 1, "compression-truncated": 1}
    large = blocked(text(reads), 100_000) + EOF
    assert findings(large, tmp_path, "r.fastq.gz") == {"plus-line": 1}, "blocks that hold more than blocks may"
    wrong = bytearray(packed)
    wrong[-36] ^= 1
    assert findings(bytes(wrong), tmp_path, "r.fastq.gz") == {"plus-line": 1, "compression-corrupt": 1}
