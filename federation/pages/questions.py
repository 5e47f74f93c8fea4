"""From the pages' threads to the gateway's loop and back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TookTooLong
from typing import Any, TypeVar

from federation.beacon import NetworkBeacon, merged_terms
from federation.beacon_model import API_VERSION, DATASET, INDIVIDUAL, VARIANT, EntryType
from federation.beacon_question import from_get, from_post
from federation.capabilities import Capabilities
from federation.failures import FAILURES
from federation.manifest import Manifests
from federation.manifest_formats import Format
from federation.search import Search
from federation.streaming import Emit
from federation.tokens import BrokerUnavailable
from web.errors import Failure

LONGEST = 30.0
AT_ONCE = 6  # questions of pages that are asked at the same time: those of programs must not wait behind them
Result = TypeVar("Result")


class GatewayQuestions:
    """Asks a running gateway (``federation.pages.front.Questions``).

    :param loop: gives the loop in which the gateway runs, once it runs.
    """

    def __init__(
        self,
        beacon: NetworkBeacon,
        search: Search,
        manifests: Manifests,
        capabilities: Capabilities,
        loop: Callable[[], asyncio.AbstractEventLoop],
    ) -> None:
        self._beacon = beacon
        self._search = search
        self._manifests = manifests
        self._capabilities = capabilities
        self._loop = loop
        self._turn = asyncio.Semaphore(AT_ONCE)

    def terms(self) -> Sequence[Mapping[str, Any]]:
        """See ``Questions.terms``."""
        return self._wait(self._terms())

    def nodes(self) -> Sequence[Mapping[str, Any]]:
        """See ``Questions.nodes``."""
        return self._wait(self._search.list_nodes())

    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """See ``Questions.counts``."""
        return self._wait(self._counted())

    def answers(
        self, questions: Sequence[Mapping[str, Any]], token: str | None
    ) -> Sequence[Mapping[str, Any] | Failure]:
        """See ``Questions.answers``.

        :raises concurrent.futures.TimeoutError: after 30 s.
        :raises federation.tokens.TokenRefused: the broker does not know the token any more.
        """
        return self._wait(self._answers(questions, token))

    def begun(self, question: Mapping[str, Any], token: str | None, tell: Emit) -> Future[dict[str, Any] | Failure]:
        """See ``Questions.begun``."""
        return asyncio.run_coroutine_threadsafe(self._answer(question, token, tell), self._loop())

    def seen(self, variants: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, bool]]:
        """See ``Questions.seen``."""
        return self._wait(self._seen(variants))

    def manifest(self, body: Mapping[str, Any], token: str | None) -> tuple[Format, bytes]:
        """See ``Questions.manifest``.

        :raises web.errors.Failure: why there is none.
        """
        try:
            return self._wait(self._manifests.made(body, token))
        except BrokerUnavailable as error:
            raise FAILURES[BrokerUnavailable](error) from error
        except TookTooLong as error:
            raise Failure(503, "the members took too long to answer; ask for fewer people") from error

    def _wait(self, asked: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(asked, self._loop()).result(LONGEST)

    async def _terms(self) -> Sequence[Mapping[str, Any]]:
        return merged_terms(dict(await self._capabilities.known()))[0]

    async def _counted(self) -> dict[str, dict[str, int]]:
        datasets, individuals = await asyncio.gather(self._counts(DATASET), self._counts(INDIVIDUAL))
        return {"dataset": datasets, "individual": individuals}

    async def _counts(self, kind: EntryType) -> dict[str, int]:
        """How many there are by node, where a node tells."""
        try:
            answer = await self._beacon.answer(kind, from_get("requestedGranularity=count&limit=1"), None)
        except Failure:
            return {}
        return {node["id"]: node["numTotalResults"] for node in answer["info"]["nodes"] if "numTotalResults" in node}

    async def _seen(self, variants: Sequence[Mapping[str, Any]]) -> list[dict[str, bool]]:
        return await asyncio.gather(*(self._told(variant) for variant in variants))

    async def _told(self, variant: Mapping[str, Any]) -> dict[str, bool]:
        query = {"requestedGranularity": "boolean", "requestParameters": {"g_variant": variant}}
        try:
            async with self._turn:
                asked = from_post({"meta": {"apiVersion": API_VERSION}, "query": query})
                answer = await self._beacon.answer(VARIANT, asked, None)
        except Failure:
            return {}
        return {node["id"]: node["exists"] for node in answer["info"]["nodes"] if node["status"] == "answered"}

    async def _answers(
        self, questions: Sequence[Mapping[str, Any]], token: str | None
    ) -> list[dict[str, Any] | Failure]:
        return await asyncio.gather(*(self._answer(one, token) for one in questions))

    async def _answer(
        self, question: Mapping[str, Any], token: str | None, tell: Emit | None = None
    ) -> dict[str, Any] | Failure:
        try:
            async with self._turn:
                return await self._search.answer(question, token, tell)
        except Failure as failure:
            return failure
        except BrokerUnavailable as error:
            return FAILURES[BrokerUnavailable](error)
