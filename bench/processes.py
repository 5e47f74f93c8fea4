"""Servers that are measured, and the load generators that measure them: each in a process of its own."""

from __future__ import annotations

import http.client
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.figure import PeerAbsent

START_SECONDS = 30


def program(name: str, package: str) -> str:
    """Path of a program.

    :raises PeerAbsent: if it is not installed, naming the Debian package that has it.
    """
    found = shutil.which(name)
    if found is None:
        raise PeerAbsent(f"{name} is not installed (Debian package {package})")
    return found


def free_port() -> int:
    """A TCP port on 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(command: Sequence[str], port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server that answers HTTP on ``port``; ended afterwards. What it prints goes to ``log``."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            _await(process, port, log)
            yield process
        finally:
            process.terminate()
            process.wait(15)


def _await(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            connection.getresponse().read()
        except OSError:
            time.sleep(0.05)
        else:
            return
        finally:
            connection.close()
    raise RuntimeError(f"{process.args!r} did not come up: {log.read_text(errors='replace')[-2000:]}")


def bare(folder: Path, port: int) -> list[str]:
    """Command of the peer: a bare Starlette application on the node's own server, see ``bench.bare``."""
    return [sys.executable, "-m", "bench.bare", str(folder), str(port)]


def wrk(url: str, seconds: int, connections: int, script: str | None = None, folder: Path | None = None) -> float:
    """Requests per second that wrk gets answered with success.

    :param script: Lua that makes the requests; written into ``folder``.
    :raises PeerAbsent: if wrk is not installed.
    :raises RuntimeError: if an answer was no success: a figure of refusals is no figure.
    """
    return float(_matched(r"Requests/sec:\s+([\d.]+)", _wrk(url, seconds, connections, script, folder)))


@dataclass(frozen=True, slots=True)
class Load:
    """What a closed loop met: requests a second, and the latency in ms that 50 and 99 % of them did not exceed."""

    rate: float
    p50: float
    p99: float


def closed_loop(url: str, requests: Sequence[tuple[str, str]], seconds: int, connections: int, folder: Path) -> Load:
    """Ask ``requests`` one after the other on each connection, by wrk.

    :param requests: path and bearer token (or nothing) of each; they are asked in turns.
    :raises PeerAbsent: if wrk is not installed.
    :raises RuntimeError: if an answer was no success.
    """
    (folder / "requests.txt").write_text("".join(f"{path}\n{token}\n" for path, token in requests))
    said = _wrk(url, seconds, connections, _LOOP % (folder / "requests.txt"), folder)
    times = [float(_matched(rf"P{percent} (\d+) us", said)) / 1000 for percent in (50, 99)]
    return Load(float(_matched(r"Requests/sec:\s+([\d.]+)", said)), *times)


_LOOP = """local asked, next = {}, 0
local file = io.open("%s")
for path in file:lines() do
  local token = file:read("*l")
  local headers = {}
  if token ~= "" then headers["Authorization"] = "Bearer " .. token end
  asked[#asked + 1] = wrk.format("GET", path, headers)
end
request = function()
  next = next %% #asked + 1
  return asked[next]
end
done = function(_, latency)
  io.write(string.format("P50 %%d us\\nP99 %%d us\\n", latency:percentile(50), latency:percentile(99)))
end
"""


def _wrk(url: str, seconds: int, connections: int, script: str | None, folder: Path | None) -> str:
    command = [program("wrk", "wrk"), "-t1", f"-c{connections}", f"-d{seconds}s"]
    if script is not None and folder is not None:
        path = folder / "requests.lua"
        path.write_text(script)
        command += ["-s", str(path)]
    said = subprocess.run([*command, url], capture_output=True, text=True, timeout=seconds + 30, check=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(f"{url}: {said}")
    return said


def _matched(pattern: str, said: str) -> str:
    match = re.search(pattern, said)
    if match is None:
        raise RuntimeError(f"wrk did not say {pattern}: {said}")
    return match[1]
