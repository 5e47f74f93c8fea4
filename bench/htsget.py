"""htsget: tickets for slices of 100 kb beside pysam re-encoding them, and the bytes of a slice beside samtools'."""

from __future__ import annotations

import base64
import json
import random
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

from sqlalchemy import insert

from adapters.catalog.engine import connect, writing
from adapters.catalog.models import Checksum, File, Location
from bench.figure import Figure
from bench.member import MOMENT, database, make, running
from bench.processes import program, wrk

FOLDER = Path(".bench/htsget").absolute()
ID = "HRR900002-01"
LENGTH = 20_000_000  # bases of the only reference
READS = 200_000
SLICE = 100_000  # bases
CONNECTIONS = 8
PATH = f"/ga4gh/htsget/v1/reads/{ID}"


def prepare(seed: int) -> None:
    """A member with one sorted BAM of 200,000 reads at random places."""
    make(FOLDER, 200)
    path = FOLDER / "archive" / "reads.bam"
    if path.with_suffix(".bam.bai").exists():
        return
    _write(path, seed)
    engine = connect(database(FOLDER))
    with writing(engine).begin() as connection:
        for id, name, format, index_of in (
            (ID, path.name, "BAM", None),
            ("HRR900002-02", f"{path.name}.bai", "BAI", ID),
        ):
            size = path.with_name(name).stat().st_size
            row = {"id": id, "dataset": "HRA000001", "name": name, "size": size, "format": format}
            connection.execute(insert(File).values(**row, index_of=index_of, created_at=MOMENT))
            connection.execute(insert(Checksum).values(file=id, type="md5", value="00" * 16))
            connection.execute(insert(Location).values(file=id, store="archive", key=name))
    engine.dispose()


def _write(path: Path, seed: int) -> None:
    import pysam

    numbers = random.Random(seed)
    header = {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": "chr1", "LN": LENGTH}]}
    with pysam.AlignmentFile(str(path), "wb", header=header) as out:
        for number, start in enumerate(sorted(numbers.randrange(LENGTH - 150) for _ in range(READS))):
            read = pysam.AlignedSegment(out.header)
            read.query_name, read.reference_id, read.reference_start = f"read{number}", 0, start
            read.query_sequence = "".join(numbers.choices("ACGT", k=150))
            read.query_qualities = pysam.qualitystring_to_array("".join(numbers.choices("!+5?I", k=150)))
            read.cigarstring, read.mapping_quality = "150M", 60
            out.write(read)
    pysam.index(str(path))


def run(*, quick: bool, seed: int) -> list[Figure]:
    """Tickets and re-encoded slices in turns, the best round of each; then the bytes of some slices."""
    samtools = program("samtools", "samtools")
    rounds, seconds = (2, 4) if quick else (4, 8)
    numbers = random.Random(seed)
    peer, node = [], []
    with running(FOLDER) as (url, _):
        for _round in range(rounds):
            peer.append(_reencoded(numbers, seconds))
            node.append(wrk(url, seconds, CONNECTIONS, _slices(seed), FOLDER))
        starts = [numbers.randrange(LENGTH - SLICE) for _ in range(10)]
        ours = sum(_bytes(url, start) for start in starts)
        theirs = sum(_needed(samtools, start) for start in starts)
    best, floor = max(node), max(peer)
    told = f"pysam {floor:.1f}/s"
    return [
        Figure("htsget.ticket", round(best, 1), "tickets/s", ">= 30", told, round(best / floor, 1)),
        Figure("htsget.bytes", ours, "bytes", "<= 1.1", f"samtools {theirs}", round(ours / theirs, 3)),
    ]


def _slices(seed: int) -> str:
    return f"""math.randomseed({seed})
request = function()
  local first = math.random(0, {LENGTH - SLICE})
  return wrk.format("GET", string.format("{PATH}?referenceName=chr1&start=%d&end=%d", first, first + {SLICE}))
end
"""


def _reencoded(numbers: random.Random, seconds: float) -> float:
    """Slices per second that pysam writes as BAM of their own, in this process."""
    import pysam

    done = 0
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        while (passed := time.perf_counter() - started) < seconds:
            first = numbers.randrange(LENGTH - SLICE)
            with (
                pysam.AlignmentFile(str(FOLDER / "archive" / "reads.bam")) as source,
                pysam.AlignmentFile(f"{folder}/slice.bam", "wb", template=source) as out,
            ):
                for read in source.fetch("chr1", first, first + SLICE):
                    out.write(read)
            done += 1
    return done / passed


def _bytes(url: str, start: int) -> int:
    """Bytes of the slice that a client has in the end."""
    with urllib.request.urlopen(f"{url}{PATH}?referenceName=chr1&start={start}&end={start + SLICE}") as answer:
        ticket = json.load(answer)
    return sum(len(_fetched(part["url"])) for part in ticket["htsget"]["urls"])


def _fetched(url: str) -> bytes:
    if url.startswith("data:;base64,"):
        return base64.b64decode(url.removeprefix("data:;base64,"))
    with urllib.request.urlopen(url) as answer:
        return bytes(answer.read())


def _needed(samtools: str, start: int) -> int:
    """Bytes of the same slice as samtools writes it."""
    region = f"chr1:{start + 1}-{start + SLICE}"
    command = [samtools, "view", "-b", "--no-PG", str(FOLDER / "archive" / "reads.bam"), region]
    return len(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)
