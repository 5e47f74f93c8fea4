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
) -> None:
    """Make a committee, or change its name and who decides in it."""
    from auth.dac import register_committee
    from auth.errors import InvalidRequest
    from auth.keys import clock

    given = member(config)
    people = {entry.partition("=")[0]: entry.partition("=")[2] for entry in person}
    with database(given) as engine:
        try:
            changed = register_committee(engine, id, title, people, clock())
        except InvalidRequest as error:
            fail(str(error), 1)
    typer.echo(f"{id}: {'registered' if changed else 'unchanged'}")
