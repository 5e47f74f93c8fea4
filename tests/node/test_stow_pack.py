"""Every image of the real data pack, stored by STOW-RS one after the other: as good as loaded from a folder."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from adapters.catalog.models import Location
from tests.adapters.images.made import Archive, opened
from tests.adapters.images.test_pack import REFUSED
from tests.node.test_stow import application, body, items, post
from tests.support import shared

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom on values that break their VR
LARGEST = 64 << 20
STATUS = {"object-class": 0x0122, "incomplete": 0xC000, "duplicate-uid": 0x0111}  # PS3.18 table I.2-2


@dataclass(frozen=True)
class Both:
    """The same files, loaded and stored; the failure reasons of those that could not be stored, by path."""

    loaded: Archive
    stored: Archive
    twins: set[str]
    failed: dict[str, int]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    folder, made = shared("data/imaging"), tmp_path_factory.mktemp("both")
    with opened(made / "loaded") as loaded, opened(made / "stored") as stored:
        shutil.copytree(folder, loaded.incoming, dirs_exist_ok=True)
        _, outcome = loaded.load()
        twins = {one["path"] for one in outcome["refused"] if one["reason"].startswith("duplicate-uid")}
        failed = {}
        with TestClient(application(stored, LARGEST)) as client:
            for name, content in in_the_order_of(loaded, folder):
                answer = post(client, body(content))
                failures = items(answer, "00081198") + items(answer, "0008119A")
                reasons = [one["00081197"]["Value"][0] for one in failures]
                assert len(reasons) + len(items(answer, "00081199")) == 1, name
                assert answer.status_code == (409 if reasons else 202), name
                if reasons:
                    failed[name] = reasons[0]
        assert stored.command("jobs", "run")[0] == 1, "some wait for a person to look at their pixels"
        yield Both(loaded, stored, twins, failed)


def in_the_order_of(loaded: Archive, folder: Path) -> list[tuple[str, bytes]]:
    """Names and contents of the files as they arrived, so that people get the same numbers; the refused ones last."""
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    arrived = [one.key.rpartition("/")[2] for one in loaded.arrivals()]
    order = {digest: number for number, digest in enumerate(arrived)}
    return sorted(files.items(), key=lambda file: order.get(hashlib.sha256(file[1]).hexdigest(), len(order)))


def test_what_fails_is_what_a_load_refuses(both: Both) -> None:
    refused = REFUSED | dict.fromkeys(both.twins, "duplicate-uid")
    assert both.failed == {name: STATUS[reason] for name, reason in refused.items()}


def test_what_becomes_of_each_object_is_the_same(both: Both) -> None:
    outcomes = [
        {one.instance: (one.key, one.state, tuple(one.reasons)) for one in archive.arrivals()}
        for archive in (both.loaded, both.stored)
    ]
    assert outcomes[0] == outcomes[1]
    assert len(outcomes[0]) > 200


def test_what_is_archived_is_the_same_to_the_byte(both: Both) -> None:
    loaded, stored = archived(both.loaded), archived(both.stored)
    assert loaded.keys() == stored.keys()
    assert [instance for instance, content in loaded.items() if content != stored[instance]] == []
    assert len(loaded) > 200


def archived(archive: Archive) -> dict[str, bytes]:
    """What is archived, by SOP Instance UID."""
    with Session(archive.engine) as session:
        keys = {row.file: row.key for row in session.execute(select(Location.file, Location.key))}
    found = {one.instance: archive.store / keys[one.file] for one in archive.arrivals() if one.file is not None}
    return {instance: path.read_bytes() for instance, path in found.items()}
