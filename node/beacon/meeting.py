"""Who meets one Beacon question: what the member's side of a join is handed (``federation.side.Individuals``)."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pyroaring import BitMap

from adapters.catalog.catalog import Catalog, today
from adapters.terms.errors import FilterError
from adapters.variants.query import InvalidVariantQuery
from auth.caller import ANONYMOUS, Caller
from auth.policy import Floor, Policy
from node.beacon.access import decide
from node.beacon.profile import UnknownEntryType
from node.beacon.question import Search, from_clause
from web.errors import Failure

Met = Sequence[tuple[str, str | None, Sequence[str]]]


class Meeting:
    """Answers ``{entryType, filters, requestParameters}`` with individuals, as callable.

    :param floor: below it, a term that no ontology has is as unknown to the caller as one that nobody has.
    :param linked: the people here are linked to those of another member; otherwise they are what others link to.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        search: Search,
        policy: Policy,
        floor: Floor,
        linked: bool,
        today: Callable[[], dt.date] = today,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._catalog = catalog
        self._search = search
        self._policy = policy
        self._floor = floor
        self._linked = linked
        self._today = today
        self._clock = clock

    def __call__(self, question: Mapping[str, Any], caller: Caller | None) -> Met:
        """(accession, the person's at GSA-Human or None, data sets in which it is met) of who meets the question.

        Everyone who exists is in it, whatever the tier: what of it may leave the member is decided by the caller of
        this function.

        :raises Failure: 400 for a question that this member cannot answer.
        """
        try:
            return self._met(question, caller or ANONYMOUS)
        except (FilterError, InvalidVariantQuery, UnknownEntryType) as error:
            raise Failure(400, str(error)) from error

    def _met(self, clause: Mapping[str, Any], caller: Caller) -> Met:
        question = from_clause(
            str(clause.get("entryType", "individual")), clause.get("filters"), clause.get("requestParameters")
        )
        datasets = self._search.eligible(question, self._catalog.datasets())
        members = self._search.members([dataset.accession for dataset in datasets], self._today())
        access = decide(self._policy, self._floor, caller, datasets, question, int(self._clock()))
        found = self._search.met(question, members, access.listed(members))
        everyone = BitMap().union(*found.values())
        met = []
        for row in self._search.rows(everyone):
            person = row.link if self._linked else row.accession
            met.append((row.accession, person, [dataset for dataset, people in found.items() if row.ordinal in people]))
        return met
