"""``gsanode ingest``: submitted files are received, and jobs made that check and archive them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from node.commands.process import Config, archive, database, fail
from node.commands.registering import archive_of, show_problems, store_of

ingest = typer.Typer()

ManifestPath = Annotated[
    Path,
    typer.Argument(exists=True, dir_okay=False, help="table of files: path, md5, title, type, run, …"),
]


@ingest.command()
def run(
    manifest: ManifestPath,
    config: Config,
    dataset: Annotated[str, typer.Option(help="accession of a registered data set")],
    store: Annotated[str | None, typer.Option(help="store of the files; needed where there are several")] = None,
    folder: Annotated[str, typer.Option(help="folder inside the store that the paths begin from")] = "",
    priority: Annotated[int, typer.Option(help="higher is sooner")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="print the numbers of the jobs as JSON")] = False,
) -> None:
    """Receive files that are in a store: they are checked, and archived where they are.

    A worker does the work: `gsanode serve` with a configuration of kind worker, or `gsanode jobs run`. Exit code 0:
    received; 1: the manifest has problems and nothing was received; 2: wrong use.
    """
    from adapters.jobs.intake import receive
    from adapters.registration.manifest import Manifest
    from adapters.registration.write import Refused

    given = archive(config)
    with database(given) as engine:
        members = archive_of(given, engine)
        source = Manifest(manifest, store_of(store, members), folder.strip("/"))
        try:
            jobs = receive(members, dataset, source, priority)
        except Refused as refused:
            show_problems(refused.problems, as_json=as_json)
            raise typer.Exit(1) from refused
    if as_json:
        typer.echo(json.dumps({"jobs": jobs}))
    elif not jobs:
        fail(f"{manifest}: names no files", 1)
    else:
        typer.echo(f"received: {len(jobs):,} jobs ({jobs[0]} to {jobs[-1]}); see gsanode jobs list")
