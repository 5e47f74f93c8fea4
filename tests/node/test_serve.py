"""``gsanode serve`` as an operator meets it: a process, its exit codes, and how it stops."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
import yaml
from sqlalchemy import text

from adapters.catalog.engine import connect, writing
from auth.signed import Capability, Signer
from migrations.schema import upgrade
from tests.node.family import build
from tests.support import free_port

KEY = "cd" * 32
SECONDS = 60


def configured(tmp_path: Path, **changes: object) -> Path:
    """A configuration of a GSA-Human member whose database and archive are in ``tmp_path``."""
    port = free_port()
    (tmp_path / "archive").mkdir(exist_ok=True)
    values = {
        "kind": "member",
        "member": "gsa-human",
        "public_url": f"http://127.0.0.1:{port}",
        "listen": {"port": port},
        "database": f"sqlite:///{tmp_path}/catalog.db",
        "organization": {"id": "x", "name": "X", "url": "https://example.org"},
        "drs_host": "gsa-human.localhost",
        "stores": {"archive": {"kind": "local", "root": str(tmp_path / "archive")}},
        "broker": {"issuer": "http://127.0.0.1:1", "client_id": "gsa-human"},
        "trust": [],
        "url_key": KEY,
        "grace_seconds": 20,
        **changes,
    }
    path = tmp_path / "node.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def gsanode(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "node.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)


@contextmanager
def serving(config: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running process and its URL; ended if the test leaves it alive."""
    url = yaml.safe_load(config.read_text())["public_url"]
    command = [sys.executable, "-m", "node.cli", "serve", str(config)]
    log = config.with_suffix(".log")
    with log.open("ab") as said:  # a pipe that nobody reads would stop the process when it is full
        process = subprocess.Popen(command, stderr=said, text=True)
    try:
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                if requests.get(f"{url}/readyz", timeout=2).status_code == 200:
                    break
            except (requests.ConnectionError, requests.Timeout):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline
                threading.Event().wait(0.05)  # nothing to await: the socket of another process
        yield process, url
    finally:
        if process.poll() is None:
            process.terminate()  # and its workers, which it waits for
        process.wait(SECONDS)


def _until_refused(url: str) -> None:
    """Return when nobody listens any more."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            requests.get(url, timeout=2)
        except requests.ConnectionError:
            return
    pytest.fail(f"{url} is still answered")


def test_mistakes_end_the_process_with_what_is_wrong(tmp_path: Path) -> None:
    cases = {
        "key 'member': 'gsb' has no profile; allowed: gsa": {"member": "gsb"},
        "key 'listen.port': 0": {"listen": {"port": 0}},
        "stores.archive.root": {"stores": {"archive": {"kind": "local", "root": str(tmp_path / "nowhere")}}},
        "is empty; run: gsanode database upgrade": {},
        "key 'database'": {"database": "mysql://x"},
    }
    for says, change in cases.items():
        config = configured(tmp_path, **change)
        if says.startswith(("key 'member'", "stores")):
            engine = connect(f"sqlite:///{tmp_path}/catalog.db")
            upgrade(engine, "member")
            engine.dispose()
        done = gsanode("serve", str(config))
        assert (done.returncode, says in done.stderr) == (2, True), (says, done.stderr)
        assert "Traceback" not in done.stderr
        for leftover in tmp_path.glob("catalog.db*"):
            leftover.unlink()


def test_a_port_in_use_and_a_newer_database_are_told(tmp_path: Path) -> None:
    config = configured(tmp_path)
    assert gsanode("database", "upgrade", "--config", str(config)).returncode == 0
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", yaml.safe_load(config.read_text())["listen"]["port"]))
        taken.listen()
        done = gsanode("serve", str(config))
    assert done.returncode == 2
    assert "Address already in use" in done.stderr
    assert "key 'listen'" in done.stderr
    engine = connect(f"sqlite:///{tmp_path}/catalog.db")
    with writing(engine).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    done = gsanode("serve", str(config))
    assert done.returncode == 2
    assert "newer than" in done.stderr


def test_a_process_told_to_stop_finishes_the_download_under_way(tmp_path: Path) -> None:
    config = configured(tmp_path)
    engine = connect(f"sqlite:///{tmp_path}/catalog.db")
    upgrade(engine, "member")
    build(engine, tmp_path / "archive", size=64 << 20)
    engine.dispose()
    wanted = tmp_path / "archive" / "HRR000001-01.txt"
    token = Signer(bytes.fromhex(KEY)).sign(Capability("HRR000001-01", "GET", int(time.time()) + 600))
    with serving(config) as (process, url):
        with requests.get(f"{url}/data/{token}/x", stream=True, timeout=SECONDS) as answer:
            content = answer.iter_content(1 << 16)
            received = len(next(content))
            os.kill(process.pid, signal.SIGTERM)
            _until_refused(f"{url}/healthz")
            received += sum(len(piece) for piece in content)
        assert received == wanted.stat().st_size
        assert process.wait(timeout=SECONDS) in (0, -signal.SIGTERM)


def children(process: subprocess.Popen[str]) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not happened():
        assert time.monotonic() < deadline
        threading.Event().wait(0.05)  # nothing to await: processes that are not our children


def test_workers_serve_side_by_side_are_replaced_and_stop_together(tmp_path: Path) -> None:
    config = configured(tmp_path)
    values = yaml.safe_load(config.read_text())
    config.write_text(yaml.safe_dump(values | {"listen": {**values["listen"], "workers": 2}}))
    upgrade(connect(values["database"]), "member")
    with serving(config) as (process, url):
        first = children(process)
        assert len(first) == 2
        os.kill(first[0], signal.SIGKILL)
        until(lambda: len(children(process)) == 2 and first[0] not in children(process))
        assert requests.get(f"{url}/readyz", timeout=SECONDS).status_code == 200
        second = children(process)
        process.terminate()
        assert process.wait(SECONDS) == 0
        assert all(gone(pid) for pid in second)


def test_workers_stop_where_the_process_that_watches_them_is_killed(tmp_path: Path) -> None:
    config = configured(tmp_path)
    values = yaml.safe_load(config.read_text())
    config.write_text(yaml.safe_dump(values | {"listen": {**values["listen"], "workers": 2}}))
    upgrade(connect(values["database"]), "member")
    with serving(config) as (process, _url):
        workers = children(process)
        process.kill()
        until(lambda: all(gone(pid) for pid in workers))
