"""Bad input is refused with its reason: never a crash, a hang, or a byte of it passed on."""

from __future__ import annotations

import os
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydicom.data import get_testdata_file

from adapters.deid import objects
from adapters.deid.errors import Reason, Refused
from adapters.deid.folder import Run, deidentify_folder
from adapters.deid.identity import Keyed
from tests.adapters.deid.objects import ACCESSION, KEY, order, profile, subject

CT = Path(str(get_testdata_file("CT_small.dcm"))).read_bytes()
DATA = 0x150  # the data set of CT begins about here


def head(syntax: str) -> bytes:
    uid = syntax.encode() + b"\0" * (len(syntax) % 2)
    return bytes(128) + b"DICM" + struct.pack("<HH2sH", 2, 0x10, b"UI", len(uid)) + uid


EXPLICIT, IMPLICIT = head("1.2.840.10008.1.2.1"), head("1.2.840.10008.1.2")
DEFLATED, BIG = head("1.2.840.10008.1.2.1.99"), head("1.2.840.10008.1.2.2")
SEQUENCE = struct.pack("<HH2s2xI", 0x40, 0x275, b"SQ", 0xFFFFFFFF) + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
NAME = struct.pack("<HH2sH", 0x10, 0x10, b"PN", 6) + b"SECRET"


def bomb() -> bytes:
    packer = zlib.compressobj(9, wbits=-15)
    body = [packer.compress(struct.pack("<HH2s2xI", 0x42, 0x11, b"OB", 0x7FFFFFFE))]
    body += [packer.compress(bytes(1 << 24)) for _ in range(40)]
    return DEFLATED + b"".join(body) + packer.flush()


BAD: dict[str, tuple[Callable[[], bytes], Reason]] = {
    "nothing": (lambda: b"", Reason.NOT_DICOM),
    "text": (lambda: b"PatientName: SECRET\n" * 100, Reason.NOT_DICOM),
    "no preamble": (lambda: CT[132:], Reason.NOT_DICOM),
    "cut in the meta": (lambda: CT[:200], Reason.DAMAGED),
    "cut in a value": (lambda: CT[:3000], Reason.DAMAGED),
    "cut in the pixels": (lambda: CT[:-1000], Reason.DAMAGED),
    "trailing bytes": (lambda: CT + b"SECRET-NAME-1", Reason.DAMAGED),
    "huge length": (lambda: EXPLICIT + struct.pack("<HH2s2xI", 8, 8, b"UT", 0xFFFFFFF0), Reason.DAMAGED),
    "nested 1,000 deep": (lambda: EXPLICIT + SEQUENCE * 1000, Reason.TOO_DEEP),
    "nested 100,000 deep": (lambda: EXPLICIT + SEQUENCE * 100_000, Reason.TOO_DEEP),
    "bomb": (bomb, Reason.TOO_LARGE),
    "deflated, cut": (lambda: DEFLATED + zlib.compress(CT, wbits=-15)[:50], Reason.DAMAGED),
    "not deflated": (lambda: DEFLATED + b"\xff" * 500, Reason.DAMAGED),
    "unknown syntax": (lambda: head("1.2.3.4") + NAME, Reason.TRANSFER_SYNTAX),
    "pixels elsewhere": (lambda: head("1.2.840.10008.1.2.4.94") + NAME, Reason.TRANSFER_SYNTAX),
    "twice the same tag": (lambda: EXPLICIT + NAME + NAME, Reason.DAMAGED),
    "big endian, nested": (lambda: BIG + SEQUENCE * 1000, Reason.DAMAGED),
    "big endian, noise": (lambda: BIG + bytes(range(256)) * 20, Reason.INCOMPLETE),
    "no UIDs": (lambda: EXPLICIT + NAME, Reason.INCOMPLETE),
    "many elements": (lambda: IMPLICIT + _many(), Reason.TOO_LARGE),
}


def _many() -> bytes:
    item = struct.pack("<HHI", 0xFFFE, 0xE000, 0)
    return struct.pack("<HHI", 0x8, 0x1140, 0xFFFFFFFF) + item * 500_000


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name: str, tmp_path: Path) -> None:
    made, reason = BAD[name]
    path = tmp_path / "SECRET.dcm"
    path.write_bytes(made())
    began = time.monotonic()
    with pytest.raises(Refused) as refused:
        objects.Reader(profile()).read(path)
    assert refused.value.reason is reason
    assert "SECRET" not in str(refused.value)
    assert time.monotonic() - began < 100


def test_links_and_pipes_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "outside.dcm").write_bytes(CT)
    (tmp_path / "in/link.dcm").symlink_to(tmp_path / "outside.dcm")
    (tmp_path / "in/folder").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "in/pipe.dcm")
    outcome = run(tmp_path)
    assert outcome.passed == 0
    assert outcome.refused == {"link": 2, "not-dicom": 1}
    assert not list((tmp_path / "out").rglob("*.dcm"))


def test_duplicate_uid_with_other_bytes(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name, raw in (("a", CT), ("b", CT), ("c", CT[:20_000] + b"\1" + CT[20_001:])):
        (tmp_path / "in" / name).write_bytes(raw)
    outcome = run(tmp_path)
    assert outcome.passed == 2  # the second is the same object
    assert outcome.refused == {"duplicate-uid": 1}
    assert len(list((tmp_path / "out").rglob("*.dcm"))) == 1


def test_study_of_two_patients(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a").write_bytes(CT)
    (tmp_path / "in/b").write_bytes(CT.replace(b"1CT1", b"2CT2"))
    assert run(tmp_path).refused == {"study-of-two-patients": 2}


def test_stopped_run_goes_on(tmp_path: Path) -> None:
    """A second run does nothing again; a file that changed is done again."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a").write_bytes(CT)
    assert run(tmp_path).passed == 1
    (out,) = (tmp_path / "out").rglob("*.dcm")
    before = out.stat().st_mtime_ns
    assert run(tmp_path).passed == 1
    assert out.stat().st_mtime_ns == before


def run(tmp_path: Path):  # type: ignore[no-untyped-def]
    keyed = Keyed(KEY, "OBIA000001")
    accessions = {"1CT1": ACCESSION, "2CT2": "OBII000043"}
    return deidentify_folder(Run(tmp_path / "in", tmp_path / "out", tmp_path / "private", profile(), keyed, accessions))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(132, 6900), st.binary(min_size=1, max_size=8)), min_size=1, max_size=6))
@example([(0x150, b"\xff\xff\xff\xff")])
def test_mutated_files_pass_or_are_refused(tmp_path: Path, changes: list[tuple[int, bytes]]) -> None:
    """Whatever is overwritten in a file: it is refused, or what comes out names nobody."""
    raw = bytearray(CT)
    for at, new in changes:
        raw[at : at + len(new)] = new
    _passes_or_is_refused(tmp_path, bytes(raw))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([EXPLICIT, IMPLICIT, DEFLATED, BIG]), st.binary(max_size=400))
def test_noise_is_refused(tmp_path: Path, start: bytes, noise: bytes) -> None:
    _passes_or_is_refused(tmp_path, start + noise)


def _passes_or_is_refused(tmp_path: Path, raw: bytes) -> None:
    path, out = tmp_path / "x.dcm", tmp_path / "out"
    path.write_bytes(raw)
    try:
        known = objects.Reader(profile()).read(path).known
        written = objects.Writer(order(out), subject(known), known).write(path)
    except Refused:
        assert not list(out.rglob("*.part"))
        return
    assert b"CompressedSamples" not in (out / written.path).read_bytes()
    (out / written.path).unlink()
