"""Whoever looks for text sees every frame: it may stand in one alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file

from adapters.deid.errors import Reason, Refused
from adapters.deid.text_detection import distinct_frames


def written(path: Path, pixels: np.ndarray) -> Path:
    """An object with these frames (frames, rows, columns)."""
    data = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
    data.NumberOfFrames, data.Rows, data.Columns = pixels.shape
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 8, 8, 7, 0
    data.PixelData = pixels.tobytes()
    data["PixelData"].VR = "OW"
    data.save_as(path)
    return path


def test_a_frame_that_differs_is_seen_wherever_it_stands(tmp_path: Path) -> None:
    pixels = np.zeros((40, 4, 6), np.uint8)
    pixels[23] = np.arange(24, dtype=np.uint8).reshape(4, 6)
    seen = list(distinct_frames(written(tmp_path / "a.dcm", pixels), 40))
    assert [frame.tolist() for frame in seen] == [pixels[0].tolist(), pixels[23].tolist(), pixels[24].tolist()]


def test_frames_of_a_deflated_object_are_seen(tmp_path: Path) -> None:
    pixels = np.arange(48, dtype=np.uint8).reshape(2, 4, 6)
    data = pydicom.dcmread(written(tmp_path / "a.dcm", pixels))
    data.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    data.save_as(tmp_path / "b.dcm")
    assert [frame.tolist() for frame in distinct_frames(tmp_path / "b.dcm", 2)] == pixels.tolist()


def test_a_frame_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.dcm", np.zeros((2, 4, 6), np.uint8))
    with pytest.raises(Refused) as refused:
        list(distinct_frames(path, 3))
    assert refused.value.reason is Reason.PIXELS_NOT_LOOKED_AT
