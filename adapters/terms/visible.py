"""Who exists for the world, as bitmaps over ``individual.ordinal``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from pyroaring import BitMap
from sqlalchemy import Connection, select
from sqlalchemy.orm import Session

from adapters.catalog.models import Dataset, Individual, Membership
from adapters.catalog.visibility import dataset_exists


def visible_members(session: Session | Connection, datasets: Sequence[str], today: dt.date) -> dict[str, BitMap]:
    """Data set → its people who exist; data sets that do not exist (yet, or any more) are left out.

    :param today: the date, in UTC, for which the question is asked.
    """
    existing = select(Dataset.accession).where(Dataset.accession.in_(datasets), dataset_exists(today))
    found = {accession: BitMap() for accession in session.scalars(existing)}
    # Who is in a data set that exists and has not withdrawn, exists.
    members = (
        select(Membership.dataset, Individual.ordinal)
        .join(Individual, Individual.accession == Membership.individual)
        .where(Membership.dataset.in_(list(found)), Individual.withdrawn_at.is_(None))
    )
    for dataset, ordinal in session.execute(members):
        found[dataset].add(ordinal)
    return found


def visible_individuals(session: Session | Connection, datasets: Sequence[str], today: dt.date) -> BitMap:
    """Everyone who exists in any of ``datasets``."""
    return BitMap().union(*visible_members(session, datasets, today).values())
