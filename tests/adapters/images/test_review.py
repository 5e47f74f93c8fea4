"""What waits for a person: accepted with what must be blanked, or rejected; every look is written down."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.data import get_testdata_file
from sqlalchemy import select
from sqlalchemy.orm import Session

from adapters.deid.redaction import Box
from adapters.images.review import BadBoxes, NotWaiting, Reviews, boxes_of
from auth.audit import verify
from auth.tables import AuditEvent
from node.reception import record
from tests.adapters.images.made import COLLECTION, NAME, PATIENT, Archive, image, opened

MINE = frozenset({COLLECTION})
BOX = Box(4, 6, 20, 12)


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with opened(tmp_path / "m") as made:
        yield made


def desk(archive: Archive) -> Reviews:
    return Reviews(archive.engine, archive.quarantine, record)


def pixels(png: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(png)))


def test_accepted_with_a_box_it_is_archived_with_that_blanked_and_nothing_else(archive: Archive) -> None:
    image(archive.incoming / "a.dcm", Modality="US")
    before = pydicom.dcmread(archive.incoming / "a.dcm").pixel_array
    assert archive.load()[1]["states"] == {"Quarantined": 1}
    reviews = desk(archive)
    (waiting,) = reviews.waiting(MINE)
    found, looks = reviews.opened(waiting.id, MINE, "rita")
    assert (found.id, looks.columns, looks.rows, looks.frames) == (waiting.id, 64, 64, 1)
    shown = pixels(reviews.picture(waiting.id, MINE, 1, None))
    blanked = pixels(reviews.picture(waiting.id, MINE, 1, [BOX]))
    assert shown.shape == (64, 64)
    assert (blanked[BOX.top : BOX.bottom, BOX.left : BOX.right] == 0).all()
    assert (blanked != shown).sum() <= (BOX.right - BOX.left) * (BOX.bottom - BOX.top)
    job = reviews.accept(waiting.id, MINE, [BOX], "rita")
    assert reviews.waiting(MINE) == []
    assert archive.command("jobs", "run")[0] == 0
    (data,) = archive.archived()
    expected = before.copy()
    expected[BOX.top : BOX.bottom, BOX.left : BOX.right] = 0
    assert (data.pixel_array == expected).all()
    assert (data.BurnedInAnnotation, data.PatientIdentityRemoved) == ("NO", "YES")
    assert archive.states() == ["Archived"]
    assert archive.originals() == []
    archive.expect_clean()
    assert archive.jobs()[-1].id == job
    with Session(archive.engine) as session:
        events = session.scalars(select(AuditEvent).order_by(AuditEvent.sequence)).all()
    assert [(one.actor, one.action, one.target) for one in events] == [
        ("rita", "look_at_original", COLLECTION),
        ("rita", "accept_image", COLLECTION),
    ]
    assert events[1].details["boxes"] == [list(BOX)]
    assert verify(archive.engine).fault is None


def test_compressed_pixels_are_decoded_before_they_are_blanked(archive: Archive) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = pydicom.dcmread(str(get_testdata_file("SC_rgb_jpeg_dcmtk.dcm")))
        data.PatientName, data.PatientID = NAME, PATIENT
        data.save_as(archive.incoming / "a.dcm")
        before = data.pixel_array
    assert archive.load()[1]["states"] == {"Quarantined": 1}
    reviews = desk(archive)
    (waiting,) = reviews.waiting(MINE)
    reviews.accept(waiting.id, MINE, [BOX], "rita")
    code, said = archive.command("jobs", "run")
    assert code == 0, (said, archive.arrivals()[0].reasons)
    (after,) = archive.archived()
    found = after.pixel_array.astype(int)
    assert (found[BOX.top : BOX.bottom, BOX.left : BOX.right] == 0).all()
    outside = np.ones(found.shape[:2], bool)
    outside[BOX.top : BOX.bottom, BOX.left : BOX.right] = False
    assert abs(found - before.astype(int))[outside].max() <= 2
    archive.expect_clean()


def test_rejected_it_leaves_quarantine_and_is_never_archived(archive: Archive) -> None:
    image(archive.incoming / "a.dcm", Modality="US")
    archive.load()
    reviews = desk(archive)
    (waiting,) = reviews.waiting(MINE)
    reviews.reject(waiting.id, MINE, "rita")
    assert archive.command("jobs", "run")[0] == 0
    assert (archive.states(), archive.originals(), archive.archived()) == (["Rejected"], [], [])
    assert archive.known() == []
    with pytest.raises(NotWaiting):
        reviews.accept(waiting.id, MINE, [], "rita")


def test_what_waits_elsewhere_is_not_there(archive: Archive) -> None:
    image(archive.incoming / "a.dcm", Modality="US")
    archive.load()
    reviews = desk(archive)
    (waiting,) = reviews.waiting(MINE)
    others = frozenset({"OBIA000002"})
    assert reviews.waiting(others) == []
    for act in (
        lambda: reviews.opened(waiting.id, others, "eve"),
        lambda: reviews.picture(waiting.id, others, 1, None),
        lambda: reviews.accept(waiting.id, others, [], "eve"),
        lambda: reviews.reject(waiting.id, others, "eve"),
    ):
        with pytest.raises(NotWaiting):
            act()
    assert archive.states() == ["Quarantined"]


@pytest.mark.parametrize("box", [Box(0, 0, 65, 5), Box(5, 5, 5, 9), Box(9, 0, 5, 5), Box(0, 60, 5, 70)])
def test_boxes_outside_the_image_are_refused(archive: Archive, box: Box) -> None:
    image(archive.incoming / "a.dcm", Modality="US")
    archive.load()
    reviews = desk(archive)
    (waiting,) = reviews.waiting(MINE)
    with pytest.raises(BadBoxes, match="within 64 × 64"):
        reviews.accept(waiting.id, MINE, [box], "rita")
    assert archive.states() == ["Quarantined"]


@pytest.mark.parametrize("text", ["1 2 3", "a b c d", "-1 0 4 4", "1 2 3 4 5", "1.5 2 3 4", "9999999 1 2 3"])
def test_lines_that_are_no_boxes(text: str) -> None:
    with pytest.raises(BadBoxes):
        boxes_of(text)


def test_lines_of_boxes() -> None:
    assert boxes_of("\n 1 2 3 4 \n5,6,7,8\n\n") == [Box(1, 2, 3, 4), Box(5, 6, 7, 8)]


def test_what_its_study_is_known_by_is_remembered_until_the_decision(archive: Archive) -> None:
    """Another object of the study names the physician; that one's name stands in a text of the one that waits."""
    image(archive.incoming / "a.dcm", number=1, ReferringPhysicianName="Quendolin^Zara")
    image(archive.incoming / "b.dcm", number=2, series=2, Modality="US", StudyDescription="seen by Quendolin")
    assert archive.load()[1]["states"] == {"Archived": 1, "Quarantined": 1}
    reviews = desk(archive)
    (waiting,) = reviews.waiting(MINE)
    reviews.accept(waiting.id, MINE, [], "rita")
    assert archive.command("jobs", "run")[0] == 0
    assert archive.states() == ["Archived", "Archived"]
    for path in archive.store.rglob("*.dcm"):
        assert b"Quendolin" not in path.read_bytes()
    assert (archive.originals(), archive.known()) == ([], [])
