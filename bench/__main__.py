"""``python -m bench NAME [--prepare] [--quick] [--json] [--seed N]``: measure one thing beside its peer, or a group.

Exit codes: 0 every target is met, 1 one is not, 3 a peer is absent.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from typing import Protocol, cast

from rich.console import Console
from rich.table import Table

from bench.figure import Figure, PeerAbsent

BENCHES = {
    "startup": "time to ready and memory of the six processes of a family",
    "drs": "records of files, one and in bulk, and their latency",
    "bytes": "ranges of a large file, and memory under many clients",
    "htsget": "tickets for slices, and their bytes",
    "passports": "a Passport of 200 visas, cold and cached, the decision, and the replay of an archive's requests",
    "dicomweb": "searches and retrieval of images beside Orthanc and DRS",
    "stow": "images stored by DICOMweb beside Orthanc",
    "deid": "de-identification of CT slices beside a plain copy and other tools, and text burned into pixels",
    "beacon": "counts, yes and no, regions and pages over a million variants; ingest, size and growth",
    "federation": "the gateway over its nodes, a hundred of them, and joins of people",
    "qc": "the check of reads beside fastp, seqkit, FastQC and pybloom-live",
}
GROUPS = {"imaging": ("deid", "dicomweb", "stow")}
FAILED, SKIPPED = 1, 3


class Bench(Protocol):
    """What a benchmark module offers."""

    def prepare(self, seed: int) -> None:
        """Build cached inputs."""

    def run(self, *, quick: bool, seed: int) -> list[Figure]:
        """Measure; ``quick`` ends within 45 s.

        :raises PeerAbsent: if the peer is not installed.
        """


def main() -> int:
    """Run what the command line asks for."""
    asked = _arguments()
    code = 0
    for name in BENCHES if asked.all else GROUPS.get(asked.name, (asked.name,)):
        bench = cast(Bench, importlib.import_module(f"bench.{name}"))
        if not (asked.quick and getattr(bench, "TAKES_WHAT_IS_THERE", False)):
            bench.prepare(asked.seed)
        if not asked.prepare:
            code = max(code, _measure(name, bench, asked))
    return code


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    which = parser.add_mutually_exclusive_group(required=True)
    told = BENCHES | {group: " and ".join(names) for group, names in GROUPS.items()}
    which.add_argument("name", nargs="?", choices=told, help="; ".join(f"{k}: {v}" for k, v in told.items()))
    which.add_argument("--all", action="store_true", help="every benchmark")
    parser.add_argument("--prepare", action="store_true", help="only build the cached inputs")
    parser.add_argument("--quick", action="store_true", help="end within 45 seconds")
    parser.add_argument("--json", action="store_true", help="one JSON line per figure")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def _measure(name: str, bench: Bench, asked: argparse.Namespace) -> int:
    absent = None
    try:
        figures = bench.run(quick=asked.quick, seed=asked.seed)
    except PeerAbsent as peer:
        absent, figures = str(peer), list(peer.measured)
    if asked.json:
        for figure in figures:
            print(figure.line())  # noqa: T201
    elif figures:
        _show(name, figures)
    if absent is not None:
        print(json.dumps({"name": name, "skipped": absent}) if asked.json else f"{name}: skipped: {absent}")  # noqa: T201
        return SKIPPED
    return 0 if all(figure.met for figure in figures) else FAILED


def _show(name: str, figures: list[Figure]) -> None:
    table = Table(title=name, title_justify="left")
    for column in ("figure", "value", "peer", "ratio", "target", ""):
        table.add_column(column)
    for figure in figures:
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
        value = f"{figure.value:.4g} {figure.unit}"
        table.add_row(figure.name, value, figure.peer or "", ratio, figure.target, "met" if figure.met else "missed")
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
