"""Puts the holdings into a member's database through the doors of real data; images as if their headers were read."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, insert, update

from adapters.catalog.engine import writing
from adapters.catalog.models import Dataset, ImagingSeries, ImagingStudy
from adapters.registration.individuals import BeaconLists
from adapters.registration.registration import Archive
from adapters.registration.withdraw import withdraw_dataset, withdraw_individual
from adapters.terms import loading
from adapters.terms.indexing import index_individuals
from adapters.variants import ingest
from migrations.schema import upgrade
from tests.adapters.registration.members import Member, accessions

RELEASED = "2026-01-01"
FIELDS = ("accession", "title", "tier", "dac", "release_date")


def register(engine: Engine, root: Path) -> None:
    """Register everything below ``root`` into an empty database."""
    upgrade(engine, "member")
    member = Member(Archive(engine, {}, accessions("gsa-human")), root)
    loading.load(engine, root / "tree.obo")
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        about = json.loads((folder / "dataset.json").read_text())
        described = {"release_date": RELEASED, **{name: about[name] for name in FIELDS if name in about}}
        member.register(BeaconLists(folder, numbering=True), described, hooks=[index_individuals])
        with writing(engine).begin() as connection:
            use = about.get("duo", {})
            connection.execute(update(Dataset).where(Dataset.accession == folder.name).values(duo=use))
            _images(connection, folder)
        for path in sorted(folder.glob("*.vcf")):
            ingest.load(engine, path, folder.name, assembly=path.suffixes[0][1:])
        if about.get("withdrawn"):
            withdraw_dataset(engine, folder.name)
    for person in json.loads((root / "withdrawn.json").read_text()):
        withdraw_individual(engine, person)


def _images(connection: Any, folder: Path) -> None:
    for study in json.loads((folder / "images.json").read_text()):
        about = {"uid": study["uid"], "dataset": folder.name, "individual": study["individualId"], "age": study["age"]}
        connection.execute(insert(ImagingStudy).values(study_date=dt.date(2024, 1, 1), **about))
        for series in study["series"]:
            columns = {"uid": series["uid"], "study": study["uid"], "modality": series["modality"]}
            columns |= {"body_part": series["bodyPart"], "manufacturer": series["manufacturer"]}
            connection.execute(insert(ImagingSeries).values(**columns))
