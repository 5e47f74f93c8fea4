"""DRS 1.5.0 over HTTP, row by row of the requirement checklist."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import jsonschema_rs
import pytest
from sqlalchemy import Engine, event, update

from adapters.catalog.catalog import Catalog
from adapters.catalog.engine import writing
from adapters.catalog.models import File, Individual, Location
from node.commands.client import Client
from node.drs import bulk
from tests.contract.drs_catalog import ABSENT_RUN, CONTENT, RUN, SERIES, fill
from tests.node.drs_node import DRS, HOST, Grants, application
from tests.node.family import ABSENT, BROKER, NOW, PUBLIC_URL, TODAY, Holders, researcher
from tests.support import running, shared

SOON = int(time.time()) + 3000
OBJECTS = f"{DRS}/objects"
OPEN, CONTROLLED, PROTECTED = "HRR000001-01", "HRR000002-01", "HRR000003-01"
SERIES_ID = f"series-{SERIES}"
BUNDLES = ["HRA000001", "HRA000002", RUN, SERIES_ID]
FILES = [OPEN, CONTROLLED, *(id for id in CONTENT if not id.startswith(ABSENT_RUN))]
ORIGIN = "https://genome-browser.test"


@pytest.fixture
def grants() -> Grants:
    return Grants()


@pytest.fixture
async def client(sqlite_engine: Engine, tmp_path: Path, grants: Grants) -> AsyncIterator[httpx.AsyncClient]:
    (tmp_path / "archive").mkdir()
    fill(sqlite_engine, tmp_path / "archive")
    holders = Holders({"two": researcher("HRA000002", "g2", SOON), "three": researcher("HRA000003", "g3", SOON)})
    async with running(application(sqlite_engine, tmp_path / "archive", grants, holders), PUBLIC_URL) as opened:
        yield opened


async def record(client: httpx.AsyncClient, id: str, query: str = "") -> dict[str, Any]:
    answer = await client.get(f"{OBJECTS}/{id}{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


def validator(name: str) -> jsonschema_rs.Draft4Validator:
    """The official schema of that name."""
    document = json.loads(shared("specs/drs-1.5.0/openapi.bundled.json").read_text())
    return jsonschema_rs.Draft4Validator({"$ref": f"#/components/schemas/{name}", "components": document["components"]})


@pytest.mark.parametrize("id", [*FILES, *BUNDLES])
async def test_DRS_01_to_09_answers_fit_the_official_schemas(client: httpx.AsyncClient, id: str) -> None:
    assert validator("DrsObject").is_valid({}) is False
    validator("DrsObject").validate(await record(client, id, "?expand=true"))
    validator("Authorizations").validate((await client.options(f"{OBJECTS}/{id}")).json())
    validator("Service").validate((await client.get(f"{DRS}/service-info")).json())
    validator("Error").validate((await client.get(f"{OBJECTS}/none")).json())
    if id in FILES:
        answer = await client.post(f"{OBJECTS}/{id}/access/https", json={"passports": ["two"]})
        validator("AccessURL").validate(answer.json())


@pytest.mark.parametrize("id", [*FILES, *BUNDLES])
async def test_DRS_01_03_04_06_get_post_and_bulk_tell_the_same(client: httpx.AsyncClient, id: str) -> None:
    for expand in (False, True):
        got = await record(client, id, f"?expand={str(expand).lower()}")
        posted = await client.post(f"{OBJECTS}/{id}", json={"expand": expand})
        several = await client.post(f"{OBJECTS}?expand={str(expand).lower()}", json={"bulk_object_ids": [id]})
        assert got == posted.json() == several.json()["resolved_drs_object"][0]


async def test_DRS_02_05_31_32_33_options_name_the_credentials_and_need_none(client: httpx.AsyncClient) -> None:
    guarded = {
        "supported_types": ["PassportAuth", "BearerAuth"],
        "passport_auth_issuers": [PUBLIC_URL],
        "bearer_auth_issuers": [BROKER],
    }
    for id in (CONTROLLED, PROTECTED, "HRA000002", SERIES_ID):
        assert (await client.options(f"{OBJECTS}/{id}")).json() == {"drs_object_id": id, **guarded}
    for id in (OPEN, "HRA000001", RUN):
        assert (await client.options(f"{OBJECTS}/{id}")).json() == {"drs_object_id": id, "supported_types": ["None"]}
    ids = [OPEN, CONTROLLED, "none", "HRA000001"]
    several = (await client.request("OPTIONS", OBJECTS, json={"bulk_object_ids": ids})).json()
    assert [one["drs_object_id"] for one in several["resolved_drs_object"]] == [OPEN, CONTROLLED, "HRA000001"]
    assert several["unresolved_drs_objects"] == [{"error_code": 404, "object_ids": ["none"]}]
    # The record of CONTROLLED is public, its bytes are not: the access method says so.
    method = (await record(client, CONTROLLED))["access_methods"][0]
    assert method["authorizations"] == guarded


@pytest.mark.parametrize("id", [*FILES, *BUNDLES])
async def test_DRS_10_11_12_13_14_17_18_29_records_are_complete(client: httpx.AsyncClient, id: str) -> None:
    answer = await client.get(f"{OBJECTS}/{id}")
    assert answer.headers["content-type"].split(";")[0] == "application/json"
    told = answer.json()
    assert {"id", "self_uri", "size", "created_time", "checksums"} <= told.keys()
    assert told["id"] == id
    for moment in (told["created_time"], told["updated_time"]):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", moment)
    assert told["created_time"] == told["updated_time"]
    for checksum in told["checksums"]:
        assert checksum["type"] in ("sha-256", "md5")
        assert re.fullmatch(r"[0-9a-f]+", checksum["checksum"])
    assert told["checksums"]
    assert ("contents" in told) != ("access_methods" in told)
    methods = told.get("access_methods", [])
    assert methods or id in BUNDLES
    allowed = {"s3", "gs", "ftp", "gsiftp", "globus", "htsget", "https", "file"}
    assert {method["type"] for method in methods} <= allowed
    assert all("access_url" in method or "access_id" in method for method in methods)
    access_ids = [method["access_id"] for method in methods if "access_id" in method]
    assert len(access_ids) == len(set(access_ids))


async def test_DRS_12_13_26_every_location_is_an_access_method(client: httpx.AsyncClient) -> None:
    methods = {method["type"]: method for method in (await record(client, "HRR000010-01"))["access_methods"]}
    assert methods.keys() == {"https", "s3", "ftp"}
    assert methods["ftp"]["access_url"] == {"url": "ftp://download.example.org/HRR000010-01"}
    url = (await client.get(f"{OBJECTS}/HRR000010-01/access/{methods['s3']['access_id']}")).json()["url"]
    assert url.startswith("https://s3.test/reads/1?")
    bam = {method["type"]: method for method in (await record(client, "HRR000010-03"))["access_methods"]}
    assert bam["htsget"]["access_url"]["url"] == f"{PUBLIC_URL}/ga4gh/htsget/v1/reads/HRR000010-03"
    # A plain address would open a controlled file to everyone.
    controlled = await record(client, "HRR000011-01")
    assert {method["type"] for method in controlled["access_methods"]} == {"https"}


async def test_DRS_11_12_a_file_that_is_only_elsewhere_has_no_access_here(
    client: httpx.AsyncClient, sqlite_engine: Engine
) -> None:
    with writing(sqlite_engine).begin() as connection:
        connection.execute(update(Location).where(Location.file == OPEN).values(store="ftp", key="ftp://x.test/1"))
    methods = (await record(client, OPEN))["access_methods"]
    assert methods == [{"type": "ftp", "access_url": {"url": "ftp://x.test/1"}, "available": True}]
    assert (await client.get(f"{OBJECTS}/{OPEN}/access/https")).status_code == 404


async def test_DRS_15_access_headers_are_an_array_of_strings(client: httpx.AsyncClient) -> None:
    answers = [(await client.get(f"{OBJECTS}/{OPEN}/access/https")).json()]
    wanted = [{"bulk_object_id": OPEN, "bulk_access_ids": ["https"]}]
    several = await client.post(f"{OBJECTS}/access", json={"bulk_object_access_ids": wanted})
    answers += several.json()["resolved_drs_object_access_urls"]
    for answer in answers:
        assert isinstance(answer["url"], str)
        assert all(re.match(r"[!-9;-~]+: ", header) for header in answer.get("headers", []))
        assert isinstance(answer.get("headers", []), list)


@pytest.mark.parametrize("id", [*FILES, *BUNDLES])
async def test_DRS_16_25_self_uri_is_hostname_style_and_leads_back(client: httpx.AsyncClient, id: str) -> None:
    uri = (await record(client, id))["self_uri"]
    match = re.fullmatch(r"drs://([^/:]+)/([A-Za-z0-9.\-_~%]+)", uri)
    assert match is not None
    assert match[1] == HOST
    assert unquote(match[2]) == id
    assert (await client.get(f"{OBJECTS}/{match[2]}")).json()["self_uri"] == uri


async def leaves(client: httpx.AsyncClient, told: dict[str, Any]) -> list[dict[str, Any]]:
    """The records of the direct members of a bundle."""
    return [await record(client, item["id"]) for item in told["contents"]]


@pytest.mark.parametrize("id", BUNDLES)
async def test_DRS_19_20_checksum_and_size_follow_from_the_direct_members(client: httpx.AsyncClient, id: str) -> None:
    told = await record(client, id)
    members = await leaves(client, told)
    assert told["size"] == sum(member["size"] for member in members)
    for checksum in told["checksums"]:
        kind = checksum["type"]
        sums = [one["checksum"] for member in members for one in member["checksums"] if one["type"] == kind]
        assert len(sums) == len(members)
        name = {"sha-256": "sha256", "md5": "md5"}[kind]
        assert hashlib.new(name, "".join(sorted(sums)).encode()).hexdigest() == checksum["checksum"]


def contents(items: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Every list of contents of a tree."""
    yield items
    for item in items:
        if "contents" in item:
            yield from contents(item["contents"])


