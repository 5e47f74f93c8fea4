"""``gsanode demo``: a whole family on this machine, with one command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from node.commands.process import fail

demo = typer.Typer()

LAST_PORT = 65530


@demo.command("demo")
def run(
    port_base: Annotated[int, typer.Option(help="first of six ports", min=1024, max=LAST_PORT)] = 8080,
    directory: Annotated[Path, typer.Option("--dir", help="folder that holds everything of the family")] = Path(
        "demo-data"
    ),
    source: Annotated[Path | None, typer.Option(help="folder of real data instead of made data")] = None,
    tour: Annotated[bool, typer.Option("--tour", help="walk through what the family does")] = False,
    leave: Annotated[bool, typer.Option("--exit", help="stop afterwards; exit code 1 if the tour failed")] = False,
) -> None:
    """Bring a demo family up: six processes on real files, until Ctrl-C."""
    from node.demo.directory import DemoError
    from node.demo.showing import Show

    try:
        passed = Show(directory.absolute(), port_base, source.absolute() if source else None).run(
            tour=tour, leave=leave
        )
    except DemoError as error:
        fail(str(error), 1)
    if not passed:
        raise typer.Exit(1)
