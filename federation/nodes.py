"""The gateway's members as nodes to ask: each request carries the caller's token for that member, and no other."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

from federation.fanout import Arrived, Ask, Fanout, Reply, Status
from federation.membership import Membership
from federation.settings import Member
from federation.tokens import Tokens


class Nodes:
    """All members of a gateway.

    :param tokens: exchange of callers' tokens; None where the gateway has no broker, then nobody is anybody.
    """

    def __init__(self, membership: Membership, fanout: Fanout, tokens: Tokens | None) -> None:
        self.membership = membership
        self._deadline = membership.configured.deadline_seconds
        self._fanout = fanout
        self._tokens = tokens

    @property
    def members(self) -> Mapping[str, Member]:
        """The nodes by id, as they are now."""
        return self.membership.by_id

    async def ask(
        self, requests: Mapping[str, Ask], token: str | None = None, arrived: Arrived | None = None
    ) -> dict[str, Reply]:
        """Ask each node (by id) as the caller of ``token``, all within the deadline.

        :param arrived: is told of replies as they come.

        :raises federation.tokens.TokenRefused: and the other exceptions of a token exchange that ends the question.
        """
        until = self.until()
        tokens, refused = await self.tokens(token, requests)
        allowed = {
            node: replace(ask, headers={**ask.headers, "Authorization": f"Bearer {tokens[node]}"})
            if node in tokens
            else ask
            for node, ask in requests.items()
            if node not in refused
        }
        replies = await self.ask_as_gateway(allowed, until, arrived)
        return {node: replies.get(node) or refused[node] for node in requests}

    def until(self) -> float:
        """When a question that begins now must be answered (monotonic seconds)."""
        return time.monotonic() + self._deadline

    async def ask_as_gateway(
        self, requests: Mapping[str, Ask], until: float, arrived: Arrived | None = None
    ) -> dict[str, Reply]:
        """Ask without a caller's token, up to ``until`` (monotonic seconds)."""
        return await self._fanout.ask(requests, max(until - time.monotonic(), 0.001), arrived)

    async def tokens(self, token: str | None, nodes: Mapping[str, object]) -> tuple[dict[str, str], dict[str, Reply]]:
        """The caller's token at each of ``nodes``, and the nodes for which the broker makes none."""
        if token is None or self._tokens is None:
            return {}, {}
        urls = {node: self.members[node].url for node in nodes if node in self.members}
        made = await self._tokens.for_members(token, urls)
        return (
            {node: value for node, value in made.items() if isinstance(value, str)},
            {node: Reply(Status.REFUSED, detail=str(e)) for node, e in made.items() if not isinstance(e, str)},
        )
