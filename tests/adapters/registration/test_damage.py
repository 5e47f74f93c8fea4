"""Damaged input of every kind, at random: it is read or refused with problems; nothing else ever happens."""

from __future__ import annotations

import copy
import io
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from adapters.registration.dicom import DicomFolder
from adapters.registration.registration import Described, Source, read
from tests.adapters.registration import test_dicom, test_individuals, test_phenopackets, test_workbook
from tests.adapters.registration.members import Member, member

ROUNDS = 40
VALUES: list[Any] = [
    None,
    1,
    -1.5,
    True,
    "",
    "x",
    "P1Y",
    [],
    {},
    [1],
    {"id": 1},
    {"id": "a:b"},
    ["x"],
    [[]],
    {"a": {"b": []}},
]


@pytest.fixture(params=[1, 2])
def chance(request: pytest.FixtureRequest) -> random.Random:
    return random.Random(request.param)


def paths(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in items:
        yield from paths(value, (*path, key))


def damaged(document: Any, chance: random.Random, inside: int) -> Any:
    """A copy in which some values, at least ``inside`` levels deep, are others."""
    document = copy.deepcopy(document)
    for _ in range(chance.randint(1, 3)):
        *way, last = chance.choice([path for path in paths(document) if len(path) >= inside])
        place = document
        for key in way:
            place = place[key]
        place[last] = copy.deepcopy(chance.choice(VALUES))
    return document


def attempt(made: Member, source: Source, dataset: dict[str, Any]) -> None:
    read(made.archive, Described(dataset), source)


def test_lists(sqlite_engine: Engine, tmp_path: Path, chance: random.Random) -> None:
    human = member("gsa-human", sqlite_engine, tmp_path)
    for _ in range(ROUNDS):
        content = damaged(test_individuals.lists(2), chance, 2)
        attempt(human, test_individuals.source(tmp_path, content), test_individuals.SET)


def test_packets(sqlite_engine: Engine, tmp_path: Path, chance: random.Random) -> None:
    human = member("gsa-human", sqlite_engine, tmp_path)
    for _ in range(ROUNDS):
        packet = damaged(test_phenopackets.PACKET, chance, 1)
        attempt(human, test_phenopackets.source(tmp_path, packet), test_phenopackets.SET)


def test_images(sqlite_engine: Engine, tmp_path: Path, chance: random.Random) -> None:
    obia = member("obia", sqlite_engine, tmp_path)
    whole = test_dicom.dicom()
    for _ in range(ROUNDS):
        raw = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            raw[chance.randrange(128, 3000)] = chance.randrange(256)
        obia.file("x/0.dcm", bytes(raw[: chance.choice([len(raw), chance.randrange(len(raw))])]))
        attempt(obia, DicomFolder("disk", "x"), test_dicom.SET)


@pytest.mark.filterwarnings("ignore::UserWarning:openpyxl")
def test_workbooks(sqlite_engine: Engine, tmp_path: Path, chance: random.Random) -> None:
    gsa = member("gsa", sqlite_engine, tmp_path)
    source = test_workbook.workbook(tmp_path, test_workbook.sheets(gsa, 1))
    whole = source.path.read_bytes()
    for round_ in range(ROUNDS):
        source.path.write_bytes(_outside(whole, chance) if round_ % 2 else _inside(whole, chance))
        attempt(gsa, source, test_workbook.SET)


def _outside(whole: bytes, chance: random.Random) -> bytes:
    raw = bytearray(whole)
    for _ in range(chance.randint(1, 4)):
        raw[chance.randrange(len(raw))] = chance.randrange(256)
    return bytes(raw)


def _inside(whole: bytes, chance: random.Random) -> bytes:
    """The container is sound, one document in it is not."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as book, zipfile.ZipFile(target, "w") as copied:
        victim = chance.choice(book.namelist())
        for name in book.namelist():
            content = bytearray(book.read(name))
            for _ in range(3 if name == victim else 0):
                content[chance.randrange(len(content))] = chance.randrange(32, 127)
            copied.writestr(name, bytes(content))
    return target.getvalue()
