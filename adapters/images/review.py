"""Objects that wait for a person's eyes: shown, then accepted with what must be blanked, or rejected."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from PIL import Image, ImageDraw
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from adapters.catalog.engine import writing
from adapters.deid.redaction import Box
from adapters.dicom.layout import count
from adapters.dicom.pictures import NoCodec, View, rendered
from adapters.dicom.reading import Header, Unreadable, header
from adapters.images.quarantine import STORE, Quarantine
from adapters.jobs.clock import aware, now
from adapters.jobs.ledger import note
from adapters.jobs.states import STEPS, FileState, JobState, Kind
from adapters.jobs.tables import Arrival, Job
from adapters.store import StoreError
from adapters.store.local import LocalStore
from adapters.store.source import ByteSource

Record = Callable[[Session, str, str, dict[str, Any]], None]
"""Writes down an action on a data set, in the transaction that does it."""
MOST_BOXES = 200
NUMBER = re.compile(r"[0-9]{1,6}")


class NotWaiting(LookupError):
    """No such object waits for those who ask; perhaps somebody else was faster."""


class BadBoxes(ValueError):
    """The boxes are none of the object; the message says what is allowed."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An object that waits. ``boxes`` are where a program found text; ``since`` is UTC."""

    id: int
    dataset: str
    study: str
    instance: str
    reasons: tuple[str, ...]
    boxes: tuple[Box, ...]
    since: dt.datetime


@dataclass(frozen=True, slots=True)
class Looks:
    """What can be seen of an object: columns and rows in pixels, and frames; none if it cannot be decoded."""

    columns: int
    rows: int
    frames: int
    modality: str


class Reviews:
    """The desk of one member.

    :param record: writes the audit log.
    """

    def __init__(self, engine: Engine, quarantine: Quarantine, record: Record) -> None:
        self._engine = engine
        self._quarantine = quarantine
        self._record = record

    def waiting(self, datasets: Collection[str], limit: int = 200) -> list[Waiting]:
        """What waits in some collections, the oldest first."""
        query = select(Arrival, Job.study).join(Job, Job.id == Arrival.job)
        query = query.where(Arrival.state == FileState.QUARANTINED, Arrival.dataset.in_(datasets))
        with Session(self._engine) as session:
            rows = session.execute(query.order_by(Arrival.updated_at, Arrival.id).limit(limit))
            return [_waiting(arrival, study or "") for arrival, study in rows]

    def one(self, id: int, datasets: Collection[str]) -> Waiting:
        """One object.

        :raises NotWaiting: if it waits not, or not in these collections.
        """
        with Session(self._engine) as session:
            arrival, study = self._found(session, id, datasets)
            return _waiting(arrival, study)

    def opened(self, id: int, datasets: Collection[str], by: str) -> tuple[Waiting, Looks]:
        """The object that somebody looks at now, which is written down.

        :raises NotWaiting: if it waits not, or not in these collections.
        """
        with Session(writing(self._engine)) as session, session.begin():
            arrival, study = self._found(session, id, datasets)
            self._record(session, by, "look_at_original", _details(arrival))
            found = _waiting(arrival, study)
            key = arrival.key
        try:
            read = self._header(key)
        except (Unreadable, StoreError):
            return found, Looks(0, 0, 0, "")
        columns, rows = read.number("Columns", 0), read.number("Rows", 0)
        return found, Looks(columns, rows, count(read), str(read.data.get("Modality", "")))

    def picture(self, id: int, datasets: Collection[str], frame: int, boxes: Sequence[Box] | None) -> bytes:
        """A frame (1-based) as PNG: the original, or with ``boxes`` blanked.

        :raises NotWaiting: if the object waits not, or not in these collections, or has no such frame.
        """
        with Session(self._engine) as session:
            key = self._found(session, id, datasets)[0].key
        try:
            read = self._header(key)
            if not 1 <= frame <= count(read):
                raise NotWaiting(f"there is no frame {frame}")
            with self._source(key) as source:
                picture = rendered(source, read, frame, View("png"))
        except (Unreadable, NoCodec, StoreError) as error:
            raise NotWaiting(f"cannot be shown: {error}") from error
        return picture if boxes is None else _blanked(picture, boxes)

    def accept(self, id: int, datasets: Collection[str], boxes: Sequence[Box], by: str) -> int:
        """Let an object go on, with ``boxes`` blanked in every frame; the number of its job.

        :raises NotWaiting: if it waits not, or not in these collections.
        :raises BadBoxes: if a box lies outside the image.
        """
        with Session(writing(self._engine)) as session, session.begin():
            arrival, study = self._found(session, id, datasets, lock=True)
            self._expect_inside(boxes, arrival.key)
            job = _job(session, arrival, study, by)
            note(session, arrival.job, "accepted", f"arrival {id}, by {by}; see job {job.id}")
            given = [list(box) for box in boxes]
            arrival.declared = {**arrival.declared, "review": {"boxes": given, "by": by}}
            arrival.job, arrival.state, arrival.reasons = job.id, FileState.CHECKING, []
            arrival.updated_at = now(session)
            self._record(session, by, "accept_image", {**_details(arrival), "boxes": given})
            return job.id

    def reject(self, id: int, datasets: Collection[str], by: str) -> None:
        """Never archive an object; its original is let go of.

        :raises NotWaiting: if it waits not, or not in these collections.
        """
        with Session(writing(self._engine)) as session, session.begin():
            arrival, _ = self._found(session, id, datasets, lock=True)
            arrival.state, arrival.updated_at = FileState.REJECTED, now(session)
            arrival.reasons = [*arrival.reasons, "rejected at the review desk"]
            note(session, arrival.job, "rejected", f"arrival {id}, by {by}")
            self._record(session, by, "reject_image", _details(arrival))

    def _found(
        self, session: Session, id: int, datasets: Collection[str], *, lock: bool = False
    ) -> tuple[Arrival, str]:
        query = select(Arrival).where(Arrival.id == id, Arrival.dataset.in_(datasets))
        query = query.where(Arrival.state == FileState.QUARANTINED, Arrival.store == STORE)
        arrival = session.scalar(query.with_for_update() if lock else query)
        if arrival is None:
            raise NotWaiting("no such image waits")
        return arrival, session.get_one(Job, arrival.job).study or ""

    def _expect_inside(self, boxes: Sequence[Box], key: str) -> None:
        if len(boxes) > MOST_BOXES:
            raise BadBoxes(f"{len(boxes)} boxes; allowed are {MOST_BOXES}")
        if not boxes:
            return
        try:
            read = self._header(key)
        except (Unreadable, StoreError) as error:
            raise NotWaiting(f"cannot be shown: {error}") from error
        columns, rows = read.number("Columns", 0), read.number("Rows", 0)
        for box in boxes:
            if not (0 <= box.left < box.right <= columns and 0 <= box.top < box.bottom <= rows):
                raise BadBoxes(f"{' '.join(map(str, box))}: allowed is left top right bottom within {columns} × {rows}")

    def _header(self, key: str) -> Header:
        with self._source(key) as source:
            return header(source)

    def _source(self, key: str) -> ByteSource:
        path = self._quarantine.path(key)
        return ByteSource(LocalStore(STORE, path.parent), path.name)


