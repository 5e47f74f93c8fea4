"""Reads a request, decides how much of the answer the caller may see, and answers it."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import anyio.to_thread
import connexion
from sqlalchemy import Engine

from adapters.catalog.catalog import Catalog, DatasetRecord, today
from adapters.terms.listing import Listing
from adapters.terms.vocabulary import DATASET, INDIVIDUAL
from auth.caller import Caller
from auth.policy import Floor, Policy
from node.beacon import answers, envelope, listing, profile, records
from node.beacon.access import Access, decide
from node.beacon.guard import Guard, asked_of
from node.beacon.profile import Profile
from node.beacon.question import VARIANT, Members, Question, Search
from node.beacon.request import Request, from_get, from_post
from web.errors import Failure

Body = dict[str, Any]


class Bearers(Protocol):
    """Resolves an Authorization header to a caller (``auth.clearinghouse.Clearinghouse.bearer``)."""

    async def __call__(self, authorization: str | None) -> Caller:
        """The caller; anonymous without a header."""
        ...


@dataclass(frozen=True)
class Restriction:
    """What the path of a request says: one entry, one data set, one person, one allele, one study."""

    entry: str | None = None
    dataset: str | None = None
    individual: str | None = None
    allele: str | None = None
    study: str | None = None


ALL = Restriction()


class Answering:
    """Reads, decides and answers; the endpoints of :class:`Beacon` only say which entry type and restriction.

    :param bearer: resolves the caller.
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
        self._dataset_url = dataset_url
        self._guard = guard
        self._today = today
        self._clock = clock

    async def entries(self, entry_type: str, body: Body | None = None, where: Restriction = ALL) -> Body:
        """Answer a request for entries; without ``body`` it is the GET under way.

        :raises Failure: 400 for what is not understood, 404 for an entry type that this member does not expose.
        """
        self._require(entry_type)
        default = self._profile.default_granularity
        request = (
            from_get(connexion.request.query_params.multi_items(), default)
            if body is None
            else from_post(body, default)
        )
        if request.test_mode:
            return self._virtual(entry_type, request)
        caller = await self._bearer(connexion.request.headers.get("authorization"))
        work = self._collections if entry_type == DATASET else self._result_sets
        return await anyio.to_thread.run_sync(work, _question(entry_type, request, where), request, caller, where)

    async def terms(self, skip: int, limit: int, dataset: str | None = None, scope: str | None = None) -> Body:
        """The filtering terms that the caller may know of; ``limit`` 0: all."""
        if scope is not None:
            self._require(scope)
        caller = await self._bearer(connexion.request.headers.get("authorization"))
        return await anyio.to_thread.run_sync(self._terms, caller, skip, limit, dataset, scope)

    def _require(self, entry_type: str) -> None:
        if entry_type not in self._profile.entry_types:
            allowed = ", ".join(self._profile.entry_types)
            raise Failure(404, f"this beacon has no entry type {entry_type}; it has: {allowed}")

    def _datasets(self, where: Restriction) -> list[DatasetRecord]:
        return self._catalog.datasets(None if where.dataset is None else [where.dataset])

    def _access(
        self,
        caller: Caller,
        datasets: Sequence[DatasetRecord],
        question: Question,
        members: Members | None = None,
        *,
        numbers: bool = False,
    ) -> Access:
        """What the caller may learn; what it costs is paid when this returns (:class:`Guard`).

        :param members: the people who exist, if they are known already.
        :param numbers: the answer shows numbers, where they are granted.
        """
        access = decide(self._policy, self._floor, caller, datasets, question, int(self._clock()))
        if self._guard is None:
            return access
        asked = asked_of(question, self._search.of_people(question), numbers)
        return self._guard.admit(caller, asked, access, lambda: members or self._members(datasets))

    def _members(self, datasets: Sequence[DatasetRecord]) -> Members:
        return self._search.members([dataset.accession for dataset in datasets], self._today())

    def _result_sets(self, question: Question, request: Request, caller: Caller, where: Restriction) -> Body:
        datasets = self._search.eligible(question, self._datasets(where))
        members = self._members(datasets)
        access = self._access(caller, datasets, question, members, numbers=request.granularity != "boolean")
        granularity = access.returned(request.granularity)
        limit = request.limit if granularity == "record" else 0
        found = answers.answer(self._search, self._engine, access, question, members, request.skip, limit)
        body = self._summary(question.entry_type, request, granularity, bool(found.counts), found.number)
        body["info"] = access.told(question)
        if granularity == "record":
            requests_url = self._profile.requests_url
            sets = answers.result_sets(found, access, datasets, request.include, requests_url)
            body["response"] = {"resultSets": sets}
        return body

    def _collections(self, question: Question, request: Request, caller: Caller, where: Restriction) -> Body:
        datasets = self._search.eligible(question, self._datasets(where))
        found = answers.collections(
            self._search,
            lambda about: self._access(caller, datasets, about),
            question,
            datasets,
            lambda: self._members(datasets),
        )
        body = self._summary(DATASET, request, request.granularity, bool(found), len(found))
        if request.granularity == "record":
            shown = found[request.skip * request.limit :][: request.limit]
            body["response"] = {"collections": [records.dataset(d, self._dataset_url(d.accession)) for d in shown]}
        return body

    def _virtual(self, entry_type: str, request: Request) -> Body:
        """The answer in test mode: nobody's data, whoever asks (BEA-28)."""
        found = profile.test_records()[entry_type]
        shown = found[request.skip * request.limit :][: request.limit]
        body = self._summary(entry_type, request, request.granularity, bool(found), len(found))
        if request.granularity == "record" and entry_type == DATASET:
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

    def _terms(self, caller: Caller, skip: int, limit: int, dataset: str | None, scope: str | None) -> Body:
        datasets = self._datasets(Restriction(dataset=dataset))
        access = self._access(caller, datasets, Question(INDIVIDUAL))
        members = self._members(datasets)
        from_index = Listing(self._engine, self._profile.entry_types)
        found = from_index.terms(members, access.listed(members)) + listing.data_use_terms(datasets)
        wanted = [term for term in found if scope is None or scope in term["scopes"]]
        shown = wanted[skip * limit :][:limit] if limit else wanted
        response = {"filteringTerms": shown, "resources": from_index.resources(shown)}
        return envelope.informational(self._profile.id, (), response)


def _question(entry_type: str, request: Request, where: Restriction) -> Question:
    named = where.entry if entry_type == VARIANT else where.allele
    if named is not None and request.variant is not None:
        raise Failure(400, "requestParameters: not allowed beside the id of an allele, which says it")
    return Question(
        entry_type=entry_type,
        filters=request.filters,
        variant=request.variant,
        entry=where.entry,
        individual=where.individual,
        allele=where.allele,
        study=where.study,
    )
