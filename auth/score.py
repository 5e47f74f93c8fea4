"""The sharing score of a published data set (FAMILY, Access): a pure function of how its committee works.

Open data scores 100. Controlled data scores, of what its committee received and of what it decided,

    40 x processed share  +  30 x approved share  +  30 x speed

* processed share: requests decided / requests received (submitted and not taken back before a decision);
* approved share: approvals / decisions, an approval counting as such even if it later ended;
* speed: 14 / (14 + mean days from submission to decision): 1 when decided at once, 1/2 at two weeks.

A part without a basis (nothing decided yet) scores 0. A set that nobody has asked for has no score.
"""

from __future__ import annotations

from dataclasses import dataclass

FULL = 100.0
HALF_SPEED_DAYS = 14.0
SECONDS_PER_DAY = 86400


@dataclass(frozen=True, slots=True)
class Workload:
    """How a committee dealt with the requests for one data set.

    :param received: requests submitted and not taken back before a decision.
    :param processed: of those, decided.
    :param approved: of those, approved.
    :param seconds: sum over the decided ones of the time from submission to decision.
    """

    received: int
    processed: int
    approved: int
    seconds: int

    @property
    def mean_seconds(self) -> float | None:
        """Mean time from submission to decision; None if nothing was decided."""
        return self.seconds / self.processed if self.processed else None


def sharing_score(tier: str, work: Workload) -> float | None:
    """The score, 0 to 100 rounded to two decimals, or None for a set that nobody has asked for."""
    if tier == "open":
        return FULL
    if not work.received:
        return None
    if work.mean_seconds is None:
        return 0.0
    processed = work.processed / work.received
    approved = work.approved / work.processed
    speed = HALF_SPEED_DAYS / (HALF_SPEED_DAYS + work.mean_seconds / SECONDS_PER_DAY)
    return round(40 * processed + 30 * approved + 30 * speed, 2)
