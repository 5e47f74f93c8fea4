"""STOW-RS (PS3.18 10.5): streamed into quarantine, answered object by object, refused whole when malformed."""

from __future__ import annotations

import gc
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from adapters.catalog.catalog import Catalog
from adapters.catalog.engine import writing
from adapters.catalog.models import Dataset
from adapters.images.intake import Reception
from adapters.registration.accessions import Accessions
from auth.appointments import Appointments
from auth.caller import ANONYMOUS, Caller
from auth.errors import InvalidToken
from auth.policy import Policy
from node.dicomweb import service
from node.reception import intake, reception
from node.settings import ImageSettings, profile
from tests.adapters.images.made import COLLECTION, KEY, PATIENT, Archive, image, opened
from tests.node.family import NOW, TODAY
from web.application import Assembly, create_application
from web.errors import Failure

NODE, BROKER = "https://node.test", "https://broker.test"
STUDIES = "/dicom-web/studies"
KIND = 'multipart/related; type="application/dicom"; boundary='
LARGEST = 1 << 20


class People:
    """A clearinghouse that knows three tokens."""

    async def bearer(self, authorization: str | None) -> Caller:
        soon = int(time.time()) + 600
        match authorization:
            case None:
                return ANONYMOUS
            case "Bearer ada" | "Bearer bob":
                return Caller(authorization[7:], BROKER, (), soon)
            case "Bearer foreign":
                return Caller("ada", "https://other.test", (), soon)
        raise InvalidToken("not a token of a trusted broker")


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with opened(tmp_path / "m") as made:
        yield made


@pytest.fixture
def client(archive: Archive) -> Iterator[TestClient]:
    with TestClient(application(archive)) as made:
        yield made


def application(archive: Archive, largest: int = LARGEST) -> ASGIApp:
    """A member whose submitter ada stores into the archive objects of at most ``largest`` bytes."""
    appointments = Appointments(archive.engine)
    appointments.appoint(COLLECTION, "ada", "submitter")
    appointments.appoint(COLLECTION, "bob", "reviewer")
    policy = Policy(NODE, lambda _: (), appointed=appointments.collections, broker=BROKER)
    people: Any = People()
    settings = ImageSettings(quarantine=archive.folder / "quarantine", store="disk", key=KEY, settle_seconds=0)
    patterns = Accessions(profile("obia").accessions.model_dump())

    into = intake(settings, archive.engine)

    def receptions(collection: str, by: str) -> Reception:
        return reception(settings, into, patterns, collection, by)

    def place(file: Any) -> Any:
        raise AssertionError(file)

    catalog = Catalog(archive.engine, lambda: TODAY)
    assembly = Assembly(
        name="member",
        contracts=[service.contract(catalog, policy, people, place, NODE)],
        routes=service.storing(receptions, policy, people, largest, NODE),
        shapes=[(service.PATH, service.shape)],
        failures={InvalidToken: lambda error: Failure(401, str(error))},
    )
    return create_application(assembly)


def body(*parts: bytes, boundary: str = "b0", kind: str = "application/dicom") -> bytes:
    pieces = [f"--{boundary}\r\nContent-Type: {kind}\r\n\r\n".encode() + part + b"\r\n" for part in parts]
    return b"".join(pieces) + f"--{boundary}--\r\n".encode()


def post(client: TestClient, content: Any, *, path: str = STUDIES, token: str = "ada", kind: str = KIND + "b0") -> Any:
    headers = {"Content-Type": kind, "Authorization": f"Bearer {token}"}
    return client.post(path, content=content, headers=headers)


def items(answer: Any, tag: str) -> list[Any]:
    return list(answer.json().get(tag, {}).get("Value", []))


def test_stored_objects_are_told_with_their_urls_and_appear_there(
    client: TestClient, archive: Archive, tmp_path: Path
) -> None:
    files = [image(tmp_path / f"{n}.dcm", number=n) for n in (1, 2)]
    answer = post(client, body(*(path.read_bytes() for path in files)))
    assert (answer.status_code, answer.headers["content-type"]) == (202, "application/dicom+json")
    stored = items(answer, "00081199")
    assert [one["00081155"]["Value"] for one in stored] == [
        ["1.2.826.0.1.3680043.10.511.1.1.1"],
        ["1.2.826.0.1.3680043.10.511.1.1.2"],
    ]
    assert all(one["00081196"]["Value"] == [0xB000] for one in stored)
    assert "00081198" not in answer.json()
    urls = [one["00081190"]["Value"][0] for one in stored]
    assert all(client.get(url.removeprefix(NODE)).status_code == 404 for url in urls)  # nothing before its time
    assert client.get(STUDIES).json() == []
    assert archive.command("jobs", "run")[0] == 0
    (study,) = client.get(STUDIES).json()
    assert study["00081190"]["Value"] == answer.json()["00081190"]["Value"]
    found = client.get(f"{study['00081190']['Value'][0].removeprefix(NODE)}/instances").json()
    assert sorted(one["00081190"]["Value"][0] for one in found) == sorted(urls)
    archive.expect_clean()
    # Sent again: they are there.
    again = post(client, body(files[0].read_bytes()))
    assert (again.status_code, len(items(again, "00081199"))) == (200, 1)
    assert archive.originals() == []


