"""The researcher's side of the command line: where the broker and the nodes are (``client.yaml``)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote, urlsplit

import typer
from pydantic import Field

from node.commands.process import fail
from web.settings import SettingsError, Strict, read, validated

DEFAULT = Path("~/.config/gsanode/client.yaml")


class Client(Strict):
    """Settings of ``client.yaml``.

    :param hosts: base URL by host name of ``drs://`` URIs; any other host is reached by https on port 443.
    """

    broker: str
    client_id: str = "gsanode"
    redirect_uri: str = "http://127.0.0.1/gsanode"
    hosts: dict[str, str] = Field(default_factory=dict)

    def objects(self, uri: str) -> str:
        """URL of the DRS object that a hostname-style ``drs://`` URI names (DRS-42).

        :raises ValueError: if it is not such a URI, or has a port.
        """
        parts = urlsplit(uri)
        if parts.scheme != "drs" or not parts.hostname or ":" in parts.netloc or not parts.path.strip("/"):
            raise ValueError(f"{uri!r} is not drs://HOST/ID (a port is not allowed)")
        base = self.hosts.get(parts.hostname, f"https://{parts.hostname}")
        return f"{base}/ga4gh/drs/v1/objects/{parts.path.strip('/')}"


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
