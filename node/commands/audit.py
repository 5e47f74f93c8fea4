"""``gsanode audit``: the hash-chained audit events of a process."""

from __future__ import annotations

import typer

from node.commands.process import Config, database, fail, settings

audit = typer.Typer(help="the chain of audit events", no_args_is_help=True)


@audit.callback()
def _group() -> None:
    """The chain of audit events."""


@audit.command()
def verify(config: Config) -> None:
    """Walk the chain; an edited, missing or reordered event is found and ends the command with exit code 1."""
    from auth import audit as chain

    with database(settings(config)) as engine:
        found = chain.verify(engine)
    if found.fault is not None:
        fail(f"audit chain broken after {found.events} events: {found.fault}", 1)
    typer.echo(f"{found.events} events, chain whole, head {found.head}")
