"""The service registry lists what proved to be what it says; the nodes page tells of the rest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from federation.directory import mismatch
from federation.settings import GatewaySettings, Standard
from tests.federation.family import MemberData, family
from tests.support import shared

BASE = "/ga4gh/registry/v1"


def info(id: str, artifact: str, version: str = "1.0.0", **changes: Any) -> dict[str, Any]:
    return {
        "id": id,
        "name": id,
        "type": {"group": "org.ga4gh", "artifact": artifact, "version": version},
        "organization": {"name": "O", "url": "https://o.test"},
        "version": "1",
        **changes,
    }


def service(path: str, document: Any, status: int = 200) -> Route:
    async def answer(_request: Request) -> Response:
        return JSONResponse(document, status)

    return Route(f"{path}/service-info", answer)


def members() -> dict[str, MemberData]:
    beacon, drs, reads = "/ga4gh/beacon/v2", "/ga4gh/drs/v1", "/ga4gh/htsget/v1/reads"
    return {
        "one": MemberData(
            routes=[service(beacon, info("one.beacon", "beacon", "2.1.1")), service(drs, info("one.drs", "drs"))]
        ),
        "two": MemberData(
            routes=[
                service(beacon, info("two.beacon", "beacon", "2.1.1")),
                service(drs, info("two.drs", "beacon")),  # says that it is something else
                service(reads, {}, 500),
            ]
        ),
        "twin": MemberData(routes=[service(beacon, info("one.beacon", "beacon", "2.1.1"))]),
    }


async def test_reg_01_02_03_04_05(tmp_path: Path) -> None:
    async with family(tmp_path, members()) as running:
        services = (await running.client.get(f"{BASE}/services")).json()
        assert {(one["id"], one["url"]) for one in services} == {
            ("one.beacon", f"{running.members['one'].url}/ga4gh/beacon/v2"),
            ("one.drs", f"{running.members['one'].url}/ga4gh/drs/v1"),
            ("two.beacon", f"{running.members['two'].url}/ga4gh/beacon/v2"),
        }
        types = (await running.client.get(f"{BASE}/services/types")).json()
        assert types == [
            {"group": "org.ga4gh", "artifact": "beacon", "version": "2.1.1"},
            {"group": "org.ga4gh", "artifact": "drs", "version": "1.0.0"},
        ]
        one = (await running.client.get(f"{BASE}/services/two.beacon")).json()
        assert one in services
        missing = await running.client.get(f"{BASE}/services/mars")
        assert missing.status_code == 404
        assert (missing.json()["status"], missing.json()["title"]) == (404, "Not Found")
        own = (await running.client.get(f"{BASE}/service-info")).json()
        assert own["type"] == {"group": "org.ga4gh", "artifact": "service-registry", "version": "1.0.0"}
        wrong = await running.client.post(f"{BASE}/services")
        assert wrong.status_code == 405
        assert wrong.json()["status"] == 405


async def test_nodes_tell_why_a_service_is_not_listed(tmp_path: Path) -> None:
    async with family(tmp_path, members()) as running:
        nodes = {node["id"]: node for node in (await running.client.get("/federation/v1/nodes")).json()}
        services = [(name, one) for name, node in nodes.items() for one in node["services"]]
        told = {(name, one["artifact"]): (one["status"], one["detail"]) for name, one in services}
        assert told["one", "beacon"] == ("answered", "")
        assert told["two", "drs"][0] == "invalid"
        assert "'beacon'" in told["two", "drs"][1]
        assert told["two", "htsget"] == ("unreachable", "HTTP 500")
        assert "already used" in told["twin", "beacon"][1]
        assert ("one", "htsget") not in told, "what is not served is not looked for again"
        assert nodes["one"]["entryTypes"] == ["dataset", "individual"]


async def test_a_service_that_goes_away_keeps_its_entry_and_shows_its_health(tmp_path: Path) -> None:
    state = {"well": True}

    async def fickle(_request: Request) -> Response:
        return JSONResponse(info("fickle.drs", "drs")) if state["well"] else JSONResponse({}, 503)

    data = {"one": MemberData(routes=[Route("/ga4gh/drs/v1/service-info", fickle)])}
    async with family(tmp_path, data) as running:
        for well, status in ((True, "answered"), (False, "unreachable"), (True, "answered")):
            state["well"] = well
            await running.gateway.directory.look()
            listed = (await running.client.get(f"{BASE}/services")).json()
            assert [one["id"] for one in listed] == ["fickle.drs"]
            (node,) = (await running.client.get("/federation/v1/nodes")).json()
            assert [one["status"] for one in node["services"]] == [status]


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (None, "not an object"),
        ([], "not an object"),
        ({}, "lacks id"),
        (info("x", "drs", type="drs"), "type needs"),
        (info("x", "drs", "1.5.0", organization={"name": "O"}), "organization"),
        (info("x", "htsget"), "'htsget'"),
        (info("x", "drs", "9.9.9"), "9.9.9"),
    ],
)
def test_svi_01_03_a_wrong_service_info_is_named(document: Any, says: str) -> None:
    assert says in mismatch(document, Standard(artifact="drs", path="/d", version="1.5.0"))
    assert mismatch(info("x", "drs", "1.5.0"), Standard(artifact="drs", path="/d", version="1.5.0")) == ""


async def test_answers_satisfy_the_official_contract(tmp_path: Path) -> None:
    contract = json.loads(shared("specs/service-registry-1.0.0/openapi.bundled.json").read_text())
    parts = contract["components"]["schemas"]

    def validate(name: str, document: Any) -> None:
        schema = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": parts}}
        jsonschema_rs.Draft4Validator(schema).validate(document)

    async with family(tmp_path, members()) as running:
        for entry in (await running.client.get(f"{BASE}/services")).json():
            validate("ExternalService", entry)
        for kind in (await running.client.get(f"{BASE}/services/types")).json():
            validate("ServiceType", kind)
        validate("Service", (await running.client.get(f"{BASE}/service-info")).json())
        validate("Error", (await running.client.get(f"{BASE}/services/x")).json())


def settings(**changes: Any) -> dict[str, Any]:
    return {
        "kind": "gateway",
        "public_url": "http://g.test",
        "listen": {"port": 1},
        "database": "sqlite:///x",
        "organization": {"id": "o", "name": "O", "url": "https://o.test"},
        "members": [{"id": "a", "name": "A", "url": "http://a.test"}, {"id": "b", "name": "B", "url": "http://b.test"}],
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"members": []}, "members"),
        ({"members": [{"id": "a", "name": "A", "url": "http://a.test"}] * 2}, "'a' appears twice"),
        ({"members": [{"id": "a", "name": "A", "url": "ftp://a.test"}]}, "url"),
        ({"members": [{"id": "a", "name": "A", "url": "http://a.test/"}]}, "url"),
        ({"members": [{"id": "A b", "name": "A", "url": "http://a.test"}]}, "id"),
        ({"links": [{"left": "a", "right": "mars"}]}, "'mars' is not a member; allowed: a, b"),
        ({"links": [{"left": "a", "right": "a"}]}, "linked to itself"),
        ({"deadline_seconds": 0}, "deadline_seconds"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_wrong_settings_are_named(changes: dict[str, Any], says: str) -> None:
    GatewaySettings.model_validate(settings())
    with pytest.raises(ValidationError, match=says):
        GatewaySettings.model_validate(settings(**changes))
