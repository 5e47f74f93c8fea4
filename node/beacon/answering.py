"""Reads a request, decides how much of the answer the caller may see, and answers it."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import anyio.to_thread
from sqlalchemy import Engine

from adapters.catalog.catalog import Catalog, CohortRecord, DatasetRecord, today
from adapters.terms.listing import Listing
from adapters.terms.owned import Named
from adapters.terms.vocabulary import COHORT, DATASET, INDIVIDUAL
from auth.caller import Caller
from auth.policy import Floor, Policy
from node.beacon import answers, collections, envelope, listing, profile, records
from node.beacon.access import Access, decide
from node.beacon.guard import Guard, asked_of
from node.beacon.handovers import Handovers
from node.beacon.profile import Profile
from node.beacon.question import VARIANT, Members, Question, Search
from node.beacon.request import Request, from_get, from_post
from web.errors import Failure
from web.request import header, parameters

Body = dict[str, Any]
REQUEST_ACCESS = {"id": "CUSTOM:request-access", "label": "Request access to the records of this data set"}
COLLECTIONS = frozenset({DATASET, COHORT})


class Bearers(Protocol):
    """Resolves an Authorization header to a caller (``auth.clearinghouse.Clearinghouse.bearer``)."""

    async def __call__(self, authorization: str | None) -> Caller:
        """The caller; anonymous without a header."""
        ...


@dataclass(frozen=True)
class Restriction:
    """What the path of a request says: one entry, one data set, one entry of another type to which all belong."""

    entry: str | None = None
    dataset: str | None = None
    within: Named | None = None


ALL = Restriction()


class Answering:
    """Reads, decides and answers; the endpoints of :class:`Beacon` only say which entry type and restriction.

    :param bearer: resolves the caller.
    :param handovers: where the bytes behind records are.
    :param dataset_url: page where a person reads about a data set.
    :param guard: protects genotypes from those who may not see records; None: nothing but the floor does.
    :param today: the date, in UTC, on which visibility depends.
    :param clock: epoch seconds.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        catalog: Catalog,
        search: Search,
        policy: Policy,
        floor: Floor,
        bearer: Bearers,
        profile: Profile,
        handovers: Handovers,
        dataset_url: Callable[[str], str],
        guard: Guard | None = None,
        today: Callable[[], dt.date] = today,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._engine = engine
        self._catalog = catalog
        self._search = search
        self._policy = policy
        self._floor = floor
        self._bearer = bearer
        self._profile = profile
        self._handovers = handovers
        self._dataset_url = dataset_url
        self._guard = guard
        self._today = today
        self._clock = clock

    async def entries(self, entry_type: str, body: Body | None = None, where: Restriction = ALL) -> Body:
        """Answer a request for entries; without ``body`` it is the GET under way.

        :raises Failure: 400 for what is not understood, 404 for an entry type that this member does not expose.
        """
        for kind in (entry_type, *(() if where.within is None else (where.within[0],))):
            self._require(kind)
        default = self._profile.default_granularity
        request = from_get(parameters(), default) if body is None else from_post(body, default)
        if request.test_mode:
            return self._virtual(entry_type, request)
        self._require_narrowed(entry_type, request, where)
        caller = await self._bearer(header(b"authorization"))
        work = self._collections if entry_type in COLLECTIONS else self._result_sets
        asked = _question(entry_type, request, where)
        return await anyio.to_thread.run_sync(self._at_once, work, asked, request, caller, where)

    async def terms(self, skip: int, limit: int, where: Restriction = ALL, scope: str | None = None) -> Body:
        """The filtering terms that the caller may know of; ``limit`` 0: all.

        :param where: a data set or cohort, whose people they must be of.
        """
        for kind in (*(() if where.within is None else (where.within[0],)), *(() if scope is None else (scope,))):
            self._require(kind)
        caller = await self._bearer(header(b"authorization"))
        return await anyio.to_thread.run_sync(self._terms, caller, skip, limit, where, scope)

    def _at_once(self, work: Callable[..., Body], *asked: Any) -> Body:
        """What is kept of the catalog is compared with it once for the whole answer."""
        with self._search.kept.moment():
            return work(*asked)

    def _require(self, entry_type: str) -> None:
        if entry_type not in self._profile.entry_types:
            allowed = ", ".join(self._profile.entry_types)
            raise Failure(404, f"this beacon has no entry type {entry_type}; it has: {allowed}")

    def _require_narrowed(self, entry_type: str, request: Request, where: Restriction) -> None:
        """:raises Failure: 400 for a question without any narrowing, where the beacon answers none (BEA-30)."""
        if entry_type in self._profile.filtered_only and where == ALL and not request.filters and not request.variant:
            raise Failure(400, f"filters: {entry_type} answers only questions with filters or requestParameters")

    def _datasets(self, where: Restriction) -> list[DatasetRecord]:
        return self._catalog.datasets(None if where.dataset is None else [where.dataset])

    def _access(
        self,
        caller: Caller,
        datasets: Sequence[DatasetRecord],
        questions: Sequence[Question],
        members: Members | None = None,
        *,
        numbers: bool = False,
    ) -> Access:
        """What the caller may learn; what it costs is paid when this returns (:class:`Guard`).

        :param questions: one; several that differ in nothing but the cohort, where the answer tells of each.
        :param members: the people who exist, if they are known already.
        :param numbers: the answer shows numbers, where they are granted.
        """
        first = questions[0]
        access = decide(self._policy, self._floor, caller, datasets, first, int(self._clock()))
        if self._guard is None:
            return access
        sets = self._sets_of_cohorts(questions)
        found = (asked_of(q, self._search.of_people(q), numbers, sets.get(q.cohort)) for q in questions)
        asked = [one for one in found if one is not None]
        require = partial(self._require_filters, first)
        return self._guard.admit(caller, asked, access, lambda: members or self._members(datasets), require)

    def _sets_of_cohorts(self, questions: Sequence[Question]) -> dict[str | None, list[str]]:
        """The data set of each cohort that a question about genotypes is within: of no other it tells anything."""
        sets: dict[str | None, list[str]] = {q.cohort: [] for q in questions if q.genotypes and q.cohort is not None}
        for cohort in self._catalog.cohorts() if sets else ():
            if cohort.id in sets:
                sets[cohort.id].append(cohort.dataset)
        return sets

    def _require_filters(self, question: Question, access: Access, members: Members) -> None:
        resolved = self._search.resolved(question, members, access.listed(members))
        access.require_filters(self._search, resolved, members)

    def _result_sets(self, question: Question, request: Request, caller: Caller, where: Restriction) -> Body:
        datasets = self._search.eligible(question, self._datasets(where))
        members = self._members(datasets)
        access = self._access(caller, datasets, [question], members, numbers=request.granularity != "boolean")
        granularity = access.returned(request.granularity)
        limit = request.limit if granularity == "record" else 0
        found = answers.answer(self._search, self._engine, access, question, members, request.skip, limit)
        body = self._summary(question.entry_type, request, granularity, bool(found.counts), found.number)
        body["info"] = access.told(question)
        if granularity == "record":
            handed = partial(self._handed, question.entry_type, access)
            sets = answers.result_sets(found, access, datasets, request.include, handed)
            body["response"] = {"resultSets": sets}
        return body

    def _handed(self, entry_type: str, access: Access, dataset: str, results: Sequence[Body]) -> list[Body]:
        if access.granted[dataset] == "record":
            return self._handovers.of(entry_type, dataset, results)
        requests_url = self._profile.requests_url
        return [{"handoverType": REQUEST_ACCESS, "url": requests_url}] if requests_url else []

    def _collections(self, question: Question, request: Request, caller: Caller, where: Restriction) -> Body:
        existing = self._search.eligible(question, self._datasets(where))
        found = (
            self._cohorts(question, caller, existing)
            if question.entry_type == COHORT
            else self._sets(question, caller, existing)
        )
        body = self._summary(question.entry_type, request, request.granularity, bool(found), len(found))
        if request.granularity == "record":
            shown = found[request.skip * request.limit :][: request.limit]
            body["response"] = {"collections": [record() for record in shown]}
        return body

    def _sets(self, question: Question, caller: Caller, existing: Sequence[DatasetRecord]) -> list[Callable[[], Body]]:
        found = collections.datasets(
            self._search,
            lambda about: self._access(caller, existing, [about]),
            question,
            existing,
            lambda: self._members(existing),
        )
        return [partial(records.dataset, d, self._dataset_url(d.accession)) for d in found]

    def _cohorts(
        self, question: Question, caller: Caller, existing: Sequence[DatasetRecord]
    ) -> list[Callable[[], Body]]:
        members = self._members(existing)
        found = collections.cohorts(
            self._search,
            lambda of_each: self._access(caller, existing, of_each),
            question,
            [cohort for cohort in self._catalog.cohorts() if cohort.dataset in members],
            lambda: members,
        )
        access = self._access(caller, existing, [Question(INDIVIDUAL)])

        def record(cohort: CohortRecord) -> Body:
            size = collections.size(self._search, access, cohort, members)
            return records.cohort(cohort, size, whole=cohort.dataset in access.full())

        return [partial(record, cohort) for cohort in found]

    def _members(self, datasets: Sequence[DatasetRecord]) -> Members:
        return self._search.members([dataset.accession for dataset in datasets], self._today())

    def _with_edges(self, terms: Sequence[Body]) -> list[Body]:
        """The terms, and as values of ages and numbers the edges on which comparisons fall below record access."""
        bins = None if self._guard is None else self._guard.bins
        edges = {term["id"]: bins.published(term["id"]) for term in terms} if bins is not None else {}
        return [term | ({"values": edges[term["id"]]} if edges.get(term["id"]) else {}) for term in terms]

    def _virtual(self, entry_type: str, request: Request) -> Body:
        """The answer in test mode: nobody's data, whoever asks (BEA-28)."""
        found = profile.test_records()[entry_type]
        shown = found[request.skip * request.limit :][: request.limit]
        body = self._summary(entry_type, request, request.granularity, bool(found), len(found))
        if request.granularity == "record" and entry_type in COLLECTIONS:
            body["response"] = {"collections": shown}
        elif request.granularity == "record":
            virtual = {
                "id": "TEST000001",
                "setType": "dataset",
                "exists": True,
                "resultsCount": len(found),
                "results": shown,
            }
            body["response"] = {"resultSets": [virtual] if request.include in ("HIT", "ALL") else []}
        return body

    def _summary(self, entry_type: str, request: Request, granularity: str, exists: bool, number: int) -> Body:
        schemas = self._profile.schemas(entry_type)
        about = {"exists": exists} | ({} if granularity == "boolean" else {"numTotalResults": number})
        return {
            "meta": envelope.meta(self._profile.id, schemas, granularity, request.summary),
            "responseSummary": about,
        }

    def _terms(self, caller: Caller, skip: int, limit: int, where: Restriction, scope: str | None) -> Body:
        datasets = self._datasets(where)
        access = self._access(caller, datasets, [Question(INDIVIDUAL)])
        members = self._members(datasets)
        if where.within is not None:
            members = self._search.of(where.within[1], members)
        from_index = Listing(self._engine, self._profile.entry_types, self._search.specimens)
        found = from_index.terms(members, access.listed(members)) + listing.data_use_terms(datasets)
        wanted = [term for term in found if scope is None or scope in term["scopes"]]
        shown = self._with_edges(wanted[skip * limit :][:limit] if limit else wanted)
        response = {"filteringTerms": shown, "resources": from_index.resources(shown)}
        return envelope.informational(self._profile.id, (), response)


def _question(entry_type: str, request: Request, where: Restriction) -> Question:
    question = Question(entry_type, request.filters, request.variant, where.entry, where.within)
    named = question.entry if entry_type == VARIANT else question.allele
    if named is not None and request.variant is not None:
        raise Failure(400, "requestParameters: not allowed beside the id of an allele, which says it")
    return question