def _job(session: Session, arrival: Arrival, study: str, by: str) -> Job:
    at = now(session)
    job = Job(
        kind=Kind.IMAGES,
        dataset=arrival.dataset,
        study=study,
        title=f"study {study}",
        state=JobState.WAITING,
        step=STEPS[Kind.IMAGES][0],
        total_bytes=arrival.size,
        not_before=at,
        started_at=at,  # nothing else joins it
        created_at=at,
    )
    session.add(job)
    session.flush()
    note(session, job.id, "received", f"accepted by {by}")
    return job


def _waiting(arrival: Arrival, study: str) -> Waiting:
    boxes = tuple(Box(*box) for box in (arrival.report or {}).get("boxes", ()))
    since = aware(arrival.updated_at)
    return Waiting(arrival.id, arrival.dataset, study, arrival.instance or "", tuple(arrival.reasons), boxes, since)


def _details(arrival: Arrival) -> dict[str, Any]:
    return {"dataset": arrival.dataset, "arrival": arrival.id, "instance": arrival.instance}


def _blanked(picture: bytes, boxes: Sequence[Box]) -> bytes:
    image = Image.open(BytesIO(picture))
    draw = ImageDraw.Draw(image)
    for box in boxes:
        draw.rectangle((box.left, box.top, box.right - 1, box.bottom - 1), fill=0)
    out = BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def boxes_of(text: str) -> list[Box]:
    """Boxes from lines of four numbers: left, top, right, bottom.

    :raises BadBoxes: for a line that is none.
    """
    boxes = []
    for line in filter(None, map(str.strip, text.splitlines())):
        numbers = line.replace(",", " ").split()
        if len(numbers) != 4 or not all(map(NUMBER.fullmatch, numbers)):
            raise BadBoxes(f"{line[:40]}: needs four whole numbers: left top right bottom")
        boxes.append(Box(*map(int, numbers)))
    return boxes
