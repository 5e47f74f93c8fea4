"""``gsanode serve CONFIG.yaml``: one process of the family."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from node.commands.process import database, fail, settings
from node.settings import WorkerSettings

serve = typer.Typer()


@serve.command("serve")
def run(config: Annotated[Path, typer.Argument(help="configuration of the process (YAML)", dir_okay=False)]) -> None:
    """Serve until told to stop; requests under way are finished first."""
    given = settings(config)
    from web import logging
    from web.serve import PortTaken, bind
    from web.serve import serve as until_stopped

    logging.configure(config.stem, given.log_level)
    if isinstance(given, WorkerSettings):
        from node.worker import work

        with database(given) as engine:
            work(given, engine)
        return
    with database(given) as engine:
        try:
            listening = bind(given.listen.host, given.listen.port)
        except PortTaken as error:
            fail(f"{config}: key 'listen': {error}")
        from adapters.store.opening import InvalidStore
        from node.app import create
        from web.settings import SettingsError

        try:
            application = create(given, engine)
        except (SettingsError, InvalidStore) as error:
            fail(f"{config}: {error}")
        until_stopped(application, listening, grace_seconds=given.grace_seconds)
