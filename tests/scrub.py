"""No secret in any output: what is minted while the tests run is remembered, and every captured output is searched.

Remembered are all random secrets of 24 bytes and more (codes, refresh tokens, device codes, session ids, form tokens,
states, nonces), byte URLs and the passwords of the tests. Anything of the shape of a signed token is one, whoever made
it. A test whose log, standard output or standard error holds one fails, and the message names its beginning only.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

SIGNED = re.compile(r"\bey[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}")
WORD = re.compile(r"[A-Za-z0-9_-]{32,}")
LEAST = 32  # characters: what is shorter identifies, and opens nothing
PASSWORDS = ("correct horse battery",)
MINTS = (
    ("authlib.oauth2.rfc6749.grants.authorization_code", "generate_token"),
    ("authlib.oauth2.rfc8628.endpoint", "generate_token"),
)


class Scrub:
    """A pytest plugin."""

    def __init__(self) -> None:
        self.minted: set[str] = set()

    def watch(self) -> None:
        """Remember from now on what is minted."""
        import importlib

        from auth.signed import Signer

        secrets.token_urlsafe = self._remembering(secrets.token_urlsafe)
        Signer.sign = self._remembering(Signer.sign)  # type: ignore[method-assign]
        for module, name in MINTS:
            home = importlib.import_module(module)
            setattr(home, name, self._remembering(getattr(home, name)))

    def _remembering(self, mint: Callable[..., str]) -> Callable[..., str]:
        @wraps(mint)
        def remembering(*given: Any, **named: Any) -> str:
            made = mint(*given, **named)
            if len(made) >= LEAST:
                self.minted.add(made)
            return made

        return remembering

    def leaks(self, text: str) -> list[str]:
        """Beginnings of the secrets in ``text``."""
        found = {*SIGNED.findall(text), *(word for word in WORD.findall(text) if word in self.minted)}
        return sorted({f"{secret[:6]}…" for secret in found} | {word for word in PASSWORDS if word in text})

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Iterator[None]:
        """Fail a test that would have passed, had its output not told a secret."""
        report: pytest.TestReport = yield  # type: ignore[assignment,misc]
        for title, content in report.sections:
            of_this_phase = title.endswith(report.when or "")
            if of_this_phase and report.outcome == "passed" and (found := self.leaks(content)):
                report.outcome = "failed"
                report.longrepr = f"{item.nodeid}: {title} tells secrets: {', '.join(found)}"
        return report  # type: ignore[return-value]


def logs_of_family(folder: Path) -> list[str]:
    """Secrets that the logs of a demo family tell, each with its file: tokens, passwords, keys of the configuration."""
    facts = json.loads((folder / "family.json").read_text())
    known = [user["password"] for user in facts["users"]]
    for config in folder.glob("config/*.yaml"):
        known += re.findall(r"(?:key|secret): '?([0-9A-Za-z_-]{24,})", config.read_text())
    told = []
    for log in sorted(folder.glob("logs/*")):
        text = log.read_text(errors="replace")
        told += [f"{log.name}: {one[:4]}…" for one in (*SIGNED.findall(text), *(k for k in known if k in text))]
    return told
