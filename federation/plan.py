"""From one question to who answers which part of it: the plan of a federated search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from federation.capabilities import Capability
from federation.mappings import Mappings
from federation.people import Clause
from federation.settings import GatewaySettings
from federation.translation import Translation, translatable, translated, translations
from web.errors import Failure

MAX_CLAUSES = 20


@dataclass
class Part:
    """What one member answers: people that meet all of ``all`` and none of ``none``.

    A part without ``all`` is taken away from the others'. ``translated`` are terms that stand there as the member
    knows them.
    """

    member: str
    all: list[Clause] = field(default_factory=list)
    none: list[Clause] = field(default_factory=list)
    translated: list[Translation] = field(default_factory=list)

    @property
    def taken_away(self) -> bool:
        """Whether the people of this part are those that must not be in the answer."""
        return not self.all

    def told(self) -> dict[str, Any]:
        """What was translated, for answers and plans; nothing where nothing was."""
        return {"translated": [one.told() for one in dict.fromkeys(self.translated)]} if self.translated else {}


@dataclass(frozen=True)
class Plan:
    """The parts of a question; two of them are joined by the gateway."""

    parts: tuple[Part, ...]

    @property
    def joined(self) -> bool:
        """Whether the answer is a join of two members."""
        return len(self.parts) == 2

    def partner(self, member: str) -> str | None:
        """The other member of a join."""
        return next((part.member for part in self.parts if part.member != member), None)

    def explain(self, granularity: str) -> dict[str, Any]:
        """The plan in words: which node does what, and what leaves it."""
        steps = [
            {
                "node": part.member,
                "all": part.all,
                "none": part.none,
                **part.told(),
                "role": _role(part, self),
                "leaves": _leaves(self.partner(part.member), granularity),
            }
            for part in self.parts
        ]
        if self.joined:
            kept, other = sorted(self.parts, key=lambda part: part.taken_away)
            operation = f"{kept.member} without {other.member}" if other.taken_away else "intersection"
            steps.append({"node": "gateway", "role": operation, "leaves": "the result under the strictest floor"})
        return {"granularity": granularity, "steps": steps}


def _role(part: Part, plan: Plan) -> str:
    if part.taken_away:
        return "people that meet any of 'none', to be taken away"
    return "people that meet all of 'all' and none of 'none'" + (", linked ones only" if plan.joined else "")


def _leaves(partner: str | None, granularity: str) -> str:
    if partner is None:
        public = "whether there are any, or how many, under the node's floor"
    else:
        public = (
            f"16-byte pseudonyms of this question only, under a key of {partner} and the node that the gateway"
            " does not have; nothing below the node's floor"
        )
    if granularity != "record":
        return public
    return public + "; accessions and file addresses of the individuals whose records the caller may see"


def make_plan(question: Mapping[str, Any], known: Mapping[str, Capability], settings: GatewaySettings) -> Plan:
    """Assign every clause to the member that fits it best, translated only where none fits it as it is.

    :param question: body of a search; ``known`` capabilities by member id, in any order.
    :raises Failure: 400 for a question that is contradictory, too long, or that no member (or no linked pair of
        members) can answer; 503 where a member that is not to be reached might have answered.
    """
    wanted, unwanted = question["all"], question.get("none", [])
    if not wanted:
        raise Failure(400, "all: at least one clause is needed; 'none' alone would ask for everybody else")
    if len(wanted) + len(unwanted) > MAX_CLAUSES:
        raise Failure(400, f"all, none: {len(wanted) + len(unwanted)} clauses; at most {MAX_CLAUSES} are allowed")
    _check_contradiction(wanted, unwanted)
    parts: dict[str, Part] = {}
    for name, clauses in (("all", wanted), ("none", unwanted)):
        for number, clause in enumerate(clauses):
            member, sent, made = _member(f"{name}[{number}]", clause, known, settings)
            part = parts.setdefault(member, Part(member))
            part.translated.extend(made)
            getattr(part, name).append({key: value for key, value in sent.items() if key != "member"})
    plan = Plan(tuple(parts.values()))
    _check_linked(plan, settings)
    return plan


def _check_contradiction(wanted: Sequence[Clause], unwanted: Sequence[Clause]) -> None:
    forms = {orjson.dumps(clause, option=orjson.OPT_SORT_KEYS): number for number, clause in enumerate(wanted)}
    for number, clause in enumerate(unwanted):
        same = forms.get(orjson.dumps(clause, option=orjson.OPT_SORT_KEYS))
        if same is not None:
            raise Failure(400, f"none[{number}] contradicts all[{same}]: nobody can meet both")


def _check_linked(plan: Plan, settings: GatewaySettings) -> None:
    members = [part.member for part in plan.parts]
    if len(members) > 2:
        raise Failure(400, f"the question needs {', '.join(members)}; at most two members can be joined")
    if plan.joined and not settings.linked(*members):
        raise Failure(400, f"{members[0]} and {members[1]} are not linked: their people cannot be joined")


def _member(
    place: str, clause: Clause, known: Mapping[str, Capability], settings: GatewaySettings
) -> tuple[str, Clause, tuple[Translation, ...]]:
    """The member that fits best, and the clause as it is sent there; of equals, the first in the configuration."""
    ids = [member.id for member in settings.members]
    chosen = clause.get("member")
    if chosen is not None and chosen not in ids:
        raise Failure(400, f"{place}.member: {chosen!r} is not a member; allowed: {', '.join(ids)}")
    candidates = [node for node in ids if node in known and chosen in (None, node)]
    best = _best(dict.fromkeys(candidates, clause), known)
    if best is not None:
        return best, clause, ()
    silent = [node for node in ids if node not in known and chosen in (None, node)]
    if silent:
        raise Failure(
            503, f"{place}: {', '.join(silent)} might answer but cannot be reached", headers={"Retry-After": "5"}
        )
    made = {node: _translations(clause, known[node], settings.mappings) for node in candidates}
    sent = {node: {**clause, "filters": translated(clause["filters"], made[node])} for node in made if made[node]}
    best = _best(sent, known)
    if best is not None:
        return best, sent[best], made[best]
    raise Failure(400, f"{place}: {_complaint(clause, [known[node] for node in candidates])}")


def _best(clauses: Mapping[str, Clause], known: Mapping[str, Capability]) -> str | None:
    """The first of the nodes that fit their clause best, None where none does."""
    fits = {node: fit for node, clause in clauses.items() if (fit := _fit(clause, known[node])) > 0}
    return max(fits, key=lambda node: fits[node], default=None)


def _translations(clause: Clause, capability: Capability, mappings: Mappings) -> tuple[Translation, ...]:
    terms = [item["id"] for item in clause.get("filters", []) if translatable(item)]
    return translations(terms, capability, mappings)


def _fit(clause: Clause, capability: Capability) -> int:
    """0 if a member cannot answer the clause, else higher where more of its terms are listed."""
    if not _needed_types(clause) <= capability.entry_types:
        return 0
    fits = [capability.fit(item["id"]) for item in clause.get("filters", [])]
    return 0 if 0 in fits else 1 + sum(fits)


def _needed_types(clause: Clause) -> frozenset[str]:
    variant = (clause.get("requestParameters") or {}).get("g_variant")
    return frozenset({clause["entryType"], *(["genomicVariant"] if variant else [])})


def _complaint(clause: Clause, capabilities: Sequence[Capability]) -> str:
    serving = [capability for capability in capabilities if _needed_types(clause) <= capability.entry_types]
    if not serving:
        allowed = sorted(frozenset[str]().union(*(capability.entry_types for capability in capabilities)))
        return f"no member serves {' with '.join(sorted(_needed_types(clause)))}; served are: {', '.join(allowed)}"
    unknown = [item["id"] for item in clause.get("filters", []) if not any(c.fit(item["id"]) for c in serving)]
    if unknown:
        return f"no member knows the term {unknown[0][:100]!r}; see filtering_terms"
    return "no single member knows all of its terms; write one clause for each term"
