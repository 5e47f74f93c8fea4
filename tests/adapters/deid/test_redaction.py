"""Text in native pixels is blanked where it stands, in every frame; not one other byte of the pixels changes."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.data import get_testdata_file

from adapters.deid.errors import Reason, Refused
from adapters.deid.known import Known
from adapters.deid.objects import Order, Writer
from adapters.deid.redaction import Box
from tests.adapters.deid.objects import AtOnce, subject

BOXES = [Box(2, 1, 9, 4), Box(5, 3, 14, 8), Box(-5, 10, 3, 40)]


def image(path: Path, **changed: Any) -> np.ndarray[Any, Any]:
    """Write a secondary capture; its pixels (frames, rows, columns, samples)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
        data.Modality = "US"
        given = {"Rows": 12, "Columns": 16, "NumberOfFrames": 1, "SamplesPerPixel": 1, "BitsAllocated": 8} | changed
        for name, value in given.items():
            setattr(data, name, value)
        shape = tuple(given[name] for name in ("NumberOfFrames", "Rows", "Columns", "SamplesPerPixel"))
        kind = np.uint8 if given["BitsAllocated"] == 8 else np.uint16
        pixels = np.random.default_rng(1).integers(1, 200, shape).astype(kind)
        stored = pixels.transpose(0, 3, 1, 2) if given.get("PlanarConfiguration") == 1 else pixels
        data.PixelData = stored.tobytes() + b"\0" * (stored.nbytes % 2)
        data["PixelData"].VR = "OW"
        data.save_as(path)
    return pixels


def written(tmp_path: Path, boxes: Sequence[Box], times: int = 1) -> pydicom.Dataset:
    """The object after de-identification, by whoever looked and found ``boxes``."""
    order = Order(AtOnce(tmp_path / "out"), lambda uid, digest: None, lambda path, facts: boxes)
    writer = Writer(order, subject(Known()), Known())
    for _ in range(times):
        place = writer.write(tmp_path / "in.dcm").path
    return pydicom.dcmread(tmp_path / "out" / place)


def expected(pixels: np.ndarray[Any, Any], boxes: Sequence[Box], fill: Sequence[int]) -> np.ndarray[Any, Any]:
    """The oracle: slices of an array."""
    hidden = pixels.copy()
    for box in boxes:
        hidden[:, max(0, box.top) : max(0, box.bottom), max(0, box.left) : max(0, box.right)] = fill
    return hidden


COLOUR = {"SamplesPerPixel": 3, "BitsStored": 8, "HighBit": 7, "PhotometricInterpretation": "RGB"}
KINDS: dict[str, tuple[dict[str, Any], list[int]]] = {
    "grey": ({"BitsStored": 8, "HighBit": 7}, [0]),
    "grey, 16 bits": ({"BitsAllocated": 16}, [0]),
    "frames": ({"BitsStored": 8, "HighBit": 7, "NumberOfFrames": 5}, [0]),
    "colour by pixel": (COLOUR | {"PlanarConfiguration": 0}, [0, 0, 0]),
    "colour by plane": (COLOUR | {"PlanarConfiguration": 1, "NumberOfFrames": 2}, [0, 0, 0]),
    "brightness and colour": (
        COLOUR | {"PlanarConfiguration": 0, "PhotometricInterpretation": "YBR_FULL"},
        [0, 128, 128],
    ),
    "brightness and colour by plane": (
        COLOUR | {"PlanarConfiguration": 1, "PhotometricInterpretation": "YBR_FULL"},
        [0, 128, 128],
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_boxes_are_blank_and_nothing_else(kind: str, tmp_path: Path) -> None:
    changed, fill = KINDS[kind]
    pixels = image(tmp_path / "in.dcm", **changed)
    for times in (1, 3):  # the second and third by what the files share
        data = written(tmp_path, BOXES, times)
        hidden = expected(pixels, BOXES, fill)
        stored = hidden.transpose(0, 3, 1, 2) if changed.get("PlanarConfiguration") == 1 else hidden
        assert data.PixelData[: stored.nbytes] == stored.tobytes()
        assert data.BurnedInAnnotation == "NO"
        assert "113101" in [code.CodeValue for code in data.DeidentificationMethodCodeSequence]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.builds(Box, *[st.integers(-3, 20)] * 4), max_size=5))
def test_any_boxes(tmp_path: Path, boxes: list[Box]) -> None:
    pixels = image(tmp_path / "in.dcm", BitsStored=8, HighBit=7)
    assert written(tmp_path, boxes).PixelData[: pixels.nbytes] == expected(pixels, boxes, [0]).tobytes()


@pytest.mark.parametrize("name", ["MR_small_RLE.dcm", "SC_ybr_full_422_uncompressed.dcm", "ExplVR_BigEnd.dcm"])
def test_what_cannot_be_blanked_is_refused(name: str, tmp_path: Path) -> None:
    """Compressed pixels, pixels that share their bytes, and big-endian files wait for a person."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = pydicom.dcmread(str(get_testdata_file(name)))
        data.Modality, data.PatientID = "US", "1CT1"
        data.save_as(tmp_path / "in.dcm")
    assert written(tmp_path, []) is not None
    with pytest.raises(Refused) as refused:
        written(tmp_path, BOXES)
    assert refused.value.reason is Reason.TEXT_IN_PIXELS
