"""What the page shows of the gateway's answers: the people who meet all, each condition alone, groups of people."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TookTooLong
from typing import Any, Protocol

import orjson

from federation.manifest_formats import Format
from federation.pages.facets import FACETS, groups
from federation.pages.form import Condition, question
from federation.pages.terms import Vocabulary
from web.errors import Failure
from web.pages import language, say

SHOWN = 10  # people on a page
KEPT = 300.0  # seconds
LONGEST = 30.0  # seconds that are waited for a member
Answer = Mapping[str, Any]


class Questions(Protocol):
    """What the page asks of the gateway, from a thread of its own."""

    def terms(self) -> Sequence[Mapping[str, Any]]:
        """Filtering terms of all nodes, each once."""
        ...

    def nodes(self) -> Sequence[Mapping[str, Any]]:
        """The nodes with their health."""
        ...

    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """How many there are, by entry type and node."""
        ...

    def answers(self, questions: Sequence[Mapping[str, Any]], token: str | None) -> Sequence[Answer | Failure]:
        """The answer of each federated question, or why there is none; all are asked at once."""
        ...

    def begun(
        self, question: Mapping[str, Any], token: str | None, tell: Callable[[dict[str, Any]], None]
    ) -> Future[dict[str, Any] | Failure]:
        """The answer of a federated question that is asked now; ``tell`` is told of each node's, in another thread."""
        ...

    def seen(self, variants: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, bool]]:
        """Of each variant (``g_variant``), by node, whether it is seen there, as far as everybody is told."""
        ...

    def manifest(self, body: Mapping[str, Any], token: str | None) -> tuple[Format, bytes]:
        """The manifest of ``body`` (``specs/federation.yaml``)."""
        ...


