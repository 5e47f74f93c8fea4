"""``gsanode dac``: the committees of a member."""

from __future__ import annotations

from typing import Annotated

import typer

from node.commands.process import Config, database, fail, member

dac = typer.Typer(help="data access committees", no_args_is_help=True)


@dac.callback()
def _group() -> None:
    """Data access committees."""


@dac.command()
def committee(
    id: Annotated[str, typer.Argument(help="accession of the committee, such as HDAC000001")],
    config: Config,
    title: Annotated[str, typer.Option(help="name of the committee")],
    person: Annotated[list[str], typer.Option("--member", help="SUBJECT or SUBJECT=MAIL of one who decides; repeat")],
    chair: Annotated[
        list[str] | None, typer.Option(help="SUBJECT of a member who looks after the seats; repeat (else the first)")
    ] = None,
    quorum: Annotated[int, typer.Option(help="how many members must approve a request")] = 1,
) -> None:
    """Make a committee, or change its name, who decides in it, and how many must agree."""
    from auth.committees import register_committee
    from auth.errors import InvalidRequest
    from auth.keys import clock

    given = member(config)
    people = {entry.partition("=")[0]: entry.partition("=")[2] for entry in person}
    with database(given) as engine:
        try:
            changed = register_committee(engine, id, title, people, clock(), chairs=chair or (), quorum=quorum)
        except InvalidRequest as error:
            fail(str(error), 1)
    typer.echo(f"{id}: {'registered' if changed else 'unchanged'}")
