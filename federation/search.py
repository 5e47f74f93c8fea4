"""Federated search: one question over all members (``specs/federation.yaml``)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import connexion

from federation.asking import Asking
from federation.bearer import bearer
from federation.capabilities import Capabilities
from federation.directory import Directory
from federation.fanout import Reply, Status
from federation.join import InvalidSide, Outcome, SideAnswer, Sizes, combine, read_side, same_key
from federation.nodes import Nodes
from federation.plan import Part, Plan, make_plan
from federation.pseudonyms import encode, fingerprint, new_nonce
from federation.semijoin import Lost, SemiJoin
from federation.settings import GatewaySettings
from federation.streaming import WHOLE, Answered, Emit, stream, wanted
from federation.tokens import Assert
from web.errors import problem_shape

DEFAULT_LIMIT = 10
UNEQUAL_KEYS = "the linked members have different keys now; one may just have been changed"


class Search:
    """Handler of ``specs/federation.yaml``.

    :param assertion: signs as the gateway towards a member: (member's public URL, claims) to a client assertion.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        nodes: Nodes,
        capabilities: Capabilities,
        directory: Directory,
        assertion: Assert,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._nodes = nodes
        self._capabilities = capabilities
        self._directory = directory
        self._ask = Asking(nodes, assertion)
        self._clock = clock

    async def list_nodes(self) -> list[dict[str, Any]]:
        """The members with the health of their services and what they can be asked."""
        services = await self._directory.services()
        known, membership = await self._capabilities.known(), self._nodes.membership
        return [
            {
                "id": member.id,
                "name": member.name,
                "url": member.url,
                "configured": membership.is_configured(member.id),
                "entryTypes": sorted(known[member.id].entry_types) if member.id in known else [],
                "services": [service.told() for service in services if service.member == member.id],
            }
            for member in membership.members
        ]

    async def search(self, body: dict[str, Any]) -> Answered:
        """Answer a question, at once or node by node as the Accept header says (:mod:`federation.streaming`).

        :raises Failure: 400 for a question that cannot be planned, 401 for a bad token.
        """
        headers = connexion.request.headers
        token, kind = bearer(headers.get("authorization")), wanted(headers.get("accept"))
        if kind is None:
            return await self.answer(body, token), 200, WHOLE
        return await stream(kind, lambda emit: self.answer(body, token, emit), problem_shape)

    async def answer(self, body: Mapping[str, Any], token: str | None, emit: Emit | None = None) -> dict[str, Any]:
        """Answer a question as the caller of ``token``, for pages as well as for the API.

        :param emit: is told of each node's side when it is there.
        """
        until = self._nodes.until()
        plan = make_plan(body, await self._capabilities.known(), self._nodes.membership.settings)
        requested = body.get("granularity", "count")
        replies, sides, sizes = await self._sides(plan, body, requested, token, until, emit)
        answer: dict[str, Any] = {"nodes": [_node(part, replies[part.member], sides) for part in plan.parts]}
        if body.get("explain"):
            answer["plan"] = plan.explain(requested)
        if len(sides) < len(plan.parts):
            return {"complete": False, "granularity": "boolean", "exists": None, "suppressed": False, **answer}
        outcome = combine(plan.parts, sides, requested, self._settings.floor, sizes)
        answer = {"complete": True, **_told(outcome), **answer}
        if requested == "record":
            answer["access"] = _access(sides)
        if outcome.accessions is not None:
            page, fetched = await self._page(plan, outcome.accessions, sides, body, token, until)
            answer.update(page)
            _tell_missing(answer, fetched)
        return answer

    async def _sides(
        self,
        plan: Plan,
        question: Mapping[str, Any],
        requested: str,
        token: str | None,
        until: float,
        emit: Emit | None,
    ) -> tuple[dict[str, Reply], dict[str, SideAnswer], Sizes | None]:
        """Ask each member of the plan for its part, all under one nonce and the whole question's hash; of large sides
        perhaps only the sizes."""
        nonce = encode(new_nonce(self._clock()))
        whole = encode(fingerprint({"all": question["all"], "none": question.get("none", [])}))
        bodies = {}
        for part in plan.parts:
            body = {
                "question": {"all": part.all, "none": part.none},
                "granularity": requested,
                "nonce": nonce,
                "whole": whole,
            }
            partner = plan.partner(part.member)
            bodies[part.member] = body if partner is None else {**body, "partner": partner}

        def told(tell: Emit, node: str, reply: Reply) -> None:
            part = next(part for part in plan.parts if part.member == node)
            judged, sides = _read({node: reply}, plan, requested)
            tell({"event": "node", "node": _node(part, judged[node], sides)})

        # Who does not stream has each side read once, with the others.
        arrived = None if emit is None else partial(told, emit)
        asked = await self._ask("/federation/v1/side", bodies, token, until, arrived)
        replies, sides = _read(asked, plan, requested)
        if not same_key(sides.values()):
            unequal = {node: Reply(Status.INVALID, None, replies[node].seconds, UNEQUAL_KEYS) for node in sides}
            return {**replies, **unequal}, {}, None
        if len(sides) < 2:
            return replies, sides, None

        async def steps(asked: Mapping[str, dict[str, Any]]) -> dict[str, Reply]:
            under = {member: {**step, "nonce": nonce} for member, step in asked.items()}
            return await self._ask("/federation/v1/side/held", under, token, until)

        try:
            return replies, *await SemiJoin(sides, steps).completed()
        except Lost as lost:
            del sides[lost.member]
            return {**replies, lost.member: lost.reply}, sides, None

    async def _page(
        self,
        plan: Plan,
        accessions: Sequence[str],
        sides: Mapping[str, SideAnswer],
        body: Mapping[str, Any],
        token: str | None,
        until: float,
    ) -> tuple[dict[str, Any], Mapping[str, Reply]]:
        """One page of the joined records, with what there is to fetch of each; and what nodes replied about that."""
        skip, limit = body.get("skip", 0), body.get("limit", DEFAULT_LIMIT)
        shown = accessions[skip * limit : (skip + 1) * limit]
        rows = {part.member: _rows(sides[part.member], shown, plan.joined) for part in plan.parts if part.all}
        nonce = encode(new_nonce(self._clock()))
        bodies: dict[str, dict[str, Any]] = {
            node: {"accessions": [row["accession"] for row in found], "nonce": nonce}
            for node, found in rows.items()
            if found
        }
        replies = await self._ask("/federation/v1/side/records", bodies, token, until) if bodies else {}
        fetched = {node: _by_accession(reply) for node, reply in replies.items()}
        page = {
            "numRecords": len(accessions),
            "records": [
                {
                    "person": person,
                    "individuals": [
                        {"node": node, **fetched[node].get(row["accession"], {"accession": row["accession"]})}
                        for node, found in rows.items()
                        for row in found
                        if row["key"] == person
                    ],
                }
                for person in shown
            ],
        }
        return page, replies


def _read(replies: Mapping[str, Reply], plan: Plan, requested: str) -> tuple[dict[str, Reply], dict[str, SideAnswer]]:
    """The sides that can be used; a reply that breaks the contract becomes ``invalid``."""
    sides, judged = {}, dict(replies)
    for node, reply in replies.items():
        if reply.status is not Status.ANSWERED:
            continue
        try:
            sides[node] = read_side(reply.body, joined=plan.joined, requested=requested)
        except InvalidSide as error:
            judged[node] = Reply(Status.INVALID, None, reply.seconds, str(error))
    return judged, sides


def _node(part: Part, reply: Reply, sides: Mapping[str, SideAnswer]) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": part.member, "status": reply.status.value, "seconds": round(reply.seconds, 4)}
    if reply.detail:
        shown["detail"] = reply.detail
    shown |= part.told()
    if part.member in sides:
        side = sides[part.member]
        shown |= {"granularity": side.granularity, "suppressed": side.suppressed, "floor": side.floor.model_dump()}
    return shown


def _tell_missing(answer: dict[str, Any], fetched: Mapping[str, Reply]) -> None:
    """A node that did not say what there is to fetch is told by its status; its records stand there without it."""
    for line in answer["nodes"]:
        reply = fetched.get(line["id"])
        if reply is not None and reply.status is not Status.ANSWERED:
            answer["complete"] = False
            line |= {"status": reply.status.value, "detail": f"of its records: {reply.detail}"}


def _told(outcome: Outcome) -> dict[str, Any]:
    told: dict[str, Any] = {
        "granularity": outcome.granularity,
        "exists": outcome.exists,
        "suppressed": outcome.suppressed,
        "exact": outcome.exact,
        "floor": outcome.floor.model_dump(),
    }
    if outcome.granularity != "boolean":
        told["count"] = outcome.count
    if outcome.refused_by:
        told["refusedBy"] = list(outcome.refused_by)
    return told


def _access(sides: Mapping[str, SideAnswer]) -> list[dict[str, Any]]:
    return [
        {"node": node, **dataset.model_dump(exclude_none=True)}
        for node, side in sides.items()
        for dataset in side.datasets
    ]


def _rows(side: SideAnswer, shown: Sequence[str], joined: bool) -> list[dict[str, str]]:
    """The individuals of the page at one member; ``key`` is the person they belong to."""
    wanted = frozenset(shown)
    keyed = [(row.person if joined else row.accession, row.accession) for row in side.records or ()]
    return [{"key": key, "accession": accession} for key, accession in keyed if key is not None and key in wanted]


def _by_accession(reply: Reply) -> dict[str, dict[str, Any]]:
    records = reply.body.get("records") if isinstance(reply.body, dict) else None
    return {
        record["accession"]: record
        for record in (records if isinstance(records, list) else ())
        if isinstance(record, dict) and isinstance(record.get("accession"), str)
    }
