"""``family.json``: everything that someone who tests the family from outside needs to know (DESIGN section 8)."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, select

from adapters.catalog.engine import connect
from adapters.catalog.models import Dataset, File, FilePerson, Individual
from adapters.catalog.visibility import individual_exists
from node.demo.configuration import CLIENT, LINKED, LOOPBACK, MEMBERS, PROCESSES, TEST_REDIRECT, Addresses
from node.demo.directory import atomic_write
from node.demo.state import State
from node.demo.submission import Holdings

Described = dict[str, Any]


def describe(folder: Path, state: State, configs: Mapping[str, Path], holdings: Holdings) -> Described:
    """Write ``folder``/family.json (it holds passwords: readable by the owner only) and answer its content."""
    addresses = Addresses(state.port_base)
    described: Described = {
        "source": state.source,
        "urls": {process: addresses.url(process) for process in PROCESSES},
        "configs": {process: str(path) for process, path in configs.items()},
        "client": str(folder / CLIENT),
        "drs_hosts": {f"{member}.localhost": addresses.url(member) for member in MEMBERS},
        "users": [
            {"name": user.name, "role": user.role, "password": user.password, "subject": user.subject}
            for user in state.users
        ],
        "oauth": {
            "issuer": addresses.url("broker"),
            "public": {"client_id": "gsanode", "redirect_uri": LOOPBACK},
            "confidential": {
                "client_id": "family-tests",
                "client_secret": state.secrets.client_secret,
                "redirect_uri": TEST_REDIRECT,
            },
        },
        "datasets": [],
        "withdrawn_individuals": {},
        "linked": [],
        "notes": list(holdings.notes),
        "tour": dict(holdings.tour),
    }
    for member in MEMBERS:
        engine = connect(f"sqlite:///{folder / 'databases' / member}.sqlite")
        _add_member(described, member, engine)
        engine.dispose()
    atomic_write(folder / "family.json", json.dumps(described, indent=1, ensure_ascii=False).encode(), mode=0o600)
    return described


def _add_member(described: Described, member: str, engine: Engine) -> None:
    with engine.connect() as connection:
        described["datasets"] += list(_datasets(connection, member))
        gone = connection.scalars(select(Individual.accession).where(Individual.withdrawn_at.is_not(None))).all()
        if gone:
            described["withdrawn_individuals"][member] = [_with_files(connection, person) for person in gone]
        if member == LINKED[1]:
            today = dt.datetime.now(dt.UTC).date()
            existing = individual_exists(today)
            linked = select(Individual.link, Individual.accession).where(Individual.link.is_not(None), existing)
            described["linked"] = [
                {LINKED[0]: there, LINKED[1]: here}
                for there, here in connection.execute(linked.order_by(Individual.link))
            ]


def _datasets(connection: Connection, member: str) -> Sequence[Described]:
    rows = connection.execute(select(Dataset.__table__).order_by(Dataset.accession)).mappings()
    return [
        {
            "member": member,
            "accession": row["accession"],
            "title": row["title"],
            "tier": row["tier"],
            "dac": row["dac"],
            "state": _state(row["release_date"], row["withdrawn_at"]),
            "files": _files(connection, row["accession"]),
        }
        for row in rows
    ]


def _files(connection: Connection, dataset: str) -> Sequence[Described]:
    columns = (File.id, File.name, File.format, File.size)
    rows = connection.execute(select(*columns).where(File.dataset == dataset).order_by(File.id))
    return [dict(row._mapping) for row in rows]


def _with_files(connection: Connection, person: str) -> Described:
    files = connection.scalars(select(FilePerson.file).where(FilePerson.individual == person).order_by(FilePerson.file))
    return {"accession": person, "files": list(files)}


def _state(release: dt.date, withdrawn: dt.datetime | None) -> str:
    if withdrawn is not None:
        return "withdrawn"
    return "released" if release <= dt.datetime.now(dt.UTC).date() else "unreleased"
