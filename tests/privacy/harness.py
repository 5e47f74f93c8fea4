"""The attacks at one setting, and what they reach; the small and the full form run the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adapters.catalog.engine import connect
from auth.information import anonymous_minimum
from auth.policy import Floor
from tests.node.family import PUBLIC_URL
from tests.privacy import attacks, cohort
from tests.privacy.cohort import REFERENCE, Cohort
from tests.privacy.conftest import Asking
from tests.privacy.server import application
from tests.support import running

DEFAULT = Floor(20, 20)
NUMBERS: dict[str, Any] = {"floor": {}, "privacy": {"references": [REFERENCE], "public": {"genotypes": "count"}}}
"""The defaults, where numbers of carriers are public."""


@dataclass(frozen=True)
class Target:
    """People to be recognised: ``number`` members and as many others, from ``first``."""

    first: int
    number: int


@asynccontextmanager
async def member(made: Cohort, folder: Path, settings: dict[str, Any]) -> AsyncIterator[Asking]:
    """A member over a cohort, whose database is in ``folder``."""
    path = folder / "catalog.db"
    new = not path.exists()
    engine = connect(f"sqlite:///{path}")
    if new:
        cohort.write(engine, made)
    async with running(application(engine, settings), PUBLIC_URL) as client:
        yield Asking(client, made)
    engine.dispose()


async def unlimited(asking: Asking, *, nested: bool = True) -> dict[str, float]:
    """Power of who asks about every allele under ever new identities; empty if nothing is told.

    :param nested: neighbours are linked as in a made cohort, which an attack makes use of.
    """
    made = asking.cohort
    least = anonymous_minimum(made.alleles, made.people, DEFAULT)
    alleles = list(range(made.alleles))
    told = await attacks.everything(asking, alleles)
    if least is None:
        assert not any(told)
        return {}
    return by_all(made, told, Floor(least, 1), nested=nested)


def by_all(made: Cohort, told: list[bool], floor: Floor, *, nested: bool = True) -> dict[str, float]:
    """Power of each attack that reads yes and no about all alleles."""
    alleles = list(range(made.alleles))
    found = {
        "Shringarpure-Bustamante": attacks.power(*attacks.shringarpure_bustamante(made, alleles, told, floor)),
        "likelihood ratio": attacks.power(*attacks.likelihood_ratio(made, alleles, told, floor)),
    }
    if not nested:
        return found
    neighbours = int((made.starts // 10_000 == made.starts[0] // 10_000).sum())
    return found | {"with linkage": attacks.power(*attacks.inferred(made, alleles, told, floor, neighbours))}


async def by_budget(
    asking: Asking,
    targets: Target,
    floor: Floor,
    *,
    numbers: bool,
    together: int,
    most: int = 60,
    charged: bool = True,
) -> float:
    """Power of callers of whom each seeks one person, asking what tells most until the budget is spent."""
    sides = []
    for name, people in (("m", asking.cohort.members), ("o", asking.cohort.others)):
        scores = []
        for number in range(targets.first, targets.first + targets.number):
            token = f"{name}{number}@{name}{number}.example"
            ask = attacks.budgeted(
                asking, people[number], token, floor, numbers=numbers, together=together, most=most, charged=charged
            )
            scores.append(await ask)
        sides.append(np.array(scores))
    return attacks.power(sides[0], sides[1])


async def isolation(asking: Asking, targets: int, steps: int, pairs: int) -> dict[str, tuple[float, float]]:
    """For each attack on what is said of one person: share of people with the term found, and of those without."""
    people = [attacks.known(number) for number in range(asking.cohort.people)]
    found: dict[str, tuple[float, float]] = {}
    for name in ("slides", "differs"):
        shares = []
        for has in (True, False):
            chosen = [
                n for n in attacks.sought(people, asking.cohort.people) if (attacks.TERM in people[n].terms) is has
            ]
            hits = [await _isolated(asking, name, target, people, steps, pairs) for target in chosen[:targets]]
            shares.append(float(np.mean(hits)))
        found[name] = (shares[0], shares[1])
    return found


async def _isolated(
    asking: Asking, name: str, target: int, people: list[attacks.Known], steps: int, pairs: int
) -> bool:
    if name == "slides":
        return await attacks.slides(asking, target, attacks.TERM, steps)
    return await attacks.differs(asking, target, attacks.TERM, people, pairs)
