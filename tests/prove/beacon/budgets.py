"""Budgets of callers and organisations for each data set: a question is charged once, two of a block as one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from tests.prove.beacon.public import Caller

BUDGET = 1.0


@dataclass(frozen=True)
class Asks:
    """What is asked of one data set.

    :param words: the question, and whether its answer is a number.
    :param block: where its alleles are.
    """

    dataset: str
    words: Hashable
    block: Hashable
    price: float


class Accounts:
    """What everybody has paid."""

    def __init__(self) -> None:
        self._paid: dict[tuple[Hashable, ...], dict[Hashable, float]] = defaultdict(dict)
        self._spent: Counter[tuple[str, str]] = Counter()

    def spent(self, dataset: str, holder: str) -> float:
        """What a holder (``person NAME``, ``organisation NAME``, of which the unaffiliated have none) has spent."""
        return self._spent[holder, dataset]

    def holders(self) -> list[tuple[str, str]]:
        """(holder, data set) of everybody who asked."""
        return sorted(self._spent)

    def pay(self, caller: Caller, asked: Sequence[Asks]) -> set[str]:
        """Charge all or nothing; the data sets for which a budget does not suffice."""
        spent, short = self._spent.copy(), set()
        paid = defaultdict(dict, {place: dict(questions) for place, questions in self._paid.items()})
        for holder in (f"person {caller.name}", f"organisation {caller.organisation or ''}"):
            for ask in asked:
                questions = paid[holder, ask.dataset, ask.block]
                if ask.words in questions:
                    continue
                half = list(questions.values())[-1:] if len(questions) % 2 else []
                questions[ask.words] = max(0.0, ask.price - sum(half))
                spent[holder, ask.dataset] += questions[ask.words]
                if spent[holder, ask.dataset] > BUDGET + 1e-6:
                    short.add(ask.dataset)
        if not short:
            self._spent, self._paid = spent, paid
        return short
