"""The pipeline from the manifest to the catalog, embedded on SQLite and with workers on PostgreSQL."""

from __future__ import annotations

import gzip
import json
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from adapters.jobs.states import FileState
from adapters.jobs.tables import Arrival, Job, JobEvent
from tests.adapters.jobs.pipeline import Pipeline, children, is_alive, kill, opened, reads, stop
from tests.adapters.store.bucket import served

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
    expect_pages(pipeline)


def expect_pages(pipeline: Pipeline) -> None:
    """What was found in a pair is kept, and is a page whenever it is wanted; files have the submitter's names there."""
    page = pipeline.folder / "page.html"
    with Session(pipeline.engine) as session:
        number = session.scalar(select(Arrival.job).where(Arrival.key == "b_1.fastq"))
    made, other = json.loads(pipeline.command("jobs", "report", number)[1])
    assert made == other
    assert [file["path"] for file in made["sets"][0]["files"]] == ["b_1.fastq", "b_2.fastq"]
    assert pipeline.command("jobs", "report", number, "--html", page, "--language", "zh")[0] == 0
    text = page.read_text()
    assert (text.count("<svg"), "pair-count" in text, str(pipeline.folder) in text) == (12, True, False)
    (later,) = pipeline.submit({"later.tsv": b"1\n"})
    assert pipeline.command("jobs", "report", later, "--html", page)[0] == 1
    assert pipeline.command("jobs", "cancel", later)[0] == 0


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
        pipeline.expire(first.pid)
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


def test_a_job_beyond_its_memory_fails_with_the_reason_and_the_rest_goes_on(tmp_path: Path) -> None:
    """One read of 120 million bases, in a file of a few kB."""
    length = 120_000_000
    member = zlib.compressobj(1, wbits=31)
    lines = ((b"@long\n", 1), (b"A" * 1000, length // 1000), (b"\n+\n", 1), (b"I" * 1000, length // 1000), (b"\n", 1))
    packed = b"".join(member.compress(piece) for piece, times in lines for _ in range(times)) + member.flush()
    url, limits = f"sqlite:///{tmp_path}/m.db", {"memory_mb": 512, "attempts": 1}
    with opened(tmp_path / "member", url, jobs=limits) as pipeline:
        pipeline.submit({"long.fastq.gz": packed, "single.fastq": reads(100)})
        assert pipeline.command("jobs", "run")[0] == 1
        assert pipeline.states() == {"long.fastq.gz": "Not Checked", "single.fastq": "Archived"}
        assert pipeline.reasons("long.fastq.gz") == ["needs more than the 512 MB of memory that an attempt may take"]
        assert list(pipeline.scratch.iterdir()) == []


def test_files_in_a_bucket(tmp_path: Path) -> None:
    """They are fetched for the check, once, and archived where they are; nothing of them stays on the worker."""
    url = f"sqlite:///{tmp_path}/m.db"
    with served("archive") as bucket, opened(tmp_path / "member", url, settings=bucket) as pipeline:
        pipeline.submit({**BAD, **GOOD}, wrong=("sum.fastq",))
        code, said = pipeline.command("jobs", "run", "--slots", 2)
        assert (code, said.splitlines()[-1]) == (1, "3 done, 3 failed, 0 cancelled")
        assert pipeline.states()["b_1.fastq"] == "Quality Checked Failed", "mates are compared"
        pipeline.expect_whole(GOOD)
        expect_pages(pipeline)


def test_an_attempt_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    """With a limit that no attempt can keep, the job fails in the end, and says why."""
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


DEACON = """
import argparse, itertools, json, sys
parser = argparse.ArgumentParser()
filter = parser.add_subparsers(required=True).add_parser("filter")
for name in ("-d --deplete", "-o --output", "-s --summary"):
    filter.add_argument(*name.split(), **({"action": "store_true"} if "-d" in name else {}))
filter.add_argument("index")
filter.add_argument("input")
filter.add_argument("input2", nargs="?")
given = parser.parse_args()
words = open(given.index).read().split()
files = [open(path).read().split()[2::5] for path in (given.input, given.input2) if path]
pairs = list(zip(*files, strict=True))
removed = sum(any(word in read for read in pair for word in words) for pair in pairs) if given.deplete else 0
counts = {"seqs_in": len(files) * len(pairs), "seqs_removed": len(files) * removed}
json.dump({"version": "deacon 0.0.0", "deplete": given.deplete, **counts}, open(given.summary, "w"))
"""
"""Its command line as far as a screen speaks it: two files at most, mates judged together, an exit code of 2 else."""


def test_deacon_is_a_screen(tmp_path: Path) -> None:
    """By configuration alone; the program itself comes from no registry that these tests may use."""
    program, index = tmp_path / "deacon.py", tmp_path / "human.idx"
    program.write_text(DEACON)
    index.write_text("GATTACAGATTACA\n")
    command = [sys.executable, str(program), "filter", "--deplete", "--output", "/dev/null"]
    command += ["--summary", "{summary}", str(index), "{files}"]
    screen = {"command": command, "reads": "seqs_in", "human": "seqs_removed", "share": 0.1, "at_once": 2}
    human = reads(40).split(b"\n")
    human[1::16] = [b"GATTACAGATTACA" + bases[14:] for bases in human[1::16]]
    files = {
        "clean_1.fastq": reads(40, 100),
        "clean_2.fastq": reads(40, 100, mark=2),
        "mixed_1.fastq": reads(40, mark=1),
        "mixed_2.fastq": b"\n".join(human).replace(b" 1:", b" 2:"),
        **{f"ten_{role}.fastq": reads(40, 200, mark=2 if role == "R2" else 1) for role in ("I1", "R1", "R2")},
    }
    url, jobs = f"sqlite:///{tmp_path}/m.db", {"screen": screen, "attempts": 1}
    with opened(tmp_path / "gsa", url, member="gsa", dataset="CRA000001", jobs=jobs) as gsa:
        run = gsa.with_run("CRR000001")
        gsa.submit(files, run=run)
        assert gsa.command("jobs", "run", "--slots", 2)[0] == 1
        states = dict.fromkeys(files, "Archived") | dict.fromkeys(
            ("mixed_1.fastq", "mixed_2.fastq"), "Human Reads Found"
        )
        assert gsa.states() == states
        assert gsa.reasons("mixed_1.fastq") == ["20 of 80 reads (25.00%) are human; allowed are 10.00%"]
        index.unlink()
        gsa.submit({"other.fastq": reads(10, 500)}, run=run)
        assert gsa.command("jobs", "run")[0] == 1
        assert gsa.states()["other.fastq"] == "Not Checked"
        assert "No such file or directory" in gsa.reasons("other.fastq")[0]


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
