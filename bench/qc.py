"""The check of reads: what it costs beside fastp, seqkit and FastQC, how fast it is, and how much memory it takes.

CPU seconds are those of the whole command, start-up included, user and system together.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.figure import Figure
from bench.reads import long_reads, short_reads, write

FOLDER = Path(".bench/qc").absolute()
FULL, QUICK = 8_000_000, 1_000_000
LONG_BASES = 200_000_000
MANY, MANY_QUICK = 100_000_000, 10_000_000
NAMES = 1_000_000
ROUNDS = 3
PEERS = {
    "fastp": (
        "<= 0.6",
        ["-A", "-Q", "-L", "-G", "--dont_eval_duplication", "-w", "1", "-j", "/dev/null", "-h", "/dev/null"],
    ),
    "seqkit": ("<= 0.75", []),
    "fastqc": ("<= 0.15", []),
}


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one run of a command: CPU and wall seconds, and the largest resident set in bytes."""

    cpu: float
    wall: float
    resident: int


def prepare(seed: int) -> None:
    """Write the files of reads and compile the kernel."""
    for reads in (QUICK, FULL):
        write(_file(reads, seed), short_reads(reads, seed), bgzf=True)
    write(FOLDER / f"long-{seed}.fastq.gz", long_reads(LONG_BASES, seed), bgzf=False)
    small = FOLDER / f"small-{seed}.fastq.gz"
    write(small, short_reads(1000, seed), bgzf=False)
    _run(_ours(small))


def run(*, quick: bool, seed: int) -> list[Figure]:
    """Measure once (``quick``, 1 M reads) or the median of :data:`ROUNDS` (8 M reads); absent peers have no row."""
    path = _file(QUICK if quick else FULL, seed)
    reads = QUICK if quick else FULL
    rounds = 1 if quick else ROUNDS
    ours = [_run(_ours(path)) for _ in range(rounds)]
    cpu = median(cost.cpu for cost in ours)
    wall = median(cost.wall for cost in ours)
    figures = []
    for peer, (target, _) in PEERS.items():
        if command := _peer(peer, path):
            theirs = median(_run(command).cpu for _ in range(rounds))
            figures.append(Figure(f"qc.cpu.{peer}", round(cpu, 2), "s", target, peer, round(cpu / theirs, 3)))
    figures += [
        Figure("qc.bgzf.rate", round(reads / wall / 1e6, 2), "M reads/s", ">= 2"),
        Figure("qc.memory.peak", round(max(cost.resident for cost in ours) / 1e6, 1), "MB", "<= 250"),
        _memory_of_names(MANY_QUICK if quick else MANY),
        _adds(),
        _workers(path),
    ]
    if figure := _long(FOLDER / f"long-{seed}.fastq.gz"):
        figures.append(figure)
    return figures


def _file(reads: int, seed: int) -> Path:
    return FOLDER / f"short-{reads}-{seed}.fastq.gz"


def _ours(path: Path) -> list[str]:
    return [sys.executable, "-m", "node.cli", "qc", str(path)]


def _peer(name: str, path: Path) -> list[str] | None:
    """The command of a peer; nothing where it is not installed."""
    program = shutil.which(name)
    if program is None:
        return None
    if name == "fastp":
        return [program, "-i", str(path), *PEERS[name][1]]
    if name == "seqkit":
        return [program, "rmdup", "-n", "-j", "2", "-o", os.devnull, str(path)]
    return [program, "--quiet", "--outdir", str(FOLDER), str(path)]


def _run(command: Sequence[str]) -> Cost:
    """Run to the end.

    :raises subprocess.CalledProcessError: if it fails.
    """
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Cost(used.ru_utime + used.ru_stime, time.monotonic() - began, used.ru_maxrss * 1024)


def _memory_of_names(reads: int) -> Figure:
    """Memory of the check of names for so many generated keys, beside a Python set of as many names.

    The set is measured with :data:`NAMES` names and multiplied: it would not fit.
    """
    grown = [_alone(hold_keys, reads), _alone(hold_set, NAMES)]
    ratio = grown[0] / (grown[1] * reads / NAMES)
    return Figure(
        "qc.memory.set", round(grown[0] / 1e6, 1), "MB", "<= 0.05", f"Python set of {reads:,} names", round(ratio, 4)
    )


