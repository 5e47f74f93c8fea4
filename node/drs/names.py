"""Portable names of files (DRS-21): letters, digits, ``.``, ``_`` and ``-``, not beginning with ``-``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

UNPORTABLE = re.compile(r"[^A-Za-z0-9._-]")


def portable(name: str) -> str:
    """The last part of ``name`` with everything else replaced by ``_``; never empty, ``.`` or ``..``."""
    shown = UNPORTABLE.sub("_", name.rsplit("/", 1)[-1])
    return f"_{shown}" if shown in ("", ".", "..") or shown.startswith("-") else shown


def unique(named: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Portable names by id, no two alike: a name that occurs twice is led by its id.

    :param named: (id, name) pairs; ids differ.
    """
    wanted = {id: portable(name) for id, name in named}
    often = Counter(wanted.values())
    taken = {name for name, times in often.items() if times == 1}
    for id, name in wanted.items():
        if often[name] > 1:
            led = f"{portable(id)}_{name}"
            wanted[id] = next(
                candidate
                for candidate in (led, *(f"{led}_{number}" for number in range(2, len(wanted) + 2)))
                if candidate not in taken
            )
            taken.add(wanted[id])
    return wanted
