"""htsget: tickets for slices of 100 kb beside pysam re-encoding them, and the bytes of a slice beside samtools'.

A slice of a BAM is trimmed to its records at both ends; one of a CRAM is whole containers, so that nothing is inflated.
"""

from __future__ import annotations

import base64
import json
import random
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

from sqlalchemy import Connection, insert

from adapters.catalog.engine import connect, writing
from adapters.catalog.models import Checksum, File, Location
from bench.figure import Figure
from bench.member import MOMENT, database, make, running
from bench.processes import program, wrk

FOLDER = Path(".bench/htsget").absolute()
FILES = {  # id of the file and of its index, name, format, the index's ending and format
    "trimmed": ("HRR900002-01", "HRR900002-02", "reads.bam", "BAM", "bai", "BAI"),
    "whole": ("HRR900003-01", "HRR900003-02", "reads.cram", "CRAM", "crai", "CRAI"),
}
READS_OF_A_CONTAINER = 1000
LENGTH = 20_000_000  # bases of the only reference
READS = 200_000
SLICE = 100_000  # bases
CONNECTIONS = 8
READS_PATH = "/ga4gh/htsget/v1/reads"


def prepare(seed: int) -> None:
    """A member with 200,000 reads at random places, sorted, as BAM and as CRAM."""
    make(FOLDER, 200)
    archive = FOLDER / "archive"
    if (archive / "reads.cram.crai").exists():
        return
    _write(archive, seed)
    engine = connect(database(FOLDER))
    with writing(engine).begin() as connection:
        for id, index, name, format, ending, index_format in FILES.values():
            _register(connection, id, name, format, None)
            _register(connection, index, f"{name}.{ending}", index_format, id)
    engine.dispose()


def _register(connection: Connection, id: str, name: str, format: str, index_of: str | None) -> None:
    size = (FOLDER / "archive" / name).stat().st_size
    row = {"id": id, "dataset": "HRA000001", "name": name, "size": size, "format": format}
    connection.execute(insert(File).values(**row, index_of=index_of, created_at=MOMENT))
    connection.execute(insert(Checksum).values(file=id, type="md5", value="00" * 16))
    connection.execute(insert(Location).values(file=id, store="archive", key=name))


def _write(archive: Path, seed: int) -> None:
    import pysam

    numbers = random.Random(seed)
    header = {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": "chr1", "LN": LENGTH}]}
    bam, cram = str(archive / "reads.bam"), str(archive / "reads.cram")
    options = ["no_ref=1", f"seqs_per_slice={READS_OF_A_CONTAINER}"]
    with (
        pysam.AlignmentFile(bam, "wb", header=header) as out,
        pysam.AlignmentFile(cram, "wc", header=header, format_options=options) as other,
    ):
        for number, start in enumerate(sorted(numbers.randrange(LENGTH - 150) for _ in range(READS))):
            read = pysam.AlignedSegment(out.header)
            read.query_name, read.reference_id, read.reference_start = f"read{number}", 0, start
            read.query_sequence = "".join(numbers.choices("ACGT", k=150))
            read.query_qualities = pysam.qualitystring_to_array("".join(numbers.choices("!+5?I", k=150)))
            read.cigarstring, read.mapping_quality = "150M", 60
            out.write(read)
            other.write(read)
    pysam.index(bam)
    pysam.index(cram)


def run(*, quick: bool, seed: int) -> list[Figure]:
    """Tickets and re-encoded slices in turns, the best round of each; then the bytes of some slices."""
    samtools = program("samtools", "samtools")
    rounds, seconds = (2, 3) if quick else (4, 8)
    numbers = random.Random(seed)
    figures: list[Figure] = []
    with running(FOLDER) as (url, _):
        for kind, target in (("trimmed", ">= 30"), ("whole", ">= 150")):
            peer, node = [], []
            for _round in range(rounds):
                peer.append(_reencoded(kind, numbers, seconds))
                node.append(wrk(url, seconds, CONNECTIONS, _slices(kind, seed), FOLDER))
            best, floor = max(node), max(peer)
            ratio = round(best / floor, 1)
            told = f"pysam {floor:.1f}/s"
            figures.append(Figure(f"htsget.ticket.{kind}", round(best, 1), "tickets/s", target, told, ratio))
        starts = [numbers.randrange(LENGTH - SLICE) for _ in range(10)]
        ours = sum(_bytes(url, start) for start in starts)
        theirs = sum(_needed(samtools, start) for start in starts)
    figures.append(Figure("htsget.bytes", ours, "bytes", "<= 1.1", f"samtools {theirs}", round(ours / theirs, 3)))
    return figures


def _query(kind: str) -> str:
    id, _, _, format, *_ = FILES[kind]
    return f"{READS_PATH}/{id}?format={format}&referenceName=chr1"


def _slices(kind: str, seed: int) -> str:
    return f"""math.randomseed({seed})
request = function()
  local first = math.random(0, {LENGTH - SLICE})
  return wrk.format("GET", string.format("{_query(kind)}&start=%d&end=%d", first, first + {SLICE}))
end
"""


def _reencoded(kind: str, numbers: random.Random, seconds: float) -> float:
    """Slices per second that pysam writes as files of their own, in this process and in the format of the file."""
    import pysam

    name, format = FILES[kind][2:4]
    mode, options = ("wb", []) if format == "BAM" else ("wc", ["no_ref=1"])
    done = 0
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        while (passed := time.perf_counter() - started) < seconds:
            first = numbers.randrange(LENGTH - SLICE)
            with (
                pysam.AlignmentFile(str(FOLDER / "archive" / name)) as source,
                pysam.AlignmentFile(f"{folder}/slice", mode, template=source, format_options=options) as out,
            ):
                for read in source.fetch("chr1", first, first + SLICE):
                    out.write(read)
            done += 1
    return done / passed


def _bytes(url: str, start: int) -> int:
    """Bytes of the slice that a client has in the end."""
    with urllib.request.urlopen(f"{url}{_query('trimmed')}&start={start}&end={start + SLICE}") as answer:
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
