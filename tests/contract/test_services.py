"""Service-info 1.0.0 of every service of every process, and the service registry 1.0.0 over them (CHECKLIST 4)."""

from __future__ import annotations

import copy
import datetime as dt
import re
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

import httpx
import jsonschema_rs
import pytest

from adapters.catalog.engine import connect
from auth.broker.settings import BrokerSettings
from federation.settings import GatewaySettings
from migrations.schema import upgrade
from node.app import Settings, create
from node.settings import MemberSettings, profile
from tests.support import served_as, shared

MEMBERS = ("gsa", "gsa-human", "omix", "obia")
REGISTRY = "/ga4gh/registry/v1"
BASES = {
    "drs": {"/ga4gh/drs/v1": ("drs", "1.5.0")},
    "beacon": {"/ga4gh/beacon/v2": ("beacon", "2.1.1")},
    "htsget": {"/ga4gh/htsget/v1/reads": ("htsget", "1.3.0"), "/ga4gh/htsget/v1/variants": ("htsget", "1.3.0")},
}
# The registered artifacts of the group org.ga4gh (SVI-04); refget alone is superseded.
OFFICIAL = {"beacon", "drs", "htsget", "refget-sequence", "refget-seqcol", "service-registry", "tes", "wes", "trs"}
OFFICIAL |= {"data-connect", "rnaget"}
REVERSE_DOMAIN = re.compile(r"[a-z]{2,}(\.[a-z0-9-]+){2,}")


class Family:
    """The six processes of a family as they are served, and what each says at which base URL."""

    def __init__(self, folder: Any) -> None:
        self._folder = folder
        self._running = ExitStack()
        self.urls: dict[str, str] = {}
        self.services: dict[str, tuple[str, str] | None] = {}

    def start(self) -> None:
        """Members and broker first: the gateway asks them."""
        for member in MEMBERS:
            url = self._serve(member, lambda url, member=member: _member(member, url, self._folder))  # type: ignore[misc]
            for standard in profile(member).standards:
                self.services |= {url + path: kind for path, kind in BASES.get(standard, {}).items()}
        self._serve("broker", lambda url: BrokerSettings.model_validate({**_process(url), "kind": "broker"}))
        url = self._serve("gateway", lambda url: _gateway(url, self.urls))
        self.services[url + REGISTRY] = ("service-registry", "1.0.0")
        self.services[url + "/ga4gh/beacon/v2"] = ("beacon", "2.1.1")

    def stop(self) -> None:
        """Stop all of them."""
        self._running.close()

    def _serve(self, name: str, settings: Any) -> str:
        kind = name if name in ("broker", "gateway") else "member"
        engine = connect(f"sqlite:///{self._folder}/{name}.db")
        upgrade(engine, kind)
        self._running.callback(engine.dispose)

        def make(url: str) -> Any:
            made: Settings = settings(url)
            return create(made, engine)

        url = self.urls[name] = self._running.enter_context(served_as(make))
        self.services[url] = None
        return url


def _process(url: str) -> dict[str, Any]:
    return {
        "public_url": url,
        "listen": {"port": urlsplit(url).port},
        "database": "sqlite:///unused.db",
        "organization": {"id": "org.example", "name": "Example", "url": "https://example.org"},
        "environment": "test",
    }


def _member(member: str, url: str, folder: Any) -> MemberSettings:
    return MemberSettings.model_validate(
        {
            **_process(url),
            "kind": "member",
            "member": member,
            "drs_host": f"{member}.localhost",
            "stores": {"archive": {"kind": "local", "root": str(folder)}},
            "broker": {"issuer": "http://127.0.0.1:1", "client_id": member},
            "trust": [],
            "url_key": "ab" * 32,
        }
    )


