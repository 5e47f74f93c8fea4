"""``gsanode registry`` beside a running gateway of two processes: nodes join, are known to both, and leave."""

from __future__ import annotations

import json
import time
from pathlib import Path

import requests
import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from adapters.catalog.engine import connect
from migrations.schema import upgrade
from tests.node.test_serve import gsanode, serving
from tests.support import free_port, served

BEACON = "/ga4gh/beacon/v2"


def beacon(id: str) -> Starlette:
    async def info(_request: Request) -> JSONResponse:
        kind = {"group": "org.ga4gh", "artifact": "beacon", "version": "2.1.1"}
        organization = {"name": "O", "url": "https://o.test"}
        return JSONResponse({"id": id, "name": id, "type": kind, "organization": organization, "version": "1"})

    return Starlette(routes=[Route(f"{BEACON}/service-info", info)])


def configured(folder: Path, member: str, **changes: object) -> Path:
    port = free_port()
    values = {
        "kind": "gateway",
        "public_url": f"http://127.0.0.1:{port}",
        "listen": {"port": port, "workers": 2},
        "database": f"sqlite:///{folder}/gateway.db",
        "organization": {"id": "x", "name": "X", "url": "https://example.org"},
        "members": [{"id": "one", "name": "One", "url": member}],
        "joining": {"networks": ["127.0.0.0/8"]},
        **changes,
    }
    path = folder / "gateway.yaml"
    path.write_text(yaml.safe_dump(values))
    engine = connect(str(values["database"]))
    upgrade(engine, "gateway")
    engine.dispose()
    return path


def known(url: str, times: int = 12) -> set[frozenset[str]]:
    """The nodes that the gateway's processes name: each request is a connection of its own, taken by any of them."""
    found = set()
    for _ in range(times):
        answer = requests.get(f"{url}{BEACON}/info", timeout=30, headers={"Connection": "close"})
        found.add(frozenset(node["id"] for node in answer.json()["response"]["info"]["nodes"]))
    return found


def until_all_know(url: str, nodes: set[str]) -> None:
    until = time.monotonic() + 60
    while known(url) != {frozenset(nodes)}:
        assert time.monotonic() < until


def test_nodes_join_and_leave_beside_running_processes(tmp_path: Path) -> None:
    with served(beacon("one")) as one, served(beacon("two")) as two:
        config = configured(tmp_path, one)
        named = ["--config", str(config)]
        with serving(config) as (_process, url):
            joined = gsanode("registry", "join", *named, "--id", "two", "--name", "Two", "--url", two)
            assert (joined.returncode, joined.stdout) == (0, "two has joined: beacon answered\n"), joined.stderr
            until_all_know(url, {"one", "two"})
            listed = gsanode("registry", "list", *named, "--json")
            assert {node["id"]: node["configured"] for node in json.loads(listed.stdout)} == {"one": True, "two": False}
            assert "a call" in gsanode("registry", "list", *named).stdout
            twice = gsanode("registry", "join", *named, "--id", "three", "--name", "T", "--url", two)
            assert (twice.returncode, "is the node 'two' already" in twice.stderr) == (1, True)
            wrong = gsanode("registry", "join", *named, "--id", "a", "--name", "A", "--url", two, "--standard", "x")
            assert (wrong.returncode, "ARTIFACT=/PATH" in wrong.stderr) == (2, True)
        with serving(config) as (_process, url):
            assert known(url) == {frozenset({"one", "two"})}, "after a restart"
            assert gsanode("registry", "leave", "two", *named).stdout == "two has left\n"
            until_all_know(url, {"one"})
            fixed = gsanode("registry", "leave", "one", *named)
            assert (fixed.returncode, "configuration" in fixed.stderr) == (1, True)
        assert "2 events, chain whole" in gsanode("audit", "verify", *named).stdout
        assert gsanode("registry", "list", *named).returncode == 1, "nobody is there to ask"
