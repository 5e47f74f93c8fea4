"""``gsanode variants``: load the variants of a file into the catalog database, or take them away."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.commands.process import Config, database, fail, member

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from adapters.variants.ingest import Loaded

variants = typer.Typer(help="load variants of VCF and BCF files, or take them away", no_args_is_help=True)

VariantPath = Annotated[Path, typer.Argument(help="VCF, VCF.gz or BCF file", exists=True, dir_okay=False)]
DatasetOption = Annotated[str, typer.Option("--dataset", help="accession of the data set")]
FileOption = Annotated[str | None, typer.Option("--file", help="DRS id of the file (default: looked up by its name)")]
ProcessesOption = Annotated[
    int | None, typer.Option("--processes", min=1, help="that read the file side by side (default: one per processor)")
]
AssemblyOption = Annotated[str | None, typer.Option("--assembly", help="GRCh37 or GRCh38 (default: from the header)")]


@variants.command()
def load(
    path: VariantPath,
    dataset: DatasetOption,
    config: Config,
    file: FileOption = None,
    assembly: AssemblyOption = None,
    processes: ProcessesOption = None,
) -> None:
    """Load a file; the data set answers from it only when the last record is in. A load that was killed goes on."""
    with database(member(config)) as engine:
        loaded = run(engine, path, dataset, file, assembly, processes or os.cpu_count() or 1)
    went_on = f", the first {loaded.resumed:,} of them by an earlier load" if loaded.resumed else ""
    typer.echo(
        f"{loaded.dataset} {loaded.file}: {loaded.variants:,} alleles of {loaded.people:,} people"
        f" from {loaded.records:,} records{went_on} ({loaded.assembly})"
    )


@variants.command()
def remove(file: Annotated[str, typer.Argument(help="id of the file")], dataset: DatasetOption, config: Config) -> None:
    """Take the variants of a file out of every answer, at once."""
    from adapters.variants import releases

    with database(member(config)) as engine:
        if not releases.remove(engine, dataset, file):
            fail(f"data set {dataset} has no variants of file {file}")
    typer.echo(f"{dataset} {file}: removed")


def run(engine: Engine, path: Path, dataset: str, file: str | None, assembly: str | None, processes: int = 1) -> Loaded:
    """Load with a progress display; a mistake ends the command with exit code 2."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from adapters.variants import ingest, registered, releases
    from adapters.variants.assemblies import UnknownAssembly
    from adapters.variants.lines import InvalidVariantFile

    id_, told = registered.file_of(engine, dataset, path.name, file)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(path.name, total=None)

        def show(records: int, place: str) -> None:
            progress.update(task, description=f"{path.name}: {records:,} records, {place}")

        try:
            return ingest.load(
                engine, path, dataset, file=id_, assembly=assembly or told, progress=show, processes=processes
            )
        except (
            InvalidVariantFile,
            UnknownAssembly,
            ingest.UnknownDataset,
            releases.LoadedElsewhere,
            releases.Interrupted,
        ) as error:
            fail(str(error))
