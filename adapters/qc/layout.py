"""Which files belong together: mates and 10x sets by their names, unless the caller says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

Layout = Literal["auto", "single", "paired", "interleaved"]

_ROLES: Final = (
    re.compile(r"^(?P<stem>.+)_(?P<role>[RI][1-4])(?P<tail>_\d{3}\..+)$"),
    re.compile(r"^(?P<stem>.+)[._](?P<role>[RI][1-4])(?P<tail>\..+)$"),
    re.compile(r"^(?P<stem>.+)[._](?P<role>[12])(?P<tail>\.(?:f(?:ast)?q)(?:\..+)?)$", re.IGNORECASE),
    re.compile(r"^(?P<stem>.+)_(?P<role>f1|r2)(?P<tail>\..+)$"),
)


class InvalidLayout(ValueError):
    """The files cannot be laid out as asked."""


def sets(paths: Sequence[Path], layout: Layout) -> list[list[Path]]:
    """Files by set, in the order given.

    :raises InvalidLayout: if ``paired`` is asked for an odd number of files.
    """
    if layout == "paired":
        if len(paths) % 2:
            raise InvalidLayout(f"--layout paired needs an even number of files, not {len(paths)}")
        return [list(paths[i : i + 2]) for i in range(0, len(paths), 2)]
    if layout != "auto":
        return [[path] for path in paths]
    found: dict[object, list[Path]] = {}
    for number, path in enumerate(paths):
        stem = family(path)
        key: object = stem if stem and role(path) not in {role(other) for other in found.get(stem, [])} else number
        found.setdefault(key, []).append(path)
    return [sorted(one, key=role) if len(one) > 1 else one for one in found.values()]


def family(path: Path) -> tuple[str, str, str] | None:
    """What the names of mates have in common."""
    for pattern in _ROLES:
        if match := pattern.match(path.name):
            return str(path.parent), match["stem"], match["tail"]
    return None


def role(path: Path) -> str:
    """``R1``, ``I1``, … of a file of a set; empty where its name says nothing."""
    for pattern in _ROLES:
        if match := pattern.match(path.name):
            return {"1": "R1", "2": "R2", "f1": "R1", "r2": "R2"}.get(match["role"].lower(), match["role"])
    return ""
