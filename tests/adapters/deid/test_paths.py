"""The byte path and pydicom write the same, element by element (the oracle of issue 7, part 3)."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from adapters.deid import dataset, objects
from adapters.deid.errors import Refused
from adapters.deid.facts import Facts
from tests.adapters.deid.objects import flat, order, packaged, profile, reread, subject
from tests.support import shared


def compare(path: Path, tmp_path: Path) -> bool:
    """Whether the file was passed on; both ways agree, or this fails."""
    prof = profile()
    try:
        known = objects.Reader(prof).read(path).known
        writer = objects.Writer(order(tmp_path / "bytes"), subject(known), known)
        mine = writer.write(path)
    except Refused:
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = dataset.read(path, prof)
        theirs, kept = dataset.deidentify(path, order(tmp_path / "pydicom"), subject(other.known), other.known)
    assert known == other.known
    assert mine.path == theirs.path
    assert writer.kept == kept
    one = dict(flat(reread(tmp_path / "bytes" / mine.path)))
    two = dict(flat(reread(tmp_path / "pydicom" / theirs.path)))
    assert {place: (one.get(place), two.get(place)) for place in one | two if one.get(place) != two.get(place)} == {}
    return True


@pytest.fixture(autouse=True)
def _everything_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that would be refused for what they say of themselves are compared too."""
    monkeypatch.setattr(Facts, "check", lambda self, profile: None)


@pytest.mark.parametrize("path", packaged(), ids=lambda p: p.name)
def test_packaged(path: Path, tmp_path: Path) -> None:
    compare(path, tmp_path)


def test_pack(tmp_path: Path) -> None:
    root = shared("data/imaging")
    paths = [path for path in sorted(root.rglob("*")) if path.is_file()]
    alike = [path for path in paths if path.parent.name == "mr_series_deident"]
    passed = [compare(path, tmp_path) for path in paths if path not in alike or alike.index(path) % 20 == 0]
    assert sum(passed) > 40
