"""``gsanode deid``: exit codes, JSON, and mistakes said plainly without a personal value."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file
from typer.testing import CliRunner, Result

from node.commands.deid import deid

KEY = {"DEID_KEY": "5a" * 32}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/ct.dcm").write_bytes(Path(str(get_testdata_file("CT_small.dcm"))).read_bytes())
    (tmp_path / "map.tsv").write_text("patient_id\taccession\n1CT1\tOBII000001\n", encoding="utf-8")
    return tmp_path


def call(
    place: Path, *more: str, env: dict[str, str] = KEY, collection: str = "OBIA000001", out: str = "out"
) -> Result:
    given = ["--out", str(place / out), "--collection", collection, "--mapping", str(place / "map.tsv")]
    return CliRunner().invoke(deid, [str(place / "in"), *given, "--key-env", "DEID_KEY", *more], env=env)


def test_all_passed(place: Path) -> None:
    result = call(place, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["passed"] == 1
    assert len(list((place / "out/OBII000001").rglob("*.dcm"))) == 1


def test_some_refused(place: Path) -> None:
    (place / "in/note.txt").write_text("no image", encoding="utf-8")
    result = call(place, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["refused"] == {"not-dicom": 1}
    assert "note.txt\tnot-dicom" in (place / "out.private/refused.tsv").read_text(encoding="utf-8")
    assert (place / "out.private").stat().st_mode & 0o077 == 0


def test_names_in_another_encoding(place: Path) -> None:
    """Folders and files are named in GBK, one as the other would be shown if it could not be read; a run goes on."""
    case = place / "in" / os.fsdecode("病例".encode("gbk"))
    case.mkdir()
    data = pydicom.dcmread(place / "in/ct.dcm")
    for number, name in enumerate((b"\xcd\xbc\xcf\xf1.dcm", b"\\xcd\\xbc\\xcf\\xf1.dcm")):
        data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{number}"
        data.save_as(case / os.fsdecode(name))
    (case / os.fsdecode(b"\xff.txt")).write_bytes(b"no image")
    for _run in range(2):
        result = call(place, "--json")
        assert (json.loads(result.stdout)["passed"], json.loads(result.stdout)["refused"]) == (3, {"not-dicom": 1})
    assert len(list((place / "out").rglob("*.dcm"))) == 3
    assert "\\xb2\\xa1\\xc0\\xfd/\\xff.txt\tnot-dicom" in (place / "out.private/refused.tsv").read_text()


def test_wrong_use(place: Path) -> None:
    assert call(place, collection="OBIA1").exit_code == 2
    assert call(place, env={"DEID_KEY": "5a"}).exit_code == 2
    assert call(place, env={"DEID_KEY": "secret words"}).exit_code == 2
    assert call(place, out="in/out").exit_code == 2
    (place / "map.tsv").write_text("patient_id\taccession\n1CT1\tHRI000001\n", encoding="utf-8")
    result = call(place)
    assert result.exit_code == 2
    assert "line 2" in result.stderr
    assert "1CT1" not in result.stderr


def test_another_key_does_not_mix(place: Path) -> None:
    assert call(place).exit_code == 0
    assert call(place, env={"DEID_KEY": "6b" * 32}).exit_code == 2


def test_pixels_wants_a_scale_that_there_is(place: Path) -> None:
    result = call(place, "--pixels", "quickly")
    assert result.exit_code == 2
    assert "allowed: fast, thorough" in result.stderr


def test_checksums_of_every_file(place: Path) -> None:
    """Also of those that an earlier run wrote, which was not asked for them."""
    assert call(place).exit_code == 0
    data = pydicom.dcmread(place / "in/ct.dcm")
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    data.save_as(place / "in/b.dcm")
    assert call(place, "--checksums", str(place / "sums")).exit_code == 0
    listed = dict(reversed(line.split("  ")) for line in (place / "sums").read_text().splitlines())
    written = (place / "out").rglob("*.dcm")
    assert listed == {
        str(path.relative_to(place / "out")): hashlib.sha256(path.read_bytes()).hexdigest() for path in written
    }
    assert len(listed) == 2


@pytest.mark.parametrize("more", [(), ("--checksums",)])
def test_a_uid_for_the_second_time(place: Path, more: tuple[str, ...]) -> None:
    """The same bytes are one object; other bytes are refused, and the first ones stay."""
    shutil.copy(place / "in/ct.dcm", place / "in/b.dcm")
    data = pydicom.dcmread(place / "in/ct.dcm")
    data.PixelData = bytes(len(data.PixelData))
    data.save_as(place / "in/c.dcm")
    result = call(place, "--json", *more, *(str(place / "sums") for _ in more))
    assert json.loads(result.stdout)["refused"] == {"duplicate-uid": 1}
    assert json.loads(result.stdout)["passed"] == 2
    (path,) = (place / "out").rglob("*.dcm")
    assert pydicom.dcmread(path).PixelData == pydicom.dcmread(place / "in/ct.dcm").PixelData
