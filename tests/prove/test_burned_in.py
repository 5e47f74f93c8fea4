"""Text burned in is found (issue 7, "Measure": recall by size and contrast, area outside, time at the fast scale)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file

from adapters.deid.known import Known
from adapters.deid.objects import Order, Writer
from adapters.deid.text_detection import NoDetector, Scale, TextDetection
from bench.burned_in import burned, hidden, look
from bench.figure import PeerAbsent
from tests.adapters.deid.objects import AtOnce, profile, subject

SEED = int(os.environ.get("GSANODE_SEED", "1"))
LEAST, MOST_OUTSIDE, MOST_SECONDS = 0.97, 0.03, 0.35

pytestmark = [pytest.mark.prove, pytest.mark.timeout(1800)]


@pytest.mark.parametrize("scale", Scale, ids=str)
def test_burned_in_text_is_found(scale: Scale) -> None:
    try:
        recall = look(scale, quick=False, seed=SEED)
    except PeerAbsent as absent:
        pytest.skip(str(absent))
    print(f"\n{recall.table()}")
    print(f"recall {recall.share():.4f} of {len(recall.seen)}, outside {recall.outside:.4%}, {recall.seconds:.3f} s")
    assert recall.share() >= LEAST
    assert recall.outside < MOST_OUTSIDE
    if scale is Scale.FAST:
        assert recall.seconds <= MOST_SECONDS


def test_a_burned_in_name_is_not_in_what_is_written(tmp_path: Path) -> None:
    """From file to file: the words are blank, the rest is as it was."""
    try:
        eye = TextDetection(Scale.THOROUGH)
    except NoDetector as absent:
        pytest.skip(str(absent))
    chance = np.random.default_rng(SEED)
    image = burned(chance, "latin", "tissue", 20, 140)
    data: Any = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
    data.Modality, data.Rows, data.Columns = "US", *image.image.shape
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit, data.PixelRepresentation = 7, 0
    data.PixelData = image.image.tobytes()
    data["PixelData"].VR = "OB"
    data.save_as(tmp_path / "in.dcm")
    order = Order(AtOnce(tmp_path / "out"), lambda uid, digest: None, eye.look)
    place = Writer(order, subject(Known()), Known()).write(tmp_path / "in.dcm").path
    shown = np.frombuffer(pydicom.dcmread(tmp_path / "out" / place).PixelData, np.uint8).reshape(image.image.shape)
    assert (shown[image.ink] == 0).mean() >= 0.95
    assert hidden(image, eye.boxes(image.image))[1] < MOST_OUTSIDE
    assert (shown == image.image).mean() > 0.95  # the words themselves are three per cent of it
    assert profile().codes["113101"] == "Clean Pixel Data Option"
    assert eye.boxes(shown) == []
