"""Many Beacons' answers as one: kept apart by node, counted without counting anything twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from federation.beacon_model import EntryType
from federation.fanout import Reply, Status
from federation.translation import Translation

ORDER = {"boolean": 0, "count": 1, "record": 2}


@dataclass(frozen=True)
class NodeAnswer:
    """What one node said.

    ``number`` is its count, None where it told none; ``exact`` that it says so itself (``info.exact``): a public count
    may be rounded or lack data sets below a floor. ``sets`` are its result sets or collections; ``translated`` the
    filters that it was asked in its own terms.
    """

    node: str
    reply: Reply
    beacon: str = ""
    granularity: str = "boolean"
    exists: bool = False
    number: int | None = None
    exact: bool = False
    sets: tuple[dict[str, Any], ...] = ()
    translated: tuple[Translation, ...] = ()

    @property
    def answered(self) -> bool:
        """Whether there is an answer to use."""
        return self.reply.status is Status.ANSWERED

    def status(self) -> dict[str, Any]:
        """This node's line in the list of nodes that every answer has."""
        line: dict[str, Any] = {
            "id": self.node,
            "status": self.reply.status.value,
            "seconds": round(self.reply.seconds, 4),
        }
        if self.reply.detail:
            line["detail"] = self.reply.detail
        line |= self.info()
        if self.answered:
            line |= {"beaconId": self.beacon, "granularity": self.granularity, "exists": self.exists}
            if self.number is not None:
                line |= {"numTotalResults": self.number, "exact": self.exact}
        return line

    def info(self) -> dict[str, Any]:
        """What was translated for this node; nothing where nothing was."""
        return {"translated": [one.told() for one in self.translated]} if self.translated else {}


def read(node: str, reply: Reply, collection: bool) -> NodeAnswer:
    """Read a node's answer; one that is not a Beacon's becomes ``invalid``."""
    if reply.status is not Status.ANSWERED:
        return NodeAnswer(node, reply)
    wrong = _wrong(reply.body, collection)
    if wrong:
        return NodeAnswer(node, Reply(Status.INVALID, None, reply.seconds, wrong))
    body = reply.body
    sets = (body.get("response") or {}).get("collections" if collection else "resultSets") or ()
    granularity = body["meta"]["returnedGranularity"]
    return NodeAnswer(
        node=node,
        reply=reply,
        beacon=str(body["meta"].get("beaconId", node)),
        granularity=granularity,
        exists=body["responseSummary"]["exists"],
        number=body["responseSummary"].get("numTotalResults") if granularity != "boolean" else None,
        exact=collection or _object(body.get("info")).get("exact") is True,
        sets=tuple(sets) if granularity == "record" or collection else (),
    )


def believed(answer: NodeAnswer, people: int | None) -> NodeAnswer:
    """The answer without a number that is larger than the node's own of all its people: it counts for nothing then.

    :param people: what the node said of itself, to who is nobody in particular, when it was last looked at.
    """
    if people is None or answer.number is None or answer.number <= people:
        return answer
    reply = replace(answer.reply, detail=f"tells {answer.number} of the {people} people that it has in all")
    return replace(answer, reply=reply, number=None, exact=False)


def without_doubles(answers: list[NodeAnswer]) -> list[NodeAnswer]:
    """A second answer of the same Beacon is not one: its things would be counted twice (BEA-68)."""
    seen: dict[str, str] = {}
    kept = []
    for answer in answers:
        first = seen.setdefault(answer.beacon, answer.node) if answer.answered else answer.node
        if first != answer.node:
            reply = Reply(Status.INVALID, None, answer.reply.seconds, f"is the same Beacon as {first}")
            answer = NodeAnswer(answer.node, reply, translated=answer.translated)
        kept.append(answer)
    return kept


def _wrong(body: Any, collection: bool) -> str:
    """Why ``body`` is not a Beacon answer (BEA-60 … BEA-63), or an empty string."""
    if not isinstance(body, dict) or not isinstance(body.get("meta"), dict):
        return "the answer has no meta"
    if body["meta"].get("returnedGranularity") not in ORDER:
        return "meta.returnedGranularity is not a granularity"
    summary = body.get("responseSummary")
    if not isinstance(summary, dict) or not isinstance(summary.get("exists"), bool):
        return "responseSummary.exists is not true or false"
    number = summary.get("numTotalResults")
    if number is not None and (isinstance(number, bool) or not isinstance(number, int) or number < 0):
        return "responseSummary.numTotalResults is not a number from 0"
    response = body.get("response")
    if response is None:
        return ""
    found = response.get("collections" if collection else "resultSets", []) if isinstance(response, dict) else None
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        return "response has no list of result sets or collections"
    return ""


def total(answers: list[NodeAnswer], kind: EntryType) -> dict[str, Any]:
    """How many things there are in the whole network, and how sure that is.

    Data sets are different at every node and are added up. The same person or variant can be at several nodes, so
    there are at least as many as the fullest node has and at most as many as all together; the latter only if every
    node answered, and exactly.
    """
    numbers = [answer.number for answer in answers if answer.answered and answer.number is not None]
    sure = all(answer.answered and answer.exact and answer.number is not None for answer in answers)
    added, largest = sum(numbers), max(numbers, default=0)
    least = added if kind.collection else largest
    shown: dict[str, Any] = {"atLeast": least}
    if sure:
        shown["atMost"] = added
    shown["kind"] = "exact" if shown.get("atMost") == least else "bound"
    return shown


def returned_granularity(answers: list[NodeAnswer], requested: str) -> str:
    """The finest granularity that a node returned, never finer than requested (BEA-27)."""
    finest = max((a.granularity for a in answers if a.answered), key=lambda g: ORDER[g], default="boolean")
    return min(finest, requested, key=lambda g: ORDER[g])


def marked(answer: NodeAnswer) -> list[dict[str, Any]]:
    """Result sets or collections of a node, each saying whose it is."""
    return [
        {**item, "beaconId": answer.beacon, "info": {**_object(item.get("info")), "node": answer.node, **answer.info()}}
        for item in answer.sets
    ]


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
