"""Text burned in is found (issue 7, "Measure": recall by size and contrast, area outside, time at the fast scale)."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file

from adapters.deid.known import Known
from adapters.deid.objects import Order, Writer
from adapters.deid.text_detection import NoDetector, Scale, TextDetection
from tests.adapters.deid.objects import AtOnce, profile, subject
from tests.prove.burned_in import FONTS, GROUNDS, absent_fonts, burned, hidden

SEED = int(os.environ.get("GSANODE_SEED", "1"))
SIZES, CONTRASTS = (10, 12, 16, 24, 32), (80, 120, 160, 230)
LEAST, MOST_OUTSIDE, MOST_SECONDS = 0.97, 0.03, 0.35

pytestmark = [pytest.mark.prove, pytest.mark.timeout(1800)]


def detection(scale: Scale) -> TextDetection:
    try:
        return TextDetection(scale)
    except NoDetector as absent:
        pytest.skip(str(absent))


@pytest.mark.parametrize("scale", Scale, ids=str)
def test_burned_in_text_is_found(scale: Scale) -> None:
    if absent_fonts():
        pytest.skip(f"not installed: {absent_fonts()}")
    eye, chance = detection(scale), np.random.default_rng(SEED)
    table: dict[tuple[int, int], list[bool]] = defaultdict(list)
    outside, seconds = [], []
    for size in SIZES:
        for contrast in CONTRASTS:
            for script in FONTS:
                for ground in GROUNDS:
                    image = burned(chance, script, ground, size, contrast)
                    begun = time.perf_counter()
                    boxes = eye.boxes(image.image)
                    seconds.append(time.perf_counter() - begun)
                    found, more = hidden(image, boxes)
                    table[size, contrast].append(found)
                    outside.append(more)
    print(f"\n{scale}: pixels  " + "".join(f"{contrast:>7}" for contrast in CONTRASTS))
    for size in SIZES:
        print(f"{size:>14}  " + "".join(f"{np.mean(table[size, contrast]):7.2f}" for contrast in CONTRASTS))
    everything = [found for row in table.values() for found in row]
    recall = float(np.mean(everything))
    print(f"recall {recall:.4f} of {len(everything)}, outside {np.mean(outside):.4%}, median {median(seconds):.3f} s")
    assert np.mean(outside) < MOST_OUTSIDE
    if scale is Scale.THOROUGH:
        assert recall >= LEAST
    else:
        assert median(seconds) <= MOST_SECONDS


def test_a_burned_in_name_is_not_in_what_is_written(tmp_path: Path) -> None:
    """From file to file: the words are blank, the rest is as it was."""
    eye, chance = detection(Scale.THOROUGH), np.random.default_rng(SEED)
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
