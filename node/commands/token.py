"""``gsanode token`` and ``gsanode login``: sign in at the broker and print what it gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from node.commands.client import ClientFile, client, secret
from node.commands.process import fail

if TYPE_CHECKING:
    from auth.login import BrokerClient

token = typer.Typer()
login = typer.Typer()

Passport = Annotated[bool, typer.Option("--passport", help="print a Passport instead of an access token")]
Audience = Annotated[
    str, typer.Option(help="URL of the one node where the token shall be good; nobody can use it elsewhere")
]


@token.command("token")
def by_password(
    user: Annotated[str, typer.Option(help="name of the account")],
    password_env: Annotated[str, typer.Option(help="environment variable that holds the password")],
    passport: Passport = False,
    audience: Audience = "",
    client_file: ClientFile = None,
) -> None:
    """Run the authorization code flow without a browser and print the access token."""
    from auth.login import BrokerClient, SignInFailed

    given = client(client_file)
    broker = BrokerClient(given.broker, given.client_id, given.redirect_uri)
    try:
        tokens = broker.sign_in(user, secret(password_env))
        typer.echo(_asked(broker, tokens.access, passport=passport, audience=audience))
    except SignInFailed as error:
        fail(str(error), 1)


@login.command("login")
def by_device(passport: Passport = False, audience: Audience = "", client_file: ClientFile = None) -> None:
    """Sign in with a browser anywhere (device flow) and print the access token."""
    from auth.login import BrokerClient, SignInFailed

    given = client(client_file)
    broker = BrokerClient(given.broker, given.client_id)

    def show(address: str, code: str) -> None:
        typer.echo(f"Open {address} and check that it shows the code {code}", err=True)

    try:
        tokens = broker.device(show)
        typer.echo(_asked(broker, tokens.access, passport=passport, audience=audience))
    except SignInFailed as error:
        fail(str(error), 1)


def _asked(broker: BrokerClient, access: str, *, passport: bool, audience: str) -> str:
    """What the command prints: a Passport or an access token, for one node or for all."""
    if passport:
        return broker.passport(access, audience)
    return broker.narrowed(access, audience) if audience else access
