"""Requests that a person can repeat: each is made, and shown as the curl line that makes it again.

Tokens are never shown: a line names the shell variable that holds it (``$RESEARCHER``), and so are signed URLs, which
open a file to whoever has them (``$URL``).
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from rich.console import Console

TIMEOUT = 30
CHUNK = 1 << 20


class StepFailed(Exception):
    """What a step of the tour found is not what the family promises."""


@dataclass(slots=True)
class Exchange:
    """Makes requests and shows them.

    :param secrets: by shell variable, the value that stands for it in a request and is never shown.
    """

    console: Console
    secrets: dict[str, str] = field(default_factory=dict)

    def ask(
        self,
        method: str,
        url: str,
        *,
        bearer: str = "",
        body: Mapping[str, Any] | None = None,
        expect: Sequence[int] = (200,),
    ) -> requests.Response:
        """Ask, show the curl line, and insist on one of the ``expect``-ed statuses.

        :param url: may begin with a shell variable (``$URL``).
        :param bearer: name of the shell variable with the access token; empty asks anonymously.
        :param body: JSON; a string in it that names a variable (``$PASSPORT``) is replaced when it is sent.
        :raises StepFailed: for any other status.
        """
        self.console.print(self._curl(method, url, bearer, body), style="cyan", highlight=False, soft_wrap=True)
        headers = {"Authorization": f"Bearer {self.secrets[bearer]}"} if bearer else {}
        answer = requests.request(
            method,
            self._filled(url),
            json=self._filled_in(body),
            headers=headers,
            timeout=TIMEOUT,
            stream=True,
        )
        if answer.status_code not in expect:
            wanted = " or ".join(map(str, expect))
            raise StepFailed(f"{method} {url} answered {answer.status_code}, not {wanted}: {answer.text[:300]}")
        return answer

    def download(self, url: str, target: Path, sha256: str) -> int:
        """Fetch ``url`` (a shell variable) into ``target``; answers its size in bytes.

        :raises StepFailed: if the bytes are not those that ``sha256`` (hex) names.
        """
        digest, size = hashlib.sha256(), 0
        with self.ask("GET", url) as answer, target.open("wb") as out:
            for piece in answer.iter_content(CHUNK):
                size += out.write(piece)
                digest.update(piece)
        if digest.hexdigest() != sha256:
            raise StepFailed(f"{target.name}: the bytes have another checksum than the record says")
        return size

    def say(self, text: str) -> None:
        """Show what came back."""
        self.console.print(f"  → {text}", style="green", highlight=False, soft_wrap=True)

    def _curl(self, method: str, url: str, bearer: str, body: Mapping[str, Any] | None) -> str:
        words = ["curl -sS"]
        if method not in ("GET", "POST") or (method == "POST" and body is None):
            words.append(f"-X {method}")
        words.append(f'"{url}"' if url.startswith("$") else shlex.quote(url))
        if bearer:
            words.append(f'-H "Authorization: Bearer ${bearer}"')
        if body is not None:
            words.append("-H 'Content-Type: application/json'")
            words.append(f"-d {self._quoted(json.dumps(body))}")
        return " ".join(words)

    def _quoted(self, text: str) -> str:
        """In single quotes; in double ones where a variable has to be filled in by the shell."""
        if not any(f"${name}" in text for name in self.secrets):
            return shlex.quote(text)
        return '"' + text.replace('"', '\\"') + '"'

    def _filled(self, text: str) -> str:
        for name in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(f"${name}", self.secrets[name])
        return text

    def _filled_in(self, body: Any) -> Any:
        if isinstance(body, str):
            return self._filled(body)
        if isinstance(body, Mapping):
            return {key: self._filled_in(value) for key, value in body.items()}
        if isinstance(body, list):
            return [self._filled_in(value) for value in body]
        return body
