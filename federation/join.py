"""The gateway's half of a join: it compares pseudonyms, applies the strictest floor, and puts records side by side.

What it learns at public granularities: how many people each side has and how many they share. Not who they are, and
nothing that could be compared with the next question.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from auth.policy import Floor, Granularity
from federation.alike import MOST_CONDITIONS, Side, told_joined, told_number
from federation.people import of_genotypes
from federation.plan import Part
from federation.pseudonyms import unpack
from federation.settings import FloorSettings

ORDER: Mapping[str, int] = {"boolean": 0, "count": 1, "record": 2}


class InvalidSide(ValueError):
    """A member's answer breaks the contract of the join."""


class _Answer(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class Row(_Answer):
    """An individual that the caller may see at one member."""

    accession: str = Field(max_length=200)
    person: str | None = Field(default=None, max_length=200)
    datasets: list[str]


class SearchedDataset(_Answer):
    """A data set that was searched, and how much of it the caller may see."""

    accession: str
    tier: str
    granularity: Granularity
    request: str | None = None


class Change(_Answer):
    """Who is in a side without one of its conditions and not with it, and the other way round; packed pseudonyms."""

    gained: str
    lost: str


class SideAnswer(_Answer):
    """A member's side (``specs/join.yaml``)."""

    granularity: Granularity
    exact: bool
    suppressed: bool
    floor: FloorSettings
    datasets: list[SearchedDataset]
    exists: bool | None = None
    count: int | None = Field(default=None, ge=0)
    pseudonyms: str | None = None
    apart: int = Field(default=1, ge=1)
    beside: list[Change] = Field(default=[], max_length=MOST_CONDITIONS)
    held: int | None = Field(default=None, ge=0)
    semi_join: bool = Field(default=False, alias="semiJoin")
    key_check: str | None = Field(default=None, alias="keyCheck", max_length=32)
    records: list[Row] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> SideAnswer:
        if self.exact and self.granularity != "record":
            raise ValueError("exact, though not every record may be seen")
        if self.suppressed and (self.pseudonyms is not None or self.count is not None or self.exists is not None):
            raise ValueError("suppressed, and yet told")
        return self


@dataclass(frozen=True)
class Sizes:
    """People of each of two sides, by member, and those who are in both."""

    people: Mapping[str, int]
    shared: int


@dataclass(frozen=True)
class Outcome:
    """The number of people, as far as it may be told.

    ``exists`` and ``count`` are None where the floor suppresses them; ``count`` also where only ``boolean`` is allowed.
    ``accessions`` are the persons (or individuals of a single member) whose records the caller may see, or None.
    """

    granularity: Granularity
    exists: bool | None
    count: int | None
    suppressed: bool
    exact: bool
    floor: FloorSettings
    accessions: tuple[str, ...] | None = None
    refused_by: tuple[str, ...] = ()


def read_side(body: Any, *, joined: bool, requested: str) -> SideAnswer:
    """A member's answer, checked.

    :raises InvalidSide: naming what is wrong.
    """
    try:
        answer = SideAnswer.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise InvalidSide(f"{'.'.join(map(str, first['loc'])) or 'the answer'}: {first['msg']}") from error
    if requested == "record" and answer.records is None:
        raise InvalidSide("records: missing")
    if not answer.suppressed and joined and answer.pseudonyms is None and answer.held is None:
        raise InvalidSide("pseudonyms: missing")
    if not answer.suppressed and not joined and answer.exists is None:
        raise InvalidSide("exists: missing")
    return answer


def same_key(sides: Iterable[SideAnswer]) -> bool:
    """Whether all sides that have pseudonyms made them under one key: it may have been changed at one member first."""
    return len({side.key_check for side in sides if not side.suppressed}) < 2


def stricter(*granularities: Granularity) -> Granularity:
    """The strictest of ``granularities``."""
    return min(granularities, key=lambda granularity: ORDER[granularity])


def combine(
    parts: Sequence[Part],
    sides: Mapping[str, SideAnswer],
    requested: Granularity,
    floor: FloorSettings,
    sizes: Sizes | None = None,
) -> Outcome:
    """The outcome of one or two sides.

    :param requested: granularity that the caller asked for.
    :param floor: the gateway's own floor.
    :param sizes: of two sides, where they did not send all their pseudonyms.
    :raises InvalidSide: if pseudonyms cannot be read.
    """
    answers = [sides[part.member] for part in parts]
    exact = all(answer.exact for answer in answers)
    strictest = floor.strictest(*(answer.floor for answer in answers))
    number = _shared(parts, answers, exact, sizes) if len(parts) == 2 else answers[0].count
    if number is not None and not exact:
        number = Floor(strictest.minimum, strictest.round_to).apply(number)
    accessions, refused = _accessions(parts, sides) if requested == "record" else (None, ())
    allowed = stricter(requested, "count", *(answer.granularity for answer in answers))
    told_by_node = len(parts) == 1 and answers[0].count is None
    exists = answers[0].exists if told_by_node else (None if number is None else number > 0)
    return Outcome(
        granularity=allowed if accessions is None else "record",
        exists=exists,
        count=None if allowed == "boolean" else number,
        suppressed=exists is None,
        exact=exact,
        floor=strictest,
        accessions=accessions,
        refused_by=refused,
    )


def _shared(parts: Sequence[Part], answers: Sequence[SideAnswer], exact: bool, sizes: Sizes | None) -> int | None:
    """How many people two sides share, or the one has without the other; None where a side is suppressed.

    Where not everybody's record may be seen, questions that differ by a few people are told alike. Genotypes are paid
    for instead, by whole questions.
    """
    if any(answer.suppressed for answer in answers):
        return None
    away = any(part.taken_away for part in parts)
    paid = any(of_genotypes(clause) for part in parts for clause in (*part.all, *part.none))
    apart = 1 if exact or paid else max(answer.apart for answer in answers)
    order = (1, 0) if parts[0].taken_away else (0, 1)
    if sizes is not None:
        kept_size, other_size = (sizes.people[parts[place].member] for place in order)
        return told_number(kept_size, other_size, sizes.shared, away=away, apart=apart)
    try:
        kept, other = (_unpacked(answers[place]) for place in order)
    except ValueError as error:
        raise InvalidSide(f"pseudonyms: {error}") from error
    return len(told_joined(kept, other, away=away, apart=apart))


def _unpacked(answer: SideAnswer) -> Side:
    without = [(unpack(change.gained), unpack(change.lost)) for change in answer.beside]
    return Side(unpack(answer.pseudonyms), without)


def _accessions(
    parts: Sequence[Part], sides: Mapping[str, SideAnswer]
) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """Persons whose records may be seen at **every** member involved, and the members that refuse them all.

    People can only be taken away by a member where the caller may see everybody: otherwise a record would tell that
    its person is not among those hidden there.
    """
    refused = tuple(part.member for part in parts if not _opens(part, sides[part.member]))
    if refused:
        return None, refused
    if len(parts) == 1:
        return tuple(sorted(row.accession for row in sides[parts[0].member].records or ())), ()
    kept = [_linked(sides[part.member]) for part in parts if not part.taken_away]
    dropped = [_linked(sides[part.member]) for part in parts if part.taken_away]
    return tuple(sorted(frozenset.intersection(*kept).difference(*dropped))), ()


def _opens(part: Part, side: SideAnswer) -> bool:
    if part.taken_away:
        return side.exact
    return any(dataset.granularity == "record" for dataset in side.datasets)


def _linked(side: SideAnswer) -> frozenset[str]:
    return frozenset(row.person for row in side.records or () if row.person is not None)
