"""A load killed at any statement leaves readers what they had; the next load goes on and ends the same (kill -9)."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from adapters.variants import lines
from adapters.variants.ingest import load
from adapters.variants.releases import Interrupted
from tests.adapters.variants.conftest import Catalog
from tests.adapters.variants.test_ingest import answers, rows, writer

ROOT = Path(__file__).resolve().parents[3]
LOADER = """
import os, signal, sys
from pathlib import Path
from sqlalchemy import event
from adapters.catalog.engine import connect
from adapters.variants.ingest import load
url, path, last = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
engine, seen = connect(url), []
def count(connection, cursor, statement, parameters, context, executemany):
    if statement.startswith(("INSERT", "UPDATE", "DELETE")):
        seen.append(statement)
        if len(seen) == last:
            os.kill(os.getpid(), signal.SIGKILL)
event.listen(engine, "before_cursor_execute", count)
load(engine, path, "HRA000001", file="F-01", batch=25)
"""

SIDE_BY_SIDE = """
import os, signal, sys
from pathlib import Path
from adapters.catalog.engine import connect
from adapters.variants import lines
from adapters.variants.ingest import load
lines.PLAIN_SEGMENT = 20_000
seen = []
def kill(records, place):
    seen.append(place)
    if len(seen) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
if __name__ == "__main__":
    load(connect(sys.argv[1]), Path(sys.argv[2]), "HRA000001", batch=25, processes=2, progress=kill)
