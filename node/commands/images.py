"""``gsanode images``: images come in, and what waits for a person's eyes."""

from __future__ import annotations

import getpass
import json
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from sqlalchemy import Engine

from node.commands.links import link, links
from node.commands.process import Config, archive, database, fail, member
from node.commands.registering import archive_of
from node.settings import ImageSettings, MemberSettings, WorkerSettings

if TYPE_CHECKING:
    from adapters.images.intake import Reception
    from adapters.images.listening import Entity
    from adapters.images.loading import Loaded, Progress

images = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)

Collection = Annotated[str, typer.Option("--collection", help="accession of a registered collection")]
SHOWN = 20
NOT_ARCHIVED = 1
LISTEN_MEMORY = 1 << 30  # bytes


images.command("link")(link)
images.command("links")(links)


@images.callback()
def _images() -> None:
    """Images come in, and what waits for a person's eyes."""


@images.command()
def load(
    parcel: Annotated[Path, typer.Argument(help="a folder, a DICOMDIR or a ZIP, in a folder of images.incoming")],
    config: Config,
    collection: Collection,
    mapping: Annotated[
        Path | None,
        typer.Option(help="TSV with identifier and accession of every patient", exists=True, dir_okay=False),
    ] = None,
    slots: Annotated[int | None, typer.Option(min=1, help="studies worked on at a time")] = None,
    wait: Annotated[bool, typer.Option(help="work on the studies here until each has its answer")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="print the outcome as JSON")] = False,
) -> None:
    """Take images into quarantine, de-identify, check and archive them. Run it again after an interruption: it goes on.

    Exit code 0: all are archived, or received with --no-wait; 1: some are not; 2: wrong use.
    """
    from adapters.images.loading import load as take_in
    from adapters.images.parcels import BadParcel, opened
    from adapters.images.receiving import NoCollection

    given = archive(config)
    if given.images is None:
        fail(f"{config}: key 'images': is needed to take images in")
    with database(given) as engine:
        reception = _reception(given, given.images, engine, collection, mapping)
        try:
            with _bar("received") as progress:
                loaded = take_in(reception, opened(parcel, given.images.incoming), given.images.object_bytes, progress)
            if wait:
                _work(given, engine, loaded, slots)
        except (BadParcel, NoCollection) as error:
            fail(str(error))
        outcome = _outcome(engine, loaded)
    _show(outcome, as_json=as_json)
    if outcome["refused"] or (wait and set(outcome["states"]) - {"Archived"}):
        raise typer.Exit(NOT_ARCHIVED)


def _reception(
    given: MemberSettings | WorkerSettings, settings: ImageSettings, engine: Engine, collection: str, table: Path | None
) -> Reception:
    from node.reception import intake, reception

    accessions = archive_of(given, engine).accessions
    if objection := accessions.objection("dataset", collection):
        fail(f"--collection {objection}")
    by = f"operator {getpass.getuser()}"
    made = reception(settings, intake(settings, engine), accessions, collection, by, numbering=table is None)
    if table is not None:
        try:
            made.know(_mapping(table, given, engine, collection))
        except ValueError as error:
            fail(f"{table}: {error}")
    return made


def _mapping(table: Path, given: MemberSettings | WorkerSettings, engine: Engine, collection: str) -> dict[str, str]:
    """Accessions by patient id."""
    from sqlalchemy.orm import Session

    from adapters.registration.identities import read_mapping
    from adapters.registration.plan import Plan
    from adapters.registration.registration import Reading
    from node.commands.registering import show_problems

    plan = Plan()
    with Session(engine) as session:
        found = read_mapping(table, Reading(archive_of(given, engine), session, plan, collection))
    if plan.problems:
        show_problems(tuple(plan.sorted_problems()), as_json=False)
        raise typer.Exit(2)
    return {identifier: mapped.accession for identifier, mapped in found.items()}


def _work(given: MemberSettings | WorkerSettings, engine: Engine, loaded: Loaded, slots: int | None) -> None:
    """Work here on whatever waits until the jobs of these images have ended."""
    from adapters.images.loading import ended
    from node.worker import work_until
    from web import logging

    if not loaded.jobs:
        return
    if slots:
        given = given.model_copy(update={"jobs": given.jobs.model_copy(update={"slots": slots})})
    logging.configure("images", "ERROR")
    stop = threading.Event()

    def watch() -> None:
        with _bar("de-identified, checked, archived") as progress:
            while not stop.wait(0.3):
                done, total = ended(engine, loaded.jobs)
                progress(done, total)
                if done == total:
                    stop.set()

    watching = threading.Thread(target=watch, name="watch", daemon=True)
    watching.start()
    try:
        work_until(given, engine, stop)
    finally:
        stop.set()
        watching.join()


