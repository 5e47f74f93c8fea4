"""The gateway's half of a semi-join: it carries a filter to the larger side and its candidates back (see
:mod:`federation.held`), and ends with numbers, or with both lists where a member does not allow it."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import numpy as np

from federation.bloom import Bloom
from federation.fanout import Reply, Status
from federation.held import SHORT_BYTES
from federation.join import InvalidSide, SideAnswer, Sizes
from federation.pseudonyms import PSEUDONYM_BYTES, unpack, unpack_in_order

Steps = Callable[[Mapping[str, dict[str, Any]]], Awaitable[Mapping[str, Reply]]]
"""Asks members (by id) for a step of what they hold."""


class Lost(Exception):
    """A member did not take its step."""

    def __init__(self, member: str, reply: Reply) -> None:
        super().__init__(member)
        self.member = member
        self.reply = reply


class SemiJoin:
    """Completes two sides of which at least one is held.

    :param steps: asks as the gateway, under the question's nonce and deadline.
    """

    def __init__(self, sides: Mapping[str, SideAnswer], steps: Steps) -> None:
        self._sides = dict(sides)
        self._steps = steps
        self._lists: dict[str, frozenset[bytes]] = {}

    async def completed(self) -> tuple[dict[str, SideAnswer], Sizes | None]:
        """The sides with all lists, or the sizes, which say the same of them.

        :raises Lost: naming the member that did not take its step.
        """
        if not any(side.held is not None for side in self._sides.values()):
            return self._sides, None
        try:
            return await self._completed()
        except ValueError as error:
            raise InvalidSide(f"pseudonyms: {error}") from error

    async def _completed(self) -> tuple[dict[str, SideAnswer], Sizes | None]:
        for member, side in self._sides.items():
            if side.pseudonyms is not None:
                self._lists[member] = unpack(side.pseudonyms)
        sizes = {member: self._size(member) for member in self._sides}
        smaller, larger = sorted(sizes, key=lambda member: (sizes[member], member))
        if self._allowed(smaller, larger):
            return self._sides, Sizes(sizes, await self._shared(smaller, larger))
        replies = await self._step({m: {"want": "pseudonyms"} for m, side in self._sides.items() if side.held})
        for member, text in replies.items():
            changed = self._sides[member].model_copy(update={"pseudonyms": _text(text, "pseudonyms"), "held": None})
            self._sides[member] = changed
        return self._sides, None

    def _size(self, member: str) -> int:
        held = self._sides[member].held
        return len(self._lists.get(member, ())) if held is None else held

    def _allowed(self, smaller: str, larger: str) -> bool:
        """Whether the smaller side's people may be told to the larger's member, and there is nothing beside them."""
        plain = not any(side.beside or side.suppressed for side in self._sides.values())
        return plain and self._sides[smaller].semi_join and self._sides[larger].held is not None

    async def _shared(self, smaller: str, larger: str) -> int:
        own = self._lists.get(smaller)
        if own is None:
            given = (await self._step({smaller: {"want": "filter"}}))[smaller]
            bits = _text(given, "filter")
        else:
            packed = np.frombuffer(b"".join(own), np.uint8).reshape(-1, PSEUDONYM_BYTES)
            bits = base64.b64encode(Bloom.of(packed).packed).decode()
        found = (await self._step({larger: {"want": "candidates", "filter": bits}}))[larger]
        text = _text(found, "candidates")
        if own is not None:
            return len(unpack(text, SHORT_BYTES) & frozenset(one[:SHORT_BYTES] for one in own))
        confirmed = (await self._step({smaller: {"want": "confirm", "candidates": text}}))[smaller]
        return _ones(_text(confirmed, "confirmed"), unpack_in_order(text, SHORT_BYTES))

    async def _step(self, asked: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
        replies = await self._steps(asked)
        for member, reply in replies.items():
            if reply.status is not Status.ANSWERED:
                raise Lost(member, reply)
        return {member: reply.body for member, reply in replies.items()}


def _text(body: Any, name: str) -> str:
    if not isinstance(body, dict) or not isinstance(body.get(name), str):
        raise ValueError(f"the member's step has no {name}")
    return str(body[name])


def _ones(text: str, candidates: Sequence[bytes]) -> int:
    """How many candidates are confirmed, one bit each."""
    bits = np.unpackbits(np.frombuffer(base64.b64decode(text, validate=True), np.uint8))
    if len(frozenset(candidates)) != len(candidates) or (len(candidates) + 7) // 8 * 8 != len(bits):
        raise ValueError("candidates are repeated, or there is not one bit for each")
    return int(bits[: len(candidates)].sum())
