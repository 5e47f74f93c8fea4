"""``gsanode ontology``: ontologies behind the filters of a member's Beacon."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from node.commands.process import Config, database, fail, member

ontology = typer.Typer(help="load ontologies for filters with descendants", no_args_is_help=True)


@ontology.callback()
def _group() -> None:
    """Ontologies behind the filters of a member's Beacon."""


@ontology.command()
def load(
    path: Annotated[Path, typer.Argument(help="OBO or obographs JSON, plain or gzip", exists=True, dir_okay=False)],
    config: Config,
) -> None:
    """Load or replace an ontology; filters on its terms include their descendants from then on."""
    from adapters.terms import loading
    from adapters.terms.errors import InvalidOntology

    with database(member(config)) as engine:
        try:
            loaded = loading.load(engine, path)
        except InvalidOntology as error:
            fail(str(error), 1)
    typer.echo(f"{loaded.ontology} {loaded.version}: {loaded.terms:,} terms, {loaded.pairs:,} pairs")
