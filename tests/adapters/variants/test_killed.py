"""A load killed at any statement leaves readers what they had; the next load goes on and ends the same (kill -9)."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import event

from adapters.variants.ingest import load
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
