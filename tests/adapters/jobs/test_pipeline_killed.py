"""``kill -9`` at random instants of the pipeline: nothing is lost, nothing is done twice, no file is left behind."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from adapters.jobs.tables import JobEvent
from tests.adapters.jobs.pipeline import Pipeline, kill, opened, reads, stop

SPAN = 4.0
"""Seconds in which a worker on this machine begins, does one job and is done with it, about."""
SEED = int(os.environ.get("GSANODE_SEED", "1"))


def submitted(number: int) -> dict[str, bytes]:
    """Files of a round: mates or a table; a data set holds 99 files."""
    if number % 2:
        return {f"r{number}.tsv": b"%d\n" % number}
    return {f"r{number}_{mark}.fastq": reads(20, 100 * number, mark=mark) for mark in (1, 2)}


def killed_at_random(pipeline: Pipeline, rounds: int, workers: int = 1) -> None:
    """Workers stand together; after each submission one of them is killed, and another takes its place."""
    draw = random.Random(SEED)
    alive = [pipeline.worker() for _ in range(workers - 1)]
    try:
        for number in range(rounds):
            pipeline.submit(submitted(number))
            alive.append(pipeline.worker())
            time.sleep(draw.uniform(0, SPAN))  # the instant is what is tested
            killed = alive.pop(draw.randrange(workers))
            kill(killed)
            pipeline.expire(killed.pid)
    finally:
        for worker in alive:
            stop(worker)
    code, said = pipeline.command("jobs", "run", "--slots", 2)
    assert code == 0, said
    pipeline.expect_whole({key: content for number in range(rounds) for key, content in submitted(number).items()})
    assert set(pipeline.states().values()) == {"Archived"}


def interrupted(pipeline: Pipeline) -> int:
    """Attempts that ended with their worker."""
    with Session(pipeline.engine) as session:
        silent = JobEvent.detail.contains("went silent")
        return session.scalar(select(func.count()).where(JobEvent.what == "tried again later", silent)) or 0


def test_few_instants(tmp_path: Path) -> None:
    with opened(tmp_path / "member", f"sqlite:///{tmp_path}/m.db", jobs={"attempts": 20}) as pipeline:
        killed_at_random(pipeline, 3)


@pytest.mark.prove
@pytest.mark.timeout(3000)
def test_pipeline_50_instants(tmp_path: Path) -> None:
    with opened(tmp_path / "member", f"sqlite:///{tmp_path}/m.db", jobs={"attempts": 20}) as pipeline:
        killed_at_random(pipeline, 50)
        assert interrupted(pipeline), "no instant met a job at work"


@pytest.mark.prove
@pytest.mark.timeout(3000)
def test_pipeline_50_instants_of_one_of_two_workers(postgres_url: str, tmp_path: Path) -> None:
    with opened(tmp_path / "member", postgres_url, jobs={"attempts": 20}) as pipeline:
        killed_at_random(pipeline, 50, workers=2)
        assert interrupted(pipeline), "no instant met a job at work"


@pytest.mark.prove
@pytest.mark.timeout(600)
def test_pipeline_intake_killed(tmp_path: Path) -> None:
    """A manifest whose intake is killed is received whole or not at all, and can be handed in again."""
    draw = random.Random(SEED)
    with opened(tmp_path / "member", f"sqlite:///{tmp_path}/m.db") as pipeline:
        for number in range(50):
            names = [f"r{number}-{part}.tsv" for part in range(20)]
            for name in names:
                (pipeline.store / name).write_bytes(name.encode())
            manifest = pipeline.folder / "killed.tsv"
            lines = ["path\tmd5\ttitle\ttype", *(f"{name}\t{'0' * 32}\tt\t" for name in names)]
            manifest.write_text("\n".join(lines) + "\n")
            words = ("ingest", str(manifest), "--dataset", pipeline.dataset, "--config", str(pipeline.config))
            intake = pipeline.worker(*words)
            time.sleep(draw.uniform(0.3, 2.0))  # the instant is what is tested
            kill(intake)
            received = [name for name in pipeline.states() if name in names]
            assert received in ([], names)
            assert pipeline.command(*words[:-2])[0] == (1 if received else 0)
            assert [name for name in pipeline.states() if name in names] == names
