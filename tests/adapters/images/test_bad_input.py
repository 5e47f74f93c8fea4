"""Bad objects by every way in: refused with their reason, and nothing of them stays."""

from __future__ import annotations

import socket
import struct
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag
from pynetdicom import evt

from tests.adapters.deid.test_refused import BAD
from tests.adapters.images.made import Archive, image
from tests.adapters.images.test_listening import archive as archive
from tests.adapters.images.test_listening import associated, listening, send

WORD = "SECRET"
HALF = 400_000  # bytes


def left(archive: Archive) -> list[Path]:
    """Files in quarantine, whole or not."""
    return [path for path in (archive.folder / "quarantine").rglob("*") if path.is_file()]


def test_bad_files_of_a_folder_are_named_and_good_ones_taken(archive: Archive) -> None:
    image(archive.incoming / "good.dcm")
    names = {f"{number}.dcm": name for number, name in enumerate(BAD)}
    for path, name in names.items():
        (archive.incoming / path).write_bytes(BAD[name][0]())
    code, outcome = archive.load()
    assert (code, outcome["states"]) == (1, {"Archived": 1})
    told = {names[one["path"]]: one["reason"].partition(":")[0] for one in outcome["refused"]}
    assert told == {name: reason.value for name, (_, reason) in BAD.items()}
    assert WORD not in str(outcome)
    assert left(archive) == []
    archive.expect_clean()


def unlike_its_size(data: Any) -> None:
    data.Rows = 65


def wrong_group_length(data: Any) -> None:
    data[Tag(0x00080000)] = RawDataElement(Tag(0x00080000), "UL", 4, struct.pack("<I", 7), 0, False, True)


@pytest.mark.parametrize(
    ("change", "state"),
    [(unlike_its_size, None), (wrong_group_length, "Archived")],
)
def test_objects_that_lie_about_themselves(archive: Archive, change: Any, state: str | None) -> None:
    path = image(archive.incoming / "a.dcm")
    data = pydicom.dcmread(path)
    change(data)
    data.save_as(path)
    code, outcome = archive.load()
    assert code == (state is None)
    assert (list(outcome["states"]) == ["Archived"]) is (state == "Archived"), outcome
    if state is None:
        assert left(archive) == []
    archive.expect_clean()


def test_text_in_a_character_set_that_does_not_exist_is_cleaned_all_the_same(archive: Archive) -> None:
    path = image(archive.incoming / "a.dcm")
    content = path.read_bytes()
    assert content.count(b"ISO_IR 100") == 1
    path.write_bytes(content.replace(b"ISO_IR 100", b"ISO_IR 999"))
    assert archive.load()[0] == 0
    archive.expect_clean()


def test_an_association_that_breaks_in_the_middle_of_an_object(archive: Archive, tmp_path: Path) -> None:
    large = image(tmp_path / "large.dcm", PatientComments="x" * 900_000)
    sent = 0

    def cut(event: Any) -> None:
        nonlocal sent
        sent += len(event.data)
        if sent > HALF:
            event.assoc.dul.socket.socket.shutdown(socket.SHUT_RDWR)

    with listening(archive) as port:
        association = associated(port, evt_handlers=[(evt.EVT_DATA_SENT, cut)])
        assert association.send_c_store(large).get("Status") is None
        association.join(30)
        assert archive.arrivals() == []
        assert send(port, large) == [0x0000]  # the same again, whole
    assert len(archive.arrivals()) == 1
    assert [path.name for path in left(archive)] == [archive.originals()[0].rpartition("/")[2]]
