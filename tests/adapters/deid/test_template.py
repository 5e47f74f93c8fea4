"""Files that are alike are judged by what they share: what comes out is what each alone would give."""

from __future__ import annotations

import copy
import warnings
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.data import get_testdata_file
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from adapters.deid import template
from adapters.deid.errors import Refused
from adapters.deid.instance import Instance
from adapters.deid.known import Known
from adapters.deid.objects import Reader, Writer
from adapters.deid.opening import Body
from tests.adapters.deid.objects import order, profile, subject
from tests.adapters.deid.test_paths import compare
from tests.support import shared


def slices(*changes: dict[int, tuple[str, object]]) -> list[bytes]:
    """One CT slice for each set of changed elements; None as a value takes the element away."""
    files = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        base = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
        for number, changed in enumerate(changes):
            data = copy.deepcopy(base)
            data.SOPInstanceUID = f"1.2.3.{number}"
            for tag, (vr, value) in changed.items():
                if value is None:
                    data.pop(tag, None)
                else:
                    data[tag] = DataElement(tag, vr, value)
            buffer = BytesIO()
            pydicom.dcmwrite(buffer, data, enforce_file_format=True)
            files.append(buffer.getvalue())
    return files


def _item(**values: object) -> Dataset:
    item = Dataset()
    for name, value in values.items():
        setattr(item, name, value)
    return item


Changes = dict[int, tuple[str, object]]
PRIVATE: Changes = {0x000B0010: ("LO", "ACME 1")}
SAFE, OTHER_SAFE = (
    _item(PrivateGroupReference=0x000B, PrivateCreatorReference=name, BlockIdentifyingInformationStatus="SAFE")
    for name in ("ACME 1", "ACME 2")
)
SERIES: dict[str, list[Changes]] = {
    "numbers and positions": [{0x00200013: ("IS", str(n)), 0x00200032: ("DS", [n, -1.5, 10 * n])} for n in range(5)],
    "free text with a name": [
        {0x0008103E: ("LO", f"Thorax CompressedSamples {n}"), 0x00081030: ("LO", text)}
        for n, text in enumerate(["a", "Dr. Smith", "a", "b", "a"])
    ],
    "names told by one file only": [{0x00081050: ("PN", name)} for name in ["", "", "Oyelaran^Ade", "", "Ito^Mei"]],
    "private numbers": [PRIVATE | {0x000B1001: ("US", n)} for n in range(4)],
    "private, sometimes a date": [PRIVATE | {0x000B1001: ("UL", n)} for n in (7, 8, 20040119, 9, 20040119, 10)],
    "private, beside one that stays": [
        PRIVATE | {0x000B1001: ("UL", n), 0x000B1002: ("US", 3)} for n in (20040119, 8, 20040119)
    ],
    "another creator": [
        {0x00190010: ("LO", name), 0x0019100F: ("DS", "1")} for name in ("GEMS_ACQU_01", "GEMS_ACQU_01", "ACME 2")
    ],
    "another creator of like elements": [
        {0x00190010: ("LO", name), 0x00191002: ("SL", n), 0x00191023: ("LO", "word")}
        for n, name in enumerate(["GEMS_ACQU_01", "GEMS_ACQU_01", "GEMS_ACQU_01", "ACME_ACQU_01"])
    ],
    "another character set": [
        {0x00080005: ("CS", charset), 0x0008103E: ("LO", text)}
        for charset, text in [("ISO_IR 192", "脑"), ("ISO_IR 192", "脑 王小明"), ("GB18030", "脑"), ("GB18030", "肺")]
    ],
    "declared safe in one file": [
        PRIVATE | {0x000B1001: ("LO", f"word {n}")} | ({0x00080300: ("SQ", Sequence([SAFE]))} if n % 2 else {})
        for n in range(4)
    ],
    "declared otherwise": [
        PRIVATE | {0x000B1001: ("LO", "word"), 0x00080300: ("SQ", Sequence([declared]))}
        for declared in (SAFE, SAFE, SAFE, OTHER_SAFE, OTHER_SAFE, SAFE)
    ],
    "sequences": [
        {0x00081140: ("SQ", Sequence([_item(ReferencedSOPInstanceUID=f"1.2.9.{n}")] * (n % 3)))} for n in range(5)
    ],
    "an element more": [{0x00204000: ("LT", text)} for text in ["x", None, "y", "z", None, None]],
    "other pixels": [{0x7FE00010: ("OW", bytes([n]) * 32768)} for n in range(3)],
    "a large element": [{0x00204000: ("LT", f"{n}" * 9000)} for n in range(3)],
    "a large character set": [{0x00080005: ("CS", ["ISO_IR 100"])}, {0x00080005: ("CS", ["ISO_IR 100"] * 900)}] * 2,
    "another study": [{0x0020000D: ("UI", f"1.2.{n}"), 0x0008103E: ("LO", f"{n}")} for n in (1, 1, 2, 2)],
}


