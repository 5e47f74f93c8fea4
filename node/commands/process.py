"""What every operator command begins with: the settings of a process, its database, and mistakes said plainly."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import structlog
import typer
from pydantic import BaseModel
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from adapters.catalog.engine import InvalidDatabaseUrl, connect
from auth.broker.settings import BrokerSettings
from federation.settings import GatewaySettings
from migrations.schema import Kind, SchemaError, check
from node.commands.failure import fail as fail
from node.settings import MemberSettings, WorkerSettings
from web.settings import SettingsError, load

KINDS: dict[str, type[BaseModel]] = {
    "member": MemberSettings,
    "broker": BrokerSettings,
    "gateway": GatewaySettings,
    "worker": WorkerSettings,
}
Settings = MemberSettings | BrokerSettings | GatewaySettings | WorkerSettings

Config = Annotated[Path, typer.Option("--config", help="configuration of the process (YAML)", dir_okay=False)]


def settings(path: Path) -> Settings:
    """The settings in ``path``; a mistake ends the command with exit code 2.

    From here on events are told on standard error, unless the command says otherwise: standard output is its answer's.
    """
    if not structlog.is_configured():
        structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))
    try:
        loaded = load(path, KINDS)
    except SettingsError as error:
        fail(str(error))
    assert isinstance(loaded, Settings)
    return loaded


def member(path: Path) -> MemberSettings:
    """The settings of a member process."""
    loaded = settings(path)
    if not isinstance(loaded, MemberSettings):
        fail(f"{path}: key 'kind': this command is for a member, not for a {loaded.kind}")
    return loaded


def archive(path: Path) -> MemberSettings | WorkerSettings:
    """The settings of a member process, or of a worker of one."""
    loaded = settings(path)
    if not isinstance(loaded, MemberSettings | WorkerSettings):
        fail(f"{path}: key 'kind': this command is for a member or a worker, not for a {loaded.kind}")
    return loaded


def schema(given: Settings) -> Kind:
    """The kind of database that a process has: a worker has its member's."""
    return "member" if given.kind == "worker" else given.kind


@contextmanager
def database(given: Settings, *, checked: bool = True) -> Iterator[Engine]:
    """The engine of a process, at the schema of this software unless ``checked`` is false."""
    try:
        engine = connect(given.database)
    except InvalidDatabaseUrl as error:
        fail(f"key 'database': {error}")
    try:
        if checked:
            check(engine, schema(given))
        yield engine
    except (SchemaError, OperationalError) as error:
        fail(str(error).splitlines()[0])
    finally:
        engine.dispose()
