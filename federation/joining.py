"""Nodes join and leave by a call of an operator, who proves who asks by a client assertion for exactly this call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import connexion
from pydantic import ValidationError

from federation.addresses import Addresses, InnerAddress
from federation.capabilities import Capabilities
from federation.directory import Directory, Service
from federation.joined import AlreadyJoined, TooManyNodes
from federation.membership import Membership
from federation.pseudonyms import encode, fingerprint
from federation.settings import Member
from federation.side import Gateways
from web.errors import Failure


def call_hash(call: Mapping[str, Any]) -> str:
    """What an operator's assertion says in its claim ``call``: the hash of ``{"join": body}`` or ``{"leave": id}``."""
    return encode(fingerprint(call))


class Joining:
    """Operations of ``specs/federation.yaml`` that change the nodes.

    :param operators: verifies operators' assertions.
    """

    def __init__(
        self,
        membership: Membership,
        directory: Directory,
        capabilities: Capabilities,
        addresses: Addresses,
        operators: Gateways,
    ) -> None:
        self._membership = membership
        self._directory = directory
        self._capabilities = capabilities
        self._addresses = addresses
        self._operators = operators

    async def join_node(self, body: dict[str, Any]) -> tuple[dict[str, Any], int]:
        """Have a node join, after its services have said that they are what they shall be.

        :raises Failure: 401 or 403 for who is no operator asking exactly this, 400 for a node that cannot be asked or
            is not what it shall be, 409 for one that is there.
        """
        by = await self._operator({"join": body})
        try:
            node = Member.model_validate(body)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            raise Failure(400, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
        if taken := self._membership.taken(node):
            raise Failure(409, taken)
        try:
            await self._addresses.check(node.url)
        except InnerAddress as error:
            raise Failure(400, f"url: {error}") from error
        except OSError as error:
            raise Failure(400, f"url: {node.url} does not resolve") from error
        services = await self._directory.examined(node)
        if wrong := unproven(node, services):
            raise Failure(400, wrong)
        try:
            await self._membership.add(node, by)
        except AlreadyJoined as error:
            raise Failure(409, str(error)) from error
        except TooManyNodes as error:
            raise Failure(400, str(error)) from error
        await self._directory.look()
        await self._capabilities.look()
        return {"id": node.id, "name": node.name, "url": node.url, "services": [one.told() for one in services]}, 201

    async def leave_node(self, node_id: str) -> tuple[None, int]:
        """Have a node leave that joined by a call: it is asked no more.

        :raises Failure: 401 or 403 as above, 404 for no such node, 409 for one of the configuration.
        """
        by = await self._operator({"leave": node_id})
        if self._membership.is_configured(node_id):
            raise Failure(409, f"{node_id} is a node of the configuration; it leaves by being taken out there")
        if not await self._membership.remove(node_id, by):
            raise Failure(404, f"no node {node_id[:100]!r} has joined")
        return None, 204

    async def _operator(self, call: Mapping[str, Any]) -> str:
        claims = await self._operators(connexion.request.headers.get("authorization"))
        if claims.get("call") != call_hash(call):
            raise Failure(403, "the operator's assertion was made for another call")
        return str(claims["iss"])


def unproven(node: Member, services: tuple[Service, ...]) -> str:
    """What keeps a node from joining: every standard that is named for it, else at least one, has to prove itself."""
    told = "; ".join(f"{one.url}: {one.detail or one.status.value}" for one in services if one.entry is None)
    if not node.names_standards:
        return "" if any(one.entry for one in services) else f"url: no service of {node.id} proves itself: {told}"
    return f"standards: {told}" if told else ""
