"""``gsanode jobs``: what workers do, and what became of what was submitted."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text
from sqlalchemy import Engine

from adapters.jobs import listing
from adapters.jobs.states import JobState
from node.commands.process import Config, archive, database, fail
from node.commands.qc import HtmlOption, LanguageOption, write

jobs = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)

REFRESH = 1.0  # seconds
Number = Annotated[int, typer.Argument(help="number of the job")]
Json = Annotated[bool, typer.Option("--json", help="print JSON")]
STYLES = {"running": "cyan", "waiting": "", "done": "green", "failed": "red", "cancelled": "yellow"}


@jobs.command("list")
def show(
    config: Config,
    state: Annotated[str | None, typer.Option(help="waiting, running, done, failed or cancelled")] = None,
    dataset: Annotated[str | None, typer.Option(help="accession of a data set")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    watch: Annotated[bool, typer.Option("--watch", help="stay, and show what changes")] = False,
    as_json: Json = False,
) -> None:
    """Show jobs: those that run, those that wait, and those that ended last."""
    if state is not None and state not in list(JobState):
        fail(f"--state {state}: allowed are {', '.join(JobState)}")
    with _opened(config) as engine:

        def look() -> tuple[dict[str, int], list[dict[str, Any]]]:
            return listing.counts(engine), listing.jobs(engine, state, dataset, limit)

        if as_json:
            counts, found = look()
            typer.echo(json.dumps({"counts": counts, "jobs": found}))
        elif watch:
            _watch(look)
        else:
            Console().print(_table(*look()))


def _watch(look: Callable[[], tuple[dict[str, int], list[dict[str, Any]]]]) -> None:
    pause = threading.Event()
    with Live(_table(*look()), auto_refresh=False) as live:
        try:
            while not pause.wait(REFRESH):
                live.update(_table(*look()), refresh=True)
        except KeyboardInterrupt:
            return


def _table(counts: dict[str, int], found: list[dict[str, Any]]) -> Group:
    table = Table("job", "state", "step", "done", "priority", "data set", "files", "worker", "remark", expand=True)
    for one in found:
        share = one["done_bytes"] / one["total_bytes"] if one["total_bytes"] else 0.0
        cells = [
            str(one["id"]),
            one["state"],
            one["step"] if one["state"] in ("running", "waiting") else "",
            f"{share:.0%}" if one["state"] == "running" else "",
            str(one["priority"] or ""),
            one["dataset"],
            one["title"],
            (one["worker"] or "") if one["state"] == "running" else "",
            one["error"],
        ]
        table.add_row(*(Text(cell) for cell in cells), style=STYLES[one["state"]])
    said = ", ".join(f"{number:,} {state}" for state, number in counts.items())
    return Group(table, Text(said))


@jobs.command()
def status(number: Number, config: Config, as_json: Json = False) -> None:
    """Show one job: its files with their states and reasons, and what happened."""
    with _opened(config) as engine:
        found = listing.job(engine, number)
    if as_json:
        typer.echo(json.dumps(found))
        return
    typer.echo(f"job {number} ({found['dataset']}): {found['state']}{': ' + found['error'] if found['error'] else ''}")
    for file in found["files"]:
        typer.echo(f"  {file['key']}: {file['state']}{' as ' + file['file'] if file['file'] else ''}")
        for reason in file["reasons"]:
            typer.echo(f"      {reason}")
    for event in found["events"]:
        typer.echo(f"  {event['at']}  {event['what']}{': ' + event['detail'] if event['detail'] else ''}")


@jobs.command()
def report(number: Number, config: Config, html: HtmlOption = None, language: LanguageOption = "en") -> None:
    """Print the report of the check of a job's files as JSON, or write it as a page to hand to the submitter."""
    with _opened(config) as engine:
        found = listing.report(engine, number)
    if html is None:
        typer.echo(json.dumps(found, indent=1))
        return
    checked = [one for one in found if "sets" in one]
    if not checked:
        fail(f"job {number} has no sequence files that were checked", 1)
    from adapters.qc.documents import report as from_document

    write(from_document(checked[0]), None, html, language)
    typer.echo(f"job {number}: {html}")


@jobs.command()
def cancel(number: Number, config: Config) -> None:
    """End a job."""
    with _opened(config) as engine:
        listing.cancel(engine, number)
    typer.echo(f"job {number}: cancel asked for")


@jobs.command()
def retry(number: Number, config: Config) -> None:
    """Let a job that failed or was cancelled begin again."""
    with _opened(config) as engine:
        listing.retry(engine, number)
    typer.echo(f"job {number}: begins again")


@jobs.command()
def priority(number: Number, value: Annotated[int, typer.Argument(help="higher is sooner")], config: Config) -> None:
    """Give a waiting job another priority."""
    with _opened(config) as engine:
        listing.prioritise(engine, number, value)
    typer.echo(f"job {number}: priority {value}")


@jobs.command("run")
def run_all(config: Config, slots: Annotated[int | None, typer.Option(min=1, help="jobs at a time")] = None) -> None:
    """Work on jobs here until none is left; no server is needed.

    Exit code 0: all ended well; 1: some failed.
    """
    from node.worker import work_until
    from web import logging

    given = archive(config)
    if slots:
        given = given.model_copy(update={"jobs": given.jobs.model_copy(update={"slots": slots})})
    logging.configure("jobs", given.log_level)
    with database(given) as engine:
        before = listing.counts(engine)
        stop = threading.Event()
        done = threading.Thread(target=_until_none_is_left, args=(engine, stop), name="until none is left", daemon=True)
        done.start()
        try:
            work_until(given, engine, stop)
        except KeyboardInterrupt:
            stop.set()
            raise
        after = listing.counts(engine)
    ended = {state: after[state] - before[state] for state in ("done", "failed", "cancelled")}
    typer.echo(", ".join(f"{number:,} {state}" for state, number in ended.items()))
    raise typer.Exit(1 if ended["failed"] > 0 else 0)


def _until_none_is_left(engine: Engine, stop: threading.Event) -> None:
    while not stop.wait(0.3):
        counts = listing.counts(engine)
        if not counts["waiting"] and not counts["running"]:
            stop.set()


@contextmanager
def _opened(config: Path) -> Iterator[Engine]:
    with database(archive(config)) as engine:
        try:
            yield engine
        except (listing.NoSuchJob, listing.NotNow) as error:
            fail(str(error), 1)
