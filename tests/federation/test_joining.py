"""Nodes join and leave by a call of an operator, and by nobody else's; what joins proves itself and is not inside."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from auth import audit
from auth.keys import KeyRing
from federation.addresses import Addresses, Guarded, InnerAddress
from federation.assertions import signer
from federation.fanout import Ask, Fanout, Status
from federation.joined import AlreadyJoined, JoinedNodes, TooManyNodes
from federation.joining import call_hash
from federation.membership import Membership
from federation.settings import GatewaySettings, Limits, Member
from tests.federation.family import Family, MemberData, database, family
from tests.federation.servers import listening, serving
from tests.federation.servers import url as url_of
from tests.federation.test_registry import info, service

NODES = "/federation/v1/nodes"
BEACON = "/ga4gh/beacon/v2"
HERE = {"networks": [ip_network("127.0.0.0/8")]}


def beacon(id: str = "new.beacon") -> MemberData:
    async def individuals(_request: Request) -> JSONResponse:
        meta = {"beaconId": id, "returnedGranularity": "count"}
        return JSONResponse({"meta": meta, "responseSummary": {"exists": True, "numTotalResults": 7}})

    routes = [service(BEACON, info(id, "beacon", "2.1.1")), Route(f"{BEACON}/individuals", individuals)]
    return MemberData(routes=routes, terms=["HP:1"])


@asynccontextmanager
async def node(data: MemberData) -> AsyncIterator[str]:
    from tests.federation.family import beacon_routes

    sock = listening()
    async with serving(Starlette(routes=beacon_routes(data)), sock):
        yield url_of(sock)


@asynccontextmanager
async def running(folder: Path, **joining: Any) -> AsyncIterator[Family]:
    async with family(folder, {"one": beacon("one.beacon")}, joining={**HERE, **joining}) as made:
        yield made


def operator(made: Family, call: Mapping[str, Any], **changed: Any) -> dict[str, str]:
    """The gateway's own operator's assertion."""
    claims = {"call": call_hash(call), **changed.get("claims", {})}
    token = signer(changed.get("caller", made.url), changed.get("keys", made.keys))(
        changed.get("audience", made.url), claims
    )
    return {"Authorization": f"Bearer {token}"}


async def join(made: Family, url: str, id: str = "new", **more: Any) -> httpx.Response:
    body = {"id": id, "name": "New", "url": url, **more}
    return await made.client.post(NODES, json=body, headers=operator(made, {"join": body}))


async def leave(made: Family, id: str) -> httpx.Response:
    return await made.client.delete(f"{NODES}/{id}", headers=operator(made, {"leave": id}))


async def asked(made: Family) -> dict[str, str]:
    answer = (await made.client.get(f"{BEACON}/individuals?requestedGranularity=count")).json()
    return {line["id"]: line["status"] for line in answer["info"]["nodes"]}


async def test_a_node_joins_is_asked_and_leaves_without_a_restart(tmp_path: Path) -> None:
    async with node(beacon()) as url, running(tmp_path) as made:
        assert await asked(made) == {"one": "answered"}
        answer = await join(made, url)
        assert (answer.status_code, answer.json()["services"][0]["status"]) == (201, "answered")
        assert await asked(made) == {"one": "answered", "new": "answered"}
        entries = (await made.client.get("/ga4gh/registry/v1/services")).json()
        assert {entry["id"] for entry in entries} == {"one.beacon", "new.beacon"}
        nodes = {one["id"]: one["configured"] for one in (await made.client.get(NODES)).json()}
        assert nodes == {"one": True, "new": False}
        question = {"all": [{"entryType": "individual", "filters": [{"id": "HP:1"}], "member": "new"}]}
        planned = (await made.search({**question, "explain": True})).json()
        assert [line["id"] for line in planned["nodes"]] == ["new"]
        assert (await leave(made, "new")).status_code == 204
        assert await asked(made) == {"one": "answered"}
        entries = (await made.client.get("/ga4gh/registry/v1/services")).json()
        assert [entry["id"] for entry in entries] == ["one.beacon"]
        assert (await made.search(question)).status_code == 400
        assert (await leave(made, "new")).status_code == 404


async def test_other_processes_of_the_gateway_and_its_next_start_know_it(tmp_path: Path) -> None:
    async with node(beacon()) as url, running(tmp_path) as made:
        engine = database(tmp_path, "gateway")
        other = Membership(made.gateway.settings, JoinedNodes(engine), Addresses(HERE["networks"]))
        following = asyncio.create_task(other.run())
        try:
            assert (await join(made, url)).status_code == 201
            await reached(lambda: "new" in other.by_id)
            assert (await leave(made, "new")).status_code == 204
            await reached(lambda: "new" not in other.by_id)
        finally:
            following.cancel()
        assert (await join(made, url)).status_code == 201
        started = Membership(made.gateway.settings, JoinedNodes(engine), Addresses(HERE["networks"]))
        await started.refresh()
        assert list(started.by_id) == ["one", "new"]
        closed = Membership(made.gateway.settings, JoinedNodes(engine), Addresses())
        await closed.refresh()
        assert list(closed.by_id) == ["one"], "its network was taken out of the configuration"
        engine.dispose()


async def reached(condition: Any) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until
        await asyncio.sleep(0.02)


async def test_every_change_is_in_the_audit_and_refusals_are_not(tmp_path: Path) -> None:
    async with node(beacon()) as url, running(tmp_path) as made:
        await join(made, url)
        await join(made, url)
        await leave(made, "new")
        await leave(made, "new")
        engine = database(tmp_path, "gateway")
        with engine.connect() as connection:
            query = "SELECT actor, action, target FROM auth_audit_event ORDER BY sequence"
            events = [tuple(row) for row in connection.exec_driver_sql(query)]
        assert events == [(made.url, "node join", "new"), (made.url, "node leave", "new")]
        assert audit.verify(engine).fault is None
        engine.dispose()


async def test_only_an_operator_and_only_for_this_call(tmp_path: Path) -> None:
    """Another caller, another node's assertion, another body, an old or repeated one: nothing joins, nothing leaves."""
    stranger = KeyRing(database(tmp_path, "stranger"))
    async with node(beacon()) as url, running(tmp_path) as made:
        body = {"id": "new", "name": "New", "url": url}
        call = {"join": body}
        bad: list[tuple[int, dict[str, str]]] = [
            (401, {}),
            (401, {"Authorization": "Bearer abc"}),
            (401, operator(made, call, keys=stranger)),
            (401, operator(made, call, caller="https://stranger.example", keys=stranger)),
            (401, operator(made, call, audience=made.members["one"].url)),
            (403, operator(made, {"join": {**body, "url": url + "/x"}})),
            (403, operator(made, {"leave": "new"})),
            (403, operator(made, call, claims={"call": None})),
        ]
        for status, headers in bad:
            assert (await made.client.post(NODES, json=body, headers=headers)).status_code == status, headers
        once = operator(made, call)
        assert (await made.client.post(NODES, json=body, headers=once)).status_code == 201
        assert (await leave(made, "new")).status_code == 204
        assert (await made.client.post(NODES, json=body, headers=once)).status_code == 401
        assert list(made.gateway.membership.by_id) == ["one"]
        await join(made, url)
        assert (await made.client.delete(f"{NODES}/new")).status_code == 401
        assert (await made.client.delete(f"{NODES}/new", headers=operator(made, {"leave": "one"}))).status_code == 403
        assert list(made.gateway.membership.by_id) == ["one", "new"]


