"""``gsanode taxonomy``: reference sets that tell which organisms reads are of."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.commands.failure import fail

if TYPE_CHECKING:
    from adapters.qc.taxonomy.lineages import Dump
    from adapters.qc.taxonomy.sets import Genome

taxonomy = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)

Folder = Annotated[Path, typer.Option("--sets", help="folder of the reference sets", file_okay=False)]
Name = Annotated[str, typer.Argument(help="name of the set")]
Genomes = Annotated[
    list[Path] | None, typer.Argument(help="genomes: FASTA files, plain or gzip", exists=True, dir_okay=False)
]
DumpOption = Annotated[
    Path | None, typer.Option("--taxdump", help="folder with nodes.dmp and names.dmp of the NCBI", file_okay=False)
]
Taxids = Annotated[
    Path | None,
    typer.Option("--taxids", help="TSV with file and taxid; else headers '>kraken:taxid|N|'", dir_okay=False),
]
Database = Annotated[
    Path | None, typer.Option("--database", help="a database of sourmash (k = 31) in place of genomes", dir_okay=False)
]
Lineages = Annotated[
    Path | None, typer.Option("--lineages", help="CSV of sourmash: ident and one column per rank", dir_okay=False)
]


@taxonomy.command()
def add(
    name: Name,
    sets: Folder,
    genomes: Genomes = None,
    taxdump: DumpOption = None,
    taxids: Taxids = None,
    database: Database = None,
    lineages: Lineages = None,
    scaled: Annotated[
        int, typer.Option(min=1, help="one k-mer of so many is kept: 1000 for bacteria, 100 for viruses")
    ] = 1000,
) -> None:
    """Make a reference set: of genomes with --taxdump, or of a sourmash database with --lineages."""
    _needed()
    from adapters.qc.taxonomy import sets as reference
    from adapters.qc.taxonomy.lineages import BadTaxonomy, Dump, read_table

    try:
        if database and lineages and not genomes:
            count = reference.adopt(sets, name, database, read_table(lineages))
        elif genomes and taxdump and not database:
            chosen = _genomes(genomes, Dump(taxdump), _table(taxids) if taxids else {})
            reference.add(sets, name, chosen, scaled, lambda path: typer.echo(f"sketched {path.name}", err=True))
            count = len(chosen)
        else:
            fail("give either genomes and --taxdump, or --database and --lineages")
    except (BadTaxonomy, reference.BadSet) as error:
        fail(str(error), 1)
    typer.echo(f"{name}: {count:,} genomes")


@taxonomy.command("list")
def show(sets: Folder) -> None:
    """Name the reference sets of a folder."""
    _needed()
    from adapters.qc.taxonomy.sets import BadSet, open_sets

    try:
        for one in open_sets(sets):
            typer.echo(f"{one.name}: {len(one.lineages):,} genomes, one k-mer of {one.scaled:,}")
    except BadSet as error:
        fail(str(error), 1)


def _needed() -> None:
    try:
        import sourmash  # noqa: F401 - only whether it is there
    except ImportError:
        fail("taxonomic profiles need sourmash: pip install 'gsa-federated-node[taxonomy]'")


def _genomes(paths: list[Path], dump: Dump, taxids: dict[str, int]) -> list[Genome]:
    from adapters.qc.taxonomy.sets import Genome, taxid_in

    made = []
    for path in paths:
        taxid = taxids.get(path.name) or taxid_in(path)
        if taxid is None:
            fail(f"{path}: --taxids does not name it, and its header has no kraken:taxid")
        made.append(Genome(path, dump.lineage(taxid)))
    return made


def _table(path: Path) -> dict[str, int]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t")
        if not {"file", "taxid"} <= set(rows.fieldnames or ()):
            fail(f"{path}: the first line must name the columns file and taxid")
        found = {}
        for number, row in enumerate(rows, 2):
            if not (row["taxid"] or "").isdecimal():
                fail(f"{path}: line {number}: {row['taxid']!r} is no taxid")
            found[row["file"]] = int(row["taxid"])
    return found
