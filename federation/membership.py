"""The nodes of a gateway now: those of its configuration, and those that joined by a call."""

from __future__ import annotations

import asyncio
from typing import Any

import anyio.to_thread
import structlog
from sqlalchemy.exc import SQLAlchemyError

from federation.addresses import Addresses
from federation.joined import JoinedNodes
from federation.settings import GatewaySettings, Member

log = structlog.get_logger(__name__)

SECONDS = 1.0
"""After which the other processes of a gateway know of a change at the latest."""


class Membership:
    """Who is asked. Questions read it without waiting; a loop beside them reads what joined and left elsewhere.

    :param joined: those that joined by a call.
    :param addresses: where they may be; one whose address is no longer allowed is not asked.
    """

    def __init__(self, settings: GatewaySettings, joined: JoinedNodes, addresses: Addresses) -> None:
        self.configured = settings
        self.settings = settings
        self.by_id: dict[str, Member] = {}
        self._joined = joined
        self._addresses = addresses
        self._take(())

    @property
    def members(self) -> tuple[Member, ...]:
        """All of them: of the configuration in its order, then by the time of joining."""
        return self.settings.members

    def is_configured(self, id: str) -> bool:
        """Whether the configuration names the node; it then stays until it is taken out there."""
        return any(member.id == id for member in self.configured.members)

    def taken(self, node: Member) -> str:
        """Why the node cannot join beside the others, or an empty string."""
        for member in self.members:
            if node.id == member.id:
                return f"id: {node.id!r} is a node already"
            if node.url == member.url:
                return f"url: {node.url} is the node {member.id!r} already"
        return "url: the gateway itself cannot be one of its nodes" if node.url == self.settings.public_url else ""

    async def refresh(self) -> None:
        """Read what has joined."""
        self._take(await anyio.to_thread.run_sync(self._joined.all))

    async def add(self, node: Member, by: str) -> None:
        """See :meth:`federation.joined.JoinedNodes.add`; known here when it returns."""
        await anyio.to_thread.run_sync(self._joined.add, node, by)
        await self.refresh()

    async def remove(self, id: str, by: str) -> bool:
        """See :meth:`federation.joined.JoinedNodes.remove`; not asked from here when it returns."""
        there = await anyio.to_thread.run_sync(self._joined.remove, id, by)
        await self.refresh()
        return there

    async def run(self) -> None:
        """Refresh for ever."""
        while True:
            await asyncio.sleep(SECONDS)
            try:
                await self.refresh()
            except SQLAlchemyError as error:  # the nodes known before are asked until the database is there again
                log.warning("joined_nodes_not_read", error=type(error).__name__)

    def _take(self, joined: tuple[Member, ...]) -> None:
        own = {member.id for member in self.configured.members} | {member.url for member in self.configured.members}
        # What the configuration came to name since then is the configuration's.
        added = [node for node in joined if not own & {node.id, node.url} and self._addresses.allows_literal(node.url)]
        update: dict[str, Any] = {"members": (*self.configured.members, *added)}
        if update["members"] != self.settings.members or not self.by_id:
            self.settings = self.configured.model_copy(update=update)
            self.by_id = {member.id: member for member in self.settings.members}
