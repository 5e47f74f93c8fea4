"""DICOMweb over real files: what is searched for and retrieved is what pydicom reads from the files themselves."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.encaps import generate_frames
from sqlalchemy import Engine, update

from adapters.catalog.engine import connect, writing
from adapters.catalog.models import Dataset, File, Individual
from tests.node.dicomweb_node import BASE, GRANT, PACKAGED, SLICES, Node, packaged, parts, path_of
from tests.support import running

GRANTED = {"Authorization": "Bearer granted"}
STRANGER = {"Authorization": "Bearer stranger"}
PADDING = 0xFFFCFFFC
HIDDEN = "1.2.3.2"  # the controlled study
RAW = {"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}
EXPLICIT = {"Accept": 'multipart/related; type="application/dicom"'}
OCTETS = {"Accept": 'multipart/related; type="application/octet-stream"'}

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")


@pytest.fixture(scope="module")
def shared_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node that no test changes."""
    folder = tmp_path_factory.mktemp("dicomweb")
    engine = connect(f"sqlite:///{folder}/catalog.db")
    yield _withdrawn(Node(engine, folder / "archive"))
    engine.dispose()


def _withdrawn(node: Node) -> Node:
    with writing(node.engine).begin() as connection:
        gone = update(Dataset).where(Dataset.accession == "OBIA000004")
        connection.execute(gone.values(withdrawn_at=dt.datetime.now(dt.UTC)))
    return node


@pytest.fixture
async def client(shared_node: Node) -> AsyncIterator[httpx.AsyncClient]:
    async with running(shared_node.application()) as opened:
        yield opened


def files(node: Node) -> dict[str, Path]:
    """Every file of the open collection, by SOP Instance UID."""
    return {str(packaged(name).SOPInstanceUID): node.root / "open" / name for name in PACKAGED}


def plain(row: dict[str, Any], tag: str) -> Any:
    """The first value of an attribute of an answer; None if it has none."""
    value = row.get(tag, {}).get("Value", [None])[0]
    return value["Alphabetic"] if isinstance(value, dict) else value


async def test_search_shows_what_the_caller_may_have(client: httpx.AsyncClient) -> None:
    everyone = {plain(row, "0020000D") for row in (await client.get(f"{BASE}/studies")).json()}
    assert everyone == {str(packaged(name).StudyInstanceUID) for name in PACKAGED}
    for headers, more in ((GRANTED, {HIDDEN}), (STRANGER, set())):
        answer = await client.get(f"{BASE}/studies", headers=headers)
        assert {plain(row, "0020000D") for row in answer.json()} == everyone | more
    assert (await client.get(f"{BASE}/studies", headers={"Authorization": "Bearer x"})).status_code == 401


async def test_search_counts_and_describes(client: httpx.AsyncClient) -> None:
    (row,) = (await client.get(f"{BASE}/studies?StudyInstanceUID={HIDDEN}", headers=GRANTED)).json()
    person = plain(row, "00100020")
    assert person.startswith("OBII")
    assert {tag: plain(row, tag) for tag in row} == {
        "00080020": "20200131",
        "00080030": plain(row, "00080030"),
        "00080050": None,
        "00080056": "ONLINE",
        "00080061": "PT",
        "00080090": None,
        "00081030": "e+1",
        "00081190": f"https://node.test{BASE}/studies/{HIDDEN}",
        "00100010": person,
        "00100020": person,
        "00100030": None,
        "00100040": "F",
        "0020000D": HIDDEN,
        "00200010": None,
        "00201206": 1,
        "00201208": SLICES,
    }
    (series,) = (await client.get(f"{BASE}/studies/{HIDDEN}/series", headers=GRANTED)).json()
    assert (plain(series, "00080060"), plain(series, "00201209")) == ("PT", SLICES)
    instances = (await client.get(f"{BASE}/studies/{HIDDEN}/series/{HIDDEN}.1/instances", headers=GRANTED)).json()
    assert [(plain(row, "00080018"), plain(row, "00200013")) for row in instances] == [
        (f"{HIDDEN}.1.{number}", number) for number in range(1, SLICES + 1)
    ]


