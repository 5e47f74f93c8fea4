"""Network Beacon v2.1.1: the same contract as a node's, asked of all nodes at once (CHECKLIST section 2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import connexion

from federation.beacon_answer import NodeAnswer, believed, marked, read, returned_granularity, total, without_doubles
from federation.beacon_model import (
    API_VERSION,
    DATASET,
    FRAMEWORK,
    INDIVIDUAL,
    VARIANT,
    EntryType,
    endpoint_sets,
    entry_types,
)
from federation.beacon_question import DEFAULT_GRANULARITY, DEFAULT_LIMIT, Question, from_get, from_post
from federation.bearer import bearer
from federation.capabilities import Capabilities, Capability
from federation.fanout import Ask, Reply, Status
from federation.nodes import Nodes
from federation.settings import GatewaySettings
from federation.streaming import WHOLE, Answered, Emit, Event, stream, wanted
from federation.translation import Translation, translations
from web.errors import Failure
from web.service_info import Organization, service_info


class NetworkBeacon:
    """Handler of ``specs/network_beacon.yaml``."""

    def __init__(self, settings: GatewaySettings, nodes: Nodes, capabilities: Capabilities) -> None:
        self._settings = settings
        self._nodes = nodes
        self._capabilities = capabilities
        self.id = f"{settings.id}.beacon"

    async def get_info(self) -> dict[str, Any]:
        """``/`` and ``/info`` (BEA-01)."""
        settings = self._settings
        organization = settings.organization
        members = self._nodes.membership.members
        nodes = [{"id": member.id, "name": member.name, "url": member.base("beacon")} for member in members]
        return self._informational(
            {
                "id": self.id,
                "name": settings.name,
                "apiVersion": API_VERSION,
                "environment": settings.environment,
                "organization": {"id": organization.id, "name": organization.name, "welcomeUrl": organization.url},
                "welcomeUrl": settings.public_url,
                "info": {"nodes": nodes},
            }
        )

    async def get_root(self) -> dict[str, Any]:
        """``/`` is ``/info``."""
        return await self.get_info()

    async def get_service_info(self) -> dict[str, Any]:
        """``/service-info`` (BEA-02)."""
        settings = self._settings
        return service_info(
            id=self.id,
            name=settings.name,
            artifact="beacon",
            standard_version=API_VERSION.removeprefix("v"),
            organization=Organization(**settings.organization.model_dump()),
            environment=settings.environment,
        )

    async def get_configuration(self) -> dict[str, Any]:
        """``/configuration`` (BEA-03)."""
        return self._informational(
            {
                "$schema": f"{FRAMEWORK}/beaconConfigurationSchema.json",
                "maturityAttributes": {"productionStatus": _maturity(self._settings.environment)},
                "securityAttributes": {
                    "defaultGranularity": DEFAULT_GRANULARITY,
                    "securityLevels": ["PUBLIC", "REGISTERED", "CONTROLLED"],
                },
                "entryTypes": entry_types(),
            }
        )

    async def get_map(self) -> dict[str, Any]:
        """``/map`` (BEA-04)."""
        base = f"{self._settings.public_url}/ga4gh/beacon/v2"
        return self._informational(
            {"$schema": f"{FRAMEWORK}/beaconMapSchema.json", "endpointSets": endpoint_sets(base)}
        )

    async def get_entry_types(self) -> dict[str, Any]:
        """``/entry_types`` (BEA-05)."""
        return self._informational({"entryTypes": entry_types()})

    async def get_filtering_terms(self, skip: int = 0, limit: int = DEFAULT_LIMIT) -> dict[str, Any]:
        """``/filtering_terms`` of all nodes, each term once, with the nodes that know it (BEA-06, BEA-25)."""
        terms, resources = merged_terms(dict(await self._capabilities.known()))
        page = terms[skip * limit : (skip + 1) * limit] if limit else terms
        return self._informational({"resources": resources, "filteringTerms": page})

    async def get_datasets(self) -> Answered:
        """``GET /datasets`` (BEA-07)."""
        return await self._get(DATASET)

    async def post_datasets(self, body: dict[str, Any]) -> Answered:
        """``POST /datasets``."""
        return await self._post(DATASET, body)

    async def get_dataset(self, entry_id: str) -> Answered:
        """``GET /datasets/{id}``."""
        return await self._get(DATASET, entry_id)

    async def get_individuals(self) -> Answered:
        """``GET /individuals`` (BEA-10)."""
        return await self._get(INDIVIDUAL)

    async def post_individuals(self, body: dict[str, Any]) -> Answered:
        """``POST /individuals``."""
        return await self._post(INDIVIDUAL, body)

    async def get_individual(self, entry_id: str) -> Answered:
        """``GET /individuals/{id}``."""
        return await self._get(INDIVIDUAL, entry_id)

    async def get_variants(self) -> Answered:
        """``GET /g_variants`` (BEA-14)."""
        return await self._get(VARIANT)

    async def post_variants(self, body: dict[str, Any]) -> Answered:
        """``POST /g_variants``."""
        return await self._post(VARIANT, body)

    async def get_variant(self, entry_id: str) -> Answered:
        """``GET /g_variants/{id}``."""
        return await self._get(VARIANT, entry_id)

    async def _get(self, kind: EntryType, entry_id: str | None = None) -> Answered:
        question = from_get(connexion.request.scope["query_string"].decode("latin-1"))
        return await self._answered(kind, question, entry_id)

    async def _post(self, kind: EntryType, body: dict[str, Any]) -> Answered:
        return await self._answered(kind, from_post(body), None)

    async def _answered(self, kind: EntryType, question: Question, entry_id: str | None) -> Answered:
        """At once, or node by node as the Accept header says (:mod:`federation.streaming`)."""
        headers = connexion.request.headers
        via = headers.get("via", "")
        if self._settings.id in via.replace(",", " ").split():
            raise Failure(508, "this gateway is asked by itself, through a gateway that has it as a node")
        token, streamed = _token(), wanted(headers.get("accept"))
        if streamed is None:
            return await self.answer(kind, question, token, entry_id, via=via), 200, WHOLE
        return await stream(streamed, lambda emit: self.answer(kind, question, token, entry_id, emit, via), self.error)

    async def answer(
        self,
        kind: EntryType,
        question: Question,
        token: str | None,
        entry_id: str | None = None,
        emit: Emit | None = None,
        via: str = "",
    ) -> dict[str, Any]:
        """Ask every node that serves ``kind`` and put the answers together.

        :param emit: is told of each node's answer when it is there.
        :param via: the gateways through which the question came here.
        :raises Failure: 400 if no node can answer the question, 503 if none answered it.
        """
        known = await self._capabilities.known()
        passed_on = {"Via": f"{via}, 1.1 {self._settings.id}"} if via else {}
        asks, silent, made = {}, {}, self._translations(question, known)
        members = tuple(self._nodes.members.values())  # one may leave while others are asked
        for member in members:
            base = member.base("beacon")
            if base is None:
                continue
            if member.id in known and kind.id not in known[member.id].entry_types:
                silent[member.id] = Reply(Status.CANNOT_ANSWER, detail=f"serves no {kind.id}")
                continue
            path = f"{base}/{kind.path}" + ("" if entry_id is None else f"/{quote(entry_id, safe='')}")
            own = question.translated(made[member.id]) if member.id in made else question
            asks[member.id] = Ask(own.address(path), own.body, passed_on)

        def said(node: str, reply: Reply) -> NodeAnswer:
            return replace(read(node, reply, kind.collection), translated=made.get(node, ()))

        def arrived(node: str, reply: Reply) -> None:
            if emit is not None:
                emit(_event(kind, question, said(node, reply)))

        replies = {**silent, **await self._nodes.ask(asks, token, arrived)}
        answers = [said(m.id, replies[m.id]) for m in members if m.id in replies]
        if kind is INDIVIDUAL and token is None:
            answers = [
                believed(answer, known[answer.node].people if answer.node in known else None) for answer in answers
            ]
        answers = without_doubles(answers)
        _check_answered(answers, set(asks), entry_id)
        return self._envelope(kind, question, answers)

    def _translations(self, question: Question, known: Mapping[str, Capability]) -> dict[str, tuple[Translation, ...]]:
        """By node, where there are any."""
        terms, mappings = question.terms(), self._settings.mappings
        made = {node: translations(terms, capability, mappings) for node, capability in known.items()}
        return {node: found for node, found in made.items() if found}

    def _envelope(self, kind: EntryType, question: Question, answers: list[NodeAnswer]) -> dict[str, Any]:
        # Collections are what everybody may see of them; nodes answer them alike at every granularity.
        granularity = returned_granularity(answers, "record" if kind.collection else question.granularity)
        usable = [answer for answer in answers if answer.answered]
        summary: dict[str, Any] = {"exists": any(answer.exists for answer in usable)}
        info: dict[str, Any] = {"nodes": [answer.status() for answer in answers]}
        if granularity != "boolean":
            info["total"] = total(
                [answer for answer in answers if answer.reply.status is not Status.CANNOT_ANSWER], kind
            )
            summary["numTotalResults"] = info["total"]["atLeast"]
        envelope: dict[str, Any] = {
            "meta": {
                "beaconId": self.id,
                "apiVersion": API_VERSION,
                "returnedSchemas": [kind.schema_reference()],
                "returnedGranularity": granularity,
                "receivedRequestSummary": dict(question.summary),
                "testMode": question.summary["testMode"],
            },
            "responseSummary": summary,
            "info": info,
        }
        found = [item for answer in usable for item in marked(answer)]
        if kind.collection:
            envelope["response"] = {"collections": found}
        elif granularity == "record":
            envelope["response"] = {"resultSets": found}
        return envelope

    def error(self, failure: Failure) -> dict[str, Any]:
        """Error envelope for everything under the network Beacon's path (BEA-64)."""
        return {
            "meta": {
                "beaconId": self.id,
                "apiVersion": API_VERSION,
                "returnedSchemas": [],
                "returnedGranularity": "boolean",
                "receivedRequestSummary": dict(from_get("").summary),
            },
            "error": {"errorCode": failure.status, "errorMessage": failure.message},
        }

    def _informational(self, response: dict[str, Any]) -> dict[str, Any]:
        return {
            "meta": {"beaconId": self.id, "apiVersion": API_VERSION, "returnedSchemas": []},
            "response": response,
        }


