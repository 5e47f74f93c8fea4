"""Planting, de-identifying and scoring in one."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from adapters.deid.folder import Outcome, Run, deidentify_folder
from adapters.deid.identity import Keyed
from adapters.deid.rules import load
from tests.prove.planted import Planter
from tests.prove.score import Score, Scorer


def score(folder: Path, instances: int, seed: int) -> tuple[Outcome, Score]:
    """Plant ``instances`` objects, de-identify them as ``gsanode deid`` does, and score what came out.

    No pixel data of planted objects holds text: whoever looks at it says so.
    """
    planter = Planter(folder / "in", instances, seed)
    made = planter.plant()
    accessions = {patient.id: f"OBII{number:06d}" for number, patient in enumerate(planter.patients, 1)}
    keyed = Keyed(bytes(range(32)), "OBIA000001")
    private = folder / "private"
    run = Run(folder / "in", folder / "out", private, load(), keyed, accessions, lambda path, facts: ())
    outcome = deidentify_folder(run)
    scorer = Scorer()
    with sqlite3.connect(private / "ledger.sqlite") as ledger:
        written = dict(ledger.execute("select path, written from file where written is not null"))
    ledger.close()
    for planted in made:
        place = written.get(str(planted.file.relative_to(folder / "in")))
        scorer.add(planted, folder / "out" / place if place else None)
    return outcome, scorer.score
