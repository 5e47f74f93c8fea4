"""``gsanode register`` and ``gsanode withdraw``: what an archive has becomes what a node shows, and ceases to be."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated, Any

import typer

from adapters.registration.dicom import DicomFolder
from adapters.registration.individuals import BeaconLists
from adapters.registration.manifest import Manifest
from adapters.registration.phenopackets import Phenopackets
from adapters.registration.registration import Source
from adapters.registration.withdraw import NotRegistered, set_release_date, withdraw_dataset, withdraw_individual
from adapters.registration.workbook import LAYOUT, Workbook
from node.commands.process import Config, database, fail, member
from node.commands.registering import Request, perform

register = typer.Typer(help="register what an archive holds, in place", no_args_is_help=True, add_completion=False)
withdraw = typer.Typer(help="withdraw a data set or an individual", no_args_is_help=True, add_completion=False)

Folder = typer.Argument(exists=True, file_okay=False, help="folder of the documents")
Document = typer.Argument(exists=True, dir_okay=False, help="document to read")
Dataset = Annotated[str | None, typer.Option(help="accession of a registered data set to register into")]
Descriptor = Annotated[
    Path | None, typer.Option(exists=True, dir_okay=False, help="YAML or JSON: accession, title, tier, release_date, …")
]
Store = Annotated[str | None, typer.Option(help="store of the files; needed where the configuration has several")]
Mapping = Annotated[
    Path | None, typer.Option(exists=True, dir_okay=False, help="TSV: identifier, accession, optionally link")
]
Numbering = Annotated[bool, typer.Option("--numbering", help="give new accessions to what has none")]
Update = Annotated[bool, typer.Option("--update", help="replace metadata of registered accessions that differs")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="validate everything, write nothing")]
Json = Annotated[bool, typer.Option("--json", help="print the outcome or the problems as one JSON object")]
Accession = Annotated[str, typer.Argument(help="accession")]


@register.command()
def workbook(
    path: Annotated[Path, Document],
    config: Config,
    dataset: Dataset = None,
    descriptor: Descriptor = None,
    store: Store = None,
    layout: Annotated[str, typer.Option(help="key of a file in the store")] = LAYOUT,
    update: Update = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Register a GSA workbook: samples, experiments, runs and their files."""

    def source(store: str) -> Source:
        return Workbook(path, store, layout)

    perform(Request(config, dataset, descriptor, store, update, dry_run, json), source)


@register.command()
def individuals(
    folder: Annotated[Path, Folder],
    config: Config,
    dataset: Dataset = None,
    descriptor: Descriptor = None,
    mapping: Mapping = None,
    numbering: Numbering = False,
    update: Update = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Register the Beacon-friendly lists of a folder: individuals, biosamples, runs, analyses, cohorts (.json)."""
    source = BeaconLists(folder, mapping, numbering)
    perform(Request(config, dataset, descriptor, None, update, dry_run, json), lambda _: source)


@register.command()
def phenopackets(
    folder: Annotated[Path, Folder],
    config: Config,
    dataset: Dataset = None,
    descriptor: Descriptor = None,
    mapping: Mapping = None,
    numbering: Numbering = False,
    update: Update = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Register the GA4GH phenopackets of a folder as individuals."""
    source = Phenopackets(folder, mapping, numbering)
    perform(Request(config, dataset, descriptor, None, update, dry_run, json), lambda _: source)


@register.command()
def dicom(
    folder: Annotated[str, typer.Argument(help="folder inside the store; empty for the whole store")],
    config: Config,
    dataset: Dataset = None,
    descriptor: Descriptor = None,
    store: Store = None,
    mapping: Mapping = None,
    exclude: Annotated[list[str] | None, typer.Option(help="pattern of keys to leave out; repeat")] = None,
    update: Update = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Register the DICOM files of a folder; without a mapping, patients get new accessions."""

    def source(store: str) -> Source:
        return DicomFolder(store, folder.strip("/"), mapping, tuple(exclude or ()))

    perform(Request(config, dataset, descriptor, store, update, dry_run, json), source)


@register.command()
def manifest(
    path: Annotated[Path, Document],
    config: Config,
    dataset: Dataset = None,
    descriptor: Descriptor = None,
    store: Store = None,
    folder: Annotated[str, typer.Option(help="folder inside the store that the paths begin from")] = "",
    update: Update = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Register the files of a table: path, md5, title, type, and optionally id, run, individuals, index_of, …"""

    def source(store: str) -> Source:
        return Manifest(path, store, folder.strip("/"))

    perform(Request(config, dataset, descriptor, store, update, dry_run, json), source)


@register.command("release-date")
def release_date(
    accession: Accession,
    day: Annotated[dt.datetime, typer.Argument(formats=["%Y-%m-%d"], help="first day (UTC) on which the set exists")],
    config: Config,
) -> None:
    """Set the release date of a data set."""
    _change(config, accession, lambda engine: set_release_date(engine, accession, day.date()), "release date set")


@withdraw.command("dataset")
def withdraw_set(accession: Accession, config: Config) -> None:
    """Withdraw a data set, now: it is absent everywhere."""
    _change(config, accession, lambda engine: withdraw_dataset(engine, accession), "withdrawn")


@withdraw.command("individual")
def withdraw_person(accession: Accession, config: Config) -> None:
    """Withdraw an individual, now, with every file that holds its data."""
    _change(config, accession, lambda engine: withdraw_individual(engine, accession), "withdrawn")


def _change(config: Path, accession: str, change: Any, done: str) -> None:
    with database(member(config)) as engine:
        try:
            changed = change(engine)
        except NotRegistered as error:
            fail(str(error), 1)
    typer.echo(f"{accession}: {done if changed else 'unchanged'}")