def _outcome(engine: Engine, loaded: Loaded) -> dict[str, Any]:
    from adapters.images.loading import outcome

    states, reasons = outcome(engine, loaded.jobs)
    return {
        "received": loaded.received,
        "received_before": loaded.again,
        "refused": [{"path": path, "reason": reason} for path, reason in loaded.refused],
        "jobs": sorted(loaded.jobs),
        "states": states,
        "reasons": reasons,
    }


def _show(outcome: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(outcome))
        return
    typer.echo(f"{outcome['received']:,} received, {outcome['received_before']:,} received before")
    _list("not received", Counter(one["reason"] for one in outcome["refused"]).items())
    for one in outcome["refused"][:SHOWN]:
        typer.echo(f"    {one['path']}: {one['reason']}")
    _list("", outcome["states"].items())
    _list("because", outcome["reasons"].items())


def _list(title: str, counts: Iterable[tuple[str, int]]) -> None:
    for what, count in counts:
        typer.echo(f"{count:,} {title + ': ' if title else ''}{what}")


@contextmanager
def _bar(title: str) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as shown:
        task = shown.add_task(title, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)


@images.command()
def appoint(
    subject: Annotated[str, typer.Argument(help="the person, as the sign-in calls them")],
    config: Config,
    collection: Collection,
    office: Annotated[str, typer.Option("--as", help="submitter (may send images) or reviewer (sees originals)")],
    dismiss: Annotated[bool, typer.Option("--dismiss", help="take the office away")] = False,
) -> None:
    """Say who may send images to a collection, or who decides about those that wait."""
    from sqlalchemy.orm import Session

    from adapters.images.receiving import NoCollection, expect_registered
    from auth.appointments import OFFICES, Appointments

    given = member(config)
    chosen = next((one for one in OFFICES if one == office), None)
    if chosen is None:
        fail(f"--as {office}: allowed are {', '.join(OFFICES)}")
    with database(given) as engine:
        if objection := archive_of(given, engine).accessions.objection("dataset", collection):
            fail(f"--collection {objection}")
        appointments = Appointments(engine)
        if not dismiss:
            try:
                with Session(engine) as session:
                    expect_registered(session, collection)
            except NoCollection as error:
                fail(f"--collection: {error}")
            appointments.appoint(collection, subject, chosen)
            typer.echo(f"{subject} is {chosen} of {collection}")
        elif appointments.dismiss(collection, subject, chosen):
            typer.echo(f"{subject} is {chosen} of {collection} no more")
        else:
            fail(f"{subject} is no {chosen} of {collection}", NOT_ARCHIVED)


@images.command()
def listen(config: Config) -> None:
    """Take objects by C-STORE from the senders of images.listen, until told to stop; off without that key."""
    import signal

    from adapters.images.listening import Listener, NoNetwork, Place, tls
    from adapters.images.quarantine import Quarantine
    from web import logging

    given = archive(config)
    if given.images is None or given.images.listen is None:
        fail(f"{config}: key 'images.listen': is needed to take objects by C-STORE")
    settings, place = given.images, given.images.listen
    logging.configure("images", given.log_level)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    _bound_memory()
    with database(given) as engine:
        try:
            context = tls(place.tls.certificate, place.tls.key, place.tls.clients) if place.tls else None
            where = Place(place.host, place.port, place.ae_title, place.associations, context)
            entities = _entities(given, settings, engine)
            listener = Listener(where, entities, Quarantine(settings.quarantine), settings.object_bytes)
            port = listener.start()
        except (NoNetwork, OSError) as error:
            fail(f"images.listen: {error}")
        typer.echo(f"listening as {place.ae_title} on {place.host}:{port}")
        stop.wait()
        listener.stop()


def _entities(given: MemberSettings | WorkerSettings, settings: ImageSettings, engine: Engine) -> dict[str, Entity]:
    from adapters.images.listening import Entity
    from node.reception import intake, reception

    into = intake(settings, engine)
    accessions = archive_of(given, engine).accessions
    assert settings.listen
    return {
        one.ae_title: Entity(
            one.ae_title,
            reception(settings, into, accessions, one.collection, f"sender {one.ae_title}"),
            one.address,
        )
        for one in settings.listen.senders
    }


def _bound_memory() -> None:
    """What is sent claims lengths that may be lies: it cannot take the memory of the machine."""
    import resource

    resource.setrlimit(resource.RLIMIT_DATA, (LISTEN_MEMORY, LISTEN_MEMORY))
