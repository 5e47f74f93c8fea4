"""What the gateway knows of its members' services: each entry is the service's own word, looked at again and again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from federation.fanout import Ask, Fanout, Reply, Status
from federation.membership import Membership
from federation.refreshing import Refreshing
from federation.settings import Member, Standard

REQUIRED = ("id", "name", "type", "organization", "version")


@dataclass(frozen=True)
class Service:
    """A service of a member. ``entry`` is its registry entry (REG-02), None while it never answered properly.

    ``latency`` is the time of the last look in seconds, ``looked_at`` epoch seconds.
    """

    member: str
    artifact: str
    url: str
    entry: dict[str, Any] | None
    status: Status
    detail: str
    latency: float
    looked_at: float

    def told(self) -> dict[str, Any]:
        """As the nodes' page of the federation shows it."""
        return {
            "artifact": self.artifact,
            "url": self.url,
            "status": self.status.value,
            "detail": self.detail,
            "seconds": self.latency,
        }


class Directory:
    """Looks at every service when the last look is older than ``health_seconds``, beside the questions."""

    def __init__(self, membership: Membership, fanout: Fanout, clock: Callable[[], float] = time.time) -> None:
        self._membership = membership
        self._settings = membership.configured
        self._fanout = fanout
        self._clock = clock
        self._services: tuple[Service, ...] = ()
        self._looked_at = float("-inf")
        self.refreshing = Refreshing(self.look)

    async def services(self) -> tuple[Service, ...]:
        """All services as of the last look; the first one is waited for."""
        await self.refreshing.ready(self._clock() - self._looked_at >= self._settings.limits.health_seconds)
        members = self._membership.by_id
        return tuple(one for one in self._services if one.member in members and members[one.member].owns(one.url))

    async def examined(self, node: Member) -> tuple[Service, ...]:
        """What the services of a node say that has not joined, beside those of the nodes that have."""
        found = _without_doubles([*await self.services(), *await self._found([node], {})])
        return tuple(service for service in found if service.member == node.id)

    async def look(self) -> None:
        """Look at every service now."""
        before = {(service.member, service.url): service for service in self._services}
        self._services = _without_doubles(await self._found(self._membership.members, before))
        self._looked_at = self._clock()

    async def _found(self, members: Sequence[Member], before: Mapping[tuple[str, str], Service]) -> list[Service]:
        places = {
            f"{member.id} {standard.path}": (member, standard) for member in members for standard in member.standards
        }
        asks = {key: Ask(member.url + standard.path + "/service-info") for key, (member, standard) in places.items()}
        replies = await self._fanout.ask(asks, self._settings.deadline_seconds)
        found = [self._service(*places[key], replies[key], before) for key in places]
        return [service for service in found if service is not None]

    def _service(
        self, member: Member, standard: Standard, reply: Reply, before: Mapping[tuple[str, str], Service]
    ) -> Service | None:
        url = member.url + standard.path
        known = before.get((member.id, url))
        status, detail, entry = reply.status, reply.detail, known.entry if known else None
        if status is Status.ANSWERED:
            wrong = mismatch(reply.body, standard)
            status, detail = (Status.INVALID, wrong) if wrong else (status, detail)
            entry = None if wrong else {**reply.body, "url": url}
        if not member.names_standards and entry is None and status is Status.CANNOT_ANSWER:
            return None
        return Service(member.id, standard.artifact, url, entry, status, detail, round(reply.seconds, 4), self._clock())


def mismatch(info: Any, standard: Standard) -> str:
    """Why a service-info document is not the one of ``standard`` (SVI-01, SVI-03, SVI-04), or an empty string."""
    if not isinstance(info, dict):
        return "service-info is not an object"
    missing = [key for key in REQUIRED if not info.get(key)]
    if missing:
        return f"service-info lacks {', '.join(missing)}"
    kind = info["type"]
    if not isinstance(kind, dict) or not all(isinstance(kind.get(k), str) for k in ("group", "artifact", "version")):
        return "service-info: type needs group, artifact and version"
    if kind["artifact"] != standard.artifact:
        return f"service-info says artifact {kind['artifact'][:60]!r}, the configuration {standard.artifact!r}"
    if standard.version is not None and kind["version"] != standard.version:
        return f"service-info says version {kind['version'][:60]!r}, the configuration {standard.version!r}"
    organization = info["organization"]
    if not isinstance(organization, dict) or not organization.get("name") or not organization.get("url"):
        return "service-info: organization needs name and url"
    return ""


def _without_doubles(services: list[Service]) -> tuple[Service, ...]:
    """A second service under an id already taken is kept out: it may be the same one counted twice (BEA-68)."""
    seen: dict[Any, str] = {}
    kept = []
    for service in services:
        entry = service.entry
        if entry is not None and entry["id"] in seen:
            detail = f"the id {str(entry['id'])[:100]!r} is already used by {seen[entry['id']]}"
            service = Service(
                service.member,
                service.artifact,
                service.url,
                None,
                Status.INVALID,
                detail,
                service.latency,
                service.looked_at,
            )
        elif entry is not None:
            seen[entry["id"]] = service.url
        kept.append(service)
    return tuple(kept)
