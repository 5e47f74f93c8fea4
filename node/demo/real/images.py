"""Real images of OBIA, and phantoms of the people of the cohort who have none."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from node.demo.made import images as made
from node.demo.real.cohort import CohortPerson
from node.demo.real.documents import Desk, descriptor
from node.demo.submission import Document, Submission, write_mapping


def images(desk: Desk, pairs: Sequence[tuple[str, CohortPerson]], left_out: tuple[str, ...]) -> Submission:
    """All of ``imaging/`` but what is ``left_out``; each patient is linked with a person of the cohort."""
    accession = "OBIA900011"
    mapping = write_mapping(desk.drawer("obia", accession), _linked(pairs))
    document = Document("dicom", Path("imaging"), mapping, exclude=left_out)
    return Submission("obia", accession, descriptor(accession, "Public test images"), (document,))


def phantoms(desk: Desk, people: Sequence[CohortPerson]) -> Submission:
    """Chest CT of every one of ``people``, and brain MR of every fourth."""
    accession = "OBIA900012"
    root = desk.folder / "archive" / "obia" / accession
    for number, person in enumerate(people):
        day, age = dt.date(2023, 1, 1) + dt.timedelta(days=5 * number), 30 + number % 50
        for scan in (made.CHEST, made.BRAIN) if number % 4 == 0 else (made.CHEST,):
            folder = root / person.name / scan.body_part.lower()
            made.write_series(folder, person.name, person.sex, age, scan, day)
    mapping = write_mapping(desk.drawer("obia", accession), _linked((p.name, p) for p in people))
    document = Document("dicom", Path(accession), mapping, store="made")
    described = descriptor(accession, "Phantoms of the CINECA UK1 cohort", dac="IDAC900001")
    return Submission("obia", accession, described, (document,))


def _linked(pairs: Iterable[tuple[str, CohortPerson]]) -> Iterator[tuple[str, str, str]]:
    return ((patient, f"OBII{person.accession[3:]}", person.accession) for patient, person in pairs)
