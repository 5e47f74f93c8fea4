"""``gsanode audit``: the hash-chained audit events of a process."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from node.commands.process import Config, Settings, database, fail, settings
from node.settings import MemberSettings

audit = typer.Typer(help="the chain of audit events", no_args_is_help=True)
Anchors = Annotated[Path | None, typer.Option("--anchors", help="file of anchors instead of the configured one")]


@audit.callback()
def _group() -> None:
    """The chain of audit events."""


@audit.command()
def verify(config: Config, anchors: Anchors = None) -> None:
    """Walk the chain; an edited, missing or reordered event is found and ends the command with exit code 1."""
    from auth import anchors as kept
    from auth import audit as chain

    given = settings(config)
    path = anchors or _configured(given)
    if anchors is not None and not anchors.exists():
        fail(f"{anchors}: no such file of anchors")
    try:
        known = {} if path is None else kept.read(path)
    except kept.DamagedAnchors as error:
        fail(str(error), 1)
    with database(given) as engine:
        found = chain.verify(engine, known)
    if found.fault is not None:
        fail(f"audit chain broken after {found.events} events: {found.fault}", 1)
    typer.echo(f"{found.events} events, chain whole, head {found.head}, {len(known)} anchors hold")


@audit.command()
def anchor(config: Config, anchors: Anchors = None) -> None:
    """Append the head of the chain to the file of anchors, which belongs on another machine."""
    from auth import anchors as kept
    from auth.keys import clock

    given = settings(config)
    path = anchors or _configured(given)
    if path is None:
        fail("no file of anchors: give --anchors FILE or the key 'audit_anchors'")
    with database(given) as engine:
        try:
            written = kept.note(engine, path, clock())
        except kept.DamagedAnchors as error:
            fail(str(error), 1)
    typer.echo(f"{path}: {'anchored' if written else 'nothing new'}")


def _configured(given: Settings) -> Path | None:
    return given.audit_anchors if isinstance(given, MemberSettings) else None
