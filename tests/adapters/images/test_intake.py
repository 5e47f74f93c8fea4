"""Originals of several senders at once: each is written down once, and none that was acknowledged is removed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import insert
from sqlalchemy.orm import Session

from adapters.catalog.engine import writing
from adapters.images.intake import Intake, Reception
from adapters.images.quarantine import STORE, Taken
from adapters.images.receiving import NoCollection, Received
from adapters.jobs.states import FileState
from adapters.jobs.tables import Arrival, Job
from adapters.registration.accessions import Accessions
from adapters.registration.write import take_turn
from node.reception import intake, reception
from node.settings import ImageSettings, profile
from tests.adapters.images.made import COLLECTION, KEY, Archive, image, opened
from tests.node.family import NOW

SENDERS = 6


@pytest.fixture
def archive(database_url: str, tmp_path: Path) -> Iterator[Archive]:
    with opened(tmp_path / "m", database_url) as made:
        yield made


def receptions(archive: Archive, *collections: str) -> list[Reception]:
    settings = ImageSettings(quarantine=archive.folder / "quarantine", store="disk", key=KEY, settle_seconds=60)
    into = intake(settings, archive.engine)
    accessions = Accessions(profile("obia").accessions.model_dump())
    return [reception(settings, into, accessions, collection, "ada") for collection in collections]


def taken(into: Intake, path: Path, collection: str = COLLECTION) -> Taken:
    return into.quarantine.take(collection, [path.read_bytes()], 1 << 20)


def test_those_who_wait_are_written_down_together_and_once(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is busy until everybody waits: then one transaction does for all."""
    into, nowhere = receptions(archive, COLLECTION, "OBIA999999")
    batches: list[int] = []
    write = into.intake._write

    def written(waiting: list[object]) -> None:
        batches.append(len(waiting))
        write(waiting)  # type: ignore[arg-type]

    monkeypatch.setattr(into.intake, "_write", written)

    def send(number: int) -> list[Received]:
        path = image(tmp_path / f"{number}.dcm", study=number % 3, number=number, PatientID=f"patient {number % 3}")
        return into.receive([into.look(taken(into.intake, path))])

    def send_nowhere() -> None:
        path = image(tmp_path / "x.dcm", study=9)
        lost = nowhere.look(taken(into.intake, path, "OBIA999999"))
        with pytest.raises(NoCollection, match="OBIA999999"):
            nowhere.receive([lost])

    with ThreadPoolExecutor(SENDERS + 1) as pool:
        with into.intake._turn:  # the disk is busy, before the first of them comes
            bad = pool.submit(send_nowhere)
            sent = [pool.submit(send, number) for number in range(1, SENDERS + 1)]
            while len(into.intake._waiting) < SENDERS + 1:
                assert not any(one.done() for one in (bad, *sent))
                time.sleep(0.01)
        bad.result()
        jobs = {one.result()[0].job for one in sent}
    assert batches == [SENDERS + 1]
    assert len(jobs) == 3
    assert len(archive.arrivals()) == len({one.instance for one in archive.arrivals()}) == SENDERS
    assert len(archive.jobs()) == 3
    assert {job.total_bytes for job in archive.jobs()} == {
        sum(one.size for one in archive.arrivals() if one.job == job.id) for job in archive.jobs()
    }


def test_what_fails_at_the_disk_fails_for_all_who_waited(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (into,) = receptions(archive, COLLECTION)

    def broken(_keys: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(into.intake.quarantine, "settle_names", broken)
    seen = into.look(taken(into.intake, image(tmp_path / "a.dcm")))
    with pytest.raises(OSError, match="Input/output"):
        into.receive([seen])
    assert archive.arrivals() == []
    monkeypatch.undo()
    assert into.receive([seen])[0].refused is None


def test_an_original_that_another_sender_has_just_handed_in_is_not_dropped(archive: Archive, tmp_path: Path) -> None:
    """One sender gives up while another, with the same bytes, is being written down."""
    (into,) = receptions(archive, COLLECTION)
    original = taken(into.intake, image(tmp_path / "a.dcm"))
    giving_up = threading.Thread(target=into.intake.drop, args=(original.key,))
    with Session(writing(archive.engine)) as session, session.begin():
        take_turn(session)
        times = {"created_at": NOW, "not_before": NOW}
        job = session.scalar(
            insert(Job)
            .values(kind="images", dataset=COLLECTION, title="", state="waiting", step="check", **times)
            .returning(Job.id)
        )
        session.execute(
            insert(Arrival).values(
                job=job,
                dataset=COLLECTION,
                store=STORE,
                key=original.key,
                size=1,
                declared={},
                state=FileState.CHECKING,
                created_at=NOW,
                updated_at=NOW,
            )
        )
        giving_up.start()
        giving_up.join(0.5)  # it must wait for us
    giving_up.join()
    assert into.intake.quarantine.path(original.key).exists()


def test_an_original_that_the_power_left_without_its_bytes_is_replaced(archive: Archive, tmp_path: Path) -> None:
    (into,) = receptions(archive, COLLECTION)
    path = image(tmp_path / "a.dcm")
    original = into.intake.quarantine.path(taken(into.intake, path).key)
    original.write_bytes(b"")
    assert into.intake.quarantine.path(taken(into.intake, path).key).read_bytes() == path.read_bytes()
