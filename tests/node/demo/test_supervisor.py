"""The supervisor with one real process: readiness, failure, and an end whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from node.demo import configuration, registering
from node.demo.configuration import MEMBERS, Addresses, Secrets
from node.demo.directory import DemoError, locked
from node.demo.supervisor import Service, Supervisor
from tests.node.demo.conftest import free_ports, wait_until

SUPERVISE = """
import sys
from pathlib import Path
from node.demo.supervisor import Service, Supervisor
supervisor = Supervisor([Service("gateway", Path(sys.argv[1]), "127.0.0.1", int(sys.argv[2]))], Path(sys.argv[3]))
supervisor.start()
supervisor.wait_ready(60, lambda child: print(child.process.pid, flush=True))
supervisor.watch()
"""


@pytest.fixture
def gateway(tmp_path: Path) -> Service:
    """A configured gateway, not started."""
    addresses = Addresses(free_ports())
    roots = {member: {"archive": tmp_path} for member in MEMBERS}
    configs = configuration.write(tmp_path, addresses, Secrets.fresh(), roots)
    with registering.database(configs["gateway"]):
        pass
    return Service("gateway", configs["gateway"], addresses.host, addresses.port("gateway"))


def test_children_end_when_the_supervisor_is_killed(gateway: Service, tmp_path: Path) -> None:
    words = [sys.executable, "-c", SUPERVISE, str(gateway.config), str(gateway.port), str(tmp_path / "logs")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        child = int(supervisor.stdout.readline())
        os.kill(supervisor.pid, signal.SIGKILL)
    wait_until(lambda: not _runs(child), 10, "the child ended")


def _runs(pid: int) -> bool:
    """Whether a process runs; one that nobody has asked after yet (a zombie) does not."""
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_a_process_that_ends_is_told_with_its_log(gateway: Service, tmp_path: Path) -> None:
    gateway.config.write_text("kind: gateway\nnonsense: 1\n")
    supervisor = Supervisor([gateway], tmp_path / "logs")
    try:
        supervisor.start()
        with pytest.raises(DemoError, match=r"(?s)gateway ended with exit code 2.*nonsense"):
            supervisor.wait_ready(60, lambda _child: None)
    finally:
        supervisor.stop()


def test_a_process_that_does_not_get_ready_is_told(gateway: Service, tmp_path: Path) -> None:
    supervisor = Supervisor([gateway], tmp_path / "logs")
    try:
        supervisor.start()
        with pytest.raises(DemoError, match="not ready after 0 s: gateway"):
            supervisor.wait_ready(0, lambda _child: None)
    finally:
        supervisor.stop()


def test_a_folder_is_held_by_one(tmp_path: Path) -> None:
    with (
        locked(tmp_path / "family"),
        pytest.raises(DemoError, match=f"process {os.getpid()}"),
        locked(tmp_path / "family"),
    ):
        pass
    with locked(tmp_path / "family"):
        pass


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DemoError, match="cannot be used"), locked(tmp_path / "file"):
        pass