def test_good_and_bad_objects_of_one_request(client: TestClient, archive: Archive, tmp_path: Path) -> None:
    good = image(tmp_path / "good.dcm")
    twin = image(tmp_path / "twin.dcm", StudyDescription="other bytes, the same UID")
    report = image(tmp_path / "report.dcm", number=3, SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11")
    cut = image(tmp_path / "cut.dcm", number=4).read_bytes()[:-100]
    large = image(tmp_path / "large.dcm", number=5, PatientComments="x" * LARGEST)
    sent = [good.read_bytes(), twin.read_bytes(), report.read_bytes(), cut, large.read_bytes(), b"junk", b""]
    answer = post(client, body(*sent))
    assert answer.status_code == 202
    assert len(items(answer, "00081199")) == 1
    failed = {one["00081155"]["Value"][0][-1]: one["00081197"]["Value"][0] for one in items(answer, "00081198")}
    assert failed == {"1": 0x0111, "3": 0x0122, "4": 0xC000}
    assert [one["00081197"]["Value"][0] for one in items(answer, "0008119A")] == [0xA700, 0xC000, 0xC000]
    assert len(archive.originals()) == 1


def test_objects_of_another_study_fail_and_409_if_nothing_is_stored(
    client: TestClient, archive: Archive, tmp_path: Path
) -> None:
    content = body(image(tmp_path / "a.dcm").read_bytes())
    answer = post(client, content, path=f"{STUDIES}/1.2.3")
    assert answer.status_code == 409
    assert items(answer, "00081198")[0]["00081197"]["Value"] == [0xA900]
    assert archive.originals() == []
    assert post(client, content, path=f"{STUDIES}/1.2.826.0.1.3680043.10.511.1").status_code == 202


@pytest.mark.parametrize(
    ("token", "collection", "status"),
    [
        ("", "", 401),
        ("foreign", "", 401),  # a subject of another broker that is called the same
        ("bob", "", 403),  # a reviewer is no submitter
        ("ada", "?collection=OBIA000002", 403),
        ("ada", "?collection=OBIA999999", 403),  # what does not exist looks the same
        ("ada", f"?collection={COLLECTION}", 202),
    ],
)
def test_only_submitters_of_the_collection_store(
    client: TestClient, archive: Archive, tmp_path: Path, token: str, collection: str, status: int
) -> None:
    content = body(image(tmp_path / "a.dcm").read_bytes())
    headers = {"Content-Type": KIND + "b0"} | ({"Authorization": f"Bearer {token}"} if token else {})
    answer = client.post(STUDIES + collection, content=content, headers=headers)
    assert answer.status_code == status, answer.text
    assert len(archive.originals()) == (status == 202)


def test_a_submitter_of_several_collections_names_one(client: TestClient, archive: Archive, tmp_path: Path) -> None:
    Appointments(archive.engine).appoint("OBIA000002", "ada", "submitter")
    content = body(image(tmp_path / "a.dcm").read_bytes())
    answer = post(client, content)
    assert answer.status_code == 400
    assert "OBIA000001, OBIA000002" in answer.json()["message"]
    assert post(client, content, path=f"{STUDIES}?collection=OBIA000002").status_code == 202
    assert archive.arrivals()[0].dataset == "OBIA000002"


def test_a_withdrawn_collection_takes_no_more(client: TestClient, archive: Archive, tmp_path: Path) -> None:
    with writing(archive.engine).begin() as connection:
        connection.execute(update(Dataset).where(Dataset.accession == COLLECTION).values(withdrawn_at=NOW))
    answer = post(client, body(image(tmp_path / "a.dcm").read_bytes()))
    assert answer.status_code == 404, answer.text
    assert "is not registered" in answer.json()["message"]
    assert archive.originals() == []


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/dicom", 415),
        ('multipart/related; type="application/dicom+xml"; boundary=b0', 415),
        ("multipart/form-data; boundary=b0", 415),
        ('multipart/related; type="application/dicom"', 400),
        (KIND + "x" * 71, 400),
        (KIND + "other", 400),
    ],
)
def test_wrong_media_types_and_boundaries(
    client: TestClient, archive: Archive, tmp_path: Path, kind: str, status: int
) -> None:
    answer = post(client, body(image(tmp_path / "a.dcm").read_bytes()), kind=kind)
    assert answer.status_code == status
    assert answer.json()["status"] == status
    assert archive.originals() == []
    assert archive.jobs() == []


@pytest.mark.parametrize("cut", [1, 3, 100, -1])
def test_a_body_that_ends_too_soon_leaves_nothing(
    client: TestClient, archive: Archive, tmp_path: Path, cut: int
) -> None:
    content = body(*(image(tmp_path / f"{n}.dcm", number=n).read_bytes() for n in (1, 2)))
    end = len(content) - cut - 8 if cut > 0 else 0
    assert post(client, content[:end]).status_code == 400
    assert archive.originals() == []
    assert archive.jobs() == []


