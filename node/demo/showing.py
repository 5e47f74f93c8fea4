"""The demo as a person sees it: data made, processes started, a table of addresses and people, the tour."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from node.demo.configuration import PROCESSES, Addresses
from node.demo.directory import locked
from node.demo.supervisor import Child, Service, Supervisor, require_free

READY_SECONDS = 60
LOOK: dict[str, Any] = {"title_justify": "left", "title_style": "bold", "box": box.SIMPLE_HEAD, "pad_edge": False}
WHAT = {
    "gateway": "one question to every member",
    "broker": "sign-in and Passports",
    "gsa": "reads of other organisms",
    "gsa-human": "reads, variants, phenotypes",
    "omix": "tables of all kinds",
    "obia": "medical images",
}


class Show:
    """One run of ``gsanode demo`` in ``folder``.

    :param data: folder of real data; None makes the data.
    """

    def __init__(self, folder: Path, port_base: int, data: Path | None, console: Console | None = None) -> None:
        self._folder = folder
        self._port_base = port_base
        self._data = data
        self._console = console or Console()

    def run(self, *, tour: bool, leave: bool) -> bool:
        """Bring the family up, show it, and end it; whether the tour (if any) held.

        :raises DemoError: if it cannot be brought up, or a process ends by itself.
        """
        started, passed = time.monotonic(), False
        with locked(self._folder), _ended_by_signal(self._console):
            services = self._services()
            for service in services:
                require_free(service)
            family = self._data_ready()
            supervisor = Supervisor(services, self._folder / "logs")
            try:
                self._start(supervisor)
                self._introduce(family, time.monotonic() - started)
                passed = self._tour(family) if tour else True
                if not leave:
                    self._console.print("\nServing. Ctrl-C stops everything.")
                    supervisor.watch()
            finally:
                supervisor.stop()
        return passed

    def _services(self) -> list[Service]:
        addresses = Addresses(self._port_base)
        return [
            Service(process, self._folder / "config" / f"{process}.yaml", addresses.host, addresses.port(process))
            for process in PROCESSES
        ]

    def _data_ready(self) -> dict[str, Any]:
        from node.demo.family import (
            bring_up,
        )  # here, so that a refusal does not wait for all that reads and writes data

        with self._console.status("data") as status:
            return bring_up(self._folder, self._port_base, self._data, lambda text: status.update(text))

    def _start(self, supervisor: Supervisor) -> None:
        with self._console.status("starting six processes") as status:
            supervisor.start()

            def told(child: Child) -> None:
                status.update(f"{child.service.name} is ready")

            supervisor.wait_ready(READY_SECONDS, told)

    def _introduce(self, family: dict[str, Any], seconds: float) -> None:
        processes = Table(title="The family", **LOOK)
        for column in ("process", "address", "what it is"):
            processes.add_column(column)
        for process, url in family["urls"].items():
            processes.add_row(process, url, WHAT[process])
        users = Table(title="Who can sign in", **LOOK)
        for column in ("name", "password", "role"):
            users.add_column(column)
        for user in family["users"]:
            users.add_row(user["name"], user["password"], user["role"])
        self._console.print()
        self._console.print(processes)
        self._console.print(users)
        self._console.print(_counts(family), highlight=False)
        for note in family["notes"]:
            self._console.print(note, style="dim", highlight=False)
        self._console.print(f"Ready after {seconds:.0f} s. Everything for testers: {self._folder / 'family.json'}")

    def _tour(self, family: dict[str, Any]) -> bool:
        from node.demo.tour import Tour

        passed = Tour(family, self._console).run()
        self._console.print()
        if passed:
            self._console.print("The tour is complete: every step held.", style="bold green")
        return passed


@contextmanager
def _ended_by_signal(console: Console) -> Iterator[None]:
    """Leave the block at the first Ctrl-C or SIGTERM; more of them do not disturb what ends in order."""
    seen: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        seen.append(number)
        if len(seen) == 1:
            raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except KeyboardInterrupt:
        console.print("\nStopped.")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _counts(family: dict[str, Any]) -> str:
    released = [dataset for dataset in family["datasets"] if dataset["state"] == "released"]
    files = sum(len(dataset["files"]) for dataset in released)
    controlled = sum(dataset["tier"] == "controlled" for dataset in released)
    return (
        f"{len(released)} released data sets ({controlled} controlled), {files:,} files, "
        f"{len(family['linked'])} people with images"
    )
