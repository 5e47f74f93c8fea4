"""DRS and the bytes behind it, over a real catalog, real files, real policy and real signatures."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine, update

from adapters.catalog.engine import writing
from adapters.catalog.models import File
from adapters.store.local import LocalStore
from adapters.store.protocol import Stat, StoreUnavailable
from node.drs import bulk
from tests.node.drs_node import DRS, Grants, application
from tests.node.family import ABSENT, CONTENT, PUBLIC_URL, Holders, build, researcher
from tests.support import running

SOON = int(time.time()) + 3000


@pytest.fixture
def grants() -> Grants:
    return Grants()


@pytest.fixture
async def client(sqlite_engine: Engine, tmp_path: Path, grants: Grants) -> AsyncIterator[httpx.AsyncClient]:
    root = tmp_path / "archive"
    root.mkdir()
    build(sqlite_engine, root)
    holders = Holders({"two": researcher("HRA000002", "g2", SOON), "three": researcher("HRA000003", "g3", SOON)})
    async with running(application(sqlite_engine, root, grants, holders), PUBLIC_URL) as opened:
        yield opened


async def fetched(client: httpx.AsyncClient, id: str, **kwargs: object) -> httpx.Response:
    """The answer of the access operation of ``id``."""
    return await client.get(f"{DRS}/objects/{id}/access/https", **kwargs)  # type: ignore[arg-type]


async def test_DRS_10_12_16_17_18_record_of_an_open_file(client: httpx.AsyncClient) -> None:
    record = (await client.get(f"{DRS}/objects/HRR000001-01")).json()
    assert record["self_uri"] == "drs://gsa-human.localhost/HRR000001-01"
    assert record["size"] == len(CONTENT["HRR000001-01"])
    assert record["created_time"] == record["updated_time"] == "2026-01-02T03:04:05Z"
    digest = hashlib.sha256(CONTENT["HRR000001-01"]).hexdigest()
    assert record["checksums"] == [{"type": "sha-256", "checksum": digest}]
    assert record["access_methods"] == [
        {"type": "https", "access_id": "https", "available": True, "authorizations": {"supported_types": ["None"]}}
    ]


async def test_DRS_22_expand_is_ignored_on_a_blob(client: httpx.AsyncClient) -> None:
    plain = (await client.get(f"{DRS}/objects/HRR000001-01")).json()
    assert (await client.get(f"{DRS}/objects/HRR000001-01?expand=True")).json() == plain
    assert (await client.post(f"{DRS}/objects/HRR000001-01", json={"expand": True})).json() == plain


async def test_the_bytes_are_those_registered(client: httpx.AsyncClient) -> None:
    answer = await fetched(client, "HRR000001-01")
    url = answer.json()["url"]
    assert url.startswith(PUBLIC_URL + "/data/")
    assert "?" not in url
    whole = await client.get(url)
    assert whole.content == CONTENT["HRR000001-01"]
    part = await client.get(url, headers={"Range": "bytes=5-14"})
    assert (part.status_code, part.content) == (206, CONTENT["HRR000001-01"][5:15])
    head = await client.head(url)
    assert (head.status_code, head.headers["content-length"], head.content) == (200, str(len(whole.content)), b"")


async def test_DRS_34_a_controlled_file_is_401_without_and_403_with_the_wrong_credential(
    client: httpx.AsyncClient,
) -> None:
    anonymous = await fetched(client, "HRR000002-01")
    assert anonymous.status_code == 401
    assert anonymous.headers["www-authenticate"].startswith("Bearer")
    assert f"{PUBLIC_URL}/datasets/HRA000002" in anonymous.json()["msg"]
    wrong = await fetched(client, "HRR000002-01", headers={"Authorization": "Bearer three"})
    assert (wrong.status_code, wrong.json()["status_code"]) == (403, 403)
    forged = await fetched(client, "HRR000002-01", headers={"Authorization": "Bearer forged"})
    assert forged.status_code == 401


async def test_DRS_08_30_a_passport_in_the_body_opens_the_file_until_the_grant_is_revoked(
    client: httpx.AsyncClient, grants: Grants
) -> None:
    body = {"passports": ["two"]}
    url = (await client.post(f"{DRS}/objects/HRR000002-01/access/https", json=body)).json()["url"]
    assert (await client.get(url)).content == CONTENT["HRR000002-01"]
    grants.standing.discard("g2")
    assert (await client.get(url)).status_code == 403
    again = await client.post(f"{DRS}/objects/HRR000002-01/access/https", json=body)
    assert again.status_code == 403


async def test_records_of_a_protected_set_are_guarded_like_its_bytes(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"{DRS}/objects/HRR000003-01")).status_code == 401
    assert (await client.get(f"{DRS}/objects/HRR000002-01")).status_code == 200
    allowed = await client.post(f"{DRS}/objects/HRR000003-01", json={"passports": ["three"]})
    assert allowed.json()["id"] == "HRR000003-01"


async def test_DRS_02_31_32_options_tell_which_credentials(client: httpx.AsyncClient) -> None:
    controlled = (await client.options(f"{DRS}/objects/HRR000002-01")).json()
    assert controlled["supported_types"] == ["PassportAuth", "BearerAuth"]
    assert controlled["passport_auth_issuers"] == [PUBLIC_URL]
    assert (await client.options(f"{DRS}/objects/HRR000001-01")).json()["supported_types"] == ["None"]


async def test_DRS_06_35_bulk_adds_up_and_groups_failures(client: httpx.AsyncClient) -> None:
    ids = ["HRR000001-01", "HRR000003-01", "nothing", *ABSENT.values()]
    answer = (await client.post(f"{DRS}/objects", json={"bulk_object_ids": ids})).json()
    assert [record["id"] for record in answer["resolved_drs_object"]] == ["HRR000001-01"]
    assert answer["summary"] == {"requested": 7, "resolved": 1, "unresolved": 6}
    assert answer["unresolved_drs_objects"] == [
        {"error_code": 401, "object_ids": ["HRR000003-01"]},
        {"error_code": 404, "object_ids": ["nothing", *ABSENT.values()]},
    ]


async def test_DRS_09_35_bulk_access_leaves_a_refused_file_unresolved(client: httpx.AsyncClient) -> None:
    wanted = [{"bulk_object_id": id, "bulk_access_ids": ["https"]} for id in ("HRR000001-01", "HRR000002-01")]
    answer = (await client.post(f"{DRS}/objects/access", json={"bulk_object_access_ids": wanted})).json()
    assert answer["summary"] == {"requested": 2, "resolved": 1, "unresolved": 1}
    assert answer["unresolved_drs_objects"] == [{"error_code": 401, "object_ids": ["HRR000002-01"]}]
    url = answer["resolved_drs_object_access_urls"][0]["url"]
    assert (await client.get(url)).content == CONTENT["HRR000001-01"]


async def test_DRS_09_35_stores_are_asked_at_once_and_a_silent_one_fails_its_files_only(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = threading.Barrier(8, timeout=20)
    found = LocalStore.found

    def waiting(store: LocalStore, key: str) -> tuple[Path, Stat]:
        together.wait()  # goes on when eight wait
        if key.startswith("HRR000003"):
            raise StoreUnavailable("no answer")
        return found(store, key)

    monkeypatch.setattr(LocalStore, "found", waiting)
    ids = [*["HRR000001-01"] * 7, "HRR000003-01"]
    wanted = {"bulk_object_access_ids": [{"bulk_object_id": id, "bulk_access_ids": ["https"]} for id in ids]}
    headers = {"Authorization": "Bearer three"}
    answer = (await client.post(f"{DRS}/objects/access", json=wanted, headers=headers)).json()
    assert answer["summary"] == {"requested": 8, "resolved": 7, "unresolved": 1}
    assert answer["unresolved_drs_objects"] == [{"error_code": 503, "object_ids": ["HRR000003-01"]}]


async def test_DRS_36_a_bulk_request_above_the_limit_is_413(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "MAX_BULK", 3)
    answer = await client.post(f"{DRS}/objects", json={"bulk_object_ids": ["a"] * 4})
    assert (answer.status_code, answer.json()["status_code"]) == (413, 413)
    assert (await client.post(f"{DRS}/objects", json={"bulk_object_ids": ["a"] * 3})).status_code == 200


async def test_DRS_40_41_service_info_counts_what_exists(client: httpx.AsyncClient) -> None:
    info = (await client.get(f"{DRS}/service-info")).json()
    assert info["type"] == {"group": "org.ga4gh", "artifact": "drs", "version": "1.5.0"}
    existing = [id for id in CONTENT if id not in ABSENT.values()]
    assert info["drs"]["objectCount"] == len(existing)
    assert info["drs"]["totalObjectSize"] == sum(len(CONTENT[id]) for id in existing)
    assert info["maxBulkRequestLength"] == info["drs"]["maxBulkRequestLength"]


async def test_DRS_27_bytes_on_tape_are_202_with_seconds(client: httpx.AsyncClient, sqlite_engine: Engine) -> None:
    with writing(sqlite_engine).begin() as connection:
        connection.execute(update(File).where(File.id == "HRR000001-01").values(available=False))
    answer = await fetched(client, "HRR000001-01")
    assert answer.status_code == 202
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize("id", ABSENT.values(), ids=ABSENT.keys())
async def test_what_does_not_exist_looks_like_what_never_did(client: httpx.AsyncClient, id: str) -> None:
    never = "HRR999999-01"
    for path in ("/objects/{}", "/objects/{}/access/https"):
        absent, unknown = await client.get(DRS + path.format(id)), await client.get(DRS + path.format(never))
        assert absent.status_code == unknown.status_code == 404
        assert absent.text.replace(id, never) == unknown.text


async def test_ATTACKS_71_a_changed_or_foreign_url_is_403(client: httpx.AsyncClient) -> None:
    url = (await fetched(client, "HRR000001-01")).json()["url"]
    token = url.split("/data/")[1].split("/")[0]
    changed = token[:-3] + ("AAA" if token[-3:] != "AAA" else "BBB")
    assert (await client.get(url.replace(token, changed))).status_code == 403
    assert (await client.get(f"{PUBLIC_URL}/data/abc/x")).status_code == 403
    assert (await client.post(url)).status_code == 405


@pytest.mark.parametrize("name", ["Host", "X-Forwarded-Host", "Forwarded"])
async def test_ATTACKS_71_byte_urls_name_the_configured_host(client: httpx.AsyncClient, name: str) -> None:
    """Whatever a request says of its host, the link that carries the right stays at this member."""
    said = "host=evil.example" if name == "Forwarded" else "evil.example"
    answer = await fetched(client, "HRR000002-01", headers={"Authorization": "Bearer two", name: said})
    assert answer.json()["url"].startswith(PUBLIC_URL + "/data/")
    assert "evil" not in answer.text


async def test_a_file_lost_under_the_node_is_a_clear_500_and_others_are_served(
    client: httpx.AsyncClient, tmp_path: Path
) -> None:
    lost = (await fetched(client, "HRR000001-01")).json()["url"]
    (tmp_path / "archive" / "HRR000001-01.txt").unlink()
    answer = await client.get(lost)
    assert (answer.status_code, answer.json()["status"]) == (500, 500)
    assert "HRR000001-01" in answer.json()["detail"]
    url = (await client.post(f"{DRS}/objects/HRR000002-01/access/https", json={"passports": ["two"]})).json()["url"]
    assert (await client.get(url)).status_code == 200


@pytest.mark.parametrize("id", ["a%2Fb", "%2e%2e", "%00", "x" * 10_000, "access"])
async def test_DRS_25_strange_ids_are_404_in_shape(client: httpx.AsyncClient, id: str) -> None:
    answer = await client.get(f"{DRS}/objects/{id}")
    assert answer.status_code in (404, 405)
    assert answer.json().keys() == {"msg", "status_code"}
