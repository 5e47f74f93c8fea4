"""The pipeline from the manifest to the catalog, embedded on SQLite and with workers on PostgreSQL."""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from adapters.catalog.engine import writing
from adapters.jobs.states import FileState
from adapters.jobs.tables import Job, JobEvent
from tests.adapters.jobs.pipeline import Pipeline, children, is_alive, kill, opened, reads, stop

GOOD = {
    "a_1.fastq.gz": gzip.compress(reads(200)),
    "a_2.fastq.gz": gzip.compress(reads(200, mark=2)),
    "single.fastq": reads(100),
    "table.tsv": b"gene\tcount\nTP53\t1\n",
}
BAD = {
    "sum.fastq": reads(50, 1000),
    "b_1.fastq": reads(50),
    "b_2.fastq": reads(49, mark=2) + b"@cut 2:N:0:ACGT\nACGT\n",
    "empty.fastq": b"",
}


@pytest.fixture
def pipeline(database_url: str, tmp_path: Path) -> Iterator[Pipeline]:
    with opened(tmp_path / "member", database_url) as made:
        yield made


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Pipeline]:
    with opened(tmp_path / "member", f"sqlite:///{tmp_path}/m.db") as made:
        yield made


@pytest.fixture
def shared_server(postgres_url: str, tmp_path: Path) -> Iterator[Pipeline]:
    with opened(tmp_path / "member", postgres_url) as made:
        yield made


def test_from_manifest_to_catalog_and_one_bad_file_blocks_nothing(pipeline: Pipeline) -> None:
    pipeline.submit({**BAD, **GOOD}, wrong=("sum.fastq",))
    assert set(pipeline.states().values()) == {FileState.CHECKING}
    code, said = pipeline.command("jobs", "run", "--slots", 2)
    assert (code, said.splitlines()[-1]) == (1, "3 done, 3 failed, 0 cancelled")
    assert pipeline.states() == {
        **dict.fromkeys(GOOD, "Archived"),
        "sum.fastq": "MD5 Checked Failed",
        "b_1.fastq": "Quality Checked Failed",  # the set is unequal
        "b_2.fastq": "Quality Checked Failed",
        "empty.fastq": "Quality Checked Failed",
    }
    assert any("partial-record: 1 places" in reason for reason in pipeline.reasons("b_2.fastq"))
    assert "the submitter says" in pipeline.reasons("sum.fastq")[0]
    pipeline.expect_whole(GOOD)
    # The submitter mends the sum: the file is received again, and archived.
    content = {"sum.fastq": BAD["sum.fastq"]}
    (job,) = pipeline.submit(content)
    assert pipeline.command("jobs", "run")[0] == 0
    pipeline.expect_whole(GOOD | content)
    code, said = pipeline.command("jobs", "status", job, "--json")
    found = json.loads(said)
    steps = ["received", "started", "checksum passed", "check passed", "screen passed", "done"]
    assert [event["what"] for event in found["events"]] == steps
    assert found["files"][0]["state"] == "Archived"
    _, said = pipeline.command("jobs", "report", job)
    assert json.loads(said)[0]["status"] == "clean"


def test_two_workers_one_killed(shared_server: Pipeline) -> None:
    pipeline = shared_server
    files = {f"f{number:02}.fastq": reads(40, 100 * number) for number in range(8)}
    pipeline.submit(files)
    first, second = pipeline.worker(), pipeline.worker()
    try:
        pipeline.await_(lambda: len(running(pipeline)) == 2)
        offspring = children(first.pid)
        kill(first)
        pipeline.await_(lambda: not any(is_alive(pid) for pid in offspring))
        expire(pipeline, first.pid)
        pipeline.await_(pipeline.ended)
    finally:
        kill(first)
        stop(second)
    pipeline.expect_whole(files)
    with Session(pipeline.engine) as session:
        lost = select(JobEvent.detail).where(JobEvent.what == "tried again later")
        assert [f":{first.pid} went silent" in detail for detail in session.scalars(lost)] == [True]


def running(pipeline: Pipeline) -> list[str]:
    with Session(pipeline.engine) as session:
        return [worker or "" for worker in session.scalars(select(Job.worker).where(Job.state == "running"))]


def expire(pipeline: Pipeline, pid: int) -> None:
    """Let a minute pass for the jobs of a dead worker."""
    with Session(writing(pipeline.engine)) as session, session.begin():
        mine = (Job.state == "running", Job.worker.endswith(f":{pid}"))
        session.execute(update(Job).where(*mine).values(lease_until=Job.created_at))


