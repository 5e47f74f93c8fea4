"""A member that takes images in, and images with planted identities for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import yaml
from pydicom.data import get_testdata_file
from sqlalchemy import Engine, insert, select
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from adapters.catalog.engine import connect, writing
from adapters.catalog.images import Images
from adapters.catalog.models import Dataset, File, Individual, Location
from adapters.images.quarantine import Quarantine
from adapters.jobs.states import FileState
from adapters.jobs.tables import Arrival, Job
from migrations.schema import upgrade
from node.cli import app
from tests.node.family import NOW, TODAY

COLLECTION = "OBIA000001"
KEY = bytes(range(32)).hex()
NAME, PATIENT, MOMENT = "Lindqvist^Ottilie", "MRN-7734510", "20140307"
"""What must not be found outside quarantine."""


class Archive:
    """An image archive in a folder: its stores, its quarantine, and a configuration of a worker."""

    def __init__(self, folder: Path, url: str, **images: Any) -> None:
        self.folder, self.url = folder, url
        for part in (self.store, self.scratch, self.incoming):
            part.mkdir(parents=True)
        self.engine: Engine = connect(url)
        upgrade(self.engine, "member")
        with Session(writing(self.engine)) as session, session.begin():
            for accession in (COLLECTION, "OBIA000002"):
                values = {"title": "", "tier": "open", "dac": None, "withdrawn_at": None, "bioproject": None}
                days = {"release_date": TODAY, "created_at": NOW, "updated_at": NOW}
                session.execute(insert(Dataset).values(accession=accession, **values, **days))
        settings = {
            "kind": "worker",
            "member": "obia",
            "database": url,
            "stores": {"disk": {"kind": "local", "root": str(self.store)}},
            "jobs": {"scratch": str(self.scratch), "attempts": 20, "slots": 2},
            "images": {
                "quarantine": str(folder / "quarantine"),
                "store": "disk",
                "key": KEY,
                "incoming": [str(self.incoming)],
                "settle_seconds": 0,
                **images,
            },
        }
        self.config.write_text(yaml.safe_dump(settings))

    @property
    def store(self) -> Path:
        return self.folder / "store"

    @property
    def scratch(self) -> Path:
        return self.folder / "scratch"

    @property
    def incoming(self) -> Path:
        return self.folder / "incoming"

    @property
    def config(self) -> Path:
        return self.folder / "worker.yaml"

    @property
    def quarantine(self) -> Quarantine:
        return Quarantine(self.folder / "quarantine")

    def load(self, parcel: Path | None = None, *words: str, collection: str = COLLECTION) -> tuple[int, Any]:
        """``gsanode images load``: exit code, and its outcome (or what it said)."""
        parcel = parcel or self.incoming
        command = ("images", "load", str(parcel), "--collection", collection, "--config", str(self.config), *words)
        done = CliRunner().invoke(app, [*command, "--json"])
        try:
            return done.exit_code, json.loads(done.stdout)
        except ValueError:
            return done.exit_code, done.stdout + done.stderr

    def loading(self, *words: str) -> subprocess.Popen[bytes]:
        """The same as a process of its own, with all its children in one group."""
        command = [sys.executable, "-m", "node.cli", "images", "load", str(self.incoming), "--collection", COLLECTION]
        with (self.folder / "load.log").open("ab") as log:
            return subprocess.Popen(
                [*command, "--config", str(self.config), *words], stdout=log, stderr=log, start_new_session=True
            )

    def command(self, *words: object) -> tuple[int, str]:
        done = CliRunner().invoke(app, [*map(str, words), "--config", str(self.config)])
        return done.exit_code, done.stdout + done.stderr

    def states(self) -> list[str]:
        with Session(self.engine) as session:
            return list(session.scalars(select(Arrival.state).order_by(Arrival.id)))

    def arrivals(self) -> list[Arrival]:
        with Session(self.engine) as session:
            return list(session.scalars(select(Arrival).order_by(Arrival.id)))

    def jobs(self) -> list[Job]:
        with Session(self.engine) as session:
            return list(session.scalars(select(Job).order_by(Job.id)))

    def archived(self) -> list[pydicom.FileDataset]:
        """The objects behind the files of the catalog."""
        with Session(self.engine) as session:
            keys = session.scalars(select(Location.key).join(File).order_by(File.id)).all()
        return [pydicom.dcmread(self.store / key) for key in keys]

    def studies(self) -> list[Any]:
        """What a search for studies finds."""
        images = Images(self.engine)
        return [found.row for found in images.search("study", [], [COLLECTION], limit=100, offset=0)]

    def individuals(self) -> list[str]:
        with Session(self.engine) as session:
            return list(session.scalars(select(Individual.accession).order_by(Individual.ordinal)))

    def expect_clean(self) -> None:
        """Nothing of an original is anywhere but in quarantine and in what was handed in; nothing is left over."""
        for place in (self.store, self.scratch):
            for path in place.rglob("*"):
                if path.is_file():
                    content = path.read_bytes()
                    assert not any(word.encode() in content for word in ("Lindqvist", "Ottilie", PATIENT, MOMENT)), path
        assert [path.name for path in self.scratch.iterdir()] == []
        assert list((self.folder / "quarantine" / "staged").iterdir()) == []
        with Session(self.engine) as session:
            registered = set(session.scalars(select(Location.key)))
        stored = {path.relative_to(self.store).as_posix() for path in self.store.rglob("*") if path.is_file()}
        assert stored == registered

    def originals(self) -> list[str]:
        """Keys of the originals in quarantine."""
        folder = self.folder / "quarantine"
        found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        return sorted(key for key in found if not key.startswith("staged/") and not key.endswith(".known"))

    def known(self) -> list[Path]:
        """What is kept of studies beside originals that wait."""
        return list((self.folder / "quarantine").rglob("*.known"))


@contextmanager
def opened(folder: Path, url: str = "", **images: Any) -> Iterator[Archive]:
    made = Archive(folder, url or f"sqlite:///{folder}.db", **images)
    try:
        yield made
    finally:
        made.engine.dispose()


@cache
def _slice() -> bytes:
    return Path(str(get_testdata_file("CT_small.dcm"))).read_bytes()


def image(path: Path, *, study: int = 1, series: int = 1, number: int = 1, **changed: Any) -> Path:
    """A CT slice of 64 × 64 pixels with a planted identity."""
    root = f"1.2.826.0.1.3680043.10.511.{study}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
        data.PatientName, data.PatientID, data.StudyDate = NAME, PATIENT, MOMENT
        data.StudyInstanceUID, data.SeriesInstanceUID = root, f"{root}.{series}"
        data.SOPInstanceUID = f"{root}.{series}.{number}"
        data.InstanceNumber = number
        data.ImagePositionPatient = [-100, -100, 5 * number]
        data.Rows = data.Columns = 64
        data.PixelData = np.random.default_rng(number).integers(0, 2000, (64, 64), np.int16).tobytes()
        if "DataSetTrailingPadding" in data:
            del data.DataSetTrailingPadding
        for name, value in changed.items():
            setattr(data, name, value)
        data.OtherPatientIDs = data.PatientID
        data.ImageComments = f"Frau {data.PatientName.family_name}, {data.PatientID}, seen {MOMENT}"
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
        path.parent.mkdir(parents=True, exist_ok=True)
        data.save_as(path)
    return path


def study(folder: Path, count: int, *, study: int = 1, **changed: Any) -> list[Path]:
    """A series of slices."""
    return [image(folder / f"{study}-{n}.dcm", study=study, number=n, **changed) for n in range(1, count + 1)]


def let_leases_end(archive: Archive) -> None:
    """A minute passes, and the pauses between attempts."""
    from sqlalchemy import update

    with Session(writing(archive.engine)) as session, session.begin():
        session.execute(update(Job).where(Job.lease_until.is_not(None)).values(lease_until=Job.created_at))
        session.execute(update(Job).values(not_before=Job.created_at))


def all_archived(archive: Archive) -> bool:
    return set(archive.states()) == {FileState.ARCHIVED}


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False
