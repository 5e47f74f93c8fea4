"""Documents that the demo writes about real data: descriptors, rows of manifests, lists."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.demo.directory import atomic_write
from node.demo.made.archive import md5
from node.demo.made.plan import RELEASED
from node.demo.real.pack import DataPack

PROJECT = "PRJCA900011"
COLUMNS = ("title", "type", "id", "run", "individuals", "assembly", "organism")


@dataclass(frozen=True, slots=True)
class Desk:
    """Where documents about ``pack`` are written: below ``folder``, a folder for each data set."""

    pack: DataPack
    folder: Path

    def drawer(self, member: str, accession: str) -> Path:
        """The folder of a data set's documents."""
        found = self.folder / "submissions" / member / accession
        found.mkdir(parents=True, exist_ok=True)
        return found

    def row(self, path: str, **given: str) -> dict[str, str]:
        """A row of a manifest about a file of the data."""
        return {"path": path, "md5": md5(self.pack.root / path), **{key: given.get(key, "") for key in COLUMNS}}


def descriptor(accession: str, title: str, *, dac: str = "") -> dict[str, Any]:
    """The descriptor of a data set: controlled by ``dac``, or open."""
    values: dict[str, Any] = {
        "accession": accession,
        "title": title,
        "tier": "controlled" if dac else "open",
        "bioproject": PROJECT,
        "release_date": RELEASED,
    }
    return values | ({"dac": dac} if dac else {})


def write_lists(folder: Path, **lists: list[dict[str, Any]]) -> None:
    """Write Beacon lists such as ``individuals.json``."""
    for name, records in lists.items():
        atomic_write(folder / f"{name}.json", json.dumps(records).encode())
