"""``gsanode account``: local accounts of a broker."""

from __future__ import annotations

from typing import Annotated

import typer

from auth.broker.settings import BrokerSettings
from node.commands.client import secret
from node.commands.process import Config, database, fail, settings

account = typer.Typer(help="local accounts of a broker", no_args_is_help=True)


@account.callback()
def _group() -> None:
    """Local accounts of a broker."""


@account.command()
def create(
    name: Annotated[str, typer.Argument(help="what the person signs in with")],
    config: Config,
    password_env: Annotated[str, typer.Option(help="environment variable that holds the password")],
    display_name: Annotated[str, typer.Option(help="how pages call the person")] = "",
) -> None:
    """Create an account and print its subject."""
    from auth.broker import accounts

    given = settings(config)
    if not isinstance(given, BrokerSettings):
        fail(f"{config}: key 'kind': this command is for a broker, not for a {given.kind}")
    with database(given) as engine:
        try:
            subject = accounts.create(
                engine, name, secret(password_env), display_name or name, settings=given.passwords
            )
        except accounts.AccountError as error:
            fail(str(error), 1)
    typer.echo(subject)


@account.command("second-factor")
def second_factor(
    name: Annotated[str, typer.Argument(help="what the person signs in with")],
    config: Config,
    remove: Annotated[bool, typer.Option("--remove", help="sign-in asks for no code any more")] = False,
) -> None:
    """Say whether sign-in asks for a one-time code, or remove that for somebody whose phone is lost."""
    from auth.broker import accounts
    from auth.broker.second_factor import SecondFactors
    from node.keys import seal

    given = settings(config)
    if not isinstance(given, BrokerSettings):
        fail(f"{config}: key 'kind': this command is for a broker, not for a {given.kind}")
    with database(given) as engine:
        found = accounts.named(engine, name)
        if found is None:
            fail(f"account {name}: there is none", 1)
        factors = SecondFactors(engine, seal(given), given.passwords)
        if remove:
            factors.remove(found.sub)
        typer.echo("asked" if factors.has(found.sub) else "not asked")
