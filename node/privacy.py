"""Settings of privacy (``privacy`` of a member's configuration) as the rules that they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from itertools import pairwise
from typing import Any, Literal

import yaml
from pydantic import Field, field_validator

from adapters.terms.bins import Bins
from auth import policy
from auth import protection as rules
from auth.policy import PublicGranularity
from auth.protection import Protection, Protections
from web.settings import Strict

Told = Literal["boolean", "count"]


class Floor(Strict):
    """Counts below ``minimum`` are not told; others are rounded down to a multiple of ``round_to``."""

    minimum: int = Field(default=20, ge=1)
    round_to: int = Field(default=20, ge=1)

    def rule(self) -> policy.Floor:
        """The rule."""
        return policy.Floor(self.minimum, self.round_to)


class Public(Strict):
    """What those may learn who may not fetch a data set: of its people, and of genotypes.

    ``researchers`` is of genotypes, for callers with Registered Access.
    """

    general: Told = "count"
    genotypes: Told = "boolean"
    researchers: Told = "count"


class Budget(Strict):
    """Shares of a budget that one person, one organisation, and everybody may spend on a data set; null: no limit."""

    caller: float | None = Field(default=1.0, gt=0)
    organisation: float | None = Field(default=1.0, gt=0)
    everyone: float | None = Field(default=None, gt=0)


class DatasetPrivacy(Strict):
    """What differs for one data set; what is absent is as for the others. ``budget: none`` switches charging off."""

    floor: Floor | None = None
    public: Public | None = None
    budget: Budget | Literal["none"] | None = None
    apart: int | None = Field(default=None, ge=1)
    block: int | None = Field(default=None, ge=1)
    together: int | None = Field(default=None, ge=1)


class BinEdges(Strict):
    """Edges, ascending: of ages in years, and of measures by their term."""

    ages: tuple[int, ...]
    numbers: dict[str, tuple[float, ...]] = Field(default_factory=dict)

    @field_validator("ages", "numbers")
    @classmethod
    def _ascending(cls, value: Any) -> Any:
        for edges in value.values() if isinstance(value, Mapping) else (value,):
            if not edges or any(one >= other for one, other in pairwise(edges)):
                raise ValueError("edges must ascend, and there must be one at least")
        return value


class Privacy(Strict):
    """Protection of people from those who may not see their records (``docs/privacy.md``).

    ``references`` are data sets of public frequencies (files without genotypes), the preferred first. Questions about
    people that differ by fewer than ``apart`` are answered alike. ``block`` is in bases; ``together`` is the number of
    questions about one block that are charged as one.
    """

    public: Public = Public()
    budget: Budget | Literal["none"] = Budget()
    apart: int = Field(default=5, ge=1)
    block: int = Field(default=10_000, ge=1)
    together: int = Field(default=2, ge=1)
    references: tuple[str, ...] = ()
    bins: BinEdges | Literal["none"] | None = None
    datasets: dict[str, DatasetPrivacy] = Field(default_factory=dict)

    def protections(self, floor: Floor) -> Protections:
        """The protection of each data set; ``floor`` is the member's."""
        default = Protection(floor.rule(), _budget(self.budget), self.apart, self.block, self.together)
        return Protections(default, {name: _protection(default, own) for name, own in self.datasets.items()})

    def granularities(self) -> tuple[PublicGranularity, dict[str, PublicGranularity]]:
        """What is public of every data set, and of those that differ."""
        differing = {name: _public(own.public) for name, own in self.datasets.items() if own.public is not None}
        return _public(self.public), differing

    def edges(self) -> Bins | None:
        """The bins; None where filters are answered as they are."""
        if self.bins == "none":
            return None
        edges = self.bins or _published_bins()
        return Bins(edges.ages, edges.numbers)


def _published_bins() -> BinEdges:
    source = files("config").joinpath("beacon", "bins.yaml").read_bytes()
    return BinEdges.model_validate(yaml.load(source, Loader=yaml.CSafeLoader))


def _budget(given: Budget | Literal["none"]) -> rules.Budget | None:
    return None if given == "none" else rules.Budget(**given.model_dump())


def _public(given: Public) -> PublicGranularity:
    return PublicGranularity(given.general, given.genotypes, given.researchers)


def _protection(default: Protection, own: DatasetPrivacy) -> Protection:
    return Protection(
        floor=default.floor if own.floor is None else own.floor.rule(),
        budget=default.budget if own.budget is None else _budget(own.budget),
        apart=own.apart or default.apart,
        block=own.block or default.block,
        together=own.together or default.together,
    )
