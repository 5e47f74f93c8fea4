"""What exists for the world: the one place that says it (DESIGN section 7).

A data set exists from its release date until it is withdrawn; an individual until withdrawn; a file if its data set
exists, it is archived, and nobody whose data it holds has withdrawn. Every query of every path adds these conditions,
so that what is absent is absent everywhere.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import BindParameter, ColumnElement, and_, exists, select

from adapters.catalog.models import Dataset, File, FilePerson, Individual, Membership

Day = dt.date | BindParameter[dt.date]


def dataset_exists(today: Day) -> ColumnElement[bool]:
    """Condition on ``Dataset``: released on or before ``today`` (UTC) and not withdrawn."""
    return and_(Dataset.release_date <= today, Dataset.withdrawn_at.is_(None))


def individual_exists(today: dt.date) -> ColumnElement[bool]:
    """Condition on ``Individual``: not withdrawn, and member of at least one data set that exists."""
    in_existing_set = exists(
        select(1)
        .select_from(Membership)
        .join(Dataset, Dataset.accession == Membership.dataset)
        .where(Membership.individual == Individual.accession, dataset_exists(today))
        .correlate(Individual)
    )
    return and_(Individual.withdrawn_at.is_(None), in_existing_set)


def file_exists(today: Day) -> ColumnElement[bool]:
    """Condition on ``File`` joined with its ``Dataset``: set exists, file is archived, nobody in it withdrew."""
    withdrawn_person = exists(
        select(1)
        .select_from(FilePerson)
        .join(Individual, Individual.accession == FilePerson.individual)
        .where(FilePerson.file == File.id, Individual.withdrawn_at.is_not(None))
        .correlate(File)
    )
    return and_(dataset_exists(today), File.state == "archived", ~withdrawn_person)
