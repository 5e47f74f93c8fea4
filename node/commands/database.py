"""``gsanode database``: create and upgrade the database of a process."""

from __future__ import annotations

import typer

from node.commands.process import Config, fail, schema, settings
from node.commands.process import database as opened

database = typer.Typer(help="create or upgrade the database of a process", no_args_is_help=True)


@database.command()
def upgrade(config: Config) -> None:
    """Bring the database to the schema of this software; an empty one is created."""
    from migrations.schema import SchemaError
    from migrations.schema import upgrade as bring

    given = settings(config)
    with opened(given, checked=False) as engine:
        try:
            before, after = bring(engine, schema(given))
        except SchemaError as error:
            fail(str(error))
    typer.echo(f"{config}: schema {after}" + ("" if before == after else f" (was {before or 'empty'})"))


@database.command()
def status(config: Config) -> None:
    """Say whether the database fits this software."""
    given = settings(config)
    with opened(given):
        typer.echo(f"{config}: up to date")
