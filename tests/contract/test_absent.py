"""DESIGN section 7: what is unpublished or withdrawn is absent everywhere.

Every path of a member is a row of :data:`PATHS`; a new path joins the table. A row is shown to see what exists, so
that its silence about the rest means something.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy import Engine, select

from adapters.catalog.models import File
from auth.keys import KeyRing
from auth.signed import Capability, Signer
from federation.assertions import signer
from federation.pseudonyms import encode, fingerprint, new_nonce, unpack
from migrations.schema import upgrade
from node.drs.manifests import COLUMNS
from node.member import member
from node.settings import MemberSettings
from tests.contract.absent import ABSENT, EXISTS, URL, Case, build
from tests.support import running
from web.application import create_application

KEY = "ab" * 32
DRS, BEACON, HTSGET = "/ga4gh/drs/v1", "/ga4gh/beacon/v2", "/ga4gh/htsget/v1"


@dataclass
class World:
    """A running member, and a gateway that it trusts."""

    client: httpx.AsyncClient
    images: httpx.AsyncClient  # of a member with the profile of OBIA over the same catalog and archive
    gateway: str
    sign: Callable[[str, dict[str, Any]], str]
    files: dict[str, list[tuple[str, str, int]]]


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Engine]:
    """A database and an archive, made once: no test of this module writes."""
    from adapters.catalog.engine import connect

    folder = tmp_path_factory.mktemp("absent")
    (folder / "archive").mkdir()
    engine = connect(f"sqlite:///{folder}/catalog.db")
    upgrade(engine, "member")
    build(engine, folder / "archive")
    return folder, engine


@pytest.fixture(scope="module")
def gateway_keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, KeyRing]]:
    """A gateway's published keys on loopback, and its ring."""
    from adapters.catalog.engine import connect

    engine = connect(f"sqlite:///{tmp_path_factory.mktemp('gateway')}/gateway.db")
    upgrade(engine, "gateway")
    ring = KeyRing(engine)
    content = orjson.dumps(ring.public_jwks())

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Keys)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", ring
    server.shutdown()
    server.server_close()
    thread.join()
    engine.dispose()


@pytest.fixture
async def world(family: tuple[Path, Engine], gateway_keys: tuple[str, KeyRing]) -> AsyncIterator[World]:
    folder, engine = family
    gateway, ring = gateway_keys
    settings = MemberSettings.model_validate(
        {
            "kind": "member",
            "member": "gsa-human",
            "public_url": URL,
            "listen": {"port": 8083},
            "database": str(engine.url),
            "organization": {"id": "x", "name": "X", "url": "https://example.org"},
            "drs_host": "gsa-human.localhost",
            "stores": {"archive": {"kind": "local", "root": str(folder / "archive")}},
            "broker": {"issuer": "http://127.0.0.1:1", "client_id": "gsa-human"},
            "trust": [],
            "gateways": [{"issuer": gateway, "jwks_uri": f"{gateway}/jwks"}],
            "partners": [{"member": "obia", "key": KEY}],
            "floor": {"minimum": 1, "round_to": 1},
            "url_key": KEY,
        }
    )
    images = settings.model_copy(update={"member": "obia"})
    async with (
        running(create_application(member(settings, engine)), URL) as client,
        running(create_application(member(images, engine)), URL) as imaging,
    ):
        files: dict[str, list[tuple[str, str, int]]] = {case.dataset: [] for case in (EXISTS, *ABSENT)}
        with engine.connect() as connection:
            for id, dataset, name, size in connection.execute(select(File.id, File.dataset, File.name, File.size)):
                files[dataset].append((id, name, size))
        yield World(client, imaging, gateway, signer(gateway, ring), files)


UNKNOWN = "allowed: the ids listed in /filtering_terms"
SIDE = {"granularity": "count", "whole": encode(b"w" * 32)}


