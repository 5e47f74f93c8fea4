"""The review desk: a reviewer looks at an ultrasound with a name in its pixels, draws over it, and accepts it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
import requests
from PIL import Image, ImageDraw
from playwright.sync_api import expect
from pydicom.data import get_testdata_file

from tests.browser.conftest import Visits
from tests.browser.visitor import PHONE
from tests.interop.family import Family

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
SIDE, TEXT = 256, (20, 16, 150, 32)  # left, top, right, bottom of the name in the pixels


def scan(path: Path, number: int) -> None:
    """An ultrasound with a name burned in."""
    picture = Image.fromarray(np.random.default_rng(number).integers(40, 90, (SIDE, SIDE), np.uint8))
    ImageDraw.Draw(picture).text((24, 18), "LINDQVIST OTTILIE", fill=255)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
        data.Modality, data.PatientName, data.PatientID = "US", "Lindqvist^Ottilie", f"MRN-{number}"
        data.StudyInstanceUID = f"1.2.826.0.1.3680043.10.511.77.{number}"
        data.SeriesInstanceUID = f"{data.StudyInstanceUID}.1"
        data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = f"{data.StudyInstanceUID}.1.1"
        data.Rows = data.Columns = SIDE
        data.BitsAllocated = data.BitsStored = 8
        data.HighBit, data.PixelRepresentation = 7, 0
        for keyword in ("RescaleIntercept", "RescaleSlope", "SmallestImagePixelValue", "LargestImagePixelValue"):
            if keyword in data:
                delattr(data, keyword)
        data.PixelData = np.asarray(picture).tobytes()
        data["PixelData"].VR = "OB"
        data.save_as(path)


def gsanode(family: Family, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "node.cli", *words, "--config", family.facts["configs"]["obia"]]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_an_image_is_drawn_over_accepted_and_found(family: Family, visits: Visits) -> None:
    collection, reviewer = family.dataset("obia", "open"), family.user("operator")
    incoming = family.folder / "incoming" / "obia"
    for number in (1, 2):
        scan(incoming / f"{number}.dcm", number)
    loaded = json.loads(gsanode(family, "images", "load", str(incoming), "--collection", collection, "--json").stdout)
    assert loaded["states"] == {"Quarantined": 2}
    url = family.url("obia")

    stranger = visits()
    stranger.open(f"{url}/review")
    stranger.sign_in(family.user("researcher"))
    stranger.page.get_by_role("button", name="Allow", exact=True).click()
    expect(stranger.page.get_by_text("Only reviewers whom the operator has appointed")).to_be_visible()
    assert stranger.page.request.get(f"{url}/review/1/original.png").status == 403
    assert requests.get(f"{url}/review/1/original.png", timeout=30, allow_redirects=False).status_code == 302
    stranger.problems.clear()  # the browser told of the 403

    office = ("images", "appoint", reviewer["subject"], "--as", "reviewer", "--collection")
    nowhere = gsanode(family, *office, "OBIA999999")
    assert (nowhere.returncode, "'OBIA999999' is not registered" in nowhere.stderr) == (2, True)
    done = gsanode(family, *office, collection)
    assert done.returncode == 0, done.stderr
    visitor = visits()
    page = visitor.page
    visitor.open(f"{url}/review")
    visitor.sign_in(reviewer)
    page.get_by_role("button", name="Allow", exact=True).click()
    expect(page.get_by_text("2 waiting")).to_be_visible()
    visitor.look("review-desk")
    page.get_by_role("link", name=re.compile("Look at it")).first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("US")
    original = page.locator("#original")
    original.locator("img").wait_for()
    original.scroll_into_view_if_needed()
    frame = original.bounding_box()
    assert frame is not None
    scale = frame["width"] / SIDE
    left, top, right, bottom = TEXT
    page.mouse.move(frame["x"] + left * scale, frame["y"] + top * scale)
    page.mouse.down()
    page.mouse.move(frame["x"] + right * scale, frame["y"] + bottom * scale, steps=4)
    page.mouse.up()
    page.wait_for_url(re.compile("boxes="))
    drawn = [int(number) for number in page.locator("#boxes").input_value().split()]
    assert all(abs(here - there) <= 2 for here, there in zip(drawn, TEXT, strict=True)), drawn
    visitor.look("review-one")
    page.locator("body").press("a")
    expect(page.get_by_role("status")).to_contain_text("Accepted")
    visitor.look("review-accepted")
    page.locator("body").press("r")
    expect(page.get_by_role("status")).to_contain_text("Rejected")
    expect(page.get_by_text("Nothing waits for you.")).to_be_visible()
    assert gsanode(family, "jobs", "run").returncode == 0

    found = requests.get(f"{url}/dicom-web/instances", params={"Modality": "US", "Rows": SIDE}, timeout=30).json()
    (place,) = (one["00081190"]["Value"][0] for one in found)
    picture = requests.get(f"{place}/frames/1", headers={"Accept": "application/octet-stream"}, timeout=30)
    if picture.status_code == 406:
        kind = 'multipart/related; type="application/octet-stream"'
        picture = requests.get(f"{place}/frames/1", headers={"Accept": kind}, timeout=30)
    body = picture.content.split(b"\r\n\r\n", 1)[1][: SIDE * SIDE]
    pixels = np.frombuffer(body, np.uint8).reshape(SIDE, SIDE)
    assert (pixels[drawn[1] : drawn[3], drawn[0] : drawn[2]] == 0).all()
    assert pixels.max() < 255  # nothing of the name is left
    assert list((family.folder / "quarantine" / "obia").rglob("*.known")) == []


def test_the_desk_speaks_chinese_on_a_phone(family: Family, visits: Visits) -> None:
    collection, reviewer = family.dataset("obia", "open"), family.user("operator")
    incoming = family.folder / "incoming" / "obia" / "phone"
    incoming.mkdir()
    scan(incoming / "3.dcm", 3)
    gsanode(family, "images", "load", str(incoming), "--collection", collection, "--json")
    gsanode(family, "images", "appoint", reviewer["subject"], "--collection", collection, "--as", "reviewer")
    visitor = visits("zh-CN", **PHONE)
    visitor.open(f"{family.url('obia')}/review")
    visitor.sign_in(reviewer, "登录")
    visitor.page.get_by_role("link", name=re.compile("查看")).first.click()
    expect(visitor.page.get_by_text("归档后的影像")).to_be_visible()
    visitor.look("review-one-zh")
    visitor.tab_to(visitor.page.get_by_role("button", name="拒绝"))
    visitor.page.keyboard.press("Enter")
    expect(visitor.page.get_by_text("没有待审影像")).to_be_visible()
