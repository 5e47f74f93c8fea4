"""Headers that are read at once are those that pydicom reads; whatever is not plain is left to it."""

from __future__ import annotations

import random
from functools import cache
from io import BytesIO
from pathlib import Path

import orjson
import pydicom.data
import pytest
from pydicom import Dataset, FileDataset
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence

from adapters.dicom.explicit import EXPLICIT, NotPlain, explicit
from adapters.dicom.model import HEAD, described, document
from adapters.dicom.reading import Unreadable, header
from adapters.store.local import LocalStore
from adapters.store.source import ByteSource

PACKAGED = Path(pydicom.data.__file__).parent / "test_files"
URL = "https://node.test/bulkdata"

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")


@cache
def packaged() -> list[Path]:
    return sorted(PACKAGED.glob("*.dcm"))


def read(path: Path) -> bytes | None:
    """The header by pydicom, as JSON; None if it cannot be read."""
    with ByteSource(LocalStore("x", path.parent), path.name) as source:
        try:
            return orjson.dumps(document(header(source), URL))
        except Unreadable:
            return None


def at_once(content: bytes) -> bytes | None:
    try:
        return orjson.dumps(explicit(content[:HEAD], URL, whole=len(content) <= HEAD))
    except NotPlain:
        return None


def made(**values: object) -> FileDataset:
    """An object with nested sequences of either length."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = pydicom.uid.UID(EXPLICIT)
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = pydicom.uid.UID("1.2"), pydicom.uid.UID("1.2.3")
    data = FileDataset(BytesIO(), {}, file_meta=meta, preamble=bytes(128))
    inner, outer = Dataset(), Dataset()
    inner.CodeValue, inner.CodeMeaning = "1", "one"
    outer.PurposeOfReferenceCodeSequence = Sequence([inner, Dataset()])
    outer.ReferencedSOPInstanceUID = "1.2.4"
    data.ReferencedImageSequence, data.ReferencedStudySequence = Sequence([outer, outer]), Sequence([])
    data.PatientName, data.SliceThickness, data.Rows, data.ImageType = "A^B", "1.5", 2, ["ORIGINAL", "PRIMARY"]
    for name, value in values.items():
        setattr(data, name, value)
    return data


def stored(data: FileDataset, folder: Path) -> bytes:
    out = BytesIO()
    data.save_as(out, enforce_file_format=True)
    (folder / "x.dcm").write_bytes(out.getvalue())
    return out.getvalue()


def test_packaged_headers_are_read_as_pydicom_reads_them() -> None:
    told = 0
    for path in packaged():
        found = at_once(path.read_bytes())
        assert found in (None, read(path)), path.name
        told += found is not None
    assert told >= 5


@pytest.mark.parametrize("undefined", [False, True])
def test_sequences_are_read_at_any_depth(tmp_path: Path, undefined: bool) -> None:
    data = made()
    for sequence in (data.ReferencedImageSequence, data.ReferencedImageSequence[0].PurposeOfReferenceCodeSequence):
        for item in sequence:
            item.is_undefined_length_sequence_item = undefined
    data["ReferencedImageSequence"].is_undefined_length = undefined
    found = at_once(stored(data, tmp_path))
    assert found is not None
    assert found == read(tmp_path / "x.dcm")


def test_large_values_are_named_and_long_texts_are_left_to_pydicom(tmp_path: Path) -> None:
    large = made()
    large.add_new(0x00420011, "OB", bytes(2000))
    found = at_once(stored(large, tmp_path))
    assert found == read(tmp_path / "x.dcm")
    assert b"/bulkdata/00420011" in (found or b"")
    for value in ("x" * 2000, "\u00e9"):
        assert at_once(stored(made(SpecificCharacterSet="ISO_IR 192", ImageComments=value), tmp_path)) is None


def test_a_header_that_goes_on_is_not_taken_for_a_whole_one(tmp_path: Path) -> None:
    """Wherever it is cut: behind each byte of it."""
    content = stored(made(), tmp_path)
    for end in range(len(content)):
        with pytest.raises(NotPlain):
            explicit(content[:end], URL, whole=False)


def test_an_object_that_was_cut_off_is_left_to_pydicom(tmp_path: Path) -> None:
    """Or ends where an element does: then both read the same."""
    content = stored(made(), tmp_path)
    for end in range(len(content)):
        found = at_once(content[:end])
        if found is not None:
            (tmp_path / "cut.dcm").write_bytes(content[:end])
            assert found == read(tmp_path / "cut.dcm"), end


@pytest.mark.parametrize("group", [0, 4])
def test_what_is_no_group_of_a_data_set_is_left_to_pydicom(tmp_path: Path, group: int) -> None:
    content = stored(made(), tmp_path)
    first = content.index(b"\x08\x00\x08\x00CS")
    assert at_once(content[:first] + bytes([group]) + content[first + 1 :]) is None


def test_an_item_ends_with_a_delimiter_without_a_length(tmp_path: Path) -> None:
    data = made()
    for item in data.ReferencedImageSequence:
        item.is_undefined_length_sequence_item = True
    content = stored(data, tmp_path)
    end = b"\xfe\xff\x0d\xe0"
    assert at_once(content) is not None
    assert at_once(content.replace(end + bytes(4), end + b"\1\0\0\0")) is None


def test_damaged_headers_are_read_as_pydicom_reads_them_or_left_to_it(tmp_path: Path) -> None:
    """Bytes changed at random places of packaged headers, and objects cut off."""
    chance = random.Random(5)
    contents = [path.read_bytes() for path in packaged() if at_once(path.read_bytes()) is not None]
    contents.append(stored(made(), tmp_path))
    told = 0
    for _ in range(400):
        content = bytearray(chance.choice(contents)[: chance.choice([600, 2000, HEAD])])
        for _change in range(chance.randrange(3)):
            content[chance.randrange(132, len(content))] = chance.randrange(256)
        found = at_once(bytes(content))
        if found is not None:
            (tmp_path / "damaged.dcm").write_bytes(content)
            assert found == read(tmp_path / "damaged.dcm")
            told += 1
    assert told > 20


def test_what_is_described_is_the_header_either_way(tmp_path: Path) -> None:
    for path in packaged():
        expected = read(path)
        if expected is not None:
            with ByteSource(LocalStore("x", path.parent), path.name) as source:
                assert orjson.dumps(described(source, URL)) == expected
    (tmp_path / "no.dcm").write_bytes(b"no object")
    with ByteSource(LocalStore("x", tmp_path), "no.dcm") as source, pytest.raises(Unreadable):
        described(source, URL)