def _event(kind: EntryType, question: Question, answer: NodeAnswer) -> Event:
    """A node's answer as it is told at once: its line, and its result sets or collections where they are asked for."""
    event: Event = {"event": "node", "node": answer.status()}
    if kind.collection:
        event["response"] = {"collections": marked(answer)}
    elif question.granularity == "record":
        event["response"] = {"resultSets": marked(answer)}
    return event


def merged_terms(known: dict[str, Capability]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Filtering terms and resources of all nodes, each once, ordered by id."""
    terms: dict[str, dict[str, Any]] = {}
    resources: dict[str, dict[str, Any]] = {}
    for node, capability in known.items():
        for term in capability.listed:
            merged = terms.setdefault(term["id"], {**term, "scopes": [], "nodes": []})
            merged["scopes"] = sorted({*merged["scopes"], *term.get("scopes", ())})
            if term.get("values"):
                merged["values"] = sorted({*merged.get("values", ()), *term["values"]})
            merged["nodes"].append(node)
        for resource in capability.resources:
            resources.setdefault(resource["id"], resource)
    return [terms[name] for name in sorted(terms)], [resources[name] for name in sorted(resources)]


def _check_answered(answers: list[NodeAnswer], asked: set[str], entry_id: str | None) -> None:
    if any(answer.answered for answer in answers):
        return
    told = "; ".join(f"{answer.node}: {answer.reply.status.value} {answer.reply.detail}".strip() for answer in answers)
    if entry_id is not None and all(a.reply.status is Status.CANNOT_ANSWER for a in answers):
        raise Failure(404, "no node has an entry of this id that it shows to this caller")
    if all(answer.reply.status is Status.CANNOT_ANSWER for answer in answers):
        raise Failure(400, f"no node can answer: {told}")
    refused = [answer for answer in answers if answer.node in asked and answer.reply.status is Status.REFUSED]
    if refused and len(refused) == len(asked):
        raise Failure(403, f"every node refuses this caller: {told}")
    raise Failure(503, f"no node answered: {told}", headers={"Retry-After": "5"})


def _token() -> str | None:
    return bearer(connexion.request.headers.get("authorization"))


def _maturity(environment: str) -> str:
    return {"prod": "PROD", "dev": "DEV"}.get(environment, "TEST")