def test_priority_cancel_retry(pipeline: Pipeline) -> None:
    low = pipeline.submit({"low.tsv": b"1\n"})[0]
    high = pipeline.submit({"high.tsv": b"2\n"}, priority=5)[0]
    gone = pipeline.submit({"gone.tsv": b"3\n"})[0]
    assert pipeline.command("jobs", "cancel", gone)[0] == 0
    assert pipeline.command("jobs", "cancel", gone) == (1, f"gsanode: job {gone} is cancelled already\n")
    assert pipeline.command("jobs", "retry", low)[0] == 1
    assert pipeline.command("jobs", "run")[0] == 0
    with Session(pipeline.engine) as session:
        assert list(session.scalars(select(JobEvent.job).where(JobEvent.what == "started"))) == [high, low]
    assert pipeline.states()["gone.tsv"] == "Cancelled"
    assert pipeline.command("jobs", "retry", gone)[0] == 0
    assert pipeline.command("jobs", "run")[0] == 0
    pipeline.expect_whole({"high.tsv": b"2\n", "low.tsv": b"1\n", "gone.tsv": b"3\n"})
    assert pipeline.command("jobs", "status", 99) == (1, "gsanode: there is no job 99\n")


def test_a_running_job_is_cancelled(embedded: Pipeline) -> None:
    pipeline = embedded
    files = {"long.fastq": reads(40_000)}
    (job,) = pipeline.submit(files)
    worker = pipeline.worker()
    try:
        pipeline.await_(lambda: bool(running(pipeline)))
        code, said = pipeline.command("jobs", "cancel", job)
        if code == 0:
            pipeline.await_(pipeline.ended)
            assert pipeline.states() == {"long.fastq": "Cancelled"}
        else:
            assert "being archived" in said
    finally:
        stop(worker)


def test_an_attempt_that_takes_too_long_or_too_much_is_ended_and_tried_again(tmp_path: Path) -> None:
    """With limits that no attempt can keep, the job fails in the end, and says why."""
    hung = [sys.executable, "-c", "import time; time.sleep(300)", "{summary}", "{files}"]
    screen = {"command": hung, "reads": "all", "human": "human", "share": 0.1}
    limits = {"seconds": 1, "attempts": 1, "screen": screen}
    url = f"sqlite:///{tmp_path}/s.db"
    with opened(tmp_path / "slow", url, member="gsa", dataset="CRA000001", jobs=limits) as slow:
        slow.submit({"a.fastq": reads(100)}, run=slow.with_run("CRR000001"))
        assert slow.command("jobs", "run")[0] == 1
        assert slow.states() == {"a.fastq": "Not Checked"}
        assert slow.reasons("a.fastq") == ["took longer than the 1 s that an attempt may take"]
        assert list(slow.scratch.iterdir()) == []


SCREEN = """
import json, sys
lines = [line for path in sys.argv[2:] for line in open(path)]
human = sum(line.startswith("@human") for line in lines)
json.dump({"all": len(lines) // 4, "human": human}, open(sys.argv[1], "w"))
"""


def test_human_reads_are_screened_where_they_are_refused(tmp_path: Path) -> None:
    """By the program that the configuration names, in GSA; a program that fails is no verdict."""
    program = tmp_path / "screen.py"
    program.write_text(SCREEN)
    command = [sys.executable, str(program), "{summary}", "{files}"]
    jobs = {"screen": {"command": command, "reads": "all", "human": "human", "share": 0.1}, "attempts": 1}
    files = {"rice.fastq": reads(30), "mixed.fastq": reads(30) + reads(30, 100).replace(b"@M0", b"@human")}
    url = f"sqlite:///{tmp_path}/m.db"
    with opened(tmp_path / "gsa", url, member="gsa", dataset="CRA000001", jobs=jobs) as gsa:
        run = gsa.with_run("CRR000001")
        gsa.submit(files, run=run)
        assert gsa.command("jobs", "run", "--slots", 2)[0] == 1
        assert gsa.states() == {"rice.fastq": "Archived", "mixed.fastq": "Human Reads Found"}
        assert gsa.reasons("mixed.fastq") == ["30 of 60 reads (50.00%) are human; allowed are 10.00%"]
        program.write_text("import sys; sys.exit('no index')")
        gsa.submit({"other.fastq": reads(10, 500)}, run=run)
        assert gsa.command("jobs", "run")[0] == 1
        assert gsa.states()["other.fastq"] == "Not Checked"
        assert "ended with exit code 1 and said: no index" in gsa.reasons("other.fastq")[0]