@pytest.mark.parametrize("id", BUNDLES)
async def test_DRS_21_names_are_portable_and_unique_and_direct_members_have_ids(
    client: httpx.AsyncClient, id: str
) -> None:
    told = await record(client, id, "?expand=true")
    for items in contents(told["contents"]):
        names = [item["name"] for item in items]
        assert len(names) == len(set(names))
        assert all(re.fullmatch(r"[A-Za-z0-9._][A-Za-z0-9._-]*", name) for name in names)
    assert all(item["id"] for item in told["contents"])


async def test_DRS_22_expand_shows_the_whole_tree_and_nothing_else_does(client: httpx.AsyncClient) -> None:
    plain = await record(client, "HRA000001")
    assert {item["id"] for item in plain["contents"]} == {OPEN, RUN}
    assert not any("contents" in item for item in plain["contents"])
    tree = {item["id"]: item for item in (await record(client, "HRA000001", "?expand=true"))["contents"]}
    assert "contents" not in tree[OPEN]
    assert {item["id"] for item in tree[RUN]["contents"]} == {id for id in CONTENT if id.startswith(RUN)}
    assert tree[RUN]["contents"] == (await record(client, RUN))["contents"]
    assert await record(client, OPEN, "?expand=true") == await record(client, OPEN)
    assert await record(client, OPEN, "?expand=True") == await record(client, OPEN)


