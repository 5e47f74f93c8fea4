"""Entries that belong to one person each: images, samples, runs, analyses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from pyroaring import BitMap

from adapters.terms.filters import Filter

Named = tuple[str, str]
"""Entry type and id of the one entry that is meant, or within which all are."""


@dataclass(frozen=True, slots=True)
class Owned:
    """An entry: its id, its data set and the ordinal of its owner."""

    id: str
    dataset: str
    owner: int


class OwnedEntries(Protocol):
    """A family of entry types whose entries hang together; all filters of one question hold on entries that do."""

    def owners(
        self,
        entry_type: str | None,
        filters: Sequence[Filter],
        people: dict[str, BitMap],
        named: Sequence[Named] = (),
    ) -> dict[str, BitMap]:
        """Data set → those of its ``people`` with an entry in it for which all ``filters`` hold.

        :param entry_type: the type that the entry must have, if the filters do not say it.
        :param named: entries that it must be or be within.
        :raises adapters.terms.errors.FilterError: as :meth:`adapters.terms.filters.Filters.individuals`.
        """
        ...

    def entries(
        self, entry_type: str, filters: Sequence[Filter], people: dict[str, BitMap], named: Sequence[Named] = ()
    ) -> Iterator[Owned]:
        """The entries for which all ``filters`` hold, in order of id.

        :param people: data set → owners that count.
        :param named: as for :meth:`owners`.
        """
        ...
