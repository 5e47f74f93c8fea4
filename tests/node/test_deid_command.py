"""``gsanode deid``: exit codes, JSON, and mistakes said plainly without a personal value."""

from __future__ import annotations

import json
from pathlib import Path

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