def _alone(target: Callable[[int], int], argument: int) -> int:
    """What ``target`` says in a process of its own; if that dies, the bench ends too."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(target, argument).result()


def resident() -> int:
    """Largest resident set of this process so far, in bytes."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def hold_keys(reads: int) -> int:
    """Add keys of generated names, and look for duplicates; tell by how much the process grew."""
    import numpy as np

    from adapters.qc.duplicates import Names

    def keys(first: int, count: int) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
        # An odd multiplier and a shift are a bijection: no two names have one key.
        made = (np.arange(first, first + count, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        return made ^ (made >> np.uint64(32))

    warm = Names()
    warm.expect(1000)
    warm.add(keys(0, 100))
    warm.candidates()
    warm.close()
    before = resident()
    names = Names()
    names.expect(reads)
    for first in range(0, reads, 1 << 15):
        names.add(keys(first, min(1 << 15, reads - first)))
    assert names.candidates() is None
    return resident() - before


def hold_set(reads: int) -> int:
    """Hold generated names in a set; tell by how much the process grew."""
    before = resident()
    names = {b"A00123:45:HXXXXDSXX:%d:%d:%05d:%05d" % (1 + n % 4, 1101, n % 40_000, n) for n in range(reads)}
    assert len(names) == reads
    return resident() - before


def _adds() -> Figure:
    """Names added in a second to the kernel's filter, hashing included, beside pybloom-live."""
    script = (
        "import json, time\n"
        "from adapters.qc.engines.sets import pybloom_live\n"
        "from bench.qc import kernel_adds\n"
        "names = [b'A00123:45:HXXXXDSXX:1:1101:%05d:%05d' % (n % 40000, n) for n in range(200_000)]\n"
        "add = pybloom_live()()\n"
        "began = time.process_time()\n"
        "for name in names: add(name)\n"
        "print(json.dumps([kernel_adds(names), len(names) / (time.process_time() - began)]))\n"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    ours, theirs = json.loads(said)
    return Figure("qc.adds", round(ours / 1e6, 2), "M names/s", ">= 1", "pybloom-live", round(ours / theirs, 1))


def kernel_adds(names: list[bytes]) -> float:
    """Names that the kernel hashes and adds to its filter in a CPU second."""
    import numpy as np

    from adapters.qc.bloom import BloomFilter
    from adapters.qc.duplicates import new_seed
    from adapters.qc.framing import places
    from adapters.qc.naming import name_block

    text = np.frombuffer(b"".join(b"@%b\nA\n+\nI\n" % name for name in names), np.uint8).copy()
    keys, found = np.zeros(len(names) + 1, np.uint64), np.zeros((len(names) + 1, 4), np.int64)
    seed = new_seed()
    for _ in range(2):  # the first compiles
        began = time.process_time()
        _, count = name_block(text, 0, len(text), True, places(), np.zeros(3, np.int64), keys, found, seed)
        BloomFilter(len(names)).add(keys[:count])
        spent = time.process_time() - began
    return count / spent


def _workers(path: Path) -> Figure:
    """How many times as much two processes check as one, each with one thread, as the jobs of a worker have."""
    command = [*_ours(path), "--threads", "1"]
    alone = _run(command).wall
    began = time.monotonic()
    both = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(2)]
    codes = [process.wait() for process in both]
    assert codes == [0, 0]
    ratio = 2 * alone / (time.monotonic() - began)
    return Figure("qc.workers", round(ratio, 2), "×", ">= 1.8", "one process", round(ratio, 2))


def _long(path: Path) -> Figure | None:
    """Speed on long reads beside fastp, or seqkit stats where there is no fastp."""
    command = _peer("fastp", path)
    peer = "fastp"
    if command is None and (program := shutil.which("seqkit")):
        command, peer = [program, "stats", "-a", str(path)], "seqkit stats"
    if command is None:
        return None
    ours, theirs = _run(_ours(path)), _run(command)
    speed = path.stat().st_size / 1e6 / ours.wall
    return Figure("qc.long", round(speed, 1), "MB/s", ">= 1", peer, round(theirs.wall / ours.wall, 2))
