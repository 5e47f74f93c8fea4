"""``/federation/v1/manifest``: the files of the people of an answer, as a list to fetch (``specs/federation.yaml``)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any

import connexion
from connexion.lifecycle import ConnexionResponse

from federation.bearer import bearer
from federation.files import Files, Found, Key, object_id
from federation.manifest_formats import FORMATS, Entry, Format, Manifest, listable, paths
from web.errors import Failure

DEFAULT_PEOPLE = MOST_PEOPLE = 1000  # of one manifest
MOST_FILES = 10_000

Ask = Callable[[Mapping[str, Any], str | None], Awaitable[dict[str, Any]]]
Record = Mapping[str, Any]
Held = dict[Key, tuple[str, list[str]]]
"""The data set of each file, and the persons in it."""


class Manifests:
    """Makes manifests.

    :param ask: answers a federated question as the caller of a token (``Search.answer``).
    :param nodes: ids of the members.
    """

    def __init__(self, ask: Ask, files: Files, nodes: Callable[[], Collection[str]]) -> None:
        self._ask = ask
        self._files = files
        self._nodes = nodes

    async def make_manifest(self, body: dict[str, Any]) -> ConnexionResponse:
        """The manifest of a question, or of the records of its answer.

        :raises Failure: 400 for a request that is neither, 401 or 403 where the caller may see no records, 413 for too
            many files, 503 where a member that is needed did not answer.
        """
        token = bearer(connexion.request.headers.get("authorization"))
        format, content = await self.made(body, token)
        headers = {"Content-Disposition": f'attachment; filename="{format.file}"', "Cache-Control": "no-store"}
        return ConnexionResponse(200, content_type=format.media_type, body=content, headers=headers)

    async def made(self, body: Mapping[str, Any], token: str | None) -> tuple[Format, bytes]:
        """The manifest that ``body`` asks for, as the caller of ``token``; see :meth:`make_manifest`."""
        format = FORMATS[body.get("format", "tsv")]
        if ("question" in body) == ("records" in body):
            raise Failure(400, "the body: exactly one of 'question' and 'records' is needed")
        skip, limit = body.get("skip", 0), body.get("limit", DEFAULT_PEOPLE)
        if "records" in body:
            records, number = body["records"], len(body["records"])
            skip, limit = 0, max(number, 1)
        else:
            records, number = await self._found(body["question"], skip, limit, token)
        held = self._held(records)
        found = await self._described(held, token)
        urls: dict[Key, str] = {}
        if format.urls:
            urls, found = await self._addressed(found, token)
        manifest = Manifest(
            entries=_entries(held, found, urls),
            left_out=[(f"{node} {id}", why) for (node, id), why in found.left_out.items()],
            people=len(records),
            all_people=number,
            skip=skip,
            limit=limit,
        )
        return format, format.write(manifest)

    async def _found(
        self, question: Mapping[str, Any], skip: int, limit: int, token: str | None
    ) -> tuple[Sequence[Record], int]:
        """A page of the people whose records the caller may see, and how many there are."""
        whole = {"all": question["all"], "none": question.get("none", [])}
        answer = await self._ask({**whole, "granularity": "record", "skip": skip, "limit": limit}, token)
        if not answer["complete"]:
            silent = [f"{node['id']} {node['status']}" for node in answer["nodes"] if node["status"] != "answered"]
            if all(status.endswith("refused") for status in silent):
                raise _refused(token, f"{', '.join(silent)} this caller")
            raise Failure(503, f"members that are needed: {', '.join(silent)}", headers={"Retry-After": "5"})
        if "records" not in answer:
            doors = sorted({one["request"] for one in answer.get("access", ()) if "request" in one})
            places = f"; access is requested at {', '.join(doors)}" if doors else ""
            raise _refused(token, f"{', '.join(answer.get('refusedBy', ()))} shows this caller no records{places}")
        return answer["records"], answer["numRecords"]

    def _held(self, records: Sequence[Record]) -> Held:
        """Every file of the records once: its data set, and whose it is."""
        held: Held = {}
        for place, record in enumerate(records):
            for individual in record["individuals"]:
                for dataset in individual.get("datasets", ()):
                    for uri in dataset.get("drs", ()):
                        key = self._key(f"records[{place}]", individual["node"], uri)
                        _, persons = held.setdefault(key, (str(dataset.get("accession", "")), []))
                        if record["person"] not in persons:
                            persons.append(record["person"])
        if len(held) > MOST_FILES:
            asked = f"{len(held)} files; at most {MOST_FILES} are allowed in one manifest"
            raise Failure(413, f"{asked}: ask for fewer people (limit)")
        return held

    def _key(self, place: str, node: str, uri: str) -> Key:
        """Whom to ask for a file, and by which id; its host says nothing, since a member has a name of its own."""
        nodes = self._nodes()
        if node not in nodes:
            allowed = ", ".join(sorted(nodes))
            raise Failure(400, f"{place}: {node[:63]!r} is not a member with DRS; allowed: {allowed}")
        id = object_id(uri)
        if id is None:
            raise Failure(400, f"{place}: {uri[:100]!r} is not drs://HOST/ID")
        return node, id

    async def _described(self, held: Held, token: str | None) -> Found:
        ids: dict[str, list[str]] = {}
        for node, id in held:
            ids.setdefault(node, []).append(id)
        return await self._files.describe(ids, token)

    async def _addressed(self, found: Found, token: str | None) -> tuple[dict[Key, str], Found]:
        """Byte URLs, and those files alone that have one."""
        ways = {key: way for key, file in found.files.items() if (way := file.way()) is not None}
        urls, refused = await self._files.urls(ways, token)
        kinds = {key: [one.type for one in file.checksums] for key, file in found.files.items()}
        urls = {key: url for key, url in urls.items() if listable(url, kinds[key])}
        reasons = {key: refused.get(key, "has no address or checksum that can be listed") for key in found.files}
        left_out = {key: why for key, why in reasons.items() if key not in urls}
        files = {key: file for key, file in found.files.items() if key in urls}
        return urls, Found(files, {**found.left_out, **left_out})


def _entries(held: Held, found: Found, urls: Mapping[Key, str]) -> list[Entry]:
    """In the order of the answer."""
    keys = [key for key in held if key in found.files]
    names = [found.files[key].name or key[1] for key in keys]
    placed = paths((held[key][0], name, key[1]) for key, name in zip(keys, names, strict=True))
    return [
        Entry(
            drs_uri=found.files[key].self_uri,
            path=path,
            name=name,
            size=found.files[key].size,
            checksums={one.type: one.checksum for one in found.files[key].checksums},
            node=key[0],
            dataset=held[key][0],
            persons=held[key][1],
            url=urls.get(key),
        )
        for key, name, path in zip(keys, names, placed, strict=True)
    ]


def _refused(token: str | None, why: str) -> Failure:
    """No records for this caller: 401 for who did not sign in, 403 for who did."""
    if token is None:
        return Failure(401, f"{why}; sign in, if you have access", headers={"WWW-Authenticate": "Bearer"})
    return Failure(403, why)