@pytest.mark.parametrize("id", BUNDLES)
async def test_DRS_23_24_a_manifest_lists_all_files_and_its_bytes_never_change(
    client: httpx.AsyncClient, sqlite_engine: Engine, id: str
) -> None:
    uri = (await record(client, id))["aliases"][0]
    manifest = await record(client, uri.rsplit("/", 1)[1])
    url = (await client.get(f"{OBJECTS}/{manifest['id']}/access/https")).json()["url"]
    content = (await client.get(url)).content
    sums = {one["type"]: one["checksum"] for one in manifest["checksums"]}
    assert hashlib.sha256(content).hexdigest() == sums["sha-256"]
    assert len(content) == manifest["size"]
    head, *rows = content.decode().splitlines()
    listed = {row.split("\t")[0] for row in rows}
    expanded = await record(client, id, "?expand=true")
    held = {uri for items in contents(expanded["contents"]) for i in items if i["id"] in FILES for uri in i["drs_uri"]}
    assert head.startswith("drs_uri\tname\tsize\tsha-256\tmd5")
    assert listed == held
    assert (await client.get(url)).content == content
    part = await client.get(url, headers={"Range": "bytes=3-9"})
    assert (part.status_code, part.content) == (206, content[3:10])
    with writing(sqlite_engine).begin() as connection:
        connection.execute(update(File).where(File.id == "HRR000011-02").values(state="quarantined"))
        connection.execute(update(File).where(File.id == "HRR000010-02").values(state="quarantined"))
    assert (await client.get(url)).status_code == 404
    assert (await client.get(f"{OBJECTS}/{manifest['id']}")).status_code == 404
    assert (await record(client, id))["aliases"] != [uri]


