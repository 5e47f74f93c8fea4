"""From the pages' threads to the gateway's loop and back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from federation.beacon import NetworkBeacon, merged_terms
from federation.beacon_model import DATASET, INDIVIDUAL, EntryType
from federation.beacon_question import from_get
from federation.capabilities import Capabilities
from federation.search import Search
from web.errors import Failure

LONGEST = 30.0
Result = TypeVar("Result")


class GatewayQuestions:
    """Asks a running gateway as nobody in particular (``federation.pages.front.Questions``).

    :param loop: gives the loop in which the gateway runs, once it runs.
    """

    def __init__(
        self,
        beacon: NetworkBeacon,
        search: Search,
        capabilities: Capabilities,
        loop: Callable[[], asyncio.AbstractEventLoop],
    ) -> None:
        self._beacon = beacon
        self._search = search
        self._capabilities = capabilities
        self._loop = loop

    def overview(self) -> Mapping[str, Any]:
        """See ``Questions.overview``."""
        return self._wait(self._overview())

    def answers(self, questions: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any] | Failure]:
        """See ``Questions.answers``.

        :raises concurrent.futures.TimeoutError: after 30 s.
        """
        return self._wait(self._answers(questions))

    def _wait(self, asked: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(asked, self._loop()).result(LONGEST)

    async def _overview(self) -> dict[str, Any]:
        known = dict(await self._capabilities.known())
        nodes, datasets, individuals = await asyncio.gather(
            self._search.list_nodes(), self._counts(DATASET), self._counts(INDIVIDUAL)
        )
        counts = {"dataset": datasets, "individual": individuals}
        return {"nodes": nodes, "terms": merged_terms(known)[0], "counts": counts}

    async def _counts(self, kind: EntryType) -> dict[str, int]:
        """How many there are by node, where a node tells."""
        try:
            answer = await self._beacon.answer(kind, from_get("requestedGranularity=count&limit=1"), None)
        except Failure:
            return {}
        return {node["id"]: node["numTotalResults"] for node in answer["info"]["nodes"] if "numTotalResults" in node}

    async def _answers(self, questions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any] | Failure]:
        return await asyncio.gather(*(self._answer(one) for one in questions))

    async def _answer(self, question: Mapping[str, Any]) -> dict[str, Any] | Failure:
        try:
            return await self._search.answer(question, None)
        except Failure as failure:
            return failure
