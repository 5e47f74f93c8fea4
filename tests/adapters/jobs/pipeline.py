"""A member whose submitted files are checked and archived by real workers: processes of the command line."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import Engine, insert, select, update
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from adapters.catalog.engine import connect, writing
from adapters.catalog.models import BioSample, Checksum, Dataset, Experiment, File, Location, Run
from adapters.jobs.states import FileState, JobState
from adapters.jobs.tables import Arrival, Job, JobEvent
from adapters.store import open_stores
from migrations.schema import upgrade
from node.cli import app
from tests.adapters.qc.planting import record, text
from tests.node.family import NOW, TODAY

DATASET = "OMIX000001"
COLUMNS = ("path", "md5", "title", "type", "run")


@dataclass
class Pipeline:
    """One member: its folder, its configuration of a worker, and its database."""

    folder: Path
    url: str
    member: str = "omix"
    dataset: str = DATASET
    jobs: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Of the store, where it is not the folder ``store``."""

    def __post_init__(self) -> None:
        for part in (self.store, self.scratch):
            part.mkdir(parents=True)
        self.engine: Engine = connect(self.url)
        upgrade(self.engine, "member")
        with Session(writing(self.engine)) as session, session.begin():
            values = {"title": "", "tier": "open", "dac": None, "withdrawn_at": None, "bioproject": None}
            days = {"release_date": TODAY, "created_at": NOW, "updated_at": NOW}
            session.execute(insert(Dataset).values(accession=self.dataset, **values, **days))
        worker = {
            "kind": "worker",
            "member": self.member,
            "database": self.url,
            "stores": self.stores,
            "jobs": {"scratch": str(self.scratch), **self.jobs},
        }
        self.config.write_text(yaml.safe_dump(worker))

    @property
    def store(self) -> Path:
        return self.folder / "store"

    @property
    def stores(self) -> dict[str, Mapping[str, Any]]:
        return {"disk": self.settings or {"kind": "local", "root": str(self.store)}}

    @property
    def scratch(self) -> Path:
        return self.folder / "scratch"

    @property
    def config(self) -> Path:
        return self.folder / "worker.yaml"

    def with_run(self, accession: str) -> str:
        """Register a run of rice."""
        with Session(writing(self.engine)) as session, session.begin():
            session.add(BioSample(accession="SAMC000001", organism="Oryza sativa", title="", attributes={}))
            session.flush()
            experiment = {"accession": "CRX000001", "dataset": self.dataset, "biosample": "SAMC000001"}
            session.add(Experiment(**experiment, attributes={}))
            session.flush()
            session.add(Run(accession=accession, dataset=self.dataset, experiment="CRX000001", attributes={}))
        return accession

    def submit(
        self, files: Mapping[str, bytes], *, wrong: tuple[str, ...] = (), priority: int = 0, run: str = ""
    ) -> list[int]:
        """Put files into the store and hand in their manifest; the numbers of the jobs."""
        rows = []
        store = open_stores(self.stores)["disk"]
        for key, content in files.items():
            store.put(key, io.BytesIO(content))
            digest = hashlib.md5(b"other" if key in wrong else content, usedforsecurity=False).hexdigest()
            rows.append((key, digest, key, "", run))
        return self.receive(rows, priority=priority)

    def receive(self, rows: list[tuple[str, ...]], *, priority: int = 0) -> list[int]:
        manifest = self.folder / "manifest.tsv"
        with manifest.open("w", newline="") as file:
            csv.writer(file, delimiter="\t").writerows([COLUMNS, *rows])
        options = ("--dataset", self.dataset, "--priority", str(priority), "--json")
        code, said = self.command("ingest", manifest, *options)
        assert code == 0, said
        return list(json.loads(said)["jobs"])

    def command(self, *words: object) -> tuple[int, str]:
        """Run ``gsanode WORDS --config …``: exit code and what it said."""
        if words[:2] != ("jobs", "run"):
            here = CliRunner().invoke(app, [*map(str, words), "--config", str(self.config)])
            return here.exit_code, here.stdout or here.stderr
        command = [sys.executable, "-m", "node.cli", *map(str, words), "--config", str(self.config)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=1500, check=False)
        return done.returncode, done.stdout or done.stderr

    def worker(self, *words: str) -> subprocess.Popen[bytes]:
        """A worker in the background: ``gsanode serve``, or another command."""
        words = words or ("serve", str(self.config))
        log = (self.folder / "worker.log").open("ab")
        with log:
            return subprocess.Popen([sys.executable, "-m", "node.cli", *words], stdout=log, stderr=log)

    def await_(self, met: Callable[[], bool], seconds: float = 90) -> None:
        deadline = time.monotonic() + seconds
        while not met():
            assert time.monotonic() < deadline, (self.folder / "worker.log").read_text()[-3000:]
            time.sleep(0.05)  # other processes tell nothing else

    def expire(self, pid: int | None = None) -> None:
        """Let a minute pass for the jobs of a dead worker, or of all, and the pauses between attempts."""
        theirs = Job.worker.endswith(f":{pid}") if pid else Job.lease_until.is_not(None)
        with Session(writing(self.engine)) as session, session.begin():
            session.execute(update(Job).where(Job.state == JobState.RUNNING, theirs).values(lease_until=Job.created_at))
            session.execute(update(Job).values(not_before=Job.created_at))

    def ended(self) -> bool:
        with Session(self.engine) as session:
            alive = select(Job.id).where(Job.state.in_((JobState.WAITING, JobState.RUNNING)))
            return session.scalar(alive.limit(1)) is None

    def states(self) -> dict[str, str]:
        with Session(self.engine) as session:
            return {one.key: one.state for one in session.scalars(select(Arrival).order_by(Arrival.id))}

    def reasons(self, key: str) -> list[str]:
        with Session(self.engine) as session:
            found = session.scalars(select(Arrival).where(Arrival.key == key).order_by(Arrival.id)).all()
            return list(found[-1].reasons)

    def expect_whole(self, archived: Mapping[str, bytes]) -> None:
        """Each of these files is in the catalog exactly once, with its own checksum, and nothing else is anywhere."""
        with Session(self.engine) as session:
            places = {key: file for file, key in session.execute(select(Location.file, Location.key))}
            assert sorted(places) == sorted(archived)
            ids = sorted(session.scalars(select(File.id)))
            assert ids == [f"{self.dataset}-{number:02}" for number in range(1, len(archived) + 1)]
            for key, content in archived.items():
                sums = select(Checksum.value).where(Checksum.file == places[key], Checksum.type == "sha-256")
                assert session.scalar(sums) == hashlib.sha256(content).hexdigest()
            for arrival in session.scalars(select(Arrival).where(Arrival.state == FileState.ARCHIVED)):
                assert arrival.file == places[arrival.key]
            ends = Counter(session.scalars(select(JobEvent.job).where(JobEvent.what.in_(("done", "failed")))))
            assert set(ends.values()) <= {1}, "a job ended twice"
        assert sorted(path.name for path in self.scratch.iterdir()) == []


@contextmanager
def opened(folder: Path, url: str, **options: Any) -> Iterator[Pipeline]:
    """A member in a folder, on an empty database."""
    made = Pipeline(folder, url, **options)
    try:
        yield made
    finally:
        made.engine.dispose()


def reads(count: int, first: int = 1, mark: int = 1) -> bytes:
    """A good FASTQ file."""
    return text([[line.replace(b" 1:", b" %d:" % mark) for line in record(n)] for n in range(first, first + count)])


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0


def children(pid: int) -> list[int]:
    """Processes whose parent is ``pid``."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(status.parent.name))
    return found


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
