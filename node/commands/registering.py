"""How every ``gsanode register`` command runs: the archive of a configuration, progress, the table of problems."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table
from rich.text import Text
from sqlalchemy import Engine

from adapters.registration.accessions import Accessions
from adapters.registration.descriptor import read_descriptor
from adapters.registration.plan import Origin, Plan, Problem
from adapters.registration.registration import Archive, Described, Source, register
from adapters.registration.write import Outcome, Refused
from adapters.store import InvalidStore, open_stores
from adapters.terms.indexing import index_individuals
from node.commands.process import database, fail, member
from node.settings import MemberSettings, WorkerSettings, profile
from web.settings import SettingsError

SHOWN = 100  # problems in the table; all are in the JSON


@dataclass(frozen=True, slots=True)
class Request:
    """The options that all kinds of registration have."""

    config: Path
    dataset: str | None
    descriptor: Path | None
    store: str | None
    update: bool
    dry_run: bool
    json: bool


def perform(request: Request, source: Callable[[str], Source]) -> None:
    """Run a registration. Problems end the command with exit code 1, a wrong configuration with 2.

    :param source: makes the source for a store's name.
    """
    given = member(request.config)
    with database(given) as engine:
        archive = archive_of(given, engine)
        store = store_of(request.store, archive)
        try:
            described = _described(request)
            with _progress() as progress:
                outcome = register(
                    archive,
                    described,
                    source(store),
                    update=request.update,
                    dry_run=request.dry_run,
                    hooks=[index_individuals],
                    progress=progress,
                )
        except Refused as refused:
            show_problems(refused.problems, as_json=request.json)
            raise typer.Exit(1) from refused
    _show_outcome(outcome, request)


def archive_of(given: MemberSettings | WorkerSettings, engine: Engine) -> Archive:
    """The archive of a configuration; a mistake in that ends the command."""
    try:
        known = profile(given.member)
        stores = open_stores({name: store.model_dump(mode="json") for name, store in given.stores.items()})
    except (InvalidStore, SettingsError) as error:
        fail(str(error))
    patterns = Accessions(known.accessions.model_dump())
    return Archive(engine, stores, patterns, known.tiers, known.hgr_required)


def store_of(name: str | None, archive: Archive) -> str:
    """The name of the store that is meant; it need not be said where there is one only."""
    known = ", ".join(archive.stores)
    if name is None and len(archive.stores) == 1:
        return next(iter(archive.stores))
    if name is None:
        fail(f"--store is needed: the configuration has {known}")
    if name not in archive.stores:
        fail(f"--store {name!r} is not in the configuration; allowed: {known}")
    return name


def _described(request: Request) -> Described:
    if (request.dataset is None) == (request.descriptor is None):
        fail("give either --dataset (registered already) or --descriptor")
    if request.descriptor is None:
        return Described({"accession": request.dataset}, Origin("--dataset"))
    plan = Plan()
    values = read_descriptor(request.descriptor, plan)
    if plan.problems:
        raise Refused(plan.problems)
    return Described(values, Origin(request.descriptor.name))


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    columns = (TextColumn("checksums"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("checksums", total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)


def show_problems(problems: tuple[Problem, ...], *, as_json: bool) -> None:
    """Problems of the input: as JSON on standard output, or as a table on standard error."""
    if as_json:
        typer.echo(json.dumps({"problems": [_plain(problem) for problem in problems]}, ensure_ascii=False))
        return
    table = Table("file", "sheet", "row", "column", "problem", title=f"{len(problems)} problems, nothing was written")
    for problem in problems[:SHOWN]:
        at = problem.origin
        cells = (at.source, at.sheet, str(at.row or ""), at.column, f"{problem.kind}: {problem.message}")
        table.add_row(*(Text(cell) for cell in cells))
    console = Console(stderr=True)
    console.print(table)
    if len(problems) > SHOWN:
        console.print(f"and {len(problems) - SHOWN} more; --json gives them all")


def _plain(problem: Problem) -> dict[str, Any]:
    return {**asdict(problem.origin), "kind": str(problem.kind), "message": problem.message}


def _show_outcome(outcome: Outcome, request: Request) -> None:
    if request.json:
        typer.echo(json.dumps({"dry_run": request.dry_run, **asdict(outcome)}, ensure_ascii=False))
        return
    for note in outcome.notes:
        typer.echo(f"note: {note}")
    if request.dry_run:
        typer.echo("valid; nothing was written")
    elif not outcome.changed:
        typer.echo("unchanged")
    for verb, counts in (("registered", outcome.inserted), ("updated", outcome.updated)):
        if counts:
            typer.echo(
                f"{verb}: " + ", ".join(f"{count:,} {table.replace('_', ' ')}" for table, count in counts.items())
            )
