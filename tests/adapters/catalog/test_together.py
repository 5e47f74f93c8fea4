"""Files read together: one round for many askers, nothing kept, nobody harmed by another's question."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from adapters.catalog.together import Together


class Shelf:
    """Stands in for the catalog; every reading waits until it is let go."""

    def __init__(self) -> None:
        self.rounds: list[list[str]] = []
        self.holds = {"a": "file a", "b": "file b"}
        self.free = threading.Event()
        self.free.set()

    def read(self, ids: Sequence[str]) -> Any:
        self.rounds.append(list(ids))
        found = dict(self.holds)
        assert self.free.wait(5)
        if "bad" in ids:
            raise ValueError("bad id")
        return {id: found[id] for id in ids if id in found}


async def test_many_askers_share_a_round_and_each_gets_its_own_file() -> None:
    shelf = Shelf()
    together = Together(shelf.read)
    answers = await asyncio.gather(*(together.file(id) for id in ("a", "b", "none", "a")))
    assert answers == ["file a", "file b", None, "file a"]
    assert shelf.rounds == [["a", "b", "none"]]


async def test_nothing_is_kept_and_a_question_never_joins_a_round_under_way() -> None:
    shelf = Shelf()
    together = Together(shelf.read)
    shelf.free.clear()
    first = asyncio.create_task(together.file("a"))
    while not shelf.rounds:
        await asyncio.sleep(0)
    del shelf.holds["a"]  # withdrawn while the first round is being read
    second = asyncio.create_task(together.file("a"))
    await asyncio.sleep(0)
    shelf.free.set()
    assert await asyncio.gather(first, second) == ["file a", None]
    assert shelf.rounds == [["a"], ["a"]]
    assert await together.file("a") is None


async def test_a_question_that_fails_harms_no_other() -> None:
    together = Together(Shelf().read)
    answers = await asyncio.gather(*(together.file(id) for id in ("a", "bad", "b")), return_exceptions=True)
    assert [answers[0], answers[2]] == ["file a", "file b"]
    assert isinstance(answers[1], ValueError)


async def test_an_asker_that_goes_away_harms_no_other() -> None:
    shelf = Shelf()
    together = Together(shelf.read)
    shelf.free.clear()
    leaving, staying = asyncio.create_task(together.file("a")), asyncio.create_task(together.file("b"))
    await asyncio.sleep(0)
    leaving.cancel()
    shelf.free.set()
    assert await staying == "file b"
    with pytest.raises(asyncio.CancelledError):
        await leaving
