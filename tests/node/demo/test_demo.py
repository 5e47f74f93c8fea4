"""``gsanode demo`` from outside: what a person sees, what a tester relies on (DESIGN section 8), and how it ends."""

from __future__ import annotations

import io
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from rich.console import Console

from node.demo.configuration import MEMBERS, PROCESSES
from node.demo.made.people import RARE, Person, people
from node.demo.tour import Tour
from tests.node.demo.conftest import RunningDemo, free_ports, gsanode_demo, wait_until
from tests.node.demo.memory import texts_in_memory
from tests.prove.join.asking import prove
from tests.support import free_port

HEART = {"HP:0000822", "HP:0005110", "HP:0001639", "HP:0001644", "HP:0001677", "HP:0001635", "HP:0002140"}
RELEASED = ("HRA900001", "HRA900002")


def has(person: Person, terms: set[str]) -> bool:
    return any(feature["featureType"]["id"] in terms for feature in person.record["phenotypicFeatures"])


def visible() -> list[Person]:
    return [person for person in people() if person.dataset in RELEASED and not person.withdrawn]


def ask(demo: RunningDemo, process: str, path: str, **options: Any) -> requests.Response:
    return requests.get(f"{demo.family['urls'][process]}{path}", timeout=20, **options)


def test_every_process_is_ready_and_named(demo: RunningDemo) -> None:
    for process in PROCESSES:
        assert ask(demo, process, "/readyz").status_code == 200, process
        assert ask(demo, process, "/service-info").status_code == 200, process


def test_screen_shows_addresses_and_people(demo: RunningDemo) -> None:
    shown = demo.output.read_text()
    for url in demo.family["urls"].values():
        assert url in shown
    for user in demo.family["users"]:
        assert user["password"] in shown
    assert "Traceback" not in shown
    assert "Warning" not in shown


def test_family_json_has_what_a_tester_relies_on(demo: RunningDemo) -> None:
    family = demo.family
    assert [user["role"] for user in family["users"]] == ["researcher", "DAC member", "operator", "colleague"]
    assert all(Path(path).is_file() for path in family["configs"].values())
    assert family["oauth"]["confidential"]["client_secret"]
    states = {(d["member"], d["tier"], d["state"]) for d in family["datasets"]}
    for member in ("gsa-human", "omix", "obia"):
        assert {(member, "open", "released"), (member, "controlled", "released")} <= states
        assert (member, "controlled", "unreleased") in states
        assert any(m == member and s == "withdrawn" for m, _, s in states)
    assert len(family["linked"]) >= 150
    assert family["withdrawn_individuals"]["gsa-human"]


@pytest.mark.parametrize("name", ["family.json", "state.json", "config/broker.yaml", "config/obia.yaml"])
def test_files_with_secrets_are_the_owners_alone(demo: RunningDemo, name: str) -> None:
    assert stat.S_IMODE((demo.folder / name).stat().st_mode) == 0o600


def test_the_tour_holds_and_shows_no_token(demo: RunningDemo) -> None:
    shown = io.StringIO()
    for _again in range(2):
        assert Tour(demo.family, Console(file=shown, width=200)).run(), shown.getvalue()
    text = shown.getvalue()
    assert not re.search(r"eyJ[\w-]{10}", text), "a token is shown"
    assert "/data/" not in text, "a signed URL is shown"
    logs = "".join(path.read_text() for path in (demo.folder / "logs").glob("*.log"))
    assert not re.search(r"eyJ[\w-]{10}", logs)
    assert all(user["password"] not in logs for user in demo.family["users"])


def test_network_beacon_counts_as_brute_force_does(demo: RunningDemo) -> None:
    """Open sets exactly, controlled sets rounded down to fives (the family's floor)."""
    counts = [sum(has(p, HEART) for p in visible() if p.dataset == dataset) for dataset in RELEASED]
    path = "/ga4gh/beacon/v2/individuals?filters=HP:0001626&requestedGranularity=count"
    summary = ask(demo, "gateway", path).json()["responseSummary"]
    assert summary["numTotalResults"] == counts[0] + counts[1] // 5 * 5


def test_public_join_counts_as_brute_force_does(demo: RunningDemo) -> None:
    both = sum(has(p, HEART) and bool(p.scanned) for p in visible())
    assert both > 10
    body = {"all": demo.family["tour"]["join"], "granularity": "count"}
    answer = requests.post(f"{demo.family['urls']['gateway']}/federation/v1/search", json=body, timeout=20).json()
    assert answer["count"] == both // 5 * 5


def test_random_joined_questions_equal_the_files(demo: RunningDemo) -> None:
    """The proof of the join at a small count; ``make prove PART=join`` asks more, of the real data."""
    outcomes = prove(demo.family, demo.folder, 1, 25)
    assert outcomes["controlled some"] >= 8
    assert outcomes["anyone some"] >= 4
    assert outcomes["anyone suppressed"] >= 2


