"""Requests that a person can repeat: the shown line means what was sent, and shows no secret."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from node.demo.exchange import Exchange, StepFailed


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was asked; ``/no`` refuses."""

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        asked = {
            "method": self.command,
            "path": self.path,
            "bearer": self.headers.get("Authorization"),
            "body": self.rfile.read(length).decode(),
            "url": "secret-url",
        }
        self.send_response(403 if self.path == "/no" else 200)
        self.end_headers()
        self.wfile.write(json.dumps(asked).encode())

    do_GET = do_POST = do_DELETE = _answer

    def log_message(self, *_arguments: Any) -> None:
        """Keep the test's output readable."""


@pytest.fixture
def echo() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


CASES: list[tuple[str, str, str, dict[str, Any] | None]] = [
    ("GET", "/a?b=c&d=e%20f", "", None),
    ("GET", "/x/$ID/y", "TOKEN", None),
    ("POST", "/p", "TOKEN", {"it's": ["$ID", 'a "quoted" word', "back\\slash"], "nested": {"passports": ["$TOKEN"]}}),
    ("POST", "/p", "", {"plain": "it's $HOME, not a variable of ours"}),
    ("POST", "/p", "", {"both": "$ID and `not run` and $HOME"}),
    ("POST", "/p", "TOKEN", {}),
    ("DELETE", "/d", "", None),
]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize(("method", "path", "bearer", "body"), CASES)
def test_the_shown_line_sends_the_same_request(
    echo: str, method: str, path: str, bearer: str, body: dict[str, Any] | None
) -> None:
    shown = io.StringIO()
    exchange = Exchange(Console(file=shown, width=10_000), {"TOKEN": "t0ken-value", "ID": "17"})
    sent = exchange.ask(method, echo + path, bearer=bearer, body=body).json()
    line = shown.getvalue()
    assert "t0ken-value" not in line
    environment = {"PATH": "/usr/bin:/bin", "TOKEN": "t0ken-value", "ID": "17", "HOME": "/elsewhere"}
    repeated = subprocess.run(["bash", "-c", line], capture_output=True, text=True, env=environment, check=True)
    again = json.loads(repeated.stdout)
    for asked in (sent, again):
        asked["body"] = json.loads(asked["body"]) if asked["body"] else None
    assert {key: again[key] for key in ("method", "bearer", "body")} == {
        key: sent[key] for key in ("method", "bearer", "body")
    }


def test_a_kept_member_is_not_shown(echo: str) -> None:
    shown = io.StringIO()
    exchange = Exchange(Console(file=shown, width=10_000))
    exchange.ask("GET", f"{echo}/a", keep=("URL", "url"))
    assert exchange.variables["URL"] == "secret-url"
    assert shown.getvalue() == f"URL=$(curl -sS {echo}/a | jq -r .url)\n"


def test_another_status_is_a_failed_step(echo: str) -> None:
    exchange = Exchange(Console(file=io.StringIO()))
    with pytest.raises(StepFailed, match="answered 403, not 200"):
        exchange.ask("GET", f"{echo}/no")
    with pytest.raises(StepFailed) as failed:
        exchange.ask("GET", f"{echo}/a", expect=(401, 403))
    assert "secret-url" not in str(failed.value), "an answer that was not expected may hold a token"


def test_other_bytes_than_the_record_says_are_a_failed_step(echo: str, tmp_path: Path) -> None:
    exchange = Exchange(Console(file=io.StringIO()), {"URL": f"{echo}/a"})
    with pytest.raises(StepFailed, match="another checksum"):
        exchange.download("$URL", tmp_path / "a", "0" * 64)