async def side(world: World, question: dict[str, Any], path: str = "/federation/v1/side") -> Any:
    """What the member tells the trusted gateway; None if it says that the question's term is unknown to it."""
    body = {"nonce": encode(new_nonce(time.time())), **question}
    claims = {"question": encode(fingerprint(body)), "caller": "anonymous", "nonce": body["nonce"]}
    headers = {"Authorization": f"Bearer {world.sign(URL, claims)}"}
    answer = await world.client.post(path, json=body, headers=headers)
    if answer.status_code == 400 and UNKNOWN in answer.text:
        return None
    assert answer.status_code == 200, answer.text
    return answer.json()


def clause(case: Case, kind: str) -> dict[str, Any]:
    """A question that only the person of ``case`` meets."""
    if kind == "term":
        return {"entryType": "individual", "filters": [{"id": case.term}]}
    return {"entryType": "individual", "requestParameters": {"g_variant": allele(case)}}


def allele(case: Case) -> dict[str, Any]:
    """The one allele of ``case``."""
    return {
        "assemblyId": "GRCh38",
        "referenceName": "22",
        "start": [case.position],
        "referenceBases": "A",
        "alternateBases": "G",
    }


def variant_query(case: Case) -> str:
    given = {**allele(case), "start": case.position}
    return "&".join(f"{name}={value}" for name, value in given.items())


Sees = Callable[[World, Case], Awaitable[bool]]


def status(path: str, method: str = "GET") -> Sees:
    """Visible if the path answers 200."""

    async def sees(world: World, case: Case) -> bool:
        answer = await world.client.request(method, path.format(case=case))
        assert answer.status_code in (200, 404), answer.text
        return answer.status_code == 200

    return sees


def mentions(path: str, mark: str) -> Sees:
    """Visible if the answer contains ``mark``."""

    async def sees(world: World, case: Case) -> bool:
        answer = await world.client.get(path.format(case=case, variant=variant_query(case)))
        return mark.format(case=case) in answer.text

    return sees


def image(path: str, method: str = "GET") -> Sees:
    """Visible if the DICOMweb service answers 200."""

    async def sees(world: World, case: Case) -> bool:
        answer = await world.images.request(method, f"/dicom-web/{path.format(case=case)}")
        assert answer.status_code in (200, 404), answer.text
        return answer.status_code == 200

    return sees


def searched(path: str, mark: str) -> Sees:
    """Visible if a search of images says so."""

    async def sees(world: World, case: Case) -> bool:
        answer = await world.images.get(f"/dicom-web/{path.format(case=case)}")
        assert answer.status_code == 200, answer.text
        return mark.format(case=case) in answer.text

    return sees


def found(path: str) -> Sees:
    """Visible if a Beacon says that something exists."""

    async def sees(world: World, case: Case) -> bool:
        answer = (await world.client.get(path.format(case=case, variant=variant_query(case)))).json()
        if "error" in answer:
            assert answer["error"]["errorCode"] in (400, 404), answer
            return False
        return bool(answer["responseSummary"]["exists"])

    return sees


async def signed_url(world: World, case: Case) -> bool:
    """A byte URL that was signed while the file existed."""
    capability = Capability(case.bam, "GET", int(time.time()) + 60)
    token = Signer(bytes.fromhex(KEY)).sign(capability)
    return (await world.client.get(f"/data/{token}/x.bam")).status_code == 200


async def bulk(world: World, case: Case) -> bool:
    answer = (await world.client.post(f"{DRS}/objects", json={"bulk_object_ids": [case.bam]})).json()
    return bool(answer["resolved_drs_object"])


async def bulk_bundle(world: World, case: Case) -> bool:
    answer = (await world.client.post(f"{DRS}/objects", json={"bulk_object_ids": [case.dataset]})).json()
    return bool(answer["resolved_drs_object"])


async def manifest(world: World, case: Case) -> bool:
    """The bytes of the manifest that the data set had before it, or its person, was withdrawn."""
    rows = "".join(
        f"drs://gsa-human.localhost/{id}\t{name}\t{size}\t\t{'00' * 16}\t\t{_series(case, id)}\n"
        for id, name, size in sorted(world.files[case.dataset])
    )
    content = "\t".join(COLUMNS) + "\n" + rows
    id = f"{case.dataset}.manifest-{hashlib.sha256(content.encode()).hexdigest()[:16]}"
    token = Signer(bytes.fromhex(KEY)).sign(Capability(id, "GET", int(time.time()) + 60))
    return (await world.client.get(f"/data/{token}/manifest.tsv")).status_code == 200