@pytest.mark.parametrize("id", [*FILES, *BUNDLES])
async def test_DRS_24_one_id_always_tells_the_same(client: httpx.AsyncClient, id: str) -> None:
    assert await record(client, id) == await record(client, id)


@pytest.mark.parametrize("id", ["a%2Fb", "a/b", "%2e%2e", "%00", "x%00y", "x" * 10_000, "access", "%E8%AF%BB", "a b"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
async def test_DRS_25_28_strange_ids_fail_in_shape(client: httpx.AsyncClient, id: str, method: str) -> None:
    body = {"json": {}} if method == "POST" else {}
    answer = await client.request(method, f"{OBJECTS}/{id}", **body)  # type: ignore[arg-type]
    assert answer.status_code in (400, 404, 405)
    assert answer.json().keys() == {"msg", "status_code"}
    assert answer.json()["status_code"] == answer.status_code


@pytest.mark.parametrize("id", ["a/b", "\0", "x\0y", "x" * 10_000, "access", "读"])
async def test_DRS_25_35_strange_ids_in_bulk_are_unresolved(client: httpx.AsyncClient, id: str) -> None:
    answer = (await client.post(OBJECTS, json={"bulk_object_ids": [id, OPEN]})).json()
    assert answer["unresolved_drs_objects"] == [{"error_code": 404, "object_ids": [id]}]
    wanted = [{"bulk_object_id": id, "bulk_access_ids": ["https"]}]
    answer = (await client.post(f"{OBJECTS}/access", json={"bulk_object_access_ids": wanted})).json()
    assert answer["summary"] == {"requested": 1, "resolved": 0, "unresolved": 1}


async def test_DRS_27_bytes_on_tape_are_202_with_whole_seconds(
    client: httpx.AsyncClient, sqlite_engine: Engine
) -> None:
    with writing(sqlite_engine).begin() as connection:
        connection.execute(update(File).where(File.id == OPEN).values(available=False))
    assert (await record(client, OPEN))["access_methods"][0]["available"] is False
    for answer in (
        await client.get(f"{OBJECTS}/{OPEN}/access/https"),
        await client.post(f"{OBJECTS}/{OPEN}/access/https", json={}),
    ):
        assert (answer.status_code, answer.content) == (202, b"")
        assert re.fullmatch(r"[1-9]\d*", answer.headers["retry-after"])
    wanted = [{"bulk_object_id": OPEN, "bulk_access_ids": ["https"]}]
    several = (await client.post(f"{OBJECTS}/access", json={"bulk_object_access_ids": wanted})).json()
    assert several["unresolved_drs_objects"] == [{"error_code": 202, "object_ids": [OPEN]}]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/objects/none", 404),
        ("GET", "/nothing", 404),
        ("GET", f"/objects/{OPEN}/access/gopher", 404),
        ("GET", "/objects/HRA000001/access/https", 404),
        ("GET", f"/objects/{OPEN}?expand=perhaps", 400),
        ("DELETE", f"/objects/{OPEN}", 405),
        ("POST", "/objects", 400),
        ("GET", f"/objects/{PROTECTED}", 401),
    ],
)
async def test_DRS_28_34_errors_wear_the_shape(client: httpx.AsyncClient, method: str, path: str, status: int) -> None:
    answer = await client.request(method, DRS + path)
    assert (answer.status_code, answer.json()["status_code"]) == (status, status)
    assert answer.json().keys() == {"msg", "status_code"}


