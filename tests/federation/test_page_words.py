"""Every text of the front page has its Chinese."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import yaml


def test_every_text_of_the_pages_has_its_chinese() -> None:
    known = {**words("federation/pages/words.yaml"), **words("web/templates/words.yaml")}
    used: set[str] = set()
    for template in Path("federation/pages/templates").rglob("*.html"):
        used.update(re.findall(r"""_\((?:"([^"]+)"|'[^']+')""", template.read_text(encoding="utf-8")))
    for module in Path("federation/pages").glob("*.py"):
        for call in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") in ("say", "abort") and call.args:
                text = call.args[-1]
                if isinstance(text, ast.Constant) and isinstance(text.value, str):
                    used.add(text.value)
    assert len(used) > 60
    assert sorted(used - set(known) - {""}) == []


def words(path: str) -> dict[str, str]:
    return dict(yaml.safe_load(Path(path).read_text(encoding="utf-8")))
