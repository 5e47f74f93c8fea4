"""A second institution: its own broker, issuer, keys and member, as processes of their own. It meets ours by
configuration and by the call of an operator; neither's keys, tokens and Passports stand for the other's."""

from __future__ import annotations

import html
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import yaml

from auth import jose
from auth.keyset import KeySet
from auth.login import BrokerClient
from node.demo.configuration import LOOPBACK, Addresses
from node.demo.family import bring_up
from node.demo.supervisor import Service, Supervisor
from tests.auth.broker.running import Browser, answer_of
from tests.node.demo.conftest import free_ports

READY = 120
SECRET = "a secret of two brokers, and of nobody else"
HUMAN = "gsa-human"
ELSEWHERE = "elsewhere-human"
QUESTION = {"all": [{"entryType": "individual", "filters": [{"id": "HP:0001626"}]}]}


@dataclass
class Institution:
    """A family on this machine: its configuration files, and what ``family.json`` says."""

    folder: Path
    base: int
    told: dict[str, Any]

    def config(self, process: str) -> Path:
        return self.folder / "config" / f"{process}.yaml"

    def change(self, process: str, change: Callable[[dict[str, Any]], None]) -> None:
        """What its operator writes into a configuration."""
        values = yaml.safe_load(self.config(process).read_text())
        change(values)
        self.config(process).write_text(yaml.safe_dump(values))

    def url(self, process: str) -> str:
        return str(self.told["urls"][process])

    def services(self, *processes: str) -> list[Service]:
        places = Addresses(self.base)
        return [Service(name, self.config(name), places.host, places.port(name)) for name in processes]

    def client(self) -> BrokerClient:
        public = self.told["oauth"]["public"]
        return BrokerClient(self.url("broker"), public["client_id"], public["redirect_uri"])

    def password(self, name: str) -> str:
        return next(str(user["password"]) for user in self.told["users"] if user["name"] == name)

    def keys(self, process: str) -> KeySet:
        return KeySet.load(requests.get(f"{self.url(process)}/.well-known/jwks.json", timeout=30).json())


@dataclass
class Both:
    ours: Institution
    theirs: Institution


def agree(ours: Institution, theirs: Institution) -> None:
    """What the operators of the two agree on: whom they believe, and nothing of their people or keys."""
    human = theirs.url(HUMAN)

    def gateway(values: dict[str, Any]) -> None:
        values["members"] = [member for member in values["members"] if member["id"] == "obia"]
        values["links"] = []
        values["joining"] = {"networks": ["127.0.0.0/8"]}

    def broker(values: dict[str, Any]) -> None:
        institution = {"id": "institution", "name": "The Institution", "issuer": theirs.url("broker")}
        values["upstreams"] = [{**institution, "client_id": "home", "client_secret": SECRET}]
        values["audiences"][human] = []
        next(one for one in values["clients"] if one["client_id"] == "gateway")["audiences"].append(human)

    def their_broker(values: dict[str, Any]) -> None:
        callback = f"{ours.url('broker')}/sign-in/institution/callback"
        client = {"client_id": "home", "name": "Home", "redirect_uris": [callback], "client_secret": SECRET}
        values["clients"].append(client)

    def their_member(values: dict[str, Any]) -> None:
        known = ours.url("broker")
        place = {"jwks_uri": f"{known}/.well-known/jwks.json", "userinfo": f"{known}/userinfo"}
        values["brokers"] = [{"issuer": known, **place}]
        asking = ours.url("gateway")
        values["gateways"] = [{"issuer": asking, "jwks_uri": f"{asking}/.well-known/jwks.json"}]

    ours.change("gateway", gateway)
    ours.change("broker", broker)
    theirs.change("broker", their_broker)
    theirs.change(HUMAN, their_member)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    made = []
    for name in ("ours", "theirs"):
        folder, base = tmp_path_factory.mktemp(name) / "family", free_ports()
        made.append(Institution(folder, base, dict(bring_up(folder, base, None, lambda _text: None))))
    ours, theirs = made
    agree(ours, theirs)
    with ExitStack() as stack:
        for one, processes in ((theirs, ("broker", HUMAN)), (ours, ("broker", "obia", "gateway"))):
            supervisor = Supervisor(one.services(*processes), one.folder / "logs")
            stack.callback(supervisor.stop)
            supervisor.start()
            supervisor.wait_ready(READY, lambda _child: None)
        yield Both(ours, theirs)


def registry(institution: Institution, *arguments: str) -> subprocess.CompletedProcess[str]:
    config = str(institution.config("gateway"))
    command = [sys.executable, "-m", "node.cli", "registry", *arguments, "--config", config]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def granted(theirs: Institution) -> str:
    """An access token, at the second institution, of who was granted its controlled data set by its committee."""
    client = theirs.client()
    researcher, dac = (client.sign_in(name, theirs.password(name)).access for name in ("researcher", "dac"))
    every, dataset = f"{theirs.url(HUMAN)}/dac/v1/requests", theirs.told["tour"]["controlled"]["dataset"]
    made = post(every, researcher, {"dataset": dataset, "purpose": "To prove a federation"})
    post(f"{every}/{made['id']}/submit", researcher, {})
    post(f"{every}/{made['id']}/approve", dac, {})
    return client.sign_in("researcher", theirs.password("researcher")).access


def post(url: str, token: str | None, body: Any) -> Any:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = requests.post(url, json=body, headers=headers, timeout=60)
    assert answer.ok, (url, answer.status_code, answer.text)
    return answer.json()


