"""htsget 1.3.0 over HTTP, row by row of the requirement checklist."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.reads import bgzf
from adapters.reads.region import Region
from tests.adapters.reads.files import Made, make_bam, make_bcf, make_cram, make_vcf, reader
from tests.node.htsget_node import BASE, CONTROLLED, GRANT, Node, payload, url
from tests.support import running

TYPE = "application/vnd.ga4gh.htsget.v1.3.0+json"
ORIGIN = "https://genome-browser.test"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Made]:
    root = tmp_path_factory.mktemp("archive")
    bam = make_bam(root, count=800)
    vcf = make_vcf(root, count=900)
    return {"bam": bam, "cram": make_cram(root, bam), "vcf": vcf, "bcf": make_bcf(root, vcf)}


@pytest.fixture
def node(made: dict[str, Made]) -> Node:
    node = Node(made["bam"].path.parent)
    for name, file in made.items():
        node.files.add_made(f"{name}-1", file)
        node.files.add_made(f"{name}-2", file, CONTROLLED)
    return node


@pytest.fixture
async def client(node: Node) -> AsyncIterator[httpx.AsyncClient]:
    async with running(node.application()) as client:
        yield client


def failure(answer: httpx.Response) -> tuple[int, str]:
    """Status and kind of an error in the shape of HTS-20."""
    body = answer.json()
    assert set(body) == {"htsget"}, body
    assert set(body["htsget"]) == {"error", "message"}
    assert body["htsget"]["message"]
    return answer.status_code, body["htsget"]["error"]


async def ticket(client: httpx.AsyncClient, path: str, **parameters: Any) -> dict[str, Any]:
    answer = await client.get(path, params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


def texts(made: Made, content: bytes, folder: Path) -> list[str]:
    path = folder / f"got.{made.format.lower()}"
    path.write_bytes(content)
    return [record.text for record in reader(made.format)(path)]


FORMATS = [("bam", "reads"), ("cram", "reads"), ("vcf", "variants"), ("bcf", "variants")]


@pytest.fixture(params=FORMATS, ids=[name for name, _ in FORMATS])
def each(request: pytest.FixtureRequest, made: dict[str, Made]) -> tuple[Made, str, str]:
    name, datatype = request.param
    return made[name], url(datatype, f"{name}-1"), name.upper()


async def test_HTS_01_whole_file(client: httpx.AsyncClient, each: tuple[Made, str, str]) -> None:
    made, path, format = each
    got = await ticket(client, path, format=format)
    assert got["htsget"]["format"] == format
    assert await payload(client, got) == made.data


async def test_HTS_01_ids_may_contain_slashes_and_service_info_is_reserved(
    client: httpx.AsyncClient, node: Node, made: dict[str, Made]
) -> None:
    for id in ("run/1/reads", "run 1%", "读段", "a?b#c", "service-info/x"):
        node.files.add_made(id, made["bam"])
        got = await ticket(client, url("reads", id), **{"class": "header"})
        assert got["htsget"]["format"] == "BAM"
    assert (await ticket(client, f"{BASE}/reads/run/1/reads"))["htsget"]["format"] == "BAM"
    node.files.add_made("service-info", made["bam"])
    assert (await ticket(client, f"{BASE}/reads/service-info"))["type"]["artifact"] == "htsget"


async def test_HTS_02_one_root_key_with_format_and_urls(client: httpx.AsyncClient, each: tuple[Made, str, str]) -> None:
    got = await ticket(client, each[1], format=each[2], referenceName="chr1", start=20_000, end=30_000)
    assert set(got) == {"htsget"}
    assert set(got["htsget"]) == {"format", "urls"}
    assert got["htsget"]["urls"]


@pytest.mark.parametrize("accept", ["*/*", "application/json", TYPE, f"{TYPE}; charset=utf-8", "text/html"])
async def test_HTS_03_content_type(client: httpx.AsyncClient, accept: str) -> None:
    answer = await client.get(url("reads", "bam-1"), headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == f"{TYPE}; charset=utf-8"


async def test_HTS_04_format_in_any_case_and_by_default(client: httpx.AsyncClient) -> None:
    assert (await ticket(client, url("reads", "bam-1")))["htsget"]["format"] == "BAM"
    assert (await ticket(client, url("variants", "vcf-1")))["htsget"]["format"] == "VCF"
    assert (await ticket(client, url("reads", "cram-1"), format="cRaM"))["htsget"]["format"] == "CRAM"
    posted = await client.post(url("reads", "bam-1"), json={"format": "bam"})
    assert posted.json()["htsget"]["format"] == "BAM"


@pytest.mark.parametrize(
    ("path", "format"),
    [
        ("reads/bam-1", "VCF"),
        ("reads/bam-1", "SAM"),
        ("reads/bam-1", ""),
        ("reads/bam-1", "CRAM"),
        ("reads/cram-1", None),
        ("variants/vcf-1", "BAM"),
        ("variants/bcf-1", "VCF"),
    ],
)
async def test_HTS_04_other_formats_are_unsupported(client: httpx.AsyncClient, path: str, format: str | None) -> None:
    parameters = {} if format is None else {"format": format}
    assert failure(await client.get(f"{BASE}/{path}", params=parameters)) == (400, "UnsupportedFormat")
    assert failure(await client.post(f"{BASE}/{path}", json=parameters)) == (400, "UnsupportedFormat")


INVALID = [
    ("HTS-05 class with a region", "class=header&referenceName=chr1"),
    ("HTS-05 class with start", "class=header&start=1"),
    ("HTS-05 class with tags", "class=header&tags="),
    ("HTS-05 class with fields", "class=header&fields=QNAME"),
    ("HTS-05 class body", "class=body"),
    ("HTS-05 class empty", "class="),
    ("HTS-05 class in capitals", "class=HEADER"),
    ("HTS-06 start alone", "start=1"),
    ("HTS-06 end alone", "end=1"),
    ("HTS-06 star with start", "referenceName=*&start=0"),
    ("HTS-06 star with end", "referenceName=*&end=10"),
    ("HTS-09 negative", "referenceName=chr1&start=-1"),
    ("HTS-09 text", "referenceName=chr1&start=one"),
    ("HTS-09 empty", "referenceName=chr1&start="),
    ("HTS-09 fraction", "referenceName=chr1&start=1.0"),
    ("HTS-09 exponent", "referenceName=chr1&end=1e3"),
    ("HTS-09 sign", "referenceName=chr1&start=%2B1"),
    ("HTS-09 underscore", "referenceName=chr1&start=1_0"),
    ("HTS-09 other digits", "referenceName=chr1&start=%D9%A1"),
    ("HTS-09 33 bits", "referenceName=chr1&end=4294967296"),
    ("HTS-09 65 bits", "referenceName=chr1&end=18446744073709551617"),
    ("HTS-09 a million digits", f"referenceName=chr1&start={'9' * 10_000}"),
    ("HTS-09 twice", "referenceName=chr1&start=1&start=2"),
    ("HTS-10 unknown field", "fields=QNAME,COLOUR"),
    ("HTS-10 lower case", "fields=qname"),
    ("HTS-11 tag on both lists", "tags=NM,MD&notags=OQ,MD"),
]


@pytest.mark.parametrize("query", [query for _, query in INVALID], ids=[name for name, _ in INVALID])
async def test_HTS_05_06_09_10_11_invalid_input(client: httpx.AsyncClient, query: str) -> None:
    assert failure(await client.get(f"{url('reads', 'bam-1')}?{query}")) == (400, "InvalidInput")


async def test_HTS_05_header_alone(client: httpx.AsyncClient, each: tuple[Made, str, str], tmp_path: Path) -> None:
    made, path, format = each
    got = await ticket(client, path, format=format, **{"class": "header"})
    assert {part["class"] for part in got["htsget"]["urls"]} == {"header"}
    assert texts(made, await payload(client, got), tmp_path) == []


async def test_HTS_07_get_start_after_end_is_invalid_range_and_equal_is_not(client: httpx.AsyncClient) -> None:
    region = {"referenceName": "chr1", "start": 100}
    assert failure(await client.get(url("reads", "bam-1"), params=region | {"end": 99})) == (400, "InvalidRange")
    assert (await client.get(url("reads", "bam-1"), params=region | {"end": 100})).status_code == 200


@pytest.mark.parametrize("end", [99, 100])
async def test_HTS_07_post_start_at_or_after_end_is_invalid_range(client: httpx.AsyncClient, end: int) -> None:
    body = {"regions": [{"referenceName": "chr1", "start": 100, "end": end}]}
    assert failure(await client.post(url("reads", "bam-1"), json=body)) == (400, "InvalidRange")


async def test_HTS_08_unknown_reference_is_not_found(client: httpx.AsyncClient, each: tuple[Made, str, str]) -> None:
    _, path, format = each
    for name in ("chr77", "CHR1", "1", ""):
        answer = await client.get(path, params={"format": format, "referenceName": name})
        assert failure(answer) == (404, "NotFound")


async def test_HTS_08_star_gives_unplaced_reads_and_only_of_reads(
    client: httpx.AsyncClient, made: dict[str, Made], tmp_path: Path
) -> None:
    got = await ticket(client, url("reads", "bam-1"), referenceName="*")
    wanted = [record.text for record in made["bam"].records if record.reference is None]
    assert texts(made["bam"], await payload(client, got), tmp_path) == wanted
    answer = await client.get(url("variants", "vcf-1"), params={"referenceName": "*"})
    assert failure(answer) == (404, "NotFound")


async def test_HTS_09_largest_position(client: httpx.AsyncClient) -> None:
    got = await ticket(client, url("reads", "bam-1"), referenceName="chr1", start=0, end=4_294_967_295)
    assert got["htsget"]["urls"]


async def test_HTS_10_and_11_fields_and_tags_may_give_more(
    client: httpx.AsyncClient, made: dict[str, Made], tmp_path: Path
) -> None:
    got = await ticket(client, url("reads", "bam-1"), fields="QNAME,POS", tags="", notags="NM")
    assert await payload(client, got) == made["bam"].data


async def test_HTS_12_post_takes_no_parameters_in_the_url(client: httpx.AsyncClient) -> None:
    for query in ("format=BAM", "x=", "referenceName=chr1"):
        assert failure(await client.post(f"{url('reads', 'bam-1')}?{query}", json={})) == (400, "InvalidInput")


@pytest.mark.parametrize("key", ["referenceName", "start", "end", "region"])
async def test_HTS_12_region_keys_belong_in_regions(client: httpx.AsyncClient, key: str) -> None:
    body = {key: 1, "regions": [{"referenceName": "chr1"}]}
    assert failure(await client.post(url("reads", "bam-1"), json=body)) == (400, "InvalidInput")


MALFORMED: list[Any] = [
    {"regions": []},
    {"regions": None},
    {"regions": {}},
    {"regions": "chr1"},
    {"regions": ["chr1"]},
    {"regions": [{}]},
    {"regions": [{"start": 1, "end": 2}]},
    {"regions": [{"referenceName": None}]},
    {"regions": [{"referenceName": 1}]},
    {"regions": [{"referenceName": "chr1", "start": -1}]},
    {"regions": [{"referenceName": "chr1", "start": "1"}]},
    {"regions": [{"referenceName": "chr1", "start": True}]},
    {"regions": [{"referenceName": "chr1", "start": None}]},
    {"regions": [{"referenceName": "chr1", "end": 1.5}]},
    {"regions": [{"referenceName": "chr1", "end": 2**32}]},
    {"regions": [{"referenceName": "chr1", "end": 2**70}]},
    {"regions": [{"referenceName": "*", "start": 1}]},
    {"regions": [{"referenceName": "chr1", "stop": 1}]},
    {"class": "header", "regions": [{"referenceName": "chr1"}]},
    {"class": "body"},
    {"class": 1},
    {"format": 1},
    {"fields": "QNAME"},
    {"fields": ["COLOUR"]},
    {"tags": ["NM"], "notags": ["NM"]},
    {"tags": "NM"},
    [],
    "regions",
    17,
]


@pytest.mark.parametrize("body", MALFORMED, ids=[str(body)[:60] for body in MALFORMED])
async def test_HTS_13_malformed_bodies(client: httpx.AsyncClient, body: Any) -> None:
    assert failure(await client.post(url("reads", "bam-1"), json=body)) == (400, "InvalidInput")


async def test_HTS_13_not_json(client: httpx.AsyncClient) -> None:
    for content in (b"{", b'{"regions": [', b"\xff\xfe", b"[" * 100_000):
        answer = await client.post(url("reads", "bam-1"), content=content, headers={"Content-Type": "application/json"})
        assert failure(answer) == (400, "InvalidInput")


async def test_HTS_13_without_regions_or_body_the_whole_file(client: httpx.AsyncClient, made: dict[str, Made]) -> None:
    for asked in ({"json": {}}, {"json": {"format": "BAM"}}, {}):
        answer = await client.post(url("reads", "bam-1"), **asked)
        assert await payload(client, answer.json()) == made["bam"].data


async def test_HTS_13_a_body_sent_in_chunks_is_read(client: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b'{"regions": [{"referenceName":'
        yield b'"chr77"}]}'

    answer = await client.post(url("reads", "bam-1"), content=chunks(), headers={"Content-Type": "application/json"})
    assert failure(answer) == (404, "NotFound")


async def test_HTS_14_several_regions_in_file_order_each_record_once(
    client: httpx.AsyncClient, each: tuple[Made, str, str], tmp_path: Path
) -> None:
    made, path, format = each
    regions = [
        {"referenceName": "chr2", "start": 1000, "end": 60_000},
        {"referenceName": "chr1", "start": 20_000, "end": 20_500},
        {"referenceName": "chr1", "start": 20_100, "end": 40_000},
        {"referenceName": "empty"},
    ]
    answer = await client.post(path, json={"format": format.lower(), "regions": regions})
    got = texts(made, await payload(client, answer.json()), tmp_path)
    asked = [Region(region["referenceName"], region.get("start", 0), region.get("end")) for region in regions]  # type: ignore[arg-type]
    wanted = {record.text for record in made.records if any(record.overlaps(region) for region in asked)}
    order = [record.text for record in made.records]
    assert wanted <= set(got)
    assert got == [text for text in order if text in set(got)]


async def test_HTS_15_too_many_regions(client: httpx.AsyncClient) -> None:
    body = {"regions": [{"referenceName": "chr1"}] * 10_001}
    assert failure(await client.post(url("reads", "bam-1"), json=body)) == (413, "PayloadTooLarge")
    assert (await client.post(url("reads", "bam-1"), json={"regions": body["regions"][1:]})).status_code == 200


async def test_HTS_16_nothing_found_is_a_file_without_records(
    client: httpx.AsyncClient, each: tuple[Made, str, str], tmp_path: Path
) -> None:
    made, path, format = each
    for region in ({"referenceName": "empty"}, {"referenceName": "chr1", "start": 399_990, "end": 4_000_000_000}):
        got = await ticket(client, path, format=format, **region)
        content = await payload(client, got)
        assert texts(made, content, tmp_path) == []
        assert format == "CRAM" or content.endswith(bgzf.EOF)


@pytest.mark.parametrize("name", ["bam", "vcf"])
async def test_HTS_20_and_30_controlled_files(client: httpx.AsyncClient, node: Node, name: str) -> None:
    datatype = "reads" if name == "bam" else "variants"
    path = url(datatype, f"{name}-2")
    anonymous = await client.get(path)
    assert failure(anonymous) == (401, "InvalidAuthentication")
    assert anonymous.headers["www-authenticate"].startswith("Bearer")
    bad = await client.get(path, headers={"Authorization": "Bearer forged"})
    assert failure(bad) == (401, "InvalidAuthentication")
    stranger = await client.get(path, headers={"Authorization": "Bearer stranger"})
    assert failure(stranger) == (403, "PermissionDenied")
    assert "HRA000002" in stranger.json()["htsget"]["message"]
    granted = await client.get(path, headers={"Authorization": "Bearer granted"})
    assert granted.status_code == 200
    node.in_force.discard(GRANT)
    revoked = await client.get(path, headers={"Authorization": "Bearer granted"})
    assert failure(revoked) == (403, "PermissionDenied")


async def test_HTS_20_refusals_do_not_depend_on_the_question(client: httpx.AsyncClient) -> None:
    """Nobody learns the references or the format of a controlled file from its errors."""
    for query in ("", "?referenceName=chr1", "?referenceName=chr77", "?format=CRAM", "?class=header"):
        assert failure(await client.get(url("reads", "bam-2") + query))[0] == 401
        answer = await client.get(url("reads", "bam-2") + query, headers={"Authorization": "Bearer stranger"})
        assert failure(answer)[0] == 403


@pytest.mark.parametrize(
    "path",
    [
        "reads/none",
        "variants/none",
        "reads/vcf-1",
        "variants/bam-1",
        "reads/bam-1.index",
        "reads/bam-1.bai",
        "reads/x.CSI",
        "variants/x.tbi",
        "reads/x.crai",
        "reads/..%2F..%2Fetc%2Fpasswd",
        "reads/a%00b",
        "reads/" + "x" * 10_000,
        "reads/",
        "reads",
        "variants",
        "nothing/bam-1",
        "",
    ],
)
async def test_HTS_20_not_found_in_its_shape(client: httpx.AsyncClient, path: str) -> None:
    assert failure(await client.get(f"{BASE}/{path}")) == (404, "NotFound")


async def test_HTS_20_index_ids_are_not_found_even_if_registered(
    client: httpx.AsyncClient, node: Node, made: dict[str, Made]
) -> None:
    node.files.add("odd.bai", made["bam"].path, "BAM")
    assert failure(await client.get(url("reads", "odd.bai"))) == (404, "NotFound")


async def test_HTS_20_framework_errors_wear_the_shape(client: httpx.AsyncClient) -> None:
    assert failure(await client.delete(url("reads", "bam-1"))) == (405, "InvalidInput")
    answer = await client.post(url("reads", "bam-1"), content=b"x", headers={"Content-Type": "text/plain"})
    assert failure(answer) == (415, "InvalidInput")


@pytest.mark.parametrize("query", ["", "?format=SAM", "?start=-1"])
async def test_HTS_31_origin_is_echoed_on_answers_and_errors(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(url("reads", "bam-1") + query, headers={"Origin": ORIGIN})
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert "origin" in answer.headers["vary"].lower()


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_HTS_31_preflight(client: httpx.AsyncClient, method: str) -> None:
    headers = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization, x-anything",
    }
    answer = await client.options(url("reads", "bam-2"), headers=headers)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert method in answer.headers["access-control-allow-methods"]
    assert {"authorization", "x-anything"} <= set(re.split(r",\s*", answer.headers["access-control-allow-headers"]))
    assert answer.headers["access-control-max-age"] == "2592000"


async def test_HTS_40_urls_are_https_or_base64_data(client: httpx.AsyncClient, each: tuple[Made, str, str]) -> None:
    got = await ticket(client, each[1], format=each[2], referenceName="chr1", start=1000, end=300_000)
    for part in got["htsget"]["urls"]:
        assert re.match(r"https://|data:;base64,[A-Za-z0-9+/]+={0,2}$", part["url"]), part["url"][:80]


async def test_HTS_41_class_on_all_or_none(client: httpx.AsyncClient, each: tuple[Made, str, str]) -> None:
    _, path, format = each
    for region in ({}, {"referenceName": "chr1", "start": 1000, "end": 300_000}, {"referenceName": "empty"}):
        got = await ticket(client, path, format=format, **region)
        assert len({"class" in part for part in got["htsget"]["urls"]}) == 1


async def test_HTS_42_concatenation_is_one_valid_file(
    client: httpx.AsyncClient, each: tuple[Made, str, str], tmp_path: Path
) -> None:
    made, path, format = each
    region = Region("chr1", 20_000, 25_000)
    got = await ticket(client, path, format=format, referenceName="chr1", start=20_000, end=25_000)
    content = await payload(client, got)
    assert format == "CRAM" or content.count(bgzf.EOF) == 1
    assert set(texts(made, content, tmp_path)) >= {record.text for record in made.records if record.overlaps(region)}


async def test_HTS_43_and_44_urls_need_no_header_and_carry_no_bearer_token(client: httpx.AsyncClient) -> None:
    parameters = {"referenceName": "chr1", "start": "1000", "end": "300000"}
    answer = await client.get(url("reads", "bam-2"), params=parameters, headers={"Authorization": "Bearer granted"})
    assert "granted" not in answer.text
    assert all("headers" not in part for part in answer.json()["htsget"]["urls"])
    assert (await payload(client, answer.json())).endswith(bgzf.EOF)


async def test_HTS_45_block_urls_answer_with_length_range_and_cors(client: httpx.AsyncClient) -> None:
    got = await ticket(client, url("reads", "bam-1"), referenceName="chr1", start=1000, end=300_000)
    block = next(part["url"] for part in got["htsget"]["urls"] if part["url"].startswith("https:"))
    whole = await client.get(block, headers={"Origin": ORIGIN})
    assert int(whole.headers["content-length"]) == len(whole.content) > 0
    assert whole.headers["access-control-allow-origin"] == ORIGIN
    part = await client.get(block, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, whole.content[10:20])


@pytest.mark.parametrize(("datatype", "formats"), [("reads", ["BAM", "CRAM"]), ("variants", ["VCF", "BCF"])])
async def test_HTS_50_service_info_tells_the_truth(
    client: httpx.AsyncClient, datatype: str, formats: list[str]
) -> None:
    info = await ticket(client, f"{BASE}/{datatype}/service-info")
    assert info["type"] == {"group": "org.ga4gh", "artifact": "htsget", "version": "1.3.0"}
    assert info["htsget"] == {
        "datatype": datatype,
        "formats": formats,
        "fieldsParameterEffective": False,
        "tagsParametersEffective": False,
    }
    assert info["organization"]["url"].startswith("https://")


async def test_HTS_51_reads_and_variants_are_two_services(client: httpx.AsyncClient) -> None:
    ids = {(await ticket(client, f"{BASE}/{datatype}/service-info"))["id"] for datatype in ("reads", "variants")}
    assert len(ids) == 2


async def test_SUI_03_unknown_parameters_of_a_get_are_passed_over(client: httpx.AsyncClient) -> None:
    assert (await client.get(url("reads", "bam-1"), params={"encryptionScheme": "c4gh"})).status_code == 200
