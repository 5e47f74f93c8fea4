"""``gsanode keys`` beside a running member: rotation with an overlap, the kill, and a wrong secret."""

from __future__ import annotations

import json
from pathlib import Path

import requests
import yaml
from click.testing import Result
from typer.testing import CliRunner

from adapters.catalog.engine import connect
from migrations.schema import upgrade
from node.commands.keys import keys
from tests.node.test_serve import configured, gsanode, serving

SECRET = "ab" * 32


def command(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(keys, [*arguments, "--config", str(config)])


def held(config: Path) -> dict[str, tuple[str, bool]]:
    done = command(config, "list", "--json")
    assert done.exit_code == 0, done.stderr
    return {key["kid"]: (key["state"], key["sealed"]) for key in json.loads(done.stdout)}


def test_rotate_and_revoke_beside_a_running_process(tmp_path: Path) -> None:
    config = configured(tmp_path, key_secret=SECRET)
    engine = connect(f"sqlite:///{tmp_path}/catalog.db")
    upgrade(engine, "member")
    engine.dispose()
    with serving(config) as (_process, url):

        def published() -> set[str]:
            answer = requests.get(f"{url}/.well-known/jwks.json", timeout=30)
            assert answer.headers["Cache-Control"] == "public, max-age=60"
            return {key["kid"] for key in answer.json()["keys"]}

        (old,) = published()
        new = command(config, "rotate").stdout.strip()
        assert held(config) == {old: ("signing", True), new: ("announced", True)}
        assert published() == {old, new}
        assert command(config, "revoke", old).exit_code == 0
        assert old not in published()
        assert held(config)[old] == ("gone", False)
        unknown = command(config, "revoke", "nothing")
        assert (unknown.exit_code, "no key 'nothing'" in unknown.stderr) == (1, True)
        assert "gone" in command(config, "list").stdout
    config.write_text(yaml.safe_dump({**yaml.safe_load(config.read_text()), "key_secret": "00" * 32}))
    refused = command(config, "rotate")
    assert (refused.exit_code, "key 'key_secret'" in refused.stderr) == (2, True)
    done = gsanode("serve", str(config))
    assert (done.returncode, "key 'key_secret'" in done.stderr) == (2, True), done.stderr
    assert "Traceback" not in done.stderr


def test_a_worker_signs_nothing(tmp_path: Path) -> None:
    config = configured(tmp_path)
    given = yaml.safe_load(config.read_text())
    kept = {key: given[key] for key in ("database", "stores", "member")}
    config.write_text(yaml.safe_dump({"kind": "worker", **kept}))
    refused = command(config, "list")
    assert (refused.exit_code, "a worker signs nothing" in refused.stderr) == (2, True)


def test_events_are_told_beside_the_answer(tmp_path: Path) -> None:
    config = configured(tmp_path)
    engine = connect(f"sqlite:///{tmp_path}/catalog.db")
    upgrade(engine, "member")
    engine.dispose()
    done = gsanode("keys", "rotate", "--config", str(config))
    assert "keys_not_sealed" in done.stderr
    listed = gsanode("keys", "list", "--json", "--config", str(config))
    assert done.stdout.strip() in {key["kid"] for key in json.loads(listed.stdout)}