@pytest.fixture
def second_gateway(demo: RunningDemo) -> Iterator[tuple[subprocess.Popen[bytes], str, Path]]:
    """The family's gateway in a process of its own, which has answered nothing yet; its address and its log."""
    given = yaml.safe_load(Path(demo.family["configs"]["gateway"]).read_text())
    port, log = free_port(), demo.folder / "second-gateway.log"
    config = demo.folder / "second-gateway.yaml"
    config.write_text(yaml.safe_dump({**given, "listen": {**given["listen"], "port": port}}))
    with log.open("w") as out:
        command = [sys.executable, "-m", "node.cli", "serve", str(config)]
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: _ready(url), 60, "the second gateway is ready")
        yield process, url, log
    finally:
        process.terminate()
        process.wait(30)


def _ready(url: str) -> bool:
    try:
        return requests.get(f"{url}/readyz", timeout=5).ok
    except requests.ConnectionError:
        return False


def test_at_public_granularity_no_accession_is_in_the_gateways_memory_or_log(
    demo: RunningDemo, second_gateway: tuple[subprocess.Popen[bytes], str, Path]
) -> None:
    """Memory holds what came over the wire too, until it is used again; the last question shows that it is looked
    through: records of an open data set do leave accessions there."""
    process, url, log = second_gateway
    accessions = {one for pair in demo.family["linked"] for one in pair.values()}
    accessions |= {person.accession for person in people()}
    tour = demo.family["tour"]
    for granularity in ("count", "boolean"):
        for clauses in (tour["join"], tour["rare_join"], tour["join"][:1]):
            for none in ([], [{"entryType": "imagingSeries", "filters": [{"id": "DCM:MR"}]}]):
                body = {"all": clauses, "none": none, "granularity": granularity}
                assert requests.post(f"{url}/federation/v1/search", json=body, timeout=30).json()["complete"]
        requests.get(f"{url}/ga4gh/beacon/v2/individuals?requestedGranularity={granularity}", timeout=30)
    assert texts_in_memory(process.pid, accessions) == set()
    body = {"all": tour["join"], "granularity": "record"}
    assert requests.post(f"{url}/federation/v1/search", json=body, timeout=30).json()["numRecords"]
    assert texts_in_memory(process.pid, accessions)
    assert not [one for one in accessions if one in log.read_text()]


def test_rare_phenotype_is_below_the_floor() -> None:
    assert 0 < sum(has(p, {RARE}) and bool(p.scanned) for p in visible()) < 10


def test_absent_files_are_absent_everywhere(demo: RunningDemo) -> None:
    """Unreleased, withdrawn, or of a person who withdrew (DESIGN section 7)."""
    absent = [
        (d["member"], file["id"]) for d in demo.family["datasets"] if d["state"] != "released" for file in d["files"]
    ]
    for member, gone in demo.family["withdrawn_individuals"].items():
        absent += [(member, file) for person in gone for file in person["files"]]
    assert {member for member, _ in absent} == set(MEMBERS)
    for member, file in absent:
        assert ask(demo, member, f"/ga4gh/drs/v1/objects/{file}").status_code == 404, file
        assert ask(demo, member, f"/ga4gh/drs/v1/objects/{file}/access/https").status_code == 404, file
        if member in ("gsa", "gsa-human"):
            assert ask(demo, member, f"/ga4gh/htsget/v1/reads/{file}").status_code == 404, file


def run_demo(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(gsanode_demo(*options), capture_output=True, text=True, timeout=60, check=False)


def test_second_run_in_the_same_folder_says_so(demo: RunningDemo) -> None:
    second = run_demo("--dir", str(demo.folder), "--port-base", str(free_ports()))
    assert second.returncode == 1
    assert f"already runs here (process {demo.process.pid})" in second.stderr


def test_taken_port_says_so_before_anything_is_made(demo: RunningDemo, tmp_path: Path) -> None:
    second = run_demo("--dir", str(tmp_path / "other"), "--port-base", str(demo.port_base - 1))
    assert second.returncode == 1
    assert f"port {demo.port_base}" in second.stderr
    assert "--port-base" in second.stderr
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["lock"]


@pytest.mark.parametrize("source", ["missing", "empty"])
def test_wrong_source_says_so(tmp_path: Path, source: str) -> None:
    (tmp_path / "empty").mkdir()
    result = run_demo("--dir", str(tmp_path / "family"), "--source", str(tmp_path / source), "--port-base", "20000")
    assert result.returncode == 1
    assert str(tmp_path / source) in result.stderr
    assert "--source" in result.stderr


def test_zz_ctrl_c_ends_everything(demo: RunningDemo) -> None:
    """Last of this file: afterwards the family is gone."""
    children = [
        int(pid) for pid in Path(f"/proc/{demo.process.pid}/task/{demo.process.pid}/children").read_text().split()
    ]
    assert len(children) == len(PROCESSES)
    os.kill(demo.process.pid, signal.SIGINT)
    assert demo.process.wait(30) == 0
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children), 10, "all processes ended")
    assert "Stopped." in demo.output.read_text()
