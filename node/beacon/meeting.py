"""Who meets one Beacon question: what the member's side of a join is handed (``federation.side.Individuals``)."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pyroaring import BitMap

from adapters.catalog.catalog import Catalog, DatasetRecord, today
from adapters.terms.errors import FilterError
from adapters.variants.query import InvalidVariantQuery
from auth.budget import BudgetExhausted
from auth.caller import ANONYMOUS, Caller
from auth.policy import Floor, Policy
from node.beacon.access import Access, decide
from node.beacon.guard import Asked, Guard
from node.beacon.profile import UnknownEntryType
from node.beacon.question import Members, Question, Search, from_clause
from web.errors import Failure

Met = Sequence[tuple[str, str | None, Sequence[str]]]


class Meeting:
    """Answers ``{entryType, filters, requestParameters}`` with individuals, as callable.

    :param floor: below it, a term that no ontology has is as unknown to the caller as one that nobody has.
    :param guard: protects genotypes from those who may not see records.
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
        guard: Guard | None = None,
        today: Callable[[], dt.date] = today,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._catalog = catalog
        self._search = search
        self._policy = policy
        self._floor = floor
        self._linked = linked
        self._guard = guard
        self._today = today
        self._clock = clock

    def debit(self, clauses: Sequence[Mapping[str, Any]], caller: Caller, *, numbers: bool, whole: str = "") -> None:
        """Pay for a question of several clauses, before anybody is looked at (``federation.side.Debit``).

        A part of a joined question is another question with another ``whole``: the same carriers, narrowed down by
        other conditions at the other member.

        :raises Failure: 400 for a clause without meaning; 401 for an anonymous caller where genotypes of several
            clauses are asked for, which only a budget may tell; 403 where the budget does not suffice.
        """
        if self._guard is None:
            return
        try:
            questions = [_question(clause) for clause in clauses]
        except (FilterError, InvalidVariantQuery, UnknownEntryType) as error:
            raise Failure(400, str(error)) from error
        of_genotypes = [question for question in questions if question.genotypes]
        if not of_genotypes:
            return
        datasets = self._catalog.datasets()
        access = decide(self._policy, self._floor, caller, datasets, of_genotypes[0], int(self._clock()))
        alleles = tuple(question.variant for question in of_genotypes if question.variant is not None)
        words = " ".join(sorted(repr(question) for question in questions))
        asked = Asked(alleles, True, f"join {whole} {words}", numbers)

        def require(access: Access, members: Members) -> None:
            for question in questions:
                access.require_filters(self._search, self._resolved(question, access, members), members)

        try:
            admitted = self._guard.admit(caller, [asked], access, lambda: self._members(datasets), require)
        except FilterError as error:
            raise Failure(400, str(error)) from error
        except BudgetExhausted as error:
            raise Failure(403, f"{error}; who has access to the records is not charged") from error
        if admitted.closed:
            raise Failure(401, f"joined questions about genotypes of {', '.join(admitted.closed)} take a sign-in")

    def _members(self, datasets: Sequence[DatasetRecord]) -> Members:
        return self._search.members([dataset.accession for dataset in datasets], self._today())

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
        question = _question(clause)
        datasets = self._search.eligible(question, self._catalog.datasets())
        members = self._members(datasets)
        access = decide(self._policy, self._floor, caller, datasets, question, int(self._clock()))
        if self._guard is not None:
            # What joined questions differ by is looked at by who joins them.
            access = replace(self._guard.protected(access), apart={})
        found = access.met(self._search, self._resolved(question, access, members), members).people
        everyone = BitMap().union(*found.values())
        met = []
        for ordinal, accession, link in self._search.names(everyone):
            person = link if self._linked else accession
            met.append((accession, person, [dataset for dataset, people in found.items() if ordinal in people]))
        return met

    def _resolved(self, question: Question, access: Access, members: Members) -> Question:
        """What the Beacon's own answer takes each filter to be about."""
        return self._search.resolved(question, members, access.listed(members))


def _question(clause: Mapping[str, Any]) -> Question:
    entry_type = str(clause.get("entryType", "individual"))
    return from_clause(entry_type, clause.get("filters"), clause.get("requestParameters"))
