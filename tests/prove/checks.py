"""The checks of tokens, visas, decisions, the broker and byte URLs (``checks.yaml``), each of which can be off."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

TABLE = Path(__file__).with_name("checks.yaml")


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    :param module: file that holds it.
    :param title: what it refuses.
    :param tests: files of tests of which one must fail without it.
    :param text: the source that makes it, once in ``module``.
    :param without: what stands there when it is off.
    """

    module: str
    title: str
    tests: tuple[str, ...]
    text: str
    without: str

    def off(self, source: str) -> str:
        """``source`` without this check.

        :raises LookupError: the text is not there exactly once, so that the table no longer matches the code.
        """
        found = source.count(self.text)
        if found != 1:
            raise LookupError(f"{self.module}: {self.title}: its text is there {found} times, not once: {self.text!r}")
        changed = source.replace(self.text, self.without)
        compile(changed, self.module, "exec")
        return changed


def load() -> list[Check]:
    """Every check of the table."""
    table = yaml.safe_load(TABLE.read_text())
    return [
        Check(module, check["title"], tuple(of["tests"]), check["text"], check.get("without", "if False:"))
        for module, of in table.items()
        for check in of["checks"]
    ]
