"""Beacon: over HTTP with auth and privacy, in process beside other ways, ingest, size, memory and growth."""

from __future__ import annotations

import random
import shutil
import time
from functools import partial
from itertools import islice
from pathlib import Path

from sqlalchemy import Engine, text

from adapters.variants.ingest import load
from bench import beacon_http, beacon_peers, cohort
from bench.beacon_member import DATASET, index_bytes, make, some, without_variants
from bench.figure import Figure
from bench.openloop import percentile

FOLDER = Path(".bench/beacon").absolute()
WHOLE, TENTH, SMALL, TEXT = 1_000_000, 100_000, 20_000, 100_000
PROCESSES = 2
TAKES_WHAT_IS_THERE = True  # a quick run prepares only the small cohort, where nothing else was prepared
READ = 2_000  # records that cyvcf2 reads as a peer


def prepare(seed: int) -> None:
    """Make the cohort at three sizes, and its text."""
    for variants in (SMALL, TENTH, WHOLE):
        _member(variants, seed).dispose()
    beacon_peers.text_file(FOLDER, SMALL, seed)
    beacon_peers.text_file(FOLDER, TEXT, seed)
    beacon_peers.normalised(FOLDER, _member(SMALL, seed), SMALL, seed)


def run(*, quick: bool, seed: int) -> list[Figure]:
    """All rows; ``quick`` takes what is prepared, and else the small cohort.

    :raises PeerAbsent: without wrk or bcftools.
    """
    whole = WHOLE if _is_made(WHOLE) or not quick else SMALL
    engine, small = _member(whole, seed), _member(SMALL, seed)
    known = some(whole, seed, 5_000)
    found = beacon_http.figures(FOLDER / str(whole), engine, known, 2 if quick else 8, seed)
    found += beacon_peers.figures(FOLDER, small, some(SMALL, seed, 3_000), SMALL, seed)
    found.append(Figure("beacon.index", round(index_bytes(engine) / whole, 1), "B/variant", "<= 200"))
    found.append(beacon_peers.rare(engine, known, seed))
    if whole == WHOLE:
        found.append(_growth(_member(TENTH, seed), engine, seed))
    return [*found, _ingest(TEXT if whole == WHOLE else SMALL, seed)]


def _member(variants: int, seed: int) -> Engine:
    return make(FOLDER / str(variants), variants, seed)


def _is_made(variants: int) -> bool:
    return (FOLDER / str(variants) / "made").exists()


def _growth(tenth: Engine, whole: Engine, seed: int) -> Figure:
    """The count in process, in turns, over ten times as many variants."""
    dice, taken = random.Random(seed), {}
    for name, engine, variants in (("tenth", tenth, TENTH), ("whole", whole, WHOLE)):
        index = beacon_peers.ours(engine)
        asked = [(one, dice.choice(beacon_peers.ASKED)) for one in some(variants, seed, 4_000)]
        beacon_peers.times([partial(index.count, *a) for a in asked[:200]])
        seconds, _ = beacon_peers.times([partial(index.count, *a) for a in asked])
        taken[name] = percentile(seconds, 50) * 1e6
    peer = f"{TENTH:,} variants {taken['tenth']:.1f} us"
    ratio = round(taken["whole"] / taken["tenth"], 2)
    return Figure("beacon.growth.p50", round(taken["whole"], 1), "us", "<= 1.3", peer, ratio)


def _ingest(variants: int, seed: int) -> Figure:
    """Variants per second of a VCF file, from its first byte to the release being live."""
    path, folder = beacon_peers.text_file(FOLDER, variants, seed), FOLDER / "ingest"
    shutil.rmtree(folder, ignore_errors=True)
    engine = without_variants(folder, seed)
    started = time.perf_counter()
    loaded = load(engine, path, DATASET, processes=PROCESSES)
    rate = loaded.variants / (time.perf_counter() - started)
    with engine.connect() as connection:
        if connection.scalar(text("SELECT count(*) FROM variant")) != variants:
            raise RuntimeError("the load lacks variants")
    engine.dispose()
    shutil.rmtree(folder)
    return Figure("beacon.ingest", round(rate), "variants/s", ">= 20000", f"cyvcf2 alone {_cyvcf2(path):.0f}/s")


def _cyvcf2(path: Path) -> float:
    from cyvcf2 import VCF

    started = time.perf_counter()
    for record in islice(VCF(str(path)), READ):
        if record.genotype.array().shape[0] != cohort.PEOPLE:
            raise RuntimeError("cyvcf2 read other samples")
    return READ / (time.perf_counter() - started)