def _gateway(url: str, urls: dict[str, str]) -> GatewaySettings:
    members = [{"id": name, "name": name, "url": urls[name]} for name in MEMBERS]
    return GatewaySettings.model_validate({**_process(url), "kind": "gateway", "members": members})


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Family]:
    made = Family(tmp_path_factory.mktemp("family"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


def get(url: str, **headers: str) -> httpx.Response:
    return httpx.get(url, headers=headers, timeout=30)


def uri(value: Any) -> bool:
    """Whether it is an absolute URI."""
    return isinstance(value, str) and re.fullmatch(r"(https?://[^\s/]+(/\S*)?|mailto:\S+@\S+)", value) is not None


def moment(value: Any) -> bool:
    """Whether it is a time of RFC 3339, with its zone."""
    try:
        return isinstance(value, str) and dt.datetime.fromisoformat(value).tzinfo is not None and "T" in value
    except ValueError:
        return False


def text(value: Any) -> bool:
    """Whether it is text that says something."""
    return isinstance(value, str) and value != ""


def wrong_with(document: Any) -> set[str]:
    """Ids of the rows of CHECKLIST 4 that a service-info document breaks."""
    if not isinstance(document, dict):
        return {"SVI-01"}
    kind, organization = document.get("type"), document.get("organization")
    found = set()
    if not all(text(document.get(key)) for key in ("id", "name", "version")):
        found.add("SVI-01")
    if not isinstance(kind, dict) or not all(text(kind.get(key)) for key in ("group", "artifact", "version")):
        return {*found, "SVI-01"}
    if not isinstance(organization, dict) or not all(text(organization.get(key)) for key in ("name", "url")):
        return {*found, "SVI-01"}
    links = [organization["url"], *(document[key] for key in ("contactUrl", "documentationUrl") if key in document)]
    times = [document[key] for key in ("createdAt", "updatedAt") if key in document]
    if not all(map(uri, links)) or not all(map(moment, times)):
        found.add("SVI-02")
    if (kind["group"] == "org.ga4gh") != (kind["artifact"] in OFFICIAL):
        found.add("SVI-04")
    if not REVERSE_DOMAIN.fullmatch(str(document.get("id", ""))):
        found.add("SVI-05")
    if not text(organization.get("id")):
        found.add("SVI-06")
    return found


def test_SVI_01_02_04_05_06_every_service_of_every_process_says_what_it_is(family: Family) -> None:
    assert len(family.services) > 15
    ids = []
    for base, kind in family.services.items():
        answer = get(f"{base}/service-info")
        assert answer.status_code == 200, base
        assert answer.headers["content-type"] == "application/json", base
        document = answer.json()
        assert wrong_with(document) == set(), (base, document)
        ids.append(document["id"])
        if kind is None:
            assert document["type"]["group"] != "org.ga4gh", base  # a process is no service of a standard
    assert len(set(ids)) == len(ids)


GOOD = {
    "id": "org.example.node.drs",
    "name": "Node",
    "type": {"group": "org.ga4gh", "artifact": "drs", "version": "1.5.0"},
    "organization": {"id": "o", "name": "O", "url": "https://o.test"},
    "version": "1",
}
VIOLATIONS: list[tuple[str, tuple[str, ...], Any]] = [
    *(("SVI-01", (key,), None) for key in GOOD),
    *(("SVI-01", ("type", key), None) for key in ("group", "artifact", "version")),
    *(("SVI-01", ("organization", key), None) for key in ("name", "url")),
    ("SVI-01", ("name",), ""),
    ("SVI-01", ("version",), 1),
    ("SVI-02", ("organization", "url"), "o.test"),
    ("SVI-02", ("contactUrl",), "someone"),
    ("SVI-02", ("documentationUrl",), "/docs"),
    ("SVI-02", ("createdAt",), "2026-01-02"),
    ("SVI-02", ("updatedAt",), "2026-01-02T03:04:05"),
    ("SVI-04", ("type", "artifact"), "refget"),
    ("SVI-04", ("type", "group"), "org.example"),
    ("SVI-05", ("id",), "node"),
    ("SVI-06", ("organization", "id"), None),
]


@pytest.mark.parametrize(("row", "path", "value"), VIOLATIONS)
def test_SVI_01_02_04_05_06_each_violation_is_seen(row: str, path: tuple[str, ...], value: Any) -> None:
    assert wrong_with(GOOD) == set()
    document = copy.deepcopy(GOOD)
    place: Any = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    if value is None:
        del place[path[-1]]
    assert row in wrong_with(document)


def test_SVI_03_the_version_of_the_standard_and_that_of_the_deployment_are_two(
    family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed = version("gsa-federated-node")
    for base, kind in family.services.items():
        document = get(f"{base}/service-info").json()
        assert document["version"] == deployed, base
        if kind is not None:
            assert (document["type"]["artifact"], document["type"]["version"]) == kind, base
    monkeypatch.setattr("web.service_info.version", lambda _distribution: "99.1")
    url = family.urls["gateway"]
    assert get(f"{url}{REGISTRY}/service-info").json()["version"] == "99.1"  # it follows what is installed


def test_SVI_01_REG_04_the_registry_is_a_service_registry(family: Family) -> None:
    document = get(f"{family.urls['gateway']}{REGISTRY}/service-info").json()
    assert document["type"] == {"group": "org.ga4gh", "artifact": "service-registry", "version": "1.0.0"}


def test_REG_01_02_every_service_of_the_members_is_listed_with_its_base(family: Family) -> None:
    base = family.urls["gateway"] + REGISTRY
    listed = get(f"{base}/services").json()
    members = tuple(family.urls[name] for name in MEMBERS)
    assert {entry["url"] for entry in listed} == {
        url for url, kind in family.services.items() if kind is not None and url.startswith(members)
    }
    for entry in listed:
        said = get(f"{entry['url']}/service-info").json()
        assert {key: value for key, value in entry.items() if key != "url"} == said
        assert get(f"{base}/services/{entry['id']}").json() == entry


def test_REG_01_types_are_distinct_and_those_of_the_services(family: Family) -> None:
    base = family.urls["gateway"] + REGISTRY
    types = get(f"{base}/services/types").json()
    assert isinstance(types, list)
    keys = [tuple(sorted(kind.items())) for kind in types]
    assert len(set(keys)) == len(keys)
    assert set(keys) == {tuple(sorted(entry["type"].items())) for entry in get(f"{base}/services").json()}
    assert {kind["artifact"] for kind in types} == {"beacon", "drs", "htsget"}


def test_REG_03_types_is_no_service(family: Family) -> None:
    base = family.urls["gateway"] + REGISTRY
    assert isinstance(get(f"{base}/services/types").json(), list)  # not one service, and not 404
    assert "types" not in {entry["id"] for entry in get(f"{base}/services").json()}
    assert get(f"{base}/services/Types").status_code == 404


REFUSED = [
    ("GET", "/services/none", 404),
    ("GET", "/services/..%2Fservices", 404),
    ("GET", "/services/a%00b", 404),
    ("GET", f"/services/{'x' * 10_000}", 404),
    ("GET", "/nothing", 404),
    ("GET", "/services/", 404),
    ("POST", "/services", 405),
    ("DELETE", "/services/types", 405),
    ("PUT", "/service-info", 405),
]


@pytest.mark.parametrize(("method", "path", "status"), REFUSED)
def test_REG_05_errors_have_status_title_and_detail(family: Family, method: str, path: str, status: int) -> None:
    answer = httpx.request(method, f"{family.urls['gateway']}{REGISTRY}{path}", timeout=30)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body["status"] == status
    assert isinstance(body["status"], int)
    assert body["title"]
    assert set(body) <= {"status", "title", "detail"}


def test_SVI_01_REG_02_the_official_schemas_agree(family: Family) -> None:
    """Where the pack with the official documents is present."""
    import yaml

    official = yaml.safe_load(shared("specs/service-info-1.0.0/service-info.yaml").read_text())
    schema = {**official["components"]["schemas"]["Service"], "components": official["components"]}
    validator = jsonschema_rs.Draft4Validator(schema)
    for base in family.services:
        validator.validate(get(f"{base}/service-info").json())
    for entry in get(f"{family.urls['gateway']}{REGISTRY}/services").json():
        validator.validate(entry)
