"""What a demo folder remembers between two runs: its secrets, its users and what it was made from."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from node.demo.configuration import Secrets
from node.demo.directory import DemoError, atomic_write
from node.demo.users import User, fresh

VERSION = 2
MADE = "made by code"


@dataclass(frozen=True, slots=True)
class State:
    """``source`` is the folder of real data, or :data:`MADE`; ``complete`` once everything is registered."""

    version: int
    port_base: int
    source: str
    secrets: Secrets
    users: tuple[User, ...]
    complete: bool = False


def recall(folder: Path, port_base: int, source: str) -> State:
    """The state of ``folder``; a fresh one, written down, if it has none.

    :raises DemoError: if the folder holds a family of another kind, whose addresses and people are another's.
    """
    path = folder / "state.json"
    if not path.exists():
        state = State(VERSION, port_base, source, Secrets.fresh(), tuple(fresh()))
        remember(folder, state)
        return state
    loaded = json.loads(path.read_bytes())
    for key, wanted, option in (
        ("version", VERSION, "made by another version of this software"),
        ("port_base", port_base, f"made with --port-base {loaded['port_base']}"),
        ("source", source, f"made from {loaded['source']}"),
    ):
        if loaded[key] != wanted:
            raise DemoError(f"{folder}: the family here was {option}; use the same, another --dir, or remove it")
    users = tuple(User(**user) for user in loaded["users"])
    return State(VERSION, port_base, source, Secrets(**loaded["secrets"]), users, loaded["complete"])


def remember(folder: Path, state: State) -> None:
    """Write the state down, readable by the owner only."""
    atomic_write(folder / "state.json", json.dumps(asdict(state), indent=1).encode(), mode=0o600)
