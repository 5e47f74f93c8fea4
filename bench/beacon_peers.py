"""The count and the region in process, beside a normalised table in SQLite, an open cyvcf2 handle and bcftools."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pysam
from pyroaring import BitMap
from sqlalchemy import Connection, Engine, select

from adapters.reads.bgzf import EOF, compressed
from adapters.terms.filters import Filter, Filters
from adapters.variants import quick
from adapters.variants.carriers import Mask, union
from adapters.variants.tables import VariantRelease
from bench import cohort
from bench.beacon_member import Known, index_bytes, term
from bench.figure import Figure
from bench.openloop import percentile
from bench.processes import program

PORTION = 256
WINDOW, MEGABASE, RARE = 10_000, 1_000_000, 25
ASKED = [term(number) for number in range(2, 60)]  # terms of which hundreds of people have one below
PIECE = 1 << 22  # bytes of text that are compressed together
NORMALISED = """
CREATE TABLE allele (id INTEGER PRIMARY KEY, position INTEGER, ref TEXT, alt TEXT);
CREATE INDEX allele_position ON allele (position, ref, alt);
CREATE TABLE carrier (allele INTEGER, person INTEGER, copies INTEGER, PRIMARY KEY (allele, person)) WITHOUT ROWID;
CREATE TABLE has_term (term TEXT, person INTEGER, PRIMARY KEY (term, person)) WITHOUT ROWID;
"""
COUNTED = """
SELECT count(*) FROM allele JOIN carrier ON carrier.allele = allele.id JOIN has_term ON has_term.person = carrier.person
WHERE position = ? AND ref = ? AND alt = ? AND term = ?
"""
CARRYING = """
SELECT count(DISTINCT person) FROM allele JOIN carrier ON carrier.allele = allele.id WHERE position BETWEEN ? AND ?
"""


@dataclass(frozen=True, slots=True)
class Ours:
    """The index of a member, as one question of a serving process has it at hand."""

    connection: Connection
    release: int
    having: dict[str, Mask]

    def count(self, one: Known, wanted: str) -> int:
        """People who carry an allele and have a term."""
        mask = self.having[wanted]
        here = quick.starting(self.connection, self.release, cohort.CONTIG, [one.start])
        return sum(mask.count(row.carriers or b"H") for row in here if (row.ref, row.alt) == (one.ref, one.alt))

    def rare(self, start: int, wanted: str) -> int:
        """People who carry an allele that at most 25 do (0.5 %) in a million bases, and have a term."""
        people, found = self.having[wanted].people, BitMap()
        rows = quick.between(self.connection, self.release, cohort.CONTIG, start, start + MEGABASE)
        carriers = (row.carriers for row in rows if row.carriers and (row.carrier_count or 0) <= RARE)
        while len(found) < len(people) and (portion := list(islice(carriers, PORTION))):
            found |= union(portion) & people
        return len(found)

    def carriers(self, start: int) -> int:
        """People who carry any allele of a window."""
        window = start, start + WINDOW + 1
        return len(union(quick.overlapping(self.connection, self.release, cohort.CONTIG, window)))


def ours(engine: Engine) -> Ours:
    """The index behind an open connection."""
    connection = engine.connect()
    release = connection.scalar(select(VariantRelease.id).where(VariantRelease.state == "live"))
    filters, everyone = Filters(engine, ["individual"]), BitMap(range(cohort.PEOPLE))
    having = {name: Mask(filters.individuals([Filter(name)], everyone)) for name in ASKED}
    return Ours(connection, int(release or 0), having)


def times(asked: Sequence[Callable[[], int]]) -> tuple[list[float], list[int]]:
    """Seconds that each question took, and its answer."""
    seconds, answers = [], []
    for ask in asked:
        started = time.perf_counter()
        answers.append(ask())
        seconds.append(time.perf_counter() - started)
    return seconds, answers


def text_file(folder: Path, variants: int, seed: int) -> Path:
    """The cohort as an indexed VCF file, made unless it is there."""
    path = folder / f"cohort.{variants}.{seed}.vcf.gz"
    if not Path(f"{path}.tbi").exists():
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as out:
            pieces, size = [cohort.header()], 0
            for site in cohort.sites(variants, seed):
                pieces.append(cohort.line(site))
                size += len(pieces[-1])
                if size > PIECE:
                    out.write(compressed(b"".join(pieces)))
                    pieces, size = [], 0
            out.write(compressed(b"".join(pieces)) + EOF)
        pysam.tabix_index(str(path), preset="vcf", force=True)
    return path


def normalised(folder: Path, engine: Engine, variants: int, seed: int) -> Path:
    """The same cohort with a row for each carrier, made unless it is there."""
    path = folder / f"normalised.{variants}.{seed}.sqlite"
    if path.exists():
        return path
    making = path.with_suffix(".part")
    making.unlink(missing_ok=True)
    table = sqlite3.connect(making)
    table.executescript(NORMALISED)
    for number, site in enumerate(cohort.sites(variants, seed)):
        people, copies = np.unique(site.chromosomes // 2, return_counts=True)
        table.execute("INSERT INTO allele VALUES (?, ?, ?, ?)", (number, site.position - 1, site.ref, site.alt))
        rows = [(number, person, n) for person, n in zip(people.tolist(), copies.tolist(), strict=True)]
        table.executemany("INSERT INTO carrier VALUES (?, ?, ?)", rows)
    for name, mask in ours(engine).having.items():
        table.executemany("INSERT INTO has_term VALUES (?, ?)", [(name, person) for person in mask.people])
    table.executescript("ANALYZE")
    table.commit()
    table.close()
    return making.rename(path)


def figures(folder: Path, engine: Engine, known: Sequence[Known], variants: int, seed: int) -> list[Figure]:
    """The rows of the speed table that are in process; ``variants`` is the number of the engine's member.

    :raises PeerAbsent: without bcftools.
    :raises RuntimeError: if a peer's answer differs.
    """
    dice = random.Random(seed)
    asked = [(one, dice.choice(ASKED)) for one in known]
    found = [*_table(folder, engine, asked, variants, seed)]
    return found + _tools(text_file(folder, variants, seed), engine, asked)


def rare(engine: Engine, known: Sequence[Known], seed: int) -> Figure:
    """Whoever carries a rare allele in a million bases and has a term; Beacon has no parameter that asks for that."""
    dice, index = random.Random(seed), ours(engine)
    last = max(known[0].start + 1, known[-1].start - MEGABASE)
    asked = [(dice.randrange(known[0].start, last), dice.choice(ASKED)) for _ in range(120)]
    seconds, _ = times([partial(index.rare, *one) for one in asked])
    return Figure("beacon.inprocess.rare_1mb.p99", round(percentile(seconds, 99) * 1000, 2), "ms", "<= 15")


def _table(folder: Path, engine: Engine, asked: list[tuple[Known, str]], variants: int, seed: int) -> list[Figure]:
    path = normalised(folder, engine, variants, seed)
    table, index = sqlite3.connect(path), ours(engine)
    starts = [one.start for one, _ in asked][:200]

    def counted(one: Known, name: str) -> int:
        return int(table.execute(COUNTED, (one.start, one.ref, one.alt, name)).fetchone()[0])

    def carrying(start: int) -> int:
        return int(table.execute(CARRYING, (start, start + WINDOW)).fetchone()[0])

    pairs = []
    for mine, theirs in (
        ([partial(index.count, *a) for a in asked], [partial(counted, *a) for a in asked]),
        ([partial(index.carriers, s) for s in starts], [partial(carrying, s) for s in starts]),
    ):
        times(mine)
        times(theirs[:50])
        fast, one = times(mine)
        slow, other = times(theirs)
        if one != other:
            raise RuntimeError("the normalised table and the index differ")
        pairs.append((fast, slow))
    (count, slow_count), (region, slow_region) = pairs
    size = index_bytes(engine) / variants
    pages = table.execute("SELECT sum(pgsize) FROM dbstat WHERE name IN ('allele', 'allele_position', 'carrier')")
    bytes_there = pages.fetchone()[0] / variants
    return [
        _beside("count.p50", count, slow_count, 50, ">= 1"),
        _beside("count.p99", count, slow_count, 99, ">= 10"),
        _beside("carriers_10kb.p50", region, slow_region, 50, ">= 10"),
        Figure(
            "beacon.inprocess.bytes",
            round(size, 1),
            "B/variant",
            ">= 20",
            f"normalised table {bytes_there:.0f} B",
            round(bytes_there / size, 1),
        ),
    ]


def _beside(row: str, mine: list[float], theirs: list[float], percent: int, target: str) -> Figure:
    fast, slow = percentile(mine, percent) * 1e6, percentile(theirs, percent) * 1e6
    peer = f"normalised table in SQLite {slow:.0f} us"
    return Figure(f"beacon.inprocess.{row}", round(fast, 1), "us", target, peer, round(slow / fast, 2))


def _tools(path: Path, engine: Engine, asked: list[tuple[Known, str]]) -> list[Figure]:
    from cyvcf2 import VCF

    bcftools, index = program("bcftools", "bcftools"), ours(engine)
    reader = VCF(str(path), gts012=True)
    masks = {name: np.isin(np.arange(cohort.PEOPLE), list(mask.people)) for name, mask in index.having.items()}

    def by_cyvcf2(one: Known, name: str) -> int:
        here = reader(f"{cohort.CONTIG}:{one.start + 1}-{one.start + 1}")
        return sum(int(((v.gt_types > 0) & (v.gt_types < 3) & masks[name]).sum()) for v in here if [one.alt] == v.ALT)

    def by_bcftools(one: Known, name: str) -> int:
        region = f"{cohort.CONTIG}:{one.start + 1}"
        command = [bcftools, "query", "-r", region, "-i", f'ALT="{one.alt}"', "-f", "[%GT\n]", str(path)]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        having: BitMap = index.having[name].people
        return sum("1" in genotype and person in having for person, genotype in enumerate(said))

    found = []
    for name, ask, number, target in (("cyvcf2", by_cyvcf2, 300, ">= 100"), ("bcftools", by_bcftools, 30, ">= 300")):
        some = asked[:number]
        fast, one = times([partial(index.count, *a) for a in some])
        slow, other = times([partial(ask, *a) for a in some])
        if one != other:
            raise RuntimeError(f"{name} and the index differ")
        mine, theirs = percentile(fast, 50) * 1e6, percentile(slow, 50) * 1e6
        ratio = round(theirs / mine, 1)
        found.append(Figure(f"beacon.inprocess.{name}", round(mine, 1), "us", target, f"{name} {theirs:.0f} us", ratio))
    return found