@pytest.mark.parametrize("passports", ["two", [], [1], None, {"a": 1}, ["forged"]])
async def test_DRS_30_malformed_and_forged_passports_open_nothing(client: httpx.AsyncClient, passports: Any) -> None:
    for path in (f"{OBJECTS}/{PROTECTED}", f"{OBJECTS}/{CONTROLLED}/access/https"):
        answer = await client.post(path, json={"passports": passports})
        assert answer.status_code == (401 if passports in ([], ["forged"]) else 400)


async def test_DRS_30_34_bearer_and_passport_open_what_was_granted(client: httpx.AsyncClient) -> None:
    path = f"{OBJECTS}/{CONTROLLED}/access/https"
    assert (await client.get(path, headers={"Authorization": "Bearer two"})).status_code == 200
    assert (await client.post(path, json={"passports": ["two"]})).status_code == 200
    assert (await client.get(path)).status_code == 401
    refused = await client.get(path, headers={"Authorization": "Bearer three"})
    assert refused.status_code == 403


async def test_DRS_34_35_X_06_protected_records_are_protected_in_bundles_too(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"{OBJECTS}/HRA000003")).status_code == 401
    shown = (await client.post(f"{OBJECTS}/HRA000003", json={"passports": ["three"]})).json()
    manifest = shown["aliases"][0].rsplit("/", 1)[1]
    for path in (f"{OBJECTS}/{manifest}", f"{OBJECTS}/{manifest}/access/https"):
        assert (await client.get(path)).status_code == 401
        assert (await client.post(path, json={"passports": ["two"]})).status_code == 403
        assert (await client.post(path, json={"passports": ["three"]})).status_code == 200
    several = (await client.post(OBJECTS, json={"bulk_object_ids": ["HRA000003", manifest, "HRA000001"]})).json()
    assert several["unresolved_drs_objects"] == [{"error_code": 401, "object_ids": ["HRA000003", manifest]}]


@pytest.mark.parametrize("path", [OBJECTS, f"{OBJECTS}/access"])
@pytest.mark.parametrize("method", ["POST", "OPTIONS"])
async def test_DRS_36_a_bulk_request_above_the_limit_is_413(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, path: str, method: str
) -> None:
    if method == "OPTIONS" and path.endswith("access"):
        return  # no such operation
    monkeypatch.setattr(bulk, "MAX_BULK", 3)
    for count, status in ((3, 200), (4, 413)):
        ids: dict[str, Any] = {"bulk_object_ids": ["a"] * count}
        if path.endswith("access"):
            ids = {"bulk_object_access_ids": [{"bulk_object_id": "a", "bulk_access_ids": ["https"] * count}]}
        assert (await client.request(method, path, json=ids)).status_code == status


async def test_DRS_37_a_preflight_is_answered_as_such_and_other_options_as_drs(client: httpx.AsyncClient) -> None:
    asked = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    preflight = await client.options(f"{OBJECTS}/{OPEN}", headers=asked)
    assert preflight.headers["access-control-allow-origin"] == ORIGIN
    assert "POST" in preflight.headers["access-control-allow-methods"]
    plain = await client.options(f"{OBJECTS}/{OPEN}", headers={"Origin": ORIGIN})
    assert plain.json()["supported_types"] == ["None"]
    assert plain.headers["access-control-allow-origin"] == ORIGIN


