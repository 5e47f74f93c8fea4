"""Real clients of DICOMweb: ``dicomweb-client`` (PyPI), and Orthanc asked the same questions over the same files."""

from __future__ import annotations

import io
import json
import urllib.request
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image

from adapters.catalog.engine import connect
from bench import orthanc
from bench.figure import PeerAbsent
from bench.member import database, running
from tests.node.dicomweb_node import PACKAGED, Node, packaged
from tests.support import program

pytestmark = [
    pytest.mark.interop,
    pytest.mark.timeout(180),
    pytest.mark.filterwarnings("ignore::UserWarning:pydicom"),
]
WEB = "/dicom-web"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """URL of a member as ``gsanode serve`` runs it, and its archive; nobody signs in, so open images are there."""
    folder = tmp_path_factory.mktemp("node")
    engine = connect(database(folder))
    Node(engine, folder / "archive")
    engine.dispose()
    stores = {"disk": {"kind": "local", "root": str(folder / "archive")}}
    with running(folder, member="obia", drs_host="obia.localhost", stores=stores) as (url, _):
        yield url, folder / "archive"


@pytest.fixture(scope="module")
def peer(node: tuple[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Orthanc with the open images of the member."""
    program("Orthanc")
    try:
        with orthanc.running(tmp_path_factory.mktemp("orthanc")) as url:
            orthanc.load(url, [node[1] / "open" / name for name in PACKAGED])
            for folder in ("later", "gone"):  # open sets, both released by now
                orthanc.load(url, sorted((node[1] / folder).glob("*.dcm")))
            yield url
    except PeerAbsent as absent:
        pytest.skip(str(absent))


def get(url: str, accept: str) -> tuple[str, bytes]:
    """Content type and body of an answer."""
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": accept}), timeout=60) as answer:
        return answer.headers["Content-Type"], answer.read()


def rows(url: str, path: str) -> list[dict[str, Any]]:
    """The data sets of a search."""
    found: list[dict[str, Any]] = json.loads(get(f"{url}{WEB}{path}", "application/dicom+json")[1])
    return found


def contents(url: str, path: str, type: str) -> list[bytes]:
    """The contents of the parts of an answer, in any order."""
    kind, body = get(f"{url}{WEB}{path}", f'multipart/related; type="{type}"; transfer-syntax=*')
    whole = message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
    assert whole.is_multipart()
    boundary = str(whole.get_boundary()).encode()
    pieces = body.split(b"--" + boundary)[1:-1]
    return sorted(piece.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for piece in pieces)


def test_dicomweb_client(node: tuple[str, Path]) -> None:
    from dicomweb_client.api import DICOMwebClient

    client = DICOMwebClient(f"{node[0]}{WEB}")
    ct = packaged("CT_small.dcm")
    uids = (ct.StudyInstanceUID, ct.SeriesInstanceUID, ct.SOPInstanceUID)
    studies = client.search_for_studies(search_filters={"StudyDate": "20040101-20041231"}, get_remaining=True)
    assert ct.StudyInstanceUID in {row["0020000D"]["Value"][0] for row in studies}
    assert len(client.search_for_series(uids[0])) == 1
    assert len(client.search_for_instances(uids[0], uids[1], fields=["Rows"])) == 1
    got = client.retrieve_instance(*uids)
    assert got == pydicom.dcmread(node[1] / "open/CT_small.dcm")
    shown = client.retrieve_instance_metadata(*uids)
    assert pydicom.Dataset.from_json(shown, lambda tag, vr, uri: b"").Rows == ct.Rows
    (frame,) = client.retrieve_instance_frames(*uids, [1])
    assert frame == ct.PixelData
    assert len(client.retrieve_series(uids[0], uids[1])) == 1
    assert [data.SOPInstanceUID for data in client.iter_study(uids[0])] == [ct.SOPInstanceUID]
    picture = client.retrieve_instance_rendered(*uids, media_types=("image/png",))
    assert Image.open(io.BytesIO(picture)).size == (ct.Columns, ct.Rows)
    (bulk,) = client.retrieve_bulkdata(shown["7FE00010"]["BulkDataURI"])
    assert bulk == ct.PixelData


# Attributes of which both answer, and from the files: not the patient's, whose id here is the accession.
COMPARED = {
    "/studies": ("0020000D", "00080020", "00080030", "00080061", "00201206", "00201208"),
    "/series": ("0020000E", "00080060", "00200011", "00201209", "0020000D"),
    "/instances": ("00080018", "00080016", "00200013", "00280010", "00280011", "00280100", "00280008"),
}
QUESTIONS = {
    "/studies": ["", "&StudyDate=20040101-20041231", "&ModalitiesInStudy=CT", "&StudyDescription=*e*"],
    "/series": ["", "&Modality=CT", "&Modality=RTDOSE", "&SeriesNumber=1"],
    "/instances": ["", "&Modality=MR", "&SOPClassUID=1.2.840.10008.5.1.4.1.1.481.2", "&Rows=10"],
}
NOT_IN_OURS = {"FFFCFFFC"}  # padding behind the pixel data


def comparable(row: dict[str, Any], tags: tuple[str, ...]) -> tuple[Any, ...]:
    """Values as text: Orthanc writes some numbers as text, and leaves out what is empty."""
    return tuple(tuple(map(str, row.get(tag, {}).get("Value", []))) for tag in tags)


@pytest.mark.parametrize(("level", "question"), [(level, q) for level, all in QUESTIONS.items() for q in all])
def test_searches_as_orthanc(node: tuple[str, Path], peer: str, level: str, question: str) -> None:
    ours = rows(node[0], f"{level}?limit=100{question}")
    theirs = rows(peer, f"{level}?limit=100&includefield=all{question}")
    tags = COMPARED[level]
    assert sorted(comparable(row, tags) for row in ours) == sorted(comparable(row, tags) for row in theirs)
    assert ours


@pytest.mark.parametrize("name", PACKAGED)
def test_retrieves_as_orthanc(node: tuple[str, Path], peer: str, name: str) -> None:
    data = packaged(name)
    study = f"/studies/{data.StudyInstanceUID}"
    instance = f"{study}/series/{data.SeriesInstanceUID}/instances/{data.SOPInstanceUID}"
    for path in (study, f"{study}/series/{data.SeriesInstanceUID}", instance):
        assert contents(node[0], path, "application/dicom") == contents(peer, path, "application/dicom")
    (ours,) = rows(node[0], f"{instance}/metadata")
    (theirs,) = rows(peer, f"{instance}/metadata")
    differing = {tag for tag in ours.keys() | theirs.keys() if not _alike(ours.get(tag), theirs.get(tag))}
    assert differing - NOT_IN_OURS == set()


def _alike(one: dict[str, Any] | None, other: dict[str, Any] | None) -> bool:
    if other is None:  # Orthanc says nothing of compressed pixel data
        return one is not None and one.get("vr") == "OB" and "BulkDataURI" in one
    if one is None:
        return False
    if "BulkDataURI" in one or "BulkDataURI" in other:
        return {one["vr"], other["vr"]} <= {"OB", "OW", "UN"}  # pixels: Orthanc says OW where they are compressed
    if one["vr"] == "UT":  # Orthanc takes a long text apart at its backslashes, which are letters there
        return one["Value"][0].replace("\\", "") == "".join(piece or "" for piece in other["Value"])
    return one["vr"] == other["vr"] and [*map(_value, one.get("Value", []))] == [*map(_value, other.get("Value", []))]


def _value(value: Any) -> Any:
    """Numbers that are equal to the precision of single floats; empty values of either kind."""
    if isinstance(value, dict):
        return {name: _value(inner) if name in {"Value"} else inner for name, inner in value.items()}
    if isinstance(value, str):
        return value or None
    return float(f"{value:.5g}") if isinstance(value, float | int) else value


def test_pictures_as_orthanc(node: tuple[str, Path], peer: str) -> None:
    data = packaged("CT_small.dcm")
    path = f"/studies/{data.StudyInstanceUID}/series/{data.SeriesInstanceUID}/instances/{data.SOPInstanceUID}/rendered"
    one, other = (
        np.asarray(Image.open(io.BytesIO(get(f"{url}{WEB}{path}", "image/png")[1])).convert("L")).astype(int)
        for url in (node[0], peer)
    )
    assert one.shape == other.shape
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.9
