"""How a data set's people are protected from those who may not fetch it: floor, budgets, blocks; and whose budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from auth.caller import Caller
from auth.policy import Floor, strictest


@dataclass(frozen=True, slots=True)
class Budget:
    """Shares of a budget (:mod:`auth.information`) that may be spent on one data set; None: without limit.

    :param caller: by one person.
    :param organisation: by everybody of one organisation together.
    :param everyone: by all callers together.
    """

    caller: float | None = 1.0
    organisation: float | None = 1.0
    everyone: float | None = None


@dataclass(frozen=True, slots=True)
class Protection:
    """The protection of one data set.

    :param budget: None: questions about genotypes are not charged, and anonymous callers are answered as others.
    :param apart: questions about people that differ by fewer are answered alike.
    :param block: bases of a block of alleles that are inherited together.
    :param together: how many questions about one block are charged as one.
    """

    floor: Floor
    budget: Budget | None = Budget()
    apart: int = 5
    block: int = 10_000
    together: int = 2


@dataclass(frozen=True, slots=True)
class Protections:
    """Those of a member: by accession, and of every other data set."""

    default: Protection
    of: Mapping[str, Protection] = field(default_factory=dict)

    def __getitem__(self, accession: str) -> Protection:
        return self.of.get(accession, self.default)

    def strictest(self) -> Floor:
        """The floor that tells no more than that of any data set."""
        return strictest(self.default.floor, *self.floors().values())

    def apart(self) -> int:
        """By how many people questions must differ that are told apart at every data set."""
        return max(self.default.apart, *(protection.apart for protection in self.of.values()), 1)

    def floors(self) -> Mapping[str, Floor]:
        """The floors that differ from the default one."""
        return {accession: protection.floor for accession, protection in self.of.items()}


def person(caller: Caller) -> str:
    """Whose budget a caller's questions are charged to: the subject at its broker."""
    return f"{caller.issuer}\n{caller.subject}"


def organisation(caller: Caller, now: int) -> str:
    """The organisation whose budget is charged too: the domain of a verified affiliation (AffiliationAndRole).

    Of several the first by name, so that their order in a passport does not matter. Who shows none belongs to the
    unaffiliated people of their broker, who share a budget: a second account there is no second budget.
    """
    domains = sorted(
        visa.value.rpartition("@")[2].lower()
        for visa in caller.visas
        if visa.type == "AffiliationAndRole" and visa.by is not None and visa.expires > now and "@" in visa.value
    )
    return domains[0] if domains else f"unaffiliated\n{caller.issuer}"
