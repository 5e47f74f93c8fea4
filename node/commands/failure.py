"""How a command says that it cannot go on."""

from __future__ import annotations

import sys
from typing import NoReturn

import typer


def fail(message: str, code: int = 2) -> NoReturn:
    """Say what is wrong on standard error and leave."""
    print(f"gsanode: {message}", file=sys.stderr)  # noqa: T201 - the command line speaks to a person
    raise typer.Exit(code)