def test_parts_that_are_no_dicom_and_headers_without_end(client: TestClient, archive: Archive) -> None:
    answer = post(client, body(b"<xml/>", kind="application/dicom+xml"))
    assert answer.status_code == 409
    assert items(answer, "0008119A")[0]["00081197"]["Value"] == [0xC000]
    assert post(client, b"--b0\r\n" + b"X-A: " + b"a" * 100_000).status_code == 400
    assert post(client, b"--b0\r\n" + b"X-A: b\r\n" * 10_000).status_code == 400
    assert archive.originals() == []


def test_more_parts_than_allowed(client: TestClient, archive: Archive) -> None:
    assert post(client, body(*[b"x"] * 10_001)).status_code == 413
    assert archive.originals() == []


def test_a_deflated_bomb_is_refused(client: TestClient, archive: Archive, tmp_path: Path) -> None:
    path = image(tmp_path / "a.dcm")
    content = path.read_bytes()
    # The same file meta, with the deflated transfer syntax, before a data set that inflates to 300 MB.
    import pydicom
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    data = pydicom.dcmread(path)
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    data.save_as(path)
    meta_end = path.read_bytes().index(b"\x02\x00\x10\x00") + 8 + len(DeflatedExplicitVRLittleEndian) + 2
    head = path.read_bytes()[: meta_end - meta_end % 2]
    deflater = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    bomb = b"".join(deflater.compress(bytes(1 << 20)) for _ in range(300)) + deflater.flush()
    assert len(bomb) < LARGEST < len(content) + (300 << 20)
    answer = post(client, body(head + bomb))
    assert answer.status_code == 409, answer.text
    assert archive.originals() == []


@pytest.mark.parametrize("length", [0x7FFFFFFE, 0xFFFFFFFE])
def test_a_value_longer_than_its_file_is_refused(
    client: TestClient, archive: Archive, tmp_path: Path, length: int
) -> None:
    content = bytearray(image(tmp_path / "a.dcm").read_bytes())
    at = content.index(b"\xe0\x7f\x10\x00OW")
    content[at + 8 : at + 12] = length.to_bytes(4, "little")
    answer = post(client, body(bytes(content)))
    assert answer.status_code == 409
    assert items(answer, "00081198")[0]["00081197"]["Value"] == [0xC000]
    assert archive.originals() == []


def test_an_unknown_transfer_syntax_is_named(client: TestClient, tmp_path: Path) -> None:
    content = image(tmp_path / "a.dcm").read_bytes()
    old = b"1.2.840.10008.1.2.1\0"
    assert content.count(old) == 1
    content = content.replace(old, b"1.2.840.10008.1.2.9\0")
    answer = post(client, body(content))
    assert answer.status_code == 409
    assert items(answer, "00081198")[0]["00081197"]["Value"] == [0xC122]


def test_memory_does_not_grow_with_the_request(client: TestClient, archive: Archive) -> None:
    """64 MB in parts that are refused for their size: no more than a few pieces are held at a time."""
    import tracemalloc

    part = b"--b0\r\n\r\n" + bytes(LARGEST * 8) + b"\r\n"

    def stream() -> Iterator[bytes]:
        for _ in range(8):
            for start in range(0, len(part), 65536):
                yield part[start : start + 65536]
        yield b"--b0--\r\n"

    from node.dicomweb.multipart import Parts

    class Sink:
        def write(self, piece: memoryview) -> None:
            assert len(piece) <= 65536

        def end(self) -> None:
            pass

    gc.collect()
    tracemalloc.start()
    parts = Parts(KIND + "b0", lambda _: Sink())
    for piece in stream():
        parts.feed(piece)
    parts.finish()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20
    answer = post(client, stream())
    assert answer.status_code == 409
    assert [one["00081197"]["Value"][0] for one in items(answer, "0008119A")] == [0xA700] * 8
    assert archive.originals() == []


def test_the_patient_is_told_to_nobody(
    client: TestClient, archive: Archive, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = post(client, body(image(tmp_path / "a.dcm").read_bytes()))
    said = answer.text + "".join(capfd.readouterr())
    assert PATIENT not in said
    assert "Lindqvist" not in said


def test_a_node_that_takes_no_images_says_so(archive: Archive, tmp_path: Path) -> None:
    people: Any = People()
    policy = Policy(NODE, lambda _: ())
    catalog = Catalog(archive.engine, lambda: TODAY)
    contract = service.contract(catalog, policy, people, lambda file: file, NODE)
    assembly = Assembly(name="member", contracts=[contract], shapes=[(service.PATH, service.shape)])
    with TestClient(create_application(assembly)) as closed:
        answer = post(closed, body(image(tmp_path / "a.dcm").read_bytes()))
        assert answer.status_code == 405
        assert "takes no images" in answer.json()["message"]
