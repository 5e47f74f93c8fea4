"""A member that serves htsget over files made by code: real policy, signer, byte URLs and store; two fixed people."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from starlette.types import ASGIApp

from adapters.catalog.catalog import DatasetRecord, FileRecord
from adapters.catalog.together import Together
from adapters.reads.slices import Slicer
from adapters.store.local import LocalStore
from adapters.store.source import ByteSource, Resident
from auth.caller import ANONYMOUS, Caller, Visa
from auth.errors import InvalidCapability, InvalidToken
from auth.policy import Policy
from auth.signed import Signer
from node.data import PREFIX, Data
from node.htsget.handler import RESIDENT_BYTES, Htsget
from node.htsget.shape import Cors, htsget_shape
from tests.adapters.reads.files import Made
from web.application import Assembly, create_application
from web.contracts import Contract
from web.errors import Failure
from web.service_info import Organization, service_info

NODE = "https://node.test"
BASE = f"{NODE}/ga4gh/htsget/v1"
GRANT = "grant-1"
DAY = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def dataset(accession: str, tier: str) -> DatasetRecord:
    dac = None if tier == "open" else "DAC1"
    return DatasetRecord(accession, "t", "d", tier, "public", dac, None, "", {}, DAY.date(), DAY, DAY)


OPEN, CONTROLLED = dataset("HRA000001", "open"), dataset("HRA000002", "controlled")


DIRECT = frozenset({"get_reads", "get_variants"})


class Files:
    """A catalog of files in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.known: dict[str, FileRecord] = {}

    def file(self, id: str) -> FileRecord | None:
        return self.known.get(id)

    def files(self, ids: Iterable[str]) -> dict[str, FileRecord]:
        return {id: self.known[id] for id in ids if id in self.known}

    def add(self, id: str, path: Path, format: str, within: DatasetRecord = OPEN, index: str | None = None) -> None:
        place = (("local", str(path.relative_to(self.root))),)
        size = path.stat().st_size
        mime = "application/octet-stream"
        self.known[id] = FileRecord(
            id, within, path.name, "", format, mime, size, None, DAY, True, None, None, None, None, index, {}, place
        )

    def add_made(self, id: str, made: Made, within: DatasetRecord = OPEN) -> None:
        self.add(f"{id}.index", made.index, made.index.suffix[1:].upper(), within)
        self.add(id, made.path, made.format, within, f"{id}.index")

    def change(self, id: str, **fields: Any) -> None:
        self.known[id] = dataclasses.replace(self.known[id], **fields)


class People:
    """A clearinghouse that knows two tokens."""

    async def bearer(self, authorization: str | None) -> Caller:
        soon = int(time.time()) + 600
        visa = Visa(
            NODE, "ada", "ControlledAccessGrants", f"{NODE}/datasets/HRA000002", f"{NODE}/dac/DAC1", "dac", 1, (),
            soon, GRANT,
        )  # fmt: skip
        match authorization:
            case None:
                return ANONYMOUS
            case "Bearer granted":
                return Caller("ada", "https://broker.test", (visa,), soon)
            case "Bearer stranger":
                return Caller("bob", "https://broker.test", (), soon)
        raise InvalidToken("not a token of a trusted broker")


class Node:
    """The application and the switches of its tests."""

    def __init__(self, root: Path) -> None:
        self.files = Files(root)
        self.in_force = {GRANT}
        catalog: Any = self.files
        clearinghouse: Any = People()
        self.store = LocalStore("local", root)
        self.store.prompt = True  # wherever the tests run
        self.data = Data(
            files=Together(catalog.files),
            stores={"local": self.store},
            signer=Signer(b"k" * 32),
            in_force=self._standing,
            public_url=NODE,
            seconds=300,
        )
        self.handler = Htsget(
            files=Together(catalog.files),
            policy=Policy(NODE, self._standing),
            clearinghouse=clearinghouse,
            slicer=Slicer(),
            open_source=lambda file: ByteSource(*self.data.place(file)),
            open_resident=lambda file: Resident(*self.data.place(file), RESIDENT_BYTES),
            prompt=self.data.prompt,
            byte_urls=self.data.urls,
            public_url=NODE,
            service=self._service,
        )

    def application(self, direct: frozenset[str] = DIRECT) -> ASGIApp:
        assembly = Assembly(
            name="member",
            contracts=[Contract("htsget", "/ga4gh/htsget/v1", self.handler, direct)],
            shapes=[("/ga4gh/htsget/v1", htsget_shape)],
            failures={
                InvalidToken: lambda error: Failure(401, str(error)),
                InvalidCapability: lambda error: Failure(403, str(error)),
            },
            areas={PREFIX: self.data},
        )
        return Cors(create_application(assembly), ("/ga4gh/htsget/v1", "/data"))

    def _standing(self, grants: Iterable[str]) -> set[str]:
        return self.in_force & set(grants)

    @staticmethod
    def _service(**given: Any) -> dict[str, Any]:
        return service_info(
            id="test.node.htsget", name="Test", organization=Organization("o", "O", "https://o.test"), **given
        )


async def payload(client: httpx.AsyncClient, ticket: dict[str, Any]) -> bytes:
    """What a client has that fetches every URL of a ticket without any credential or header of its own."""
    pieces: list[bytes] = []
    for part in ticket["htsget"]["urls"]:
        if part["url"].startswith("data:"):
            assert part["url"].startswith("data:;base64,")
            pieces.append(base64.b64decode(part["url"].removeprefix("data:;base64,"), validate=True))
        else:
            answer = await client.get(part["url"], headers=part.get("headers", {}))
            assert answer.status_code == 200, answer.text
            pieces.append(answer.content)
    return b"".join(pieces)


def url(datatype: str, id: str) -> str:
    return f"{BASE}/{datatype}/{quote(id, safe='')}"