"""


def killed(catalog: Catalog, path: Path, statement: int) -> bool:
    """Load in a process that is killed before its n-th write; False if it ended before."""
    url = catalog.engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", LOADER, url, str(path), str(statement)]
    code = subprocess.run(command, cwd=ROOT, timeout=60, check=False).returncode
    assert code in (0, -signal.SIGKILL)
    return code != 0


@pytest.mark.parametrize("statement", [2, 17])
def test_kill_9_at_any_statement(catalog: Catalog, statement: int) -> None:
    former, path = catalog.write("a.vcf", writer(8).text()), catalog.write("b.vcf", writer(9).text())
    load(catalog.engine, path, "HRA000001", file="F-01")
    wanted, counts = answers(catalog), rows(catalog)
    load(catalog.engine, former, "HRA000001", file="F-01")
    before = answers(catalog)
    assert killed(catalog, path, statement)
    assert answers(catalog) == before
    loaded = load(catalog.engine, path, "HRA000001", file="F-01", batch=25)
    assert (loaded.resumed > 0) == (statement > 8)
    assert loaded.records == 150, "a record that was committed is not loaded again"
    assert answers(catalog) == wanted
    assert rows(catalog) == counts


def test_kill_9_while_the_former_release_is_removed(catalog: Catalog) -> None:
    path = catalog.write("b.vcf", writer(9).text())
    load(catalog.engine, path, "HRA000001", file="F-01")
    wanted, counts = answers(catalog), rows(catalog)
    writes = []
    event.listen(catalog.engine, "before_cursor_execute", lambda *given: writes.append(given[2].split()[0]))
    load(catalog.engine, path, "HRA000001", file="F-01", batch=25)
    last = len([verb for verb in writes if verb in ("INSERT", "UPDATE", "DELETE")])
    assert killed(catalog, path, last - 2)
    assert answers(catalog) == wanted
    assert rows(catalog) != counts
    load(catalog.engine, path, "HRA000001", file="F-01")
    assert answers(catalog) == wanted
    assert rows(catalog) == counts


def test_an_interrupted_load_of_other_bytes_is_begun_anew(sqlite_catalog: Catalog) -> None:
    path = sqlite_catalog.write("b.vcf", writer(9).text())
    assert killed(sqlite_catalog, path, 17)
    path.write_text(writer(10).text())
    loaded = load(sqlite_catalog.engine, path, "HRA000001", file="F-01")
    found, counts = answers(sqlite_catalog), rows(sqlite_catalog)
    assert loaded.resumed == 0
    load(sqlite_catalog.engine, path, "HRA000001", file="F-01")
    assert answers(sqlite_catalog) == found
    assert rows(sqlite_catalog) == counts


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "PLAIN_SEGMENT", 20_000)


@pytest.mark.usefixtures("small_segments")
def test_processes_side_by_side_load_what_one_loads(catalog: Catalog) -> None:
    path = catalog.write("b.vcf", writer(9, records=1_500).text())
    seen: list[int] = []
    loaded = load(catalog.engine, path, "HRA000001", processes=2, batch=50, progress=lambda n, _place: seen.append(n))
    wanted, counts = answers(catalog), rows(catalog)
    assert (loaded.records, seen[-1], seen) == (1_500, 1_500, sorted(seen))
    assert load(catalog.engine, path, "HRA000001") == loaded
    assert answers(catalog) == wanted
    assert rows(catalog) == counts


@pytest.mark.usefixtures("small_segments")
def test_a_worker_that_is_killed_ends_the_load_and_the_next_one_goes_on(sqlite_catalog: Catalog) -> None:
    path = sqlite_catalog.write("b.vcf", writer(9, records=1_500).text())
    dead: list[int] = []

    def kill(_records: int, _place: str) -> None:
        child = multiprocessing.active_children()[0].pid
        if child and not dead:
            dead.append(child)
            os.kill(child, signal.SIGKILL)

    with pytest.raises(Interrupted, match=r"b\.vcf: a process of the load was killed; load again to go on"):
        load(sqlite_catalog.engine, path, "HRA000001", processes=2, batch=25, progress=kill)
    assert answers(sqlite_catalog).total == 0
    loaded = load(sqlite_catalog.engine, path, "HRA000001", processes=2, batch=25)
    assert 0 < loaded.resumed < loaded.records == 1_500
    wanted = answers(sqlite_catalog)
    load(sqlite_catalog.engine, path, "HRA000001")
    assert answers(sqlite_catalog) == wanted


@pytest.mark.usefixtures("small_segments")
def test_workers_end_with_the_process_that_is_killed(sqlite_catalog: Catalog) -> None:
    path, script = sqlite_catalog.write("b.vcf", writer(9, records=1_500).text()), sqlite_catalog.folder / "side.py"
    script.write_text(SIDE_BY_SIDE)
    url = sqlite_catalog.engine.url.render_as_string(hide_password=False)
    given = os.environ | {"PYTHONPATH": str(ROOT)}
    ended = subprocess.run([sys.executable, str(script), url, str(path)], cwd=ROOT, env=given, timeout=60, check=False)
    assert ended.returncode == -signal.SIGKILL
    loaded = load(sqlite_catalog.engine, path, "HRA000001", batch=25)
    assert 0 < loaded.resumed < loaded.records == 1_500
    wanted = answers(sqlite_catalog)
    load(sqlite_catalog.engine, path, "HRA000001")
    assert answers(sqlite_catalog) == wanted


def test_a_disk_that_is_full_leaves_readers_what_they_had(sqlite_catalog: Catalog) -> None:
    former, path = (
        sqlite_catalog.write("a.vcf", writer(8).text()),
        sqlite_catalog.write("b.vcf", writer(9, records=1_500).text()),
    )
    load(sqlite_catalog.engine, former, "HRA000001", file="F-01")
    before = answers(sqlite_catalog)

    def full(connection: object, _record: object) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]  # type: ignore[attr-defined]
        connection.execute(f"PRAGMA max_page_count = {pages}")  # type: ignore[attr-defined]

    sqlite_catalog.engine.dispose()
    event.listen(sqlite_catalog.engine, "connect", full)
    with pytest.raises(OperationalError, match="database or disk is full"):
        load(sqlite_catalog.engine, path, "HRA000001", file="F-01", batch=25)
    event.remove(sqlite_catalog.engine, "connect", full)
    sqlite_catalog.engine.dispose()
    assert answers(sqlite_catalog) == before
    assert load(sqlite_catalog.engine, path, "HRA000001", file="F-01", batch=25).records == 1_500
    assert answers(sqlite_catalog) != before
