"""``gsanode``: one command for every process and every task of an operator or researcher."""

from __future__ import annotations

import importlib
from typing import Any

import typer

# Each command lives in its own module and is loaded only when it is called: a process that serves must not pay for
# the libraries of registration or of the demo.
COMMANDS = {
    "serve": ("node.commands.serve", "serve", "serve one process of the family"),
    "demo": ("node.commands.demo", "demo", "bring a whole demo family up"),
    "database": ("node.commands.database", "database", "create or upgrade the database of a process"),
    "register": ("node.commands.register", "register", "register what an archive holds, in place"),
    "withdraw": ("node.commands.register", "withdraw", "withdraw a data set or an individual"),
    "ingest": ("node.commands.ingest", "ingest", "receive submitted files, to be checked and archived"),
    "jobs": ("node.commands.jobs", "jobs", "what is checked and archived now, and what became of it"),
    "variants": ("node.commands.variants", "variants", "load variants into the Beacon index"),
    "ontology": ("node.commands.ontology", "ontology", "load ontologies for filters with descendants"),
    "dac": ("node.commands.dac", "dac", "data access committees"),
    "keys": ("node.commands.keys", "keys", "rotate and revoke the keys with which a process signs"),
    "registry": ("node.commands.registry", "registry", "the nodes that a gateway asks"),
    "audit": ("node.commands.audit", "audit", "the chain of audit events"),
    "account": ("node.commands.account", "account", "local accounts of a broker"),
    "token": ("node.commands.token", "token", "sign in without a browser and print a token"),
    "login": ("node.commands.token", "login", "sign in with the device flow"),
    "qc": ("node.commands.qc", "app", "check files of reads and variants, whole and exactly"),
    "taxonomy": ("node.commands.taxonomy", "taxonomy", "reference sets for taxonomic profiles"),
    "download": ("node.commands.download", "download", "fetch drs:// objects, verified"),
    "images": ("node.commands.images", "images", "take images in, and decide about those that wait"),
    "deid": ("node.commands.deid", "deid", "de-identify a folder of DICOM files"),
}


class Commands(typer.core.TyperGroup):
    """Loads a command's module when the command is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - click's signature
        """Names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - click's signature
        """The command, loaded."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        app = getattr(importlib.import_module(module), attribute)
        command = typer.main.get_command(app) if isinstance(app, typer.Typer) else app
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=Commands, help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)


@app.callback()
def _root() -> None:
    """Federated GA4GH nodes of the GSA family."""


def main() -> None:
    """Entry point of the console script."""
    app(prog_name="gsanode")


if __name__ == "__main__":
    main()
