"""``gsanode download`` against a real member, as a process that is killed, cut off, lied to, and goes on."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters.catalog.engine import connect
from auth.login import SignInFailed, Tokens
from migrations.schema import upgrade
from node.commands.client import Client
from node.commands.fetching import Fetcher, Refused
from node.commands.manifest import BadManifest, Wanted, read
from node.commands.passports import Renewed, given, none
from tests.node.family import build
from tests.node.relay import Relay, relaying
from tests.node.test_serve import configured, serving
from tests.support import free_port

SECONDS = 60
SIZE = 4 << 20
BIG = "HRR000001-01"


@dataclass(frozen=True)
class Site:
    """A member behind a relay, and the folder of a researcher."""

    relay: Relay
    archive: Path
    folder: Path

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "node.cli", "download", *arguments, "--client", str(self.folder / "client.yaml")]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = self.command(*arguments)
        return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)

    def manifest(self, **changes: Any) -> Path:
        """A manifest of the big file and what ``changes`` says of it otherwise."""
        content = (self.archive / f"{BIG}.txt").read_bytes()
        row = {
            "drs_uri": f"drs://gsa-human.localhost/{BIG}",
            "path": f"HRA000001/{BIG}.txt",
            "size": len(content),
            "checksums": [{"type": "sha-256", "checksum": hashlib.sha256(content).hexdigest()}],
        }
        path = self.folder / "manifest.json"
        path.write_text(json.dumps({"files": [{**row, **changes}]}))
        return path


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Relay, Path]]:
    folder, outside = tmp_path_factory.mktemp("member"), free_port()
    config = configured(folder, public_url=f"http://127.0.0.1:{outside}")
    engine = connect(f"sqlite:///{folder}/catalog.db")
    upgrade(engine, "member")
    build(engine, folder / "archive", size=SIZE)
    engine.dispose()
    inside = yaml.safe_load(config.read_text())["listen"]["port"]
    with relaying(outside, inside) as relay, serving(config):
        yield relay, folder / "archive"


@pytest.fixture
def site(running: tuple[Relay, Path], tmp_path: Path) -> Site:
    relay, archive = running
    relay.asked.clear()
    relay.most, relay.cut = None, False
    client = {"broker": "http://127.0.0.1:1", "hosts": {"gsa-human.localhost": relay.url}}
    (tmp_path / "client.yaml").write_text(yaml.safe_dump(client))
    return Site(relay, archive, tmp_path)


def test_a_download_killed_in_the_middle_goes_on_where_it_was(site: Site) -> None:
    manifest, out = str(site.manifest()), site.folder / "out"
    target = out / "HRA000001" / f"{BIG}.txt"
    part = target.with_name(f"{BIG}.txt.part")
    site.relay.most = SIZE // 2
    process = subprocess.Popen(site.command("--manifest", manifest, "--out", str(out)), stderr=subprocess.DEVNULL)
    until(lambda: part.exists() and part.stat().st_size >= 1 << 20)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait(timeout=SECONDS) == -signal.SIGKILL
    have = part.stat().st_size
    assert (1 << 20) <= have < SIZE
    assert not target.exists(), "nothing bears the name that is not whole"
    site.relay.go_on.set()
    site.relay.most = None
    site.relay.asked.clear()
    done = site.run("--manifest", manifest, "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert [asked for path, asked in site.relay.asked if path.startswith("/data/")] == [f"bytes={have}-"]
    assert target.read_bytes() == (site.archive / f"{BIG}.txt").read_bytes()
    assert sorted(path.name for path in out.rglob("*") if path.is_file()) == [target.name]


def test_a_connection_that_breaks_is_taken_up_again(site: Site, tmp_path: Path) -> None:
    site.relay.most, site.relay.cut = SIZE // 2, True
    done = site.run("--manifest", str(site.manifest()), "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    ranges = [asked for path, asked in site.relay.asked if path.startswith("/data/")]
    assert ranges[0] is None
    assert ranges[1].startswith("bytes=")


def test_what_is_there_is_kept_without_asking_for_its_bytes(site: Site, tmp_path: Path) -> None:
    command = ("--manifest", str(site.manifest()), "--out", str(tmp_path / "out"), "--json")
    first, second = site.run(*command), None
    asked = len(site.relay.asked)
    second = site.run(*command)
    assert [json.loads(done.stdout)["status"] for done in (first, second)] == ["fetched", "kept"]
    assert len(site.relay.asked) == asked


def test_a_wrong_beginning_is_fetched_anew(site: Site, tmp_path: Path) -> None:
    out = tmp_path / "out" / "HRA000001"
    out.mkdir(parents=True)
    (out / f"{BIG}.txt.part").write_bytes(b"x" * 5000)
    done = site.run("--manifest", str(site.manifest()), "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert (out / f"{BIG}.txt").read_bytes() == (site.archive / f"{BIG}.txt").read_bytes()


def test_a_record_that_is_not_the_manifests_is_refused(site: Site, tmp_path: Path) -> None:
    lying = site.manifest(checksums=[{"type": "sha-256", "checksum": "00" * 32}])
    done = site.run("--manifest", str(lying), "--out", str(tmp_path / "out"), "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["status"] == "failed"
    assert "the record is not what the manifest says" in done.stderr
    assert not list((tmp_path / "out").rglob("*"))


def test_one_that_fails_stops_no_other(site: Site, tmp_path: Path) -> None:
    uris = [f"drs://gsa-human.localhost/{id}" for id in (BIG, "HRR999999-01", "HRR000002-01")]
    done = site.run(*uris, "--out", str(tmp_path / "out"), "--json")
    told = {one["uri"]: one for one in map(json.loads, done.stdout.splitlines())}
    assert [told[uri]["status"] for uri in uris] == ["fetched", "failed", "failed"]
    assert "HTTP 404" in told[uris[1]]["error"]
    assert "HTTP 401" in told[uris[2]]["error"], "controlled, and nobody signed in"
    assert done.returncode == 1
    assert "2 of 3 files were not fetched" in done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == [f"{BIG}.txt"], "nothing of the others is left"


def test_an_interrupt_keeps_what_was_fetched_and_waits_for_no_silent_node(site: Site) -> None:
    out = site.folder / "out"
    site.relay.most = SIZE // 2
    site.relay.go_on.clear()
    command = site.command("--manifest", str(site.manifest()), "--out", str(out))
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    part = out / "HRA000001" / f"{BIG}.txt.part"
    until(lambda: part.exists() and part.stat().st_size >= 1 << 20)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=SECONDS)
    assert not site.relay.go_on.is_set(), "the node says nothing all the while"
    assert process.returncode == 130
    assert "run the command again to go on" in said
    assert (1 << 20) <= part.stat().st_size < SIZE
    site.relay.most = None
    site.relay.go_on.set()
    done = site.run("--manifest", str(site.manifest()), "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert part.with_suffix("").read_bytes() == (site.archive / f"{BIG}.txt").read_bytes()


def test_two_at_once_do_not_write_into_each_other(site: Site, tmp_path: Path) -> None:
    out = tmp_path / "out" / "HRA000001"
    out.mkdir(parents=True)
    with (out / f"{BIG}.txt.part").open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        done = site.run("--manifest", str(site.manifest()), "--out", str(tmp_path / "out"))
    assert done.returncode == 1
    assert "is being written by another process" in done.stderr


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("a\tb\n1\t2\n", "line 1: there is no column 'drs_uri'"),
        ("drs_uri\tpath\tsize\tmd5\ndrs://h/1\tD/x\t3\n", "line 2: has 3 cells"),
        ("drs_uri\tpath\tsize\tmd5\ndrs://h/1\tD/x\tthree\tab\n", "line 2: size"),
        ("drs_uri\tpath\tsize\tmd5\ndrs://h/1\tD/x\t3\t\n", "line 2: checksums"),
        ("drs_uri\tpath\tsize\tmd5\nhttp://h/1\tD/x\t3\tabcdef01\n", "line 2: drs_uri"),
        ("drs_uri\tpath\tsize\tmd5\ndrs://h/1\t../x\t3\tabcdef01\n", "line 2: path: Value error, must be a relative"),
        ("drs_uri\tpath\tsize\tmd5\ndrs://h/1\t/etc/x\t3\tabcdef01\n", "line 2: path"),
        ("# r\ndrs_uri\tpath\tsize\tmd5\ndrs://h/1\tD/x\t3\tabcdef01\ndrs://h/2\td/X\t3\tabcdef01\n", "have the path"),
        ('{"files": 3}', "has no list 'files'"),
        ('{"files": [{"drs_uri": "drs://h/1"}]}', "files[0]: must be an object with a list of checksums"),
        ('{"files": [', "is not JSON"),
    ],
)
def test_a_bad_manifest_is_refused_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "m"
    path.write_text(text)
    with pytest.raises(BadManifest) as refused:
        read(path)
    assert says in str(refused.value)
    assert str(path) in str(refused.value)


def test_usage_mistakes_end_with_2(site: Site) -> None:
    assert site.run().returncode == 2
    assert site.run("--manifest", str(site.folder / "absent")).returncode == 2
    both = site.run(f"drs://h/{BIG}", "--login", "--user", "x")
    assert (both.returncode, "choose one of" in both.stderr) == (2, True)


class Broker:
    """Gives numbered tokens, and Passports for the nodes it knows."""

    def __init__(self) -> None:
        self.refreshed = 0
        self.made: list[tuple[str, str]] = []

    def refresh(self, token: str) -> Any:
        self.refreshed += 1
        return Tokens(f"access-{self.refreshed}", 900, "", token)

    def passport(self, access: str, audience: str) -> str:
        if audience != "https://known":
            raise SignInFailed("the broker refused: invalid_target")
        self.made.append((access, audience))
        return jwt({"exp": 1000 + 900 * len(self.made), "aud": audience})


def jwt(claims: dict[str, Any]) -> str:
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in ({}, claims, {}))


def test_passports_are_renewed_and_go_to_known_nodes_alone() -> None:
    broker, now = Broker(), [1000.0]
    held = Renewed(broker, Tokens("access-0", 900, "", "r"), lambda: now[0])  # type: ignore[arg-type]
    assert held("https://evil") == []
    first = held("https://known")
    assert held("https://known") == first != []
    now[0] += 850
    assert held("https://known") != first
    assert broker.made == [("access-0", "https://known"), ("access-1", "https://known")]
    assert broker.refreshed == 1


def test_a_passport_made_for_one_node_is_shown_to_no_other() -> None:
    bound, free = given(jwt({"aud": "https://one"})), given(jwt({}))
    assert [len(bound("https://one")), len(bound("https://two")), len(free("https://two"))] == [1, 0, 1]


def test_a_server_that_sends_too_much_is_cut_off(site: Site, tmp_path: Path) -> None:
    class Longer(Fetcher):
        def _record(self, session: Any, wanted: Wanted) -> dict[str, Any]:
            return {**super()._record(session, wanted), "size": 1000}

    client = Client(broker="http://127.0.0.1:1", hosts={"gsa-human.localhost": site.relay.url})
    fetcher = Longer(client, none, tmp_path / "out", threading.Event(), lambda _: None)
    with pytest.raises(Refused, match="more bytes came"):
        fetcher(Wanted(f"drs://gsa-human.localhost/{BIG}"), lambda *_: None)


def until(true: Any) -> None:
    """Return when ``true()`` is; another process cannot be awaited otherwise."""
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)
