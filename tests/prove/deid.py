"""Planting, de-identifying and scoring in one."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from adapters.deid.folder import Outcome, Run, deidentify_folder
from adapters.deid.identity import Keyed
from adapters.deid.objects import Look
from adapters.deid.rules import load
from tests.prove.key import Planted
from tests.prove.planted import Planter
from tests.prove.score import Score, Scorer


@dataclass(frozen=True)
class Set:
    """Planted objects below ``folder/in``, and the accession of each patient."""

    folder: Path
    made: list[Planted]
    accessions: Mapping[str, str]


def plant(folder: Path, instances: int, seed: int, *, burned: bool = False) -> Set:
    """Plant ``instances`` objects; with ``burned`` some have text burned into their pixels."""
    planter = Planter(folder / "in", instances, seed, burned=burned)
    made = planter.plant()
    return Set(folder, made, {patient.id: f"OBII{number:06d}" for number, patient in enumerate(planter.patients, 1)})


def score(folder: Path, instances: int, seed: int) -> tuple[Outcome, Score]:
    """Plant objects without text in their pixels, de-identify them as ``gsanode deid`` does, and score what came out.

    Whoever looks at the pixels says that there is no text.
    """
    return ours(plant(folder, instances, seed), lambda path, facts: ())


def ours(planted: Set, look: Look) -> tuple[Outcome, Score]:
    """De-identify a set as ``gsanode deid`` does, and score what came out."""
    folder, private = planted.folder, planted.folder / "private"
    keyed = Keyed(bytes(range(32)), "OBIA000001")
    run = Run(folder / "in", folder / "out", private, load(), keyed, planted.accessions, look)
    outcome = deidentify_folder(run)
    places = passed_on(folder)
    return outcome, scored(planted, {name: places.get(name) for name in (_name(planted, p) for p in planted.made)})


def passed_on(folder: Path) -> dict[str, Path]:
    """What was made of the objects that were passed on, by their paths below ``in``, in the order of those."""
    with sqlite3.connect(folder / "private" / "ledger.sqlite") as ledger:
        rows = ledger.execute("select path, written from file where written is not null order by path").fetchall()
    ledger.close()
    return {os.fsdecode(path): folder / "out" / written for path, written in rows}


def scored(planted: Set, outputs: Mapping[str, Path | None]) -> Score:
    """Score what became of each object, by its path below ``in``; None: it was not passed on."""
    scorer = Scorer()
    for one in planted.made:
        scorer.add(one, outputs[_name(planted, one)])
    return scorer.score


def _name(planted: Set, one: Planted) -> str:
    return str(one.file.relative_to(planted.folder / "in"))