QUERIES: dict[str, Callable[[pydicom.Dataset], bool]] = {
    "Modality=CT": lambda d: d.Modality == "CT",
    "00080060=MR": lambda d: d.Modality == "MR",
    "SOPClassUID=1.2.840.10008.5.1.4.1.1.481.2": lambda d: str(d.SOPClassUID).endswith("481.2"),
    "Rows=10": lambda d: d.get("Rows") == 10,
    "StudyDate=20040119": lambda d: d.get("StudyDate") == "20040119",
    "StudyDate=20040101-20041231": lambda d: "20040101" <= d.get("StudyDate", "") <= "20041231",
    "StudyDate=-20040826": lambda d: "" < d.get("StudyDate", "") <= "20040826",
    "StudyDate=20040827-": lambda d: d.get("StudyDate", "") >= "20040827",
    "Manufacturer=*GE*": lambda d: "ge" in str(d.get("Manufacturer", "")).lower(),
    "Manufacturer=%": lambda d: d.get("Manufacturer") == "%",
    "StudyDescription=?%2B?": lambda d: str(d.get("StudyDescription", ""))[1:2] == "+",
    "AccessionNumber=1": lambda d: False,
    "PatientID=nobody": lambda d: False,
    "ModalitiesInStudy=CT,MR": lambda d: d.Modality in {"CT", "MR"},
    "PatientSex=O&Modality=CT": lambda d: d.get("PatientSex") == "O" and d.Modality == "CT",
    "Modality=*&includefield=all&includefield=00081030": lambda d: True,
}


@pytest.mark.parametrize("query", QUERIES)
async def test_search_finds_what_the_files_say(client: httpx.AsyncClient, query: str) -> None:
    """The oracle reads every file anew."""
    expected = {str(packaged(name).SOPInstanceUID) for name in PACKAGED if QUERIES[query](packaged(name))}
    answer = await client.get(f"{BASE}/instances?{query}")
    assert answer.status_code == 200, answer.text
    assert {plain(row, "00080018") for row in answer.json()} == expected


def test_the_queries_find_something() -> None:
    silent = {query for query, test in QUERIES.items() if not any(test(packaged(name)) for name in PACKAGED)}
    assert silent == {"AccessionNumber=1", "PatientID=nobody", "Manufacturer=%", "PatientSex=O&Modality=CT"} & silent


async def test_pages_cover_everything_once(client: httpx.AsyncClient) -> None:
    seen: list[str] = []
    for offset in range(0, 12, 2):
        answer = await client.get(f"{BASE}/instances?limit=2&offset={offset}")
        seen += [plain(row, "00080018") for row in answer.json()]
        assert ("Warning" in answer.headers) is (offset + 2 < len(PACKAGED))
    assert sorted(seen) == sorted(str(packaged(name).SOPInstanceUID) for name in PACKAGED)
    fuzzy = await client.get(f"{BASE}/studies?fuzzymatching=true&PatientName=x")
    assert "fuzzymatching" in fuzzy.headers["warning"]


BAD = {
    "/studies?limit=-1": 400,
    "/studies?limit=many": 400,
    "/studies?StudyDate=2004": 400,
    "/studies?StudyDate=20040230": 400,
    "/studies?StudyDate=-": 400,
    "/studies?Colour=red": 400,
    "/studies?Modality=CT": 400,
    "/series?InstanceNumber=1": 400,
    "/instances?Rows=wide": 400,
    "/studies?includefield=a;b": 400,
    f"/studies?PatientID={'x' * 2000}": 400,
    "/studies?PatientID=%00": 400,
    "/studies/1.2.3/series": 404,
    "/studies/9.9.9": 404,
    "/studies/9.9.9/metadata": 404,
    "/nothing": 404,
}


