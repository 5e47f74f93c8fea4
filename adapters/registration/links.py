"""Links of individuals to those of another member: each change is a new version; the last one counts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from adapters.catalog.engine import writing
from adapters.catalog.models import Individual
from adapters.catalog.visibility import individual_exists
from adapters.registration.plan import Origin, Plan, ProblemKind
from adapters.registration.tables import LinkVersion
from adapters.registration.write import Refused, take_turn

CHUNK: Final = 500
Record = Callable[[Session, str, dict[str, Any]], None]
"""Writes down an action on an individual, in the transaction that does it."""


@dataclass(frozen=True, slots=True)
class Change:
    """An individual shall be linked to another; to nobody any more if ``link`` is None."""

    individual: str
    link: str | None
    origin: Origin


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a link, from ``at`` (UTC) on."""

    number: int
    link: str | None
    by: str
    at: dt.datetime


def change(
    engine: Engine, changes: Sequence[Change], existing: Callable[[Collection[str]], set[str]], by: str, record: Record
) -> int:
    """Make new versions of the links that change, all or none; how many there are.

    :param existing: says which accessions the other member has.
    :raises Refused: with every individual or link that does not exist.
    """
    plan = Plan()
    wanted = {one.link for one in changes if one.link}
    there = existing(wanted) if wanted else set()
    for one in changes:
        if one.link and one.link not in there:
            message = f"{one.link} does not exist there, or is not released"
            plan.problem(one.origin.at("link"), ProblemKind.MISSING_PARENT, message)
    with Session(writing(engine)) as session, session.begin():
        take_turn(session)
        known = _individuals(session, [one.individual for one in changes])
        for one in changes:
            if one.individual not in known:
                message = f"individual {one.individual!r} is not registered, or has withdrawn"
                plan.problem(one.origin.at("accession"), ProblemKind.MISSING_PARENT, message)
        if plan.problems:
            raise Refused(plan.sorted_problems())
        fresh = [one for one in changes if known[one.individual].link != one.link]
        for one in fresh:
            _write(session, known[one.individual], one.link, by)
            record(session, one.individual, {"link": one.link or "", "before": known[one.individual].link or ""})
            known[one.individual].link = one.link
        return len(fresh)


def _individuals(session: Session, accessions: Sequence[str]) -> Mapping[str, Individual]:
    found: dict[str, Individual] = {}
    for start in range(0, len(accessions), CHUNK):
        some = select(Individual).where(Individual.accession.in_(accessions[start : start + CHUNK]))
        for person in session.scalars(some.where(Individual.withdrawn_at.is_(None))):
            found[person.accession] = person
    return found


def _write(session: Session, person: Individual, link: str | None, by: str) -> None:
    last = select(func.max(LinkVersion.number)).where(LinkVersion.individual == person.accession)
    number = (session.scalar(last) or 0) + 1
    at = dt.datetime.now(dt.UTC)
    if number == 1 and person.link is not None:  # it was given when the person was registered
        session.add(LinkVersion(individual=person.accession, number=1, link=person.link, by="registration", at=at))
        number = 2
    session.add(LinkVersion(individual=person.accession, number=number, link=link, by=by, at=at))


def versions(engine: Engine, individual: str) -> list[Version]:
    """All versions of the link of an individual, the first first."""
    rows = select(LinkVersion).where(LinkVersion.individual == individual).order_by(LinkVersion.number)
    with Session(engine) as session:
        return [Version(one.number, one.link, one.by, one.at) for one in session.scalars(rows)]


def existing(engine: Engine, accessions: Collection[str], today: dt.date) -> set[str]:
    """Those of the accessions whose individuals exist for the world."""
    chosen = list(accessions)
    found: set[str] = set()
    with Session(engine) as session:
        for start in range(0, len(chosen), CHUNK):
            some = Individual.accession.in_(chosen[start : start + CHUNK])
            found.update(session.scalars(select(Individual.accession).where(some, individual_exists(today))))
    return found