async def test_an_operator_of_another_institution_acts_with_its_own_keys(tmp_path: Path) -> None:
    keys = KeyRing(database(tmp_path, "elsewhere"))

    async def jwks(_request: Request) -> JSONResponse:
        return JSONResponse(keys.public_jwks())

    sock = listening()
    issuer = url_of(sock)
    async with serving(Starlette(routes=[Route("/jwks", jwks)]), sock), node(beacon()) as url:
        given = {"operators": [{"issuer": issuer, "jwks_uri": f"{issuer}/jwks"}]}
        async with running(tmp_path, **given) as made:
            body = {"id": "new", "name": "New", "url": url}
            headers = operator(made, {"join": body}, caller=issuer, keys=keys)
            assert (await made.client.post(NODES, json=body, headers=headers)).status_code == 201
            headers = operator(made, {"join": {**body, "id": "x"}}, caller=made.url, keys=keys)
            wrong = await made.client.post(NODES, json={**body, "id": "x"}, headers=headers)
            assert wrong.status_code == 401, "its keys do not sign as the gateway"


async def test_what_does_not_prove_itself_does_not_join(tmp_path: Path) -> None:
    lying = MemberData(routes=[service(BEACON, info("x", "drs"))])
    async with AsyncExitStack() as stack:
        made = await stack.enter_async_context(running(tmp_path))
        nodes = (beacon("one.beacon"), MemberData(), lying, beacon())
        twin, silent, liar, good = [await stack.enter_async_context(node(one)) for one in nodes]
        own = made.members["one"].url
        refused = [
            (await join(made, twin), 400, "already used by"),
            (await join(made, silent), 400, "no service of new proves itself"),
            (await join(made, liar), 400, "says artifact"),
            (await join(made, good, standards=[{"artifact": "drs", "path": "/ga4gh/drs/v1"}]), 400, "standards: "),
            (await join(made, own), 409, "is the node 'one' already"),
            (await join(made, good, id="one"), 409, "is a node already"),
            (await join(made, made.url), 409, "the gateway itself"),
            (await join(made, good + "/"), 400, "url: "),
            (await join(made, "file:///etc/passwd"), 400, "url: "),
            (await join(made, good, id="../x"), 400, "id"),
        ]
        for answer, status, words in refused:
            assert answer.status_code == status, answer.text
            assert words in answer.json()["detail"], answer.text
        assert list(made.gateway.membership.by_id) == ["one"]
        found = await leave(made, "one")
        assert (found.status_code, "configuration" in found.json()["detail"]) == (409, True)


