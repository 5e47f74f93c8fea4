"""Requests that a person can repeat: each is made, and shown as the curl line that makes it again.

Tokens are never shown: a line names the shell variable that holds it (``$RESEARCHER``); nor are signed URLs, which
open a file to whoever has them (``$URL``). A line that fills a variable from an answer does so with jq.
"""

from __future__ import annotations

import hashlib
import json
import re
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

    :param variables: by name of the shell variable, the value that stands for it in a request and is not shown.
    """

    console: Console
    variables: dict[str, str] = field(default_factory=dict)

    def ask(
        self,
        method: str,
        url: str,
        *,
        bearer: str = "",
        body: Mapping[str, Any] | None = None,
        keep: tuple[str, str] | None = None,
        expect: Sequence[int] = (200,),
    ) -> requests.Response:
        """Ask, show the curl line, and insist on one of the ``expect``-ed statuses.

        :param url: may hold shell variables (``$URL``).
        :param bearer: name of the shell variable with the access token; empty asks anonymously.
        :param body: JSON; a string in it that names a variable (``$PASSPORT``) is replaced when it is sent.
        :param keep: variable that takes a member of the answer, and that member's name.
        :raises StepFailed: for any other status.
        """
        line = self._curl(method, url, bearer, body)
        self.command(f"{keep[0]}=$({line} | jq -r .{keep[1]})" if keep else line)
        with self._sent(method, url, bearer, body) as answer:
            if answer.status_code not in expect:
                wanted = " or ".join(map(str, expect))
                why = f": {answer.text[:300]}" if answer.status_code >= 400 else ""  # else it may hold a token
                raise StepFailed(f"{method} {url} answered {answer.status_code}, not {wanted}{why}")
            if keep:
                self.variables[keep[0]] = str(answer.json()[keep[1]])
            answer.content  # noqa: B018 - read it before the connection is given back
            return answer

    def download(self, url: str, target: Path, sha256: str) -> int:
        """Fetch ``url`` (a shell variable) into ``target``; answers its size in bytes.

        :raises StepFailed: if it is refused, or the bytes are not those that ``sha256`` (hex) names.
        """
        self.command(f"{self._curl('GET', url, '', None)} -o {shlex.quote(target.name)}")
        digest, size = hashlib.sha256(), 0
        with self._sent("GET", url, "", None) as answer, target.open("wb") as out:
            if answer.status_code != 200:
                raise StepFailed(f"GET {url} answered {answer.status_code}, not 200")
            for piece in answer.iter_content(CHUNK):
                size += out.write(piece)
                digest.update(piece)
        if digest.hexdigest() != sha256:
            raise StepFailed(f"{target.name}: the bytes have another checksum than the record says")
        return size

    def _sent(self, method: str, url: str, bearer: str, body: Mapping[str, Any] | None) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.variables[bearer]}"} if bearer else {}
        return requests.request(
            method, self._filled(url), json=self._filled_in(body), headers=headers, timeout=TIMEOUT, stream=True
        )

    def command(self, line: str) -> None:
        """Show a line that a person can repeat."""
        self.console.print(line, style="cyan", highlight=False, soft_wrap=True)

    def say(self, text: str) -> None:
        """Show what came back."""
        self.console.print(f"  → {text}", style="green", highlight=False, soft_wrap=True)

    def _curl(self, method: str, url: str, bearer: str, body: Mapping[str, Any] | None) -> str:
        words = ["curl -sS"]
        if method not in ("GET", "POST") or (method == "POST" and body is None):
            words.append(f"-X {method}")
        words.append(self._quoted(url))
        if bearer:
            words.append(f'-H "Authorization: Bearer ${bearer}"')
        if body is not None:
            words.append("-H 'Content-Type: application/json'")
            words.append(f"-d {self._quoted(json.dumps(body))}")
        return " ".join(words)

    def _quoted(self, text: str) -> str:
        """In single quotes; in double ones where the shell has to fill in one of our variables."""
        ours = [f"${name}" for name in sorted(self.variables, key=len, reverse=True) if f"${name}" in text]
        if not ours:
            return shlex.quote(text)
        escaped = re.sub(r'([\\`"$])', r"\\\1", text)
        for name in ours:
            escaped = escaped.replace(f"\\{name}", name)
        return f'"{escaped}"'

    def _filled(self, text: str) -> str:
        for name in sorted(self.variables, key=len, reverse=True):
            text = text.replace(f"${name}", self.variables[name])
        return text

    def _filled_in(self, body: Any) -> Any:
        if isinstance(body, str):
            return self._filled(body)
        if isinstance(body, Mapping):
            return {key: self._filled_in(value) for key, value in body.items()}
        if isinstance(body, list):
            return [self._filled_in(value) for value in body]
        return body
