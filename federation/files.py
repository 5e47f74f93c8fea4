"""Many files of the members, described and addressed by their own DRS (1.5.0, bulk operations).

What may be known and fetched is decided by the member that holds a file, for the caller of the request; whatever it
does not answer for is told with its reason, never dropped.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from federation.fanout import Ask, Reply, Status
from federation.nodes import Nodes

AT_ONCE = 500  # objects of one bulk request
Ids = Mapping[str, Sequence[str]]  # ids by node
Key = tuple[str, str]  # a node and an id there

REASONS = {
    401: "sign in to see it",
    403: "no access",
    404: "not there any more",
    202: "on tape; it has to be asked for first",
}


class _Answer(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class Checksum(_Answer):
    """A checksum of a file: ``type`` as DRS names it (``sha-256``, ``md5``)."""

    type: str = Field(pattern=r"^[A-Za-z0-9-]{1,32}$")
    checksum: str = Field(pattern=r"^[0-9A-Fa-f]{8,128}$")


class Place(_Answer):
    """A byte URL given in the record itself."""

    url: str


class Method(_Answer):
    """One way to the bytes (DRS-12)."""

    type: str
    access_id: str | None = None
    access_url: Place | None = None


class File(_Answer):
    """The DRS record of a file; ``size`` in bytes."""

    id: str
    name: str | None = None
    self_uri: str
    size: int = Field(ge=0)
    checksums: tuple[Checksum, ...] = Field(min_length=1, strict=False)
    access_methods: tuple[Method, ...] = Field(default=(), strict=False)

    def way(self) -> Method | None:
        """How to fetch it whole: through the member if it gives URLs, else at the address in the record."""
        whole = [method for method in self.access_methods if method.type in ("https", "s3", "ftp")]
        asked = [method for method in whole if method.access_id is not None]
        return next(iter([*asked, *(method for method in whole if method.access_url is not None)]), None)


@dataclass(frozen=True)
class Found:
    """What members told of files, and why not of the others."""

    files: Mapping[Key, File]
    left_out: Mapping[Key, str]


def object_id(uri: str) -> str | None:
    """The id in a ``drs://HOST/ID`` URI (DRS-42), None if it is no such URI."""
    host, slash, id = uri.removeprefix("drs://").partition("/")
    return unquote(id) if uri.startswith("drs://") and host and slash and id else None


class Files:
    """Asks the DRS of those members that have one.

    :param nodes: how they are reached; each request carries the caller's token for that member.
    """

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    async def describe(self, ids: Ids, token: str | None) -> Found:
        """The records of files, as far as the caller of ``token`` may read them."""
        files: dict[Key, File] = {}
        left_out: dict[Key, str] = {}
        bodies = {node: [{"bulk_object_ids": list(part)} for part in _parts(of)] for node, of in ids.items()}
        async for node, body, reply in self._each("/objects", bodies, token):
            found = {record["id"]: record for record in _listed(reply, "resolved_drs_object") if "id" in record}
            for id in body["bulk_object_ids"]:
                try:
                    files[node, id] = File.model_validate(found[id])
                except KeyError:
                    left_out[node, id] = _reason(reply, id)
                except ValidationError:
                    left_out[node, id] = "the member's record of it breaks the standard"
        return Found(files, left_out)

    async def urls(self, ways: Mapping[Key, Method], token: str | None) -> tuple[dict[Key, str], dict[Key, str]]:
        """Byte URLs that the caller of ``token`` may fetch, and why not of the others.

        :param ways: of each file, the way to its bytes.
        """
        urls = {key: way.access_url.url for key, way in ways.items() if way.access_id is None and way.access_url}
        asked: dict[str, list[dict[str, Any]]] = {}
        for (node, id), way in ways.items():
            if way.access_id is not None:
                asked.setdefault(node, []).append({"bulk_object_id": id, "bulk_access_ids": [way.access_id]})
        bodies = {node: [{"bulk_object_access_ids": part} for part in _parts(of)] for node, of in asked.items()}
        refused: dict[Key, str] = {}
        async for node, body, reply in self._each("/objects/access", bodies, token):
            given = {
                one.get("drs_object_id"): one.get("url") for one in _listed(reply, "resolved_drs_object_access_urls")
            }
            for one in body["bulk_object_access_ids"]:
                id = one["bulk_object_id"]
                url = given.get(id)
                if isinstance(url, str):
                    urls[node, id] = url
                else:
                    refused[node, id] = _reason(reply, id)
        return urls, refused

    async def _each(
        self, path: str, bodies: Mapping[str, Sequence[dict[str, Any]]], token: str | None
    ) -> AsyncIterator[tuple[str, dict[str, Any], Reply]]:
        """Every body with its reply; the members are asked beside each other, each for one body after the other."""
        rounds = max((len(of) for of in bodies.values()), default=0)
        for number in range(rounds):
            asks, sent = {}, {}
            for node, of in bodies.items():
                if number < len(of):
                    member = self._nodes.members.get(node)
                    base = member.base("drs") if member else None
                    asks[node], sent[node] = Ask(f"{base}{path}", of[number]), of[number]
            replies = await self._nodes.ask(asks, token)
            for node, reply in replies.items():
                yield node, sent[node], reply
            await asyncio.sleep(0)  # other questions have their turn between two rounds


def _parts(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return [items[begin : begin + AT_ONCE] for begin in range(0, len(items), AT_ONCE)]


def _listed(reply: Reply, name: str) -> list[dict[str, Any]]:
    found = reply.body.get(name) if isinstance(reply.body, dict) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _reason(reply: Reply, id: str) -> str:
    """Why a member did not answer for a file."""
    if reply.status is not Status.ANSWERED:
        return f"the member did not answer: {reply.status.value} {reply.detail}".strip()
    for group in _listed(reply, "unresolved_drs_objects"):
        ids, code = group.get("object_ids"), group.get("error_code")
        if isinstance(ids, list) and id in ids:
            return REASONS.get(code, f"error {code}") if isinstance(code, int) else "error"
    return "the member says nothing of it"