INNER = [
    *("127.0.0.1", "10.0.0.1", "172.16.1.1", "192.168.0.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1"),
    *("::1", "::", "fe80::1", "fd00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1"),
    *("2002:7f00:1::", "2001:0:808:808:0:0:80ff:fffe", "255.255.255.255", "192.0.0.1", "198.18.0.1"),
]


@pytest.mark.parametrize("address", INNER)
def test_inner_addresses_are_refused_in_every_form(address: str) -> None:
    assert not Addresses().allows(ip_address(address))
    shown = f"[{address}]" if ":" in address else address
    assert not Addresses().allows_literal(f"https://{shown}/x")


@pytest.mark.parametrize("host", ["127.1", "0x7f000001", "2130706433", "0177.0.0.1", "localhost", "a.localhost"])
async def test_names_and_odd_forms_of_inner_addresses_are_refused(host: str) -> None:
    assert Addresses().allows_literal(f"https://{host}/") is host.endswith("localhost"), "an address that is no name"
    with pytest.raises(OSError, match=r"inner|Name or service|resolve|nodename"):
        await Addresses().check(f"https://{host}/")


async def test_public_addresses_are_allowed_over_https_only() -> None:
    await Addresses().check("https://93.184.216.34/beacon")
    with pytest.raises(InnerAddress, match="must be https"):
        await Addresses().check("http://93.184.216.34/beacon")
    await Addresses([ip_network("10.1.0.0/16")]).check("http://10.1.2.3:8080/")
    with pytest.raises(InnerAddress):
        await Addresses([ip_network("10.1.0.0/16")]).check("http://10.2.2.3:8080/")


async def test_a_gateway_takes_no_inner_node_unless_configured(tmp_path: Path) -> None:
    async with node(beacon()) as url, running(tmp_path, networks=[]) as made:
        for inner in (url, url.replace("127.0.0.1", "localhost"), "https://169.254.169.254"):
            answer = await join(made, inner)
            assert (answer.status_code, "inner address" in answer.json()["detail"]) == (400, True), answer.text
        assert (await join(made, "https://no-such-name.invalid")).status_code == 400


async def test_a_name_that_comes_to_lead_inside_is_not_followed() -> None:
    """Resolved at each connection: what the name led to when the node joined is not believed for ever."""
    async with node(beacon()) as url:
        inside = url.replace("127.0.0.1", "localhost")
        for addresses, hosts, status in [
            (Addresses(), [], Status.UNREACHABLE),
            (Addresses(), ["localhost"], Status.ANSWERED),
            (Addresses([ip_network("127.0.0.0/8"), ip_network("::1/128")]), [], Status.ANSWERED),
        ]:
            fanout = Fanout(Limits(), "g", lambda a=addresses, h=hosts: Guarded(a, h))  # type: ignore[misc]
            replies = await fanout.ask({"n": Ask(f"{inside}{BEACON}/service-info")}, 30)
            assert replies["n"].status is status
            await fanout.close()


def test_no_more_nodes_join_than_may(tmp_path: Path) -> None:
    engine = database(tmp_path, "gateway")
    joined = JoinedNodes(engine, most=2)
    for number in range(2):
        joined.add(Member(id=f"n{number}", name="N", url=f"https://n{number}.example"), "op")
    with pytest.raises(TooManyNodes):
        joined.add(Member(id="n2", name="N", url="https://n2.example"), "op")
    joined.remove("n0", "op")
    with pytest.raises(AlreadyJoined):
        joined.add(Member(id="n3", name="N", url="https://n1.example"), "op")
    assert [one.id for one in joined.all()] == ["n1"]
    assert audit.head(engine)[0] == 3
    engine.dispose()


def test_what_the_configuration_comes_to_name_is_its_own(tmp_path: Path) -> None:
    engine = database(tmp_path, "gateway")
    joined = JoinedNodes(engine)
    joined.add(Member(id="n", name="Joined", url="https://n.example"), "op")
    settings = GatewaySettings(
        public_url="https://g.example",
        listen={"port": 1},
        database="sqlite:///unused",
        organization={"id": "org", "name": "Org", "url": "https://org.test"},
        members=(Member(id="other", name="Configured", url="https://n.example"),),
    )
    membership = Membership(settings, joined, Addresses())
    asyncio.run(membership.refresh())
    assert [(one.id, one.name) for one in membership.members] == [("other", "Configured")]
    engine.dispose()
