"""Accessions of a member: do they have the right form, and which one is next."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import closing

from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

NUMBERED = re.compile(r"(?P<prefix>[A-Za-z]+)\\d\{(?P<digits>\d+)(,\d*)?\}")


class NoAccession(ValueError):
    """No accession can be made for this entity; the message says what to give instead."""


class Accessions:
    """Patterns (full match) of the accessions of one member by entity: ``dataset``, ``individual``, ``run`` …"""

    def __init__(self, patterns: Mapping[str, str | None]) -> None:
        self._patterns = {entity: re.compile(pattern) for entity, pattern in patterns.items() if pattern}

    def occurs(self, entity: str) -> bool:
        """Whether this member has such an entity at all."""
        return entity in self._patterns

    def matches(self, entity: str, value: str) -> bool:
        """Whether ``value`` is an accession of ``entity``."""
        return self.occurs(entity) and self._patterns[entity].fullmatch(value) is not None

    def objection(self, entity: str, value: str) -> str | None:
        """Why ``value`` is no accession of ``entity``; None if it is one."""
        if not self.occurs(entity):
            return f"{value!r}: this member has no accessions of kind {entity!r}"
        if self.matches(entity, value):
            return None
        return f"{value!r} is no accession of kind {entity!r}; allowed: {self._patterns[entity].pattern}"

    def prefix(self, entity: str) -> str | None:
        """The letters before the number, where the pattern is letters and a number; else None."""
        shape = NUMBERED.fullmatch(self._patterns[entity].pattern) if self.occurs(entity) else None
        return shape["prefix"] if shape else None

    def numbered(self, entity: str, number: int) -> str:
        """Accession ``number`` (1-based) of an entity whose pattern is letters and a number.

        :raises NoAccession: if it is not, or if the numbers are used up.
        """
        shape = NUMBERED.fullmatch(self._patterns[entity].pattern) if self.occurs(entity) else None
        if shape is None:
            raise NoAccession(f"no accession of kind {entity!r} can be made here: give it in the input")
        made = f"{shape['prefix']}{number:0{shape['digits']}d}"
        if not self.matches(entity, made):
            raise NoAccession(f"accessions of kind {entity!r} are used up at {made}")
        return made

    def file_parent(self, run: str | None, dataset: str) -> str | None:
        """The accession that file ids begin with here: of the run, of the data set, or None for a plain number.

        :raises NoAccession: if ids need a run and there is none.
        """
        for parent in (run, dataset):
            if parent is not None and self.matches("file", f"{parent}-01"):
                return parent
        if self.prefix("file") is not None:
            return None
        raise NoAccession("an id of a file here begins with a run: give the id or the run")

    def file(self, parent: str | None, number: int) -> str:
        """File id ``number`` (1-based) under ``parent``.

        :raises NoAccession: if the numbers are used up.
        """
        if parent is None:
            return self.numbered("file", number)
        made = f"{parent}-{number:02d}"
        if not self.matches("file", made):
            raise NoAccession(f"ids of files under {parent} are used up at {made}")
        return made


def last_number(session: Session, column: InstrumentedAttribute[str], prefix: str) -> int:
    """The highest number in use behind ``prefix``; 0 if none. Rows are never deleted, so numbers are never reused."""
    query = (
        select(column)
        .where(column.startswith(prefix, autoescape=True))
        .order_by(func.length(column).desc(), column.desc())
    )
    with closing(session.scalars(query.execution_options(yield_per=100))) as accessions:
        digits = (found[len(prefix) :] for found in accessions)
        return next((int(number) for number in digits if number.isdecimal()), 0)