@pytest.mark.parametrize("path", BAD)
async def test_bad_requests_are_told_what_is_allowed(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(BASE + path)
    assert answer.status_code == BAD[path]
    assert answer.json()["status"] == BAD[path]
    assert answer.json()["message"]


@pytest.mark.parametrize("name", PACKAGED)
async def test_an_object_leaves_as_it_is_stored(client: httpx.AsyncClient, shared_node: Node, name: str) -> None:
    stored = (shared_node.root / "open" / name).read_bytes()
    syntax = packaged(name).file_meta.TransferSyntaxUID
    ((head, content),) = parts(await client.get(path_of(name), headers=RAW))
    assert content == stored
    assert head["Content-Type"] == f"application/dicom; transfer-syntax={syntax}"
    assert head["Content-Location"] == f"https://node.test{path_of(name)}"
    ((_, content),) = parts(await client.get(path_of(name)))  # no Accept header
    assert content == stored
    single = await client.get(path_of(name), headers={"Accept": "application/dicom; transfer-syntax=*"})
    assert single.content == stored
    assert single.headers["content-length"] == str(len(stored))


@pytest.mark.parametrize("name", [name for name in PACKAGED if name != "SC_rgb_jpeg_gdcm.dcm"])
async def test_without_a_syntax_objects_are_explicit_little_endian(client: httpx.AsyncClient, name: str) -> None:
    """PS3.18 8.7.3.5.2; the pixels are those that pydicom decodes."""
    ((head, content),) = parts(await client.get(path_of(name), headers=EXPLICIT))
    assert head["Content-Type"].endswith("transfer-syntax=1.2.840.10008.1.2.1")
    got, original = pydicom.dcmread(io.BytesIO(content)), packaged(name)
    assert got.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    assert got.SOPInstanceUID == original.SOPInstanceUID
    if "PixelData" in original:
        assert np.array_equal(got.pixel_array, original.pixel_array)


async def test_what_cannot_be_given_is_406(client: httpx.AsyncClient) -> None:
    lossless = path_of("SC_rgb_jpeg_gdcm.dcm")
    asked = [
        (lossless, EXPLICIT["Accept"]),
        (lossless.rsplit("/instances", 1)[0], EXPLICIT["Accept"]),
        (
            path_of("CT_small.dcm"),
            'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.4.90',
        ),
        (path_of("CT_small.dcm"), "text/html"),
        (path_of("CT_small.dcm") + "/metadata", "application/dicom+xml"),
        (f"{BASE}/studies", "text/html"),
        (f"{BASE}/studies?accept=application/dicom%2Bxml", "application/dicom+json"),
        (f"{BASE}/series", 'multipart/related; type="application/dicom+xml"'),
        (path_of("CT_small.dcm") + "/frames/1", "image/jpeg"),
        (path_of("CT_small.dcm") + "/rendered", "image/gif"),
        (lossless + "/rendered", "image/jpeg"),
    ]
    for path, accept in asked:
        answer = await client.get(path, headers={"Accept": accept})
        assert answer.status_code == 406, (path, accept, answer.text)
        assert answer.json()["message"]


async def test_a_series_in_parts_and_as_a_zip(client: httpx.AsyncClient, shared_node: Node) -> None:
    stored = [(shared_node.root / "controlled" / f"{n}.dcm").read_bytes() for n in range(1, SLICES + 1)]
    for path in (f"{BASE}/studies/{HIDDEN}", f"{BASE}/studies/{HIDDEN}/series/{HIDDEN}.1"):
        answer = await client.get(path, headers={**GRANTED, **RAW})
        assert [content for _, content in parts(answer)] == stored
        answer = await client.get(path, headers={**GRANTED, "Accept": "application/zip"})
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            assert archive.testzip() is None
            assert [archive.read(name) for name in archive.namelist()] == stored
            assert archive.namelist()[0] == f"{HIDDEN}.1/{HIDDEN}.1.1.dcm"


@pytest.mark.parametrize("name", PACKAGED)
async def test_metadata_is_the_data_set(client: httpx.AsyncClient, name: str) -> None:
    (shown,) = (await client.get(path_of(name) + "/metadata")).json()
    fetched = {}
    for tag, element in shown.items():
        if "BulkDataURI" in element and tag != "7FE00010":
            ((_, content),) = parts(await client.get(element["BulkDataURI"].removeprefix("https://node.test")))
            fetched[tag] = content
    got = pydicom.Dataset.from_json(shown, lambda tag, vr, uri: b"")
    original = [element for element in packaged(name) if element.tag != PADDING]  # stands behind the pixels
    assert list(got.keys()) == [element.tag for element in original]
    for element in original:
        tag = f"{int(element.tag):08X}"
        if tag in fetched:
            assert fetched[tag] == element.value
        elif tag != "7FE00010":
            assert got[element.tag].to_json_dict(None, 0) == element.to_json_dict(None, 0)


async def test_bulk_pixel_data(client: httpx.AsyncClient) -> None:
    ct = packaged("CT_small.dcm")
    ((head, content),) = parts(await client.get(path_of("CT_small.dcm") + "/bulkdata/7FE00010"))
    assert head["Content-Type"] == "application/octet-stream"
    assert content == ct.PixelData
    found = parts(await client.get(path_of("examples_ybr_color.dcm") + "/bulkdata/7FE00010"))
    assert [content for _, content in found] == list(generate_frames(packaged("examples_ybr_color.dcm").PixelData))
    assert (await client.get(path_of("CT_small.dcm") + "/bulkdata/00100010")).status_code == 404
    assert (await client.get(path_of("CT_small.dcm") + "/bulkdata/patient")).status_code == 404


async def test_frames(client: httpx.AsyncClient) -> None:
    dose = packaged("rtdose.dcm")
    size = len(dose.PixelData) // 15
    found = parts(await client.get(path_of("rtdose.dcm") + "/frames/1,15,2", headers=OCTETS))
    expected = [dose.PixelData[size * n : size * (n + 1)] for n in (0, 14, 1)]
    assert [content for _, content in found] == expected
    stored = list(generate_frames(packaged("examples_ybr_color.dcm").PixelData))
    found = parts(await client.get(path_of("examples_ybr_color.dcm") + "/frames/30,1"))
    assert [content for _, content in found] == [stored[29], stored[0]]
    assert found[0][0]["Content-Type"] == "image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50"
    found = parts(await client.get(path_of("MR_small_RLE.dcm") + "/frames/1", headers=OCTETS))
    assert found[0][1] == packaged("MR_small_RLE.dcm").pixel_array.astype("<i2").tobytes()
    for frames, status in (("16", 404), ("0", 400), ("1,", 400), ("one", 400), ("1-2", 400)):
        assert (await client.get(path_of("rtdose.dcm") + f"/frames/{frames}")).status_code == status
    assert (await client.get(path_of("reportsi.dcm") + "/frames/1")).status_code == 404


@pytest.mark.parametrize("name", ["CT_small.dcm", "examples_palette.dcm", "JPEG2000.dcm", "examples_ybr_color.dcm"])
async def test_pictures(client: httpx.AsyncClient, name: str) -> None:
    data = packaged(name)
    for accept, kind in (("image/jpeg", "JPEG"), ("image/png", "PNG")):
        answer = await client.get(path_of(name) + "/rendered", headers={"Accept": accept})
        picture = Image.open(io.BytesIO(answer.content))
        assert (picture.format, picture.size) == (kind, (data.Columns, data.Rows))
        assert np.asarray(picture).std() > 5  # there is something to see
    small = await client.get(path_of(name) + "/thumbnail")
    assert max(Image.open(io.BytesIO(small.content)).size) <= 128
    scaled = await client.get(path_of(name) + "/rendered?viewport=64,64", headers={"Accept": "image/png"})
    assert max(Image.open(io.BytesIO(scaled.content)).size) == 64


WRONG_VIEWS = ("window=1", "window=1,0", "window=a,b", "window=1,2,cubic", "viewport=0,5", "viewport=9", "quality=0")


async def test_a_window_is_linear(client: httpx.AsyncClient) -> None:
    """Values at and below the lower edge are black, at and above the upper white, in the middle grey."""
    headers = {"Accept": "image/png"}
    answer = await client.get(path_of("CT_small.dcm") + "/rendered?window=40,400", headers=headers)
    shown = np.asarray(Image.open(io.BytesIO(answer.content))).astype(int)
    ct = packaged("CT_small.dcm")
    values = ct.pixel_array * float(ct.RescaleSlope) + float(ct.RescaleIntercept)
    assert np.abs(shown - np.clip((values + 160) / 400, 0, 1) * 255).max() <= 1.01
    for wrong in (
        "window=1",
        "window=1,0",
        "window=a,b",
        "window=1,2,cubic",
        "viewport=0,5",
        "viewport=9",
        "quality=0",
    ):
        assert (await client.get(path_of("CT_small.dcm") + f"/rendered?{wrong}")).status_code == 400


EVERY_PATH = [
    f"/studies/{{0}}{below}"
    for below in (
        "",
        "/metadata",
        "/thumbnail",
        "/series",
        "/instances",
        "/series/{0}.1",
        "/series/{0}.1/metadata",
        "/series/{0}.1/thumbnail",
        "/series/{0}.1/instances",
        "/series/{0}.1/instances/{0}.1.1",
        "/series/{0}.1/instances/{0}.1.1/metadata",
        "/series/{0}.1/instances/{0}.1.1/rendered",
        "/series/{0}.1/instances/{0}.1.1/thumbnail",
        "/series/{0}.1/instances/{0}.1.1/frames/1",
        "/series/{0}.1/instances/{0}.1.1/frames/1/rendered",
        "/series/{0}.1/instances/{0}.1.1/bulkdata/7FE00010",
    )
]


@pytest.mark.parametrize("path", EVERY_PATH)
async def test_every_path_asks_the_policy(client: httpx.AsyncClient, path: str) -> None:
    hidden = BASE + path.format(HIDDEN)
    anonymous = await client.get(hidden)
    assert anonymous.status_code == 401
    assert "access is requested at https://node.test/datasets/OBIA000002" in anonymous.json()["message"]
    assert "WWW-Authenticate" in anonymous.headers
    assert (await client.get(hidden, headers=STRANGER)).status_code == 403
    assert (await client.get(hidden, headers=GRANTED)).status_code == 200
    for absent in ("1.2.3.3", "1.2.3.4", "1.2.3.5"):  # not released, withdrawn, never there: all alike
        answer = await client.get(BASE + path.format(absent), headers=GRANTED)
        assert answer.status_code == 404
        assert absent in answer.json()["message"]


async def test_a_revoked_grant_ends_at_the_next_request(client: httpx.AsyncClient, shared_node: Node) -> None:
    path = f"{BASE}/studies/{HIDDEN}/series/{HIDDEN}.1/instances/{HIDDEN}.1.1"
    assert (await client.get(path, headers=GRANTED)).status_code == 200
    shared_node.in_force.clear()
    try:
        assert (await client.get(path, headers=GRANTED)).status_code == 403
        assert (await client.get(f"{BASE}/studies?StudyInstanceUID={HIDDEN}", headers=GRANTED)).json() == []
    finally:
        shared_node.in_force.add(GRANT)


async def test_withdrawn_people_and_quarantined_files_are_absent(engine: Engine, tmp_path: Path) -> None:
    """On both databases: counts, searches and retrieval follow at once."""
    node = Node(engine, tmp_path / "archive")
    series = f"{BASE}/studies/{HIDDEN}/series/{HIDDEN}.1"
    async with running(node.application()) as client:
        with writing(engine).begin() as connection:
            connection.execute(update(File).where(File.instance == f"{HIDDEN}.1.2").values(state="quarantined"))
        (row,) = (await client.get(f"{BASE}/studies?StudyInstanceUID={HIDDEN}", headers=GRANTED)).json()
        assert plain(row, "00201208") == SLICES - 1
        found = (await client.get(f"{series}/instances", headers=GRANTED)).json()
        assert [plain(row, "00080018") for row in found] == [f"{HIDDEN}.1.1", f"{HIDDEN}.1.3"]
        assert len(parts(await client.get(series, headers={**GRANTED, **RAW}))) == SLICES - 1
        assert (await client.get(f"{series}/instances/{HIDDEN}.1.2", headers=GRANTED)).status_code == 404
        person = plain(row, "00100020")
        with writing(engine).begin() as connection:
            gone = update(Individual).where(Individual.accession == person)
            connection.execute(gone.values(withdrawn_at=dt.datetime.now(dt.UTC)))
        for level in ("studies", "series", "instances"):
            answer = await client.get(f"{BASE}/{level}?StudyInstanceUID={HIDDEN}", headers=GRANTED)
            assert answer.json() == []
        assert (await client.get(series, headers=GRANTED)).status_code == 404


async def test_lost_and_damaged_files_are_told_without_a_place(sqlite_engine: Engine, tmp_path: Path) -> None:
    node = Node(sqlite_engine, tmp_path / "archive")
    (node.root / "open/CT_small.dcm").unlink()
    dose = node.root / "open/rtdose.dcm"
    dose.write_bytes(b"\0" * dose.stat().st_size)
    (node.root / "open/liver_1frame.dcm").write_bytes(b"short")
    async with running(node.application()) as client:
        for name, path in (
            ("CT_small.dcm", ""),
            ("CT_small.dcm", "/metadata"),
            ("rtdose.dcm", "/metadata"),
            ("rtdose.dcm", "/frames/1"),
            ("liver_1frame.dcm", ""),
        ):
            answer = await client.get(path_of(name) + path)
            assert answer.status_code == 500, (name, path)
            assert "the operator has been told" in answer.json()["message"]
            assert str(tmp_path) not in answer.text
            assert name not in answer.text
