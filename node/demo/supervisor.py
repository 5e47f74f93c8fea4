"""Starts the processes of a family, waits until they serve, and ends them: together, and whatever happens.

Every child stands in a session of its own, so that Ctrl-C reaches only the supervisor, which then ends the children in
order. On Linux the kernel ends them even if the supervisor is killed.
"""

from __future__ import annotations

import ctypes
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from node.demo.directory import DemoError

PR_SET_PDEATHSIG = 1
POLL_SECONDS = 0.05
WATCH_SECONDS = 0.5
TAIL_LINES = 12
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class Service:
    """One process to run: its configuration and where it will listen."""

    name: str
    config: Path
    host: str
    port: int


@dataclass(slots=True)
class Child:
    """A running process. ``ready`` is when it first answered, in seconds after it was started."""

    service: Service
    process: subprocess.Popen[bytes]
    log: Path
    started: float
    ready: float | None = None

    @property
    def resident_bytes(self) -> int:
        """Memory of the process that is in RAM now (``VmRSS``); 0 where the kernel does not tell."""
        status = Path(f"/proc/{self.process.pid}/status")
        lines = status.read_text().splitlines() if status.exists() else []
        return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:")), 0)


class Supervisor:
    """Runs ``services``; their logs go to one file each in ``logs``.

    :param grace: seconds between asking a process to end and ending it.
    """

    def __init__(self, services: list[Service], logs: Path, *, grace: float = 8.0) -> None:
        self._services = services
        self._logs = logs
        self._grace = grace
        self.children: list[Child] = []

    def start(self) -> None:
        """Start every process.

        :raises DemoError: if a port is taken; nothing is started then.
        """
        for service in self._services:
            require_free(service)
        self._logs.mkdir(parents=True, exist_ok=True)
        for service in self._services:
            self.children.append(self._spawn(service))

    def wait_ready(self, seconds: float, told: Callable[[Child], None]) -> None:
        """Wait until every process answers its readiness probe; ``told`` hears of each as it does.

        :raises DemoError: if one ends, or does not answer in time; with the end of its log.
        """
        deadline = time.monotonic() + seconds
        waiting = list(self.children)
        while waiting:
            self._require_running()
            for child in list(waiting):
                if _answers(child.service):
                    child.ready = time.monotonic() - child.started
                    waiting.remove(child)
                    told(child)
            if waiting and time.monotonic() > deadline:
                names = ", ".join(child.service.name for child in waiting)
                raise DemoError(f"not ready after {seconds:.0f} s: {names}{_tail(waiting[0])}")
            time.sleep(POLL_SECONDS)

    def watch(self) -> NoReturn:
        """Watch the processes until one of them ends.

        :raises DemoError: when it does; with the end of its log.
        """
        while True:
            self._require_running()
            time.sleep(WATCH_SECONDS)

    def _require_running(self) -> None:
        for child in self.children:
            if child.process.poll() is not None:
                raise DemoError(f"{child.service.name} ended with exit code {child.process.returncode}{_tail(child)}")

    def stop(self) -> None:
        """Ask every process to end, wait, and end those that do not. Never raises; may be called twice."""
        for child in self.children:
            with suppress(ProcessLookupError):
                child.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + self._grace
        for child in self.children:
            try:
                child.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
        self.children.clear()

    def _spawn(self, service: Service) -> Child:
        path = self._logs / f"{service.name}.log"
        started = time.monotonic()
        with path.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "node.cli", "serve", str(service.config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment(),
                start_new_session=True,
                preexec_fn=_end_with_parent(os.getpid()) if _LIBC else None,
            )
        return Child(service, process, path, started)

    def _environment(self) -> dict[str, str]:
        """This process's environment. Where Python may not keep compiled modules beside their sources, they are kept
        beside the logs: six processes that each compile everything anew take twice the time to get ready."""
        environment = dict(os.environ)
        if environment.pop("PYTHONDONTWRITEBYTECODE", ""):
            environment["PYTHONPYCACHEPREFIX"] = str(self._logs.parent / "bytecode")
        return environment


def _end_with_parent(parent: int) -> Callable[[], None]:
    """What the child does before it becomes the service: ask the kernel to end it when ``parent`` is gone."""

    def ask() -> None:
        assert _LIBC is not None
        _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # it went away before we asked
            os._exit(1)

    return ask


def require_free(service: Service) -> None:
    """Make sure that the service can have its port.

    :raises DemoError: if another program has it.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((service.host, service.port))
        except OSError as error:
            raise DemoError(
                f"port {service.port} on {service.host}, wanted for {service.name}, cannot be used "
                f"({error.strerror}); stop what uses it or choose others with --port-base"
            ) from error


def _answers(service: Service) -> bool:
    connection = http.client.HTTPConnection(service.host, service.port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _tail(child: Child) -> str:
    """The end of a log, as it is shown below a message."""
    lines = child.log.read_text("utf-8", "replace").splitlines()[-TAIL_LINES:]
    return "".join(f"\n    {line}" for line in lines)
