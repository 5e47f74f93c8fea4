"""Processes take turns at an embedded database."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

from sqlalchemy import Engine, create_engine

from adapters.catalog.engine import connect
from auth.turns import Turns

HOLDER = """
import sys
from adapters.catalog.engine import connect
from auth.turns import Turns
with Turns(connect(sys.argv[1])).turn():
    print("mine", flush=True)
    sys.stdin.readline()
"""
ROOT = Path(__file__).resolve().parents[2]


def test_one_process_has_the_turn_until_it_is_done_or_dead(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/catalog.db"
    turns, got = Turns(connect(url)), threading.Event()

    def ask() -> None:
        with turns.turn():
            got.set()

    for end in ("done", "dead"):
        got.clear()
        command = [sys.executable, "-c", HOLDER, url]
        with subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        ) as holder:
            assert holder.stdin is not None
            assert holder.stdout is not None
            assert holder.stdout.readline() == "mine\n"
            asking = threading.Thread(target=ask)
            asking.start()
            assert not got.wait(0.3), end
            if end == "dead":
                holder.kill()
            else:
                holder.stdin.write("\n")
            assert got.wait(10), end
            asking.join()


def test_a_server_and_a_database_in_memory_need_no_file(tmp_path: Path, engine: Engine) -> None:
    for one in (engine, create_engine("sqlite://")):
        with Turns(one).turn():
            pass
    beside = engine.dialect.name == "sqlite"
    assert [path.name for path in tmp_path.glob("*-turn")] == (["catalog.db-turn"] if beside else [])
