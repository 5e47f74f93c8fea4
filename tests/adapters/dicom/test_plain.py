"""What is read without pydicom is what pydicom reads: over its packaged files, and over values of any bytes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import orjson
import pydicom.data
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataelem import RawDataElement, convert_raw_data_element
from pydicom.errors import InvalidDicomError
from pydicom.tag import Tag

from adapters.dicom.plain import READERS, plain
from adapters.dicom.reading import quietly

PACKAGED = Path(pydicom.data.__file__).parent / "test_files"
TOKENS = [b"\\", b" ", b"\0", b"A", b"1", b"-2", b"3.5", b"e4", b"^", b"=", b".", b"\n", b"\x1b", b"\xc4"]

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")


def test_packaged_files_are_read_as_pydicom_reads_them() -> None:
    read: Counter[bool] = Counter()
    for path in sorted(PACKAGED.glob("*.dcm")):
        try:
            with quietly():
                raw, other = dcmread(path, stop_before_pixels=True), dcmread(path, stop_before_pixels=True)
        except InvalidDicomError:
            continue
        for tag, element in raw.items():
            shown = plain(element) if isinstance(element, RawDataElement) else None
            read[shown is not None] += 1
            if shown is not None:
                with quietly():
                    expected = other[tag].to_json_dict(None, 0)
                assert orjson.dumps(shown) == orjson.dumps(expected), (path.name, tag)
    assert read[True] > 4 * read[False] > 0


@settings(max_examples=1000)
@given(st.sampled_from(sorted(READERS)), st.lists(st.sampled_from(TOKENS), max_size=6).map(b"".join), st.booleans())
@example("IS", b"5 \\ 6\0", True)
@example("DS", b" 1.5e3\\-2", True)
@example("LO", b"A \\B ", True)
@example("SH", b"A \\B ", True)
@example("CS", b"A \\B ", True)
@example("UI", b"1.2 \\3\0", True)
@example("PN", b"A^B=C", True)
def test_any_value_is_read_as_pydicom_reads_it_or_left_to_it(vr: str, value: bytes, little: bool) -> None:
    element = RawDataElement(Tag(0x00091001), vr, len(value), value, 0, False, little)
    shown = plain(element)
    if shown is None:
        return
    with quietly():
        expected = convert_raw_data_element(element).to_json_dict(None, 0)
    assert orjson.dumps(shown) == orjson.dumps(expected)


def test_plain_values_are_not_left_to_pydicom() -> None:
    values = {"UI": b"1.2\0", "DS": b"1\\2.5", "IS": b"12", "LO": b"A\\B", "PN": b"A^B", "US": b"\1\0", "OB": b"\1\2"}
    assert all(plain(RawDataElement(Tag(0x00091001), vr, 2, value, 0, False, True)) for vr, value in values.items())
