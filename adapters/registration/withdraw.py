"""Withdrawal and release: what exists for the world from now on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from adapters.catalog.engine import writing
from adapters.catalog.models import Dataset, Individual, Membership
from adapters.registration.write import Hook, take_turn


class NotRegistered(LookupError):
    """There is no such accession in the catalog."""


def withdraw_dataset(engine: Engine, accession: str, hooks: Sequence[Hook] = ()) -> bool:
    """Withdraw a data set now; whether it was not withdrawn before. Its individuals are given to the hooks.

    :raises NotRegistered: if there is no such data set.
    """
    with Session(writing(engine)) as session, session.begin():
        take_turn(session)
        dataset = _dataset(session, accession)
        if dataset.withdrawn_at is not None:
            return False
        dataset.withdrawn_at = dataset.updated_at = dt.datetime.now(dt.UTC)
        session.flush()
        members = select(Membership.individual).where(Membership.dataset == accession)
        _call(hooks, session, list(session.scalars(members)))
    return True


def withdraw_individual(engine: Engine, accession: str, hooks: Sequence[Hook] = ()) -> bool:
    """Withdraw an individual now, and with it every file that holds its data; whether it was not withdrawn before.

    :raises NotRegistered: if there is no such individual.
    """
    with Session(writing(engine)) as session, session.begin():
        take_turn(session)
        individual = session.get(Individual, accession)
        if individual is None:
            raise NotRegistered(f"individual {accession!r} is not registered")
        if individual.withdrawn_at is not None:
            return False
        individual.withdrawn_at = dt.datetime.now(dt.UTC)
        session.flush()
        _call(hooks, session, [accession])
    return True


def set_release_date(engine: Engine, accession: str, day: dt.date) -> bool:
    """Let a data set exist from ``day`` (UTC) on; whether that is a change.

    :raises NotRegistered: if there is no such data set.
    """
    with Session(writing(engine)) as session, session.begin():
        take_turn(session)
        dataset = _dataset(session, accession)
        if dataset.release_date == day:
            return False
        dataset.release_date = day
        dataset.updated_at = dt.datetime.now(dt.UTC)
    return True


def _dataset(session: Session, accession: str) -> Dataset:
    dataset = session.get(Dataset, accession)
    if dataset is None:
        raise NotRegistered(f"data set {accession!r} is not registered")
    return dataset


def _call(hooks: Sequence[Hook], session: Session, accessions: Sequence[str]) -> None:
    for hook in hooks:
        hook(session, accessions)