class Answers:
    """Asks, and arranges what was answered for the templates."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions
        self._kept: dict[tuple[str, str], tuple[float, dict[str, Any]]] = {}

    def whole(self, found: Sequence[Condition], words: Vocabulary, skip: int, token: str | None) -> dict[str, Any]:
        """Everything at once, for browsers without scripts."""
        asked = [_asked(found, skip), *map(_single, found)]
        joined, *singles = self._ask(asked, token)
        shown = {"answer": self._shown(found, skip, joined, token), "rows": _rows(found, singles)}
        if isinstance(joined, Failure):
            return {**shown, "breakdowns": []}
        involved, exact = [node["id"] for node in joined["nodes"]], bool(joined.get("exact"))
        parts = [self.breakdown(facet, found, words, involved, token, exact=exact) for facet in FACETS]
        return {**shown, "breakdowns": parts}

    def joined(self, found: Sequence[Condition], skip: int, token: str | None) -> dict[str, Any]:
        """The people who meet all conditions."""
        return self._shown(found, skip, self._ask([_asked(found, skip)], token)[0], token)

    def streamed(self, found: Sequence[Condition], skip: int, token: str | None) -> Iterator[tuple[str, Any]]:
        """The same as it comes: ``node`` with what each has answered, at last ``answer``.

        :raises federation.tokens.TokenRefused: the broker does not know the token any more.
        """
        nodes: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        asked = self._questions.begun(_asked(found, skip), token, lambda event: nodes.put(event["node"]))
        asked.add_done_callback(lambda _done: nodes.put(None))
        joined: Answer | Failure
        try:
            while (node := nodes.get(timeout=LONGEST)) is not None:
                yield "node", node
            joined = asked.result()
        except queue.Empty:
            asked.cancel()
            joined = Failure(503, say("The members took too long to answer."))
        yield "answer", self._shown(found, skip, joined, token)

    def _shown(
        self, found: Sequence[Condition], skip: int, joined: Answer | Failure, token: str | None
    ) -> dict[str, Any]:
        """An answer; and where it takes a sign-in, what Beacons tell everybody of the variants themselves."""
        shown = _joined(found, skip, joined, signed_in=token is not None)
        if shown["sign_in"]:
            asked = [condition for condition in found if condition.genotypes]
            try:
                told = self._questions.seen([one.clause["requestParameters"]["g_variant"] for one in asked])
            except TookTooLong:
                told = []
            shown["seen"] = [(one.label, by) for one, by in zip(asked, told, strict=False) if by]
        return shown

    def alone(self, found: Sequence[Condition], token: str | None) -> list[dict[str, Any]]:
        """Each condition by itself."""
        return _rows(found, self._ask([_single(condition) for condition in found], token))

    def breakdown(
        self,
        facet: str,
        found: Sequence[Condition],
        words: Vocabulary,
        involved: Sequence[str],
        token: str | None,
        *,
        exact: bool,
    ) -> dict[str, Any]:
        """The same people by group. Not asked where each number would be paid for from a budget of information.

        :param exact: the caller sees every record of the answer, and pays for nothing.

        Of everybody it is what anybody is told, kept for some minutes.
        """
        if any(condition.genotypes for condition in found) and not exact:
            return {"facet": facet, "bars": [], "paid": True}
        if found:
            return self._broken_down(facet, found, words, involved, token)
        key, now = (facet, language()), time.monotonic()
        kept = self._kept.get(key)
        if kept is None or kept[0] < now:
            shown = self._broken_down(facet, found, words, involved, None)
            if any(bar["failed"] or not bar["answer"]["complete"] for bar in shown["bars"]):
                return shown
            kept = self._kept[key] = (now + KEPT, shown)
        return kept[1]

    def _broken_down(
        self, facet: str, found: Sequence[Condition], words: Vocabulary, involved: Sequence[str], token: str | None
    ) -> dict[str, Any]:
        shown: dict[str, Any] = {"facet": facet, "paid": False}
        made, base = groups(facet, words, involved), question(found)
        asked = [{**base, "all": [*base["all"], group.clause], "granularity": "count"} for group in made]
        answers = self._ask(asked, token) if asked else []
        told = [answer for answer in answers if not isinstance(answer, Failure)]
        most = max((answer.get("count") or 0 for answer in told), default=0)
        shown["bars"] = [
            {
                "label": group.label,
                "answer": answer,
                "failed": isinstance(answer, Failure),
                "share": _share(answer, most),
            }
            for group, answer in zip(made, answers, strict=True)
        ]
        shown["floor"] = next((answer["floor"] for answer in told if "floor" in answer), None)
        shown["told"] = most > 0
        return shown

    def _ask(self, asked: Sequence[Mapping[str, Any]], token: str | None) -> Sequence[Answer | Failure]:
        try:
            return self._questions.answers(asked, token)
        except TookTooLong:
            return [Failure(503, say("The members took too long to answer."))] * len(asked)


def _asked(found: Sequence[Condition], skip: int) -> dict[str, Any]:
    return {**question(found), "granularity": "record", "explain": True, "skip": skip, "limit": SHOWN}


def _single(condition: Condition) -> dict[str, Any]:
    return {"all": [condition.clause], "granularity": "count"}


def _share(answer: Answer | Failure, most: int) -> float:
    """Length of a bar, 0 to 100."""
    count = None if isinstance(answer, Failure) else answer.get("count")
    return round(100 * count / most, 1) if count and most else 0.0


def _rows(found: Sequence[Condition], answers: Sequence[Answer | Failure]) -> list[dict[str, Any]]:
    return [
        {"condition": condition, "answer": answer, "failed": isinstance(answer, Failure)}
        for condition, answer in zip(found, answers, strict=True)
    ]


def _refused(joined: Answer | Failure) -> bool:
    if isinstance(joined, Failure):
        return joined.status == 401
    return any(node["status"] == "refused" for node in joined["nodes"])


def _joined(found: Sequence[Condition], skip: int, joined: Answer | Failure, *, signed_in: bool) -> dict[str, Any]:
    program = {**question(found), "granularity": "count"}
    return {
        "joined": joined,
        "failed": isinstance(joined, Failure),
        "sign_in": not signed_in and any(condition.genotypes for condition in found) and _refused(joined),
        "people": [] if isinstance(joined, Failure) else [_person(record) for record in joined.get("records", ())],
        "skip": skip,
        "shown": SHOWN,
        "request": orjson.dumps(program, option=orjson.OPT_INDENT_2).decode(),
    }


def _person(record: Mapping[str, Any]) -> dict[str, Any]:
    """A line of the table: who it is at each member, and what there is to fetch."""
    sets = [
        {"node": individual["node"], **dataset}
        for individual in record["individuals"]
        for dataset in individual.get("datasets", ())
    ]
    return {
        "person": record["person"],
        "individuals": [(individual["node"], individual["accession"]) for individual in record["individuals"]],
        "sets": sets,
        "files": len({uri for one in sets for uri in one.get("drs", ())}),
        "htsget": [url for one in sets for url in one.get("htsget", ())],
        "dicomweb": [url for one in sets for url in one.get("dicomweb", ())],
    }
