"""``gsanode registry``: the nodes that a gateway asks, and which join and leave while it runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from auth.broker.settings import BrokerSettings
from federation.settings import GatewaySettings
from node.commands.process import Config, database, fail, settings
from node.settings import MemberSettings, WorkerSettings

TIMEOUT = 90
registry = typer.Typer(help="the nodes that a gateway asks", no_args_is_help=True)

Gateway = Annotated[
    str | None,
    typer.Option("--gateway", help="public URL of the gateway, where the configuration is not the gateway's own"),
]
AsJson = Annotated[bool, typer.Option("--json", help="for scripts")]


@registry.callback()
def _group() -> None:
    """The nodes that a gateway asks. ``--config`` names the process as which you ask."""


@registry.command("list")
def show(config: Config, gateway: Gateway = None, as_json: AsJson = False) -> None:
    """The nodes, and what their services said when they were last looked at."""
    nodes = _call(_url(config, gateway), "GET", "", {})
    if as_json:
        typer.echo(json.dumps(nodes))
        return
    table = Table("node", "name", "url", "named by", "services")
    for node in nodes:
        services = "\n".join(f"{one['artifact']}: {one['detail'] or one['status']}" for one in node["services"])
        named = "configuration" if node["configured"] else "a call"
        table.add_row(node["id"], node["name"], node["url"], named, services)
    Console(width=160).print(table)


@registry.command()
def join(
    config: Config,
    id: Annotated[str, typer.Option("--id", help="under which it is known: a-z, 0-9 and -")],
    url: Annotated[str, typer.Option("--url", help="its public URL, below which its standards hang")],
    name: Annotated[str, typer.Option("--name", help="its name for people")],
    standards: Annotated[
        list[str] | None,
        typer.Option("--standard", help="ARTIFACT=PATH that it serves; without any the usual places are looked at"),
    ] = None,
    gateway: Gateway = None,
    as_json: AsJson = False,
) -> None:
    """Have a node join. Its services have to answer, and to say that they are what they shall be."""
    body: dict[str, Any] = {"id": id, "name": name, "url": url}
    if standards:
        body["standards"] = [_standard(one) for one in standards]
    asked = _url(config, gateway)
    made = _call(asked, "POST", "", _signed(config, asked, {"join": body}), body)
    services = ", ".join(f"{one['artifact']} {one['status']}" for one in made["services"])
    typer.echo(json.dumps(made) if as_json else f"{id} has joined: {services}")


@registry.command()
def leave(
    config: Config,
    id: Annotated[str, typer.Argument(help="the node, as gsanode registry list names it")],
    gateway: Gateway = None,
) -> None:
    """Have a node leave that joined by a call; those of the configuration leave by being taken out there."""
    asked = _url(config, gateway)
    _call(asked, "DELETE", f"/{id}", _signed(config, asked, {"leave": id}))
    typer.echo(f"{id} has left")


def _standard(text: str) -> dict[str, str]:
    artifact, equals, path = text.partition("=")
    if not (artifact and equals and path.startswith("/")):
        fail(f"--standard {text!r}: allowed is ARTIFACT=/PATH, such as beacon=/api")
    return {"artifact": artifact, "path": path}


def _url(config: Path, gateway: str | None) -> str:
    given = settings(config)
    if gateway is not None:
        return gateway.rstrip("/")
    if not isinstance(given, GatewaySettings):
        fail(f"{config}: key 'kind': is no gateway; say with --gateway which one you mean")
    return given.public_url


def _signed(config: Path, gateway: str, call: Mapping[str, Any]) -> dict[str, str]:
    """The header that says who calls, for exactly this call: signed with the key of the process of ``config``."""
    from auth.keys import KeyRing
    from auth.sealing import SealBroken
    from federation.assertions import signer
    from federation.joining import call_hash
    from node.keys import seal

    given: MemberSettings | BrokerSettings | GatewaySettings | WorkerSettings = settings(config)
    if isinstance(given, WorkerSettings):
        fail(f"{config}: key 'kind': a worker signs nothing; name a gateway or a member")
    with database(given) as engine:
        try:
            assertion = signer(given.public_url, KeyRing(engine, seal=seal(given)))(gateway, {"call": call_hash(call)})
        except SealBroken as error:
            fail(f"{config}: key 'key_secret': {error}")
    return {"Authorization": f"Bearer {assertion}"}


def _call(gateway: str, method: str, path: str, headers: Mapping[str, str], body: Any = None) -> Any:
    """The answer; a refusal ends the command with exit code 1 and says the gateway's reason."""
    import requests

    url = f"{gateway}/federation/v1/nodes{path}"
    try:
        answer = requests.request(method, url, json=body, headers=headers, timeout=TIMEOUT, allow_redirects=False)
        said = answer.json() if answer.content else None
    except requests.JSONDecodeError:
        fail(f"{url}: HTTP {answer.status_code}, and no answer of a gateway", 1)
    except requests.RequestException as error:
        fail(f"{url}: cannot be reached: {type(error).__name__}", 1)
    if answer.status_code not in (200, 201, 204):
        fail((said or {}).get("detail") or f"{url}: HTTP {answer.status_code}", 1)
    return said
