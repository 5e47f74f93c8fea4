"""The member's own look-after: anchors are written, and what fails does not stop the member."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from auth import anchors
from auth.committees import register_committee
from auth.tables import Base
from node import sweep


class Ending:
    """Stands in for the DAC: fails at first, stops the loop at the third look."""

    def __init__(self, stop: threading.Event) -> None:
        self.looks, self.stop = 0, stop

    def expire(self) -> int:
        self.looks += 1
        if self.looks == 1:
            raise OperationalError("x", None, Exception("away"))
        if self.looks == 3:
            self.stop.set()
        return 0


@pytest.mark.parametrize("damaged", [False, True])
def test_a_failure_is_told_and_tried_again(sqlite_engine: Engine, tmp_path: Path, damaged: bool) -> None:
    Base.metadata.create_all(sqlite_engine)
    register_committee(sqlite_engine, "DAC1", "First", {"dora": ""}, 1)
    path, stop = tmp_path / "anchors.txt", threading.Event()
    if damaged:
        path.write_text("no anchor\n")
    dac: Any = Ending(stop)
    sweep.sweep(dac, sqlite_engine, path, stop, interval=0.001)
    assert dac.looks == 3
    assert damaged or anchors.read(path).keys() == {1}
