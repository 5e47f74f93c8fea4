"""Requests of the gateway to the members' sides of the join: signed for one member and one body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anyio.to_thread

from federation.fanout import Arrived, Ask, Reply, Status
from federation.nodes import Nodes
from federation.pseudonyms import encode, fingerprint
from federation.tokens import Assert


class Asking:
    """Asks members as the gateway; the caller's token **for that member** travels inside the signed body.

    :param assertion: signs as the gateway towards a member: (member's public URL, claims) to a client assertion.
    """

    def __init__(self, nodes: Nodes, assertion: Assert) -> None:
        self._nodes = nodes
        self._assertion = assertion

    async def __call__(
        self,
        path: str,
        bodies: Mapping[str, dict[str, Any]],
        token: str | None,
        until: float,
        arrived: Arrived | None = None,
    ) -> dict[str, Reply]:
        """POST each body to its member; every member is in the answer.

        :param token: the caller's at this gateway, or None.
        :param until: when the question must be answered, in monotonic seconds.
        :param arrived: is told of replies as they come.
        """
        tokens, refused = await self._nodes.tokens(token, bodies)
        asks = {}
        for node, body in bodies.items():
            if node in refused or node not in self._nodes.members:
                continue
            signed = {**body, "token": tokens[node]} if node in tokens else body
            claims = {
                "question": encode(fingerprint(signed)),
                "caller": "authenticated" if node in tokens else "anonymous",
                "nonce": body["nonce"],
            }
            url = self._nodes.members[node].url
            assertion = await anyio.to_thread.run_sync(self._assertion, url, claims)
            asks[node] = Ask(url + path, signed, {"Authorization": f"Bearer {assertion}"})
        replies = await self._nodes.ask_as_gateway(asks, until, arrived)
        left = {node: Reply(Status.UNREACHABLE, detail="it left the federation") for node in bodies}
        return {**left, **replies, **refused}
