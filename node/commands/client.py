"""The researcher's side of the command line: where the broker and the nodes are (``client.yaml``)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated
from urllib.parse import quote, unquote, urlsplit

import typer
from pydantic import Field

from node.commands.process import fail
from web.settings import SettingsError, Strict, read, validated

DEFAULT = Path("~/.config/gsanode/client.yaml")


class Client(Strict):
    """Settings of ``client.yaml``.

    :param hosts: base URL by host name of ``drs://`` URIs; any other host is reached by https on port 443.
    :param prefixes: URL pattern with ``{$id}`` by prefix of compact ``drs://`` URIs, as identifiers.org registers them.
    """

    broker: str
    client_id: str = "gsanode"
    redirect_uri: str = "http://127.0.0.1/gsanode"
    hosts: dict[str, str] = Field(default_factory=dict)
    prefixes: dict[str, Annotated[str, Field(pattern=r"^https?://.*\{\$id\}")]] = Field(default_factory=dict)

    def objects(self, uri: str) -> str:
        """URL of the DRS object that a ``drs://`` URI of either style names (DRS-42 to DRS-44).

        :raises ValueError: if it is no such URI, or its prefix is not known.
        """
        named = uri.removeprefix("drs://")
        if named != uri and ":" in named:
            return self._compact(*named.split(":", 1))
        host, _, id = named.partition("/")
        if named == uri or not host or not id.strip("/"):
            raise ValueError(f"{uri!r} is not drs://HOST/ID or drs://PREFIX:ACCESSION")
        base = self.hosts.get(host, f"https://{host}")
        return f"{base}/ga4gh/drs/v1/objects/{id.strip('/')}"

    def _compact(self, prefix: str, accession: str) -> str:
        """A colon never occurs in the other style, so that a port is taken for a prefix too, and refused."""
        pattern = self.prefixes.get(prefix)
        if pattern is None or not accession:
            known = ", ".join(sorted(self.prefixes)) or "none"
            raise ValueError(
                f"drs://{prefix}:{accession} has a prefix that client.yaml does not know (a port is not allowed); "
                f"allowed: {known}"
            )
        return pattern.replace("{$id}", quote(accession, safe=""))


ClientFile = Annotated[
    Path | None,
    typer.Option("--client", envvar="GSANODE_CLIENT", help=f"client.yaml (default {DEFAULT})", dir_okay=False),
]


def client(path: Path | None) -> Client:
    """The settings of the researcher; a mistake ends the command."""
    found = (path or DEFAULT).expanduser()
    try:
        return validated(read(found), Client, found)
    except SettingsError as error:
        fail(str(error))


def secret(variable: str) -> str:
    """The value of an environment variable that holds a secret: never an argument, which others could read."""
    value = os.environ.get(variable)
    if not value:
        fail(f"environment variable {variable} is not set")
    return value


def name_of(url: str) -> str:
    """The file name at the end of a byte URL."""
    return unquote(urlsplit(url).path.rsplit("/", 1)[-1])
