"""``gsanode deid`` as a process, and what it takes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path

KEY = "GSANODE_BENCH_KEY"
PATIENT = "MRN0048213"
# Resident memory once everything that the command loads is there, and the most of it until the command is done.
MEASURED = """
import sys
from pathlib import Path
from adapters.deid import folder, rules, text
from node.cli import app
from node.commands import deid
def resident(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))
rules.load(), text.text_rules()
with deid._progress():
    pass
Path("/proc/self/clear_refs").write_text("5")
idle = resident("VmRSS")
try:
    app(sys.argv[1:], standalone_mode=False)
finally:
    print(idle, resident("VmHWM"))
"""


def arguments(origin: Path, root: Path, name: str) -> list[str]:
    """Arguments that de-identify ``origin`` into ``root/name``."""
    mapping = root / "mapping.tsv"
    mapping.write_text(f"patient_id\taccession\n{PATIENT}\tOBII000001\n", encoding="utf-8")
    given = ["deid", str(origin), "--out", str(root / name), "--collection", "OBIA000001"]
    return [*given, "--mapping", str(mapping), "--key-env", KEY]


def deidentify(origin: Path, root: Path, name: str, *more: str) -> None:
    """Run the command to its end, with ``more`` arguments."""
    together([[*arguments(origin, root, name), *more]])


def together(runs: Sequence[Sequence[str]]) -> list[float]:
    """Run commands side by side, each on a core of its own as long as there are enough; seconds that each took."""
    began = time.perf_counter()
    before = os.sched_getaffinity(0)
    running = []
    try:
        for core, run in zip(cycle(sorted(before)), runs, strict=False):
            os.sched_setaffinity(0, {core})  # which the process inherits
            program = [sys.executable, "-m", "node.cli", *run]
            running.append(
                subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=_environment())
            )
    finally:
        os.sched_setaffinity(0, before)

    def ended(process: subprocess.Popen[bytes]) -> float:
        _, said = process.communicate()
        if process.returncode:
            raise RuntimeError(said.decode("utf-8", "replace"))
        return time.perf_counter() - began

    with ThreadPoolExecutor(len(running)) as pool:
        return list(pool.map(ended, running))


def memory_above_idle(origin: Path, root: Path) -> float:
    """The most resident memory of a run beyond what the process has before its first file, in megabytes (10^6)."""
    program = [sys.executable, "-c", MEASURED, *arguments(origin, root, "memory")]
    done = subprocess.run(program, capture_output=True, check=True, env=_environment())
    idle, most = map(int, done.stdout.splitlines()[-1].split())
    return (most - idle) * 1024 / 1e6


def _environment() -> dict[str, str]:
    return os.environ | {KEY: "5a" * 32}