def _series(case: Case, id: str) -> str:
    return f"{case.study}.1" if id.startswith("OBIF") else ""


async def bulk_access(world: World, case: Case) -> bool:
    wanted = [{"bulk_object_id": case.bam, "bulk_access_ids": ["https"]}]
    answer = (await world.client.post(f"{DRS}/objects/access", json={"bulk_object_access_ids": wanted})).json()
    return bool(answer["resolved_drs_object_access_urls"])


async def join_term(world: World, case: Case) -> bool:
    answer = await side(world, {**SIDE, "question": {"all": [clause(case, "term")], "none": []}, "partner": "obia"})
    return answer is not None and not answer["suppressed"] and len(unpack(answer["pseudonyms"])) > 0


async def join_variant(world: World, case: Case) -> bool:
    answer = await side(world, {**SIDE, "question": {"all": [clause(case, "variant")], "none": []}, "partner": "obia"})
    return not answer["suppressed"] and len(unpack(answer["pseudonyms"])) > 0


async def join_none(world: World, case: Case) -> bool:
    """Everyone less one: the count must not tell that there was somebody to take away."""
    everyone = {"entryType": "individual"}
    whole = await side(world, {**SIDE, "question": {"all": [everyone], "none": []}})
    less = await side(world, {**SIDE, "question": {"all": [everyone], "none": [clause(case, "term")]}})
    return less is not None and bool(whole.get("count", 0) != less.get("count", 0))


async def join_records(world: World, case: Case) -> bool:
    answer = await side(world, {"accessions": [case.individual]}, "/federation/v1/side/records")
    return bool(answer["records"])