def signed_in_through(ours: Institution, theirs: Institution) -> str:
    """Our broker's token of a person who has an account at the second institution alone, and signs in there."""
    browser = Browser(SimpleNamespace(url=ours.url("broker"), post=None))  # type: ignore[arg-type]
    asked = browser.authorize(client_id="gsanode", redirect_uri=LOOPBACK)
    link = html.unescape(re.search(r'href="(/sign-in/institution\?[^"]*)"', asked.text)[1])  # type: ignore[index]
    page = browser.get(browser.get(link).headers["Location"])
    assert page.url.startswith(theirs.url("broker"))
    password = theirs.password("researcher")
    signed = browser.submit(page, name="researcher", password=password).headers["Location"]
    back = browser.submit(browser.get(requests.compat.urljoin(page.url, signed)), decision="allow")
    consent = browser.get(browser.get(back.headers["Location"]).headers["Location"])
    code = answer_of(browser.submit(consent, decision="allow"))["code"]
    fields = {"client_id": "gsanode", "code": code, "redirect_uri": LOOPBACK, "code_verifier": browser.verifier}
    form = {"grant_type": "authorization_code", **fields}
    return str(requests.post(f"{ours.url('broker')}/token", data=form, timeout=60).json()["access_token"])


@pytest.mark.prove
@pytest.mark.timeout(600)
def test_a_second_institution_with_a_broker_issuer_and_keys_of_its_own(both: Both) -> None:
    ours, theirs = both.ours, both.theirs
    search, human = f"{ours.url('gateway')}/federation/v1/search", theirs.url(HUMAN)

    # Its member joins our registry, with its own issuer and keys.
    joined = registry(ours, "join", "--id", ELSEWHERE, "--name", "Elsewhere", "--url", human, "--json")
    assert joined.returncode == 0, joined.stderr
    listed = {one["id"]: one["configured"] for one in json.loads(registry(ours, "list", "--json").stdout)}
    assert listed == {"obia": True, ELSEWHERE: False}
    entries = requests.get(f"{ours.url('gateway')}/ga4gh/registry/v1/services", timeout=60).json()
    assert {entry["url"] for entry in entries} >= {f"{human}/ga4gh/beacon/v2", f"{human}/ga4gh/drs/v1"}
    own = [ours.keys(name).keys.keys() for name in ("broker", "obia", "gateway")]
    assert all(not keys & theirs.keys(HUMAN).keys.keys() for keys in own)

    # A researcher signs in there and gets a Passport, whose visas are its issuer's; it opens its files.
    token = granted(theirs)
    passport = theirs.client().passport(token)
    claims = jose.verify(passport, theirs.keys("broker"), typ={"vnd.ga4gh.passport+jwt"}).claims
    assert claims["iss"] == theirs.url("broker")
    (visa,) = claims["ga4gh_passport_v1"]
    said = jose.verify(visa, theirs.keys(HUMAN), typ={"vnd.ga4gh.visa+jwt"})
    dataset = theirs.told["tour"]["controlled"]["dataset"]
    assert (said.claims["iss"], said.claims["ga4gh_visa_v1"]["value"]) == (human, f"{human}/datasets/{dataset}")
    file = next(f["id"] for d in theirs.told["datasets"] if d["accession"] == dataset for f in d["files"])
    access = f"{human}/ga4gh/drs/v1/objects/{file}"
    method = post(access, None, {"passports": [passport]})["access_methods"][0]["access_id"]
    assert post(f"{access}/access/{method}", None, {"passports": [passport]})["url"]

    # Signed in at our broker through theirs, the person asks our gateway, which asks their member.
    ours_token = signed_in_through(ours, theirs)
    answer = post(search, ours_token, {**QUESTION, "granularity": "record"})
    assert [(node["id"], node["status"]) for node in answer["nodes"]] == [(ELSEWHERE, "answered")]
    assert answer["count"] > 0
    seen = {one["accession"]: one["granularity"] for one in answer["access"]}
    assert seen[dataset] == "count", "who is granted there is nobody there by our broker's word"
    beacon = f"{ours.url('gateway')}/ga4gh/beacon/v2/individuals?requestedGranularity=count"
    told = requests.get(beacon, headers={"Authorization": f"Bearer {ours_token}"}, timeout=60).json()["info"]["nodes"]
    assert {node["id"]: node["status"] for node in told} == {"obia": "answered", ELSEWHERE: "answered"}

    # Neither's tokens and Passports stand for the other's.
    refused = requests.post(search, json=QUESTION, headers={"Authorization": f"Bearer {token}"}, timeout=60)
    assert refused.status_code == 401, "their token is not exchanged by our broker"
    foreign = requests.post(
        f"{access}/access/{method}", json={"passports": [ours.client().passport(ours_token)]}, timeout=60
    )
    assert foreign.status_code == 403, "believed, and has no visa of theirs"
    images = f"{ours.url('obia')}/ga4gh/drs/v1/objects/{ours_file(ours)}/access/x"
    assert requests.post(images, json={"passports": [passport]}, timeout=60).status_code in (401, 403)

    # It leaves, and is asked no more.
    assert registry(ours, "leave", ELSEWHERE).returncode == 0
    gone = requests.post(search, json=QUESTION, headers={"Authorization": f"Bearer {ours_token}"}, timeout=60)
    assert gone.status_code == 400, gone.text


def ours_file(ours: Institution) -> str:
    """A file of a controlled data set of ours."""
    wanted = ours.told["tour"]["imaging"]["dataset"]
    return next(str(f["id"]) for d in ours.told["datasets"] if d["accession"] == wanted for f in d["files"])