async def test_DRS_38_byte_urls_carry_no_credential_of_the_caller(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{OBJECTS}/{CONTROLLED}/access/https", headers={"Authorization": "Bearer two"})
    url = answer.json()["url"]
    assert "two" not in url
    assert "?" not in url


async def test_DRS_40_41_service_info(client: httpx.AsyncClient) -> None:
    info = (await client.get(f"{DRS}/service-info")).json()
    assert info["type"] == {"group": "org.ga4gh", "artifact": "drs", "version": "1.5.0"}
    assert info["maxBulkRequestLength"] == info["drs"]["maxBulkRequestLength"] >= 1
    assert info["drs"].keys() >= {"objectCount", "totalObjectSize"}


def test_DRS_42_hostname_uris_resolve_to_https_without_a_port() -> None:
    client = Client(broker="https://broker.test", hosts={"here.test": "http://127.0.0.1:8080"})
    assert client.objects("drs://h.test/a-1") == "https://h.test/ga4gh/drs/v1/objects/a-1"
    assert client.objects("drs://here.test/a%2Fb") == "http://127.0.0.1:8080/ga4gh/drs/v1/objects/a%2Fb"
    for wrong in ("drs://h.test:443/a", "https://h.test/a", "drs://h.test", "drs:///a"):
        with pytest.raises(ValueError, match="drs://"):
            client.objects(wrong)


def test_DRS_43_44_compact_uris_resolve_by_the_table_of_prefixes() -> None:
    pattern = "https://drs.test/ga4gh/drs/v1/objects/{$id}"
    client = Client(broker="https://b.test", prefixes={"dg.test": pattern, "p.test/ns": pattern.replace("drs.", "p.")})
    assert client.objects("drs://dg.test:ab-1") == "https://drs.test/ga4gh/drs/v1/objects/ab-1"
    assert client.objects("drs://dg.test:a/b:c d") == "https://drs.test/ga4gh/drs/v1/objects/a%2Fb%3Ac%20d"
    assert client.objects("drs://p.test/ns:7") == "https://p.test/ga4gh/drs/v1/objects/7"
    with pytest.raises(ValueError, match=r"allowed: dg\.test, p\.test/ns"):
        client.objects("drs://other:7")


async def test_DRS_45_service_info_is_what_a_registry_entry_repeats(client: httpx.AsyncClient) -> None:
    info = (await client.get(f"{DRS}/service-info")).json()
    assert {"id", "name", "type", "organization", "version"} <= info.keys()


@pytest.mark.parametrize("bundle", ["HRA000004", "HRA000005", ABSENT_RUN, "series-1.2.3"])
async def test_bundles_of_nothing_that_exists_look_like_what_never_did(client: httpx.AsyncClient, bundle: str) -> None:
    absent, never = await client.get(f"{OBJECTS}/{bundle}"), await client.get(f"{OBJECTS}/HRA999999")
    assert absent.status_code == never.status_code == 404
    assert absent.text.replace(bundle, "HRA999999") == never.text


async def test_a_person_who_withdraws_leaves_every_bundle(client: httpx.AsyncClient, sqlite_engine: Engine) -> None:
    absent = {*ABSENT.values(), *(id for id in CONTENT if id.startswith(ABSENT_RUN))}
    for id in ("HRA000001", "HRA000002"):
        told = json.dumps(await record(client, id, "?expand=true"))
        assert not [file for file in absent if file in told]
    with writing(sqlite_engine).begin() as connection:
        connection.execute(update(Individual).where(Individual.accession == "HRI000001").values(withdrawn_at=NOW))
    assert OPEN not in json.dumps(await record(client, "HRA000001", "?expand=true"))


async def test_bulk_of_ten_thousand_is_a_few_statements(
    client: httpx.AsyncClient, sqlite_engine: Engine, grants: Grants
) -> None:
    statements: list[str] = []
    event.listen(sqlite_engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    ids = [f"HRR{number:06}-01" for number in range(9990)] + BUNDLES + [OPEN, CONTROLLED]
    body = {"bulk_object_ids": ids, "passports": ["two"]}
    assert (await client.post(OBJECTS, json=body)).json()["summary"]["requested"] == len(ids)
    assert len(statements) <= 30
    wanted = [{"bulk_object_id": CONTROLLED, "bulk_access_ids": ["https"]}] * 10_000
    answer = await client.post(f"{OBJECTS}/access", json={"bulk_object_access_ids": wanted, "passports": ["two"]})
    assert answer.json()["summary"]["resolved"] == 10_000
    assert grants.asked == 1


def test_the_statements_of_bundles_run_on_both_databases(engine: Engine, tmp_path: Path) -> None:
    from adapters.catalog.bundles import Bundles

    fill(engine, tmp_path)
    catalog = Catalog(engine, lambda: TODAY)
    found = Bundles(engine, catalog).find([*BUNDLES, ABSENT_RUN, "none"])
    assert set(found) == set(BUNDLES)
    file = catalog.file("HRR000010-03")
    assert file is not None
    assert file.index == "HRR000010-04"
    assert file.checksums["md5"] == hashlib.md5(CONTENT["HRR000010-03"]).hexdigest()
    assert file.locations == (("archive", "HRR000010-03"),)