PATHS: dict[str, Sees] = {
    "DRS object": status(DRS + "/objects/{case.bam}"),
    "DRS options": status(DRS + "/objects/{case.bam}", "OPTIONS"),
    "DRS access": status(DRS + "/objects/{case.bam}/access/https"),
    "DRS bulk": bulk,
    "DRS bulk access": bulk_access,
    "DRS bundle": status(DRS + "/objects/{case.dataset}"),
    "DRS bundle, expanded": mentions(DRS + "/objects/{case.dataset}?expand=true", "{case.bam}"),
    "DRS bundle, options": status(DRS + "/objects/{case.dataset}", "OPTIONS"),
    "DRS bundle, bulk": bulk_bundle,
    "DRS manifest": manifest,
    "bytes": signed_url,
    "htsget reads": status(HTSGET + "/reads/{case.bam}"),
    "htsget variants": status(HTSGET + "/variants/{case.vcf}"),
    "Beacon individual": found(BEACON + "/individuals/{case.individual}"),
    "Beacon individuals by term": found(BEACON + "/individuals?filters={case.term}"),
    "Beacon individuals by variant": found(BEACON + "/individuals?{variant}"),
    "Beacon individuals, records": mentions(BEACON + "/individuals?limit=0", "{case.individual}"),
    "Beacon individuals of the data set": mentions(
        BEACON + "/datasets/{case.dataset}/individuals?limit=0", "{case.individual}"
    ),
    "Beacon variants": found(BEACON + "/g_variants?{variant}"),
    "Beacon variants of a person": found(BEACON + "/individuals/{case.individual}/g_variants"),
    "Beacon sample": found(BEACON + "/biosamples/{case.sample}"),
    "Beacon samples": mentions(BEACON + "/biosamples?limit=0", "{case.sample}"),
    "Beacon samples of a person": found(BEACON + "/individuals/{case.individual}/biosamples"),
    "Beacon samples by origin": mentions(BEACON + "/biosamples?filters={case.tissue}", "{case.sample}"),
    "Beacon run": found(BEACON + "/runs/{case.run}"),
    "Beacon runs of a sample": found(BEACON + "/biosamples/{case.sample}/runs"),
    "Beacon analysis": found(BEACON + "/analyses/{case.analysis}"),
    "Beacon analyses of carriers": mentions(BEACON + "/analyses?limit=0&{variant}", "{case.analysis}"),
    "Beacon people of a cohort": found(BEACON + "/cohorts/{case.cohort}/individuals"),
    "Beacon variants of a cohort": found(BEACON + "/cohorts/{case.cohort}/g_variants"),
    "Beacon terms of a cohort": mentions(BEACON + "/cohorts/{case.cohort}/filtering_terms", "{case.term}"),
    "Beacon handovers": mentions(BEACON + "/individuals", "{case.bam}"),
    "Beacon terms of samples": mentions(BEACON + "/filtering_terms", "{case.tissue}"),
    "Beacon filtering terms": mentions(BEACON + "/filtering_terms", "{case.term}"),
    "DICOMweb studies": searched("studies", '"{case.study}"'),
    "DICOMweb studies of a person": searched("studies?PatientID={case.individual}", '"{case.study}"'),
    "DICOMweb series by part": searched("series?BodyPartExamined={case.body_part}", '"{case.study}.1"'),
    "DICOMweb instances": searched("instances", '"{case.study}.1.1"'),
    "DICOMweb study": image("studies/{case.study}"),
    "DICOMweb study, metadata": image("studies/{case.study}/metadata"),
    "DICOMweb study, thumbnail": image("studies/{case.study}/thumbnail"),
    "DICOMweb series of a study": image("studies/{case.study}/series"),
    "DICOMweb instances of a study": image("studies/{case.study}/instances"),
    "DICOMweb series": image("studies/{case.study}/series/{case.study}.1"),
    "DICOMweb series, metadata": image("studies/{case.study}/series/{case.study}.1/metadata"),
    "DICOMweb series, thumbnail": image("studies/{case.study}/series/{case.study}.1/thumbnail"),
    "DICOMweb instances of a series": image("studies/{case.study}/series/{case.study}.1/instances"),
    "DICOMweb instance": image("{case.image}"),
    "DICOMweb instance, metadata": image("{case.image}/metadata"),
    "DICOMweb instance, rendered": image("{case.image}/rendered"),
    "DICOMweb instance, thumbnail": image("{case.image}/thumbnail"),
    "DICOMweb frames": image("{case.image}/frames/1"),
    "DICOMweb frames, rendered": image("{case.image}/frames/1/rendered"),
    "DICOMweb bulk data": image("{case.image}/bulkdata/7FE00010"),
    "join by term": join_term,
    "join by variant": join_variant,
    "join, taken away": join_none,
    "join, records": join_records,
}
OF_DATASETS: dict[str, Sees] = {
    "Beacon data set": found(BEACON + "/datasets/{case.dataset}"),
    "Beacon data sets": mentions(BEACON + "/datasets?limit=0", "{case.dataset}"),
    "Beacon cohort": found(BEACON + "/cohorts/{case.cohort}"),
    "Beacon cohorts": mentions(BEACON + "/cohorts?limit=0", "{case.cohort}"),
    "sharing score": status("/dac/v1/datasets/{case.dataset}/sharing-score"),
    "front page": mentions("/", "{case.dataset}"),
    "page of the data set": status("/datasets/{case.dataset}"),
}


@pytest.mark.parametrize("path", PATHS)
async def test_what_does_not_exist_is_absent(world: World, path: str) -> None:
    assert await PATHS[path](world, EXISTS)
    seen = [case.state for case in ABSENT if await PATHS[path](world, case)]
    assert seen == []


@pytest.mark.parametrize("path", OF_DATASETS)
async def test_a_data_set_that_does_not_exist_is_absent(world: World, path: str) -> None:
    """A withdrawn individual leaves the data set standing, so that state is not asked here."""
    assert await OF_DATASETS[path](world, EXISTS)
    seen = [case.state for case in ABSENT[:2] if await OF_DATASETS[path](world, case)]
    assert seen == []


async def test_totals_count_only_what_exists(world: World) -> None:
    info = (await world.client.get(DRS + "/service-info")).json()
    assert info["drs"]["objectCount"] == 5