def _alone_and_together(folder: Path, files: list[bytes]) -> int:
    """Files passed on; what comes out together equals what comes out alone, or this fails."""
    paths = []
    for number, raw in enumerate(files):
        paths.append(folder / f"{number}.dcm")
        paths[-1].write_bytes(raw)
    together, reader, known = Known(), Reader(profile()), Known()
    for path in paths:
        try:
            known.update(Reader(profile()).read(path).known)
            together.update(reader.read(path).known)
        except Refused:
            with pytest.raises(Refused):
                reader.read(path)
    assert together == known
    return _written_alike(folder, paths, known)


def _written_alike(folder: Path, paths: list[Path], known: Known) -> int:
    writer = Writer(order(folder / "together"), subject(known), known)
    passed = 0
    kept = writer.kept.copy()
    for number, path in enumerate(paths):
        alone = Writer(order(folder / f"alone{number}"), subject(known), known)
        try:
            one = alone.write(path)
        except Refused as refused:
            with pytest.raises(Refused, match=refused.reason.value):
                writer.write(path)
            continue
        other = writer.write(path)
        assert other == one
        assert (folder / "together" / other.path).read_bytes() == (folder / f"alone{number}" / one.path).read_bytes()
        kept.update(alone.kept)
        passed += 1
    assert writer.kept == kept
    return passed


@pytest.mark.parametrize("name", SERIES)
def test_series(name: str, tmp_path: Path) -> None:
    files = slices(*SERIES[name])
    assert _alone_and_together(tmp_path, files) == len(files)


def test_like_bytes_of_another_character_set(tmp_path: Path) -> None:
    """The same bytes are text in one character set and none in another."""
    changes: list[Changes] = [{0x00080005: ("CS", "ISO_IR 100"), 0x0008103E: ("LO", "Größe")}] * 6
    files = slices(*changes)
    files[3:5] = [raw.replace(b"ISO_IR 100", b"ISO_IR 13 ") for raw in files[3:5]]
    assert _alone_and_together(tmp_path, files) == 6


def test_like_files_are_not_judged_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of ten slices that differ in number and position, eight are taken by what they share."""
    fits: list[list[int] | None] = []
    fit = template.Template.fit

    def told(self: template.Template, body: Body) -> Instance | None:
        found = fit(self, body)
        fits.append([element.tag for element in found.root.elements] if found else None)
        return found

    monkeypatch.setattr(template.Template, "fit", told)
    reader = Reader(profile())
    changes: list[Changes] = [{0x00200013: ("IS", str(n))} for n in range(10)]
    for number, raw in enumerate(slices(*changes)):
        (tmp_path / f"{number}").write_bytes(raw)
        reader.read(tmp_path / f"{number}")
    assert fits[0] is None
    assert fits[1:] == [[0x00080018, 0x00200013, 0x7FE00010]] * 8


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(132, 6900), st.binary(min_size=1, max_size=6)), min_size=1, max_size=5))
def test_overwritten_files(tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, bytes]]) -> None:
    """Bytes are overwritten in one file after the other; each is refused or written as if it were alone."""
    files = slices({}, {})
    for at, new in changes:
        raw = bytearray(files[0])
        raw[at : at + len(new)] = new
        files += [bytes(raw), files[1]]
    _alone_and_together(tmp_path_factory.mktemp("overwritten"), files)


def test_pack(tmp_path: Path) -> None:
    """The series of the pack, each file as pydicom would write it and as it is written alone."""
    paths = sorted(shared("data/imaging").rglob("mr_series_deident/*"))
    known = Known()
    for path in paths:
        known.update(Reader(profile()).read(path).known)
    assert _written_alike(tmp_path, paths[:60], known) == 60
    assert compare(paths[1], tmp_path)
