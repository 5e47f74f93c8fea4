"""``gsanode serve CONFIG.yaml``: one process of the family."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.commands.process import database, fail, settings
from node.settings import WorkerSettings

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from starlette.types import ASGIApp

    from auth.broker.settings import BrokerSettings
    from federation.settings import GatewaySettings
    from node.settings import MemberSettings

    Served = MemberSettings | BrokerSettings | GatewaySettings

serve = typer.Typer()


@serve.command("serve")
def run(config: Annotated[Path, typer.Argument(help="configuration of the process (YAML)", dir_okay=False)]) -> None:
    """Serve until told to stop; requests under way are finished first."""
    given = settings(config)
    from web import logging
    from web.serve import PortTaken, bind
    from web.serve import serve as until_stopped
    from web.workers import supervise

    logging.configure(config.stem, given.log_level)
    if isinstance(given, WorkerSettings):
        from node.worker import work

        with database(given) as engine:
            work(given, engine)
        return
    try:
        listening = bind(given.listen.host, given.listen.port)
    except PortTaken as error:
        fail(f"{config}: key 'listen': {error}")

    def one() -> None:
        with database(given) as engine:
            until_stopped(_application(config, given, engine), listening, grace_seconds=given.grace_seconds)

    if given.listen.workers == 1:
        one()
        return
    with database(given):
        pass  # a database that cannot be used is told once, and not by every worker
    supervise(given.listen.workers, one)


def _application(config: Path, given: Served, engine: Engine) -> ASGIApp:
    from adapters.store.opening import InvalidStore
    from node.app import create
    from web.settings import SettingsError

    try:
        return create(given, engine)
    except (SettingsError, InvalidStore) as error:
        fail(f"{config}: {error}")
