"""``gsanode keys``: the keys with which a process signs tokens and visas."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from auth.broker.settings import BrokerSettings
from federation.settings import GatewaySettings
from node.commands.process import Config, database, fail, settings
from node.settings import MemberSettings, WorkerSettings
from web.settings import SettingsError

keys = typer.Typer(help="the keys with which a process signs", no_args_is_help=True)


@keys.callback()
def _group() -> None:
    """The keys with which a process signs."""


@keys.command("list")
def show(config: Config, as_json: Annotated[bool, typer.Option("--json", help="for scripts")] = False) -> None:
    """Every key: signing, announced, replaced or gone, and whether its private half is sealed."""
    from auth.keys import KeyRing

    with database(_signing(config)) as engine:
        held = KeyRing(engine).held()
    if as_json:
        typer.echo(json.dumps([asdict(key) for key in held]))
        return
    table = Table("key", "state", "made", "signs from", "leaves", "sealed")
    for key in held:
        leaves = "" if not key.retired else _time(key.retired)
        sealed = "" if key.state == "gone" else "yes" if key.sealed else "no"
        table.add_row(key.kid, key.state, _time(key.created), _time(key.active_from), leaves, sealed)
    Console(width=160).print(table)


@keys.command()
def rotate(
    config: Config,
    announce: Annotated[int, typer.Option(min=60, help="seconds that the new key is published before it signs")] = 600,
    overlap: Annotated[int, typer.Option(min=3600, help="seconds that the old keys are published after that")] = 3600,
) -> None:
    """Make a new key that takes over after a while; what the old ones signed stays good until it ends."""
    from node.keys import key_ring

    given = _signing(config)
    with database(given) as engine:
        try:
            typer.echo(key_ring(given, engine).rotate(announce, overlap).kid)
        except SettingsError as error:
            fail(f"{config}: {error}")


@keys.command()
def revoke(config: Config, kid: Annotated[str, typer.Argument(help="the key, as gsanode keys list names it")]) -> None:
    """Kill a key now: whatever it signed is refused here at once, elsewhere when the key set is read again (60 s)."""
    from auth.keys import KeyRing, UnknownKey

    with database(_signing(config)) as engine:
        try:
            KeyRing(engine).revoke(kid)
        except UnknownKey as error:
            fail(f"{error}; gsanode keys list names those there are", 1)
    typer.echo(f"{kid} is revoked")


def _signing(config: Path) -> MemberSettings | BrokerSettings | GatewaySettings:
    """The settings of a process that signs."""
    given = settings(config)
    if isinstance(given, WorkerSettings):
        fail(f"{config}: key 'kind': a worker signs nothing; name a member, the broker or a gateway")
    return given


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
