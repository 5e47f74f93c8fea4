"""A member that serves DICOMweb over registered files: real catalog, policy and store; two fixed people."""

from __future__ import annotations

import datetime as dt
import shutil
import time
import warnings
from collections.abc import Iterable
from email import message_from_bytes
from email.message import Message
from functools import cache
from pathlib import Path
from typing import Any

import pydicom
from pydicom.data import get_testdata_file
from sqlalchemy import Engine
from starlette.types import ASGIApp

from adapters.catalog.catalog import Catalog
from adapters.registration.dicom import DicomFolder
from adapters.registration.plan import Origin
from adapters.registration.registration import Archive, Described, register
from adapters.store import open_stores
from auth.caller import ANONYMOUS, Caller, Visa
from auth.errors import InvalidToken
from auth.policy import Policy
from migrations.schema import upgrade
from node.delivery import Accel
from node.dicomweb import service
from tests.adapters.registration.members import accessions
from web.application import Assembly, create_application
from web.errors import Failure

NODE = "https://node.test"
BASE = "/dicom-web"
GRANT = "grant-1"
TODAY = dt.date(2026, 1, 1)
PACKAGED = [
    "CT_small.dcm",  # Explicit VR Little Endian
    "MR_small_RLE.dcm",
    "rtdose.dcm",  # Implicit VR, 15 frames
    "examples_ybr_color.dcm",  # JPEG Baseline, 30 frames
    "examples_palette.dcm",
    "JPEG2000.dcm",
    "SC_rgb_jpeg_gdcm.dcm",  # JPEG Lossless, for which there is no codec here
    "reportsi.dcm",  # no pixels
    "liver_1frame.dcm",  # one bit a pixel
]
SLICES = 3


@cache
def packaged(name: str) -> pydicom.Dataset:
    """A file of pydicom, read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(str(get_testdata_file(name)))


def path_of(name: str) -> str:
    """The URL of the object in a packaged file."""
    data = packaged(name)
    return f"{BASE}/studies/{data.StudyInstanceUID}/series/{data.SeriesInstanceUID}/instances/{data.SOPInstanceUID}"


def slices(folder: Path, root: str, **changed: Any) -> None:
    """A CT series of :data:`SLICES` slices, its UIDs below ``root``."""
    folder.mkdir(parents=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
        data.StudyInstanceUID, data.SeriesInstanceUID = root, f"{root}.1"
        data.PatientID = f"patient {root}"
        for name, value in changed.items():
            setattr(data, name, value)
        for number in range(1, SLICES + 1):
            data.InstanceNumber = str(number)
            data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = f"{root}.1.{number}"
            data.save_as(folder / f"{number}.dcm")


class People:
    """A clearinghouse that knows two tokens."""

    async def bearer(self, authorization: str | None) -> Caller:
        soon = int(time.time()) + 600
        visa = Visa(
            NODE, "ada", "ControlledAccessGrants", f"{NODE}/datasets/OBIA000002", f"{NODE}/dac/IDAC000001", "dac", 1,
            (), soon, GRANT,
        )  # fmt: skip
        match authorization:
            case None:
                return ANONYMOUS
            case "Bearer granted":
                return Caller("ada", "https://broker.test", (visa,), soon)
            case "Bearer stranger":
                return Caller("bob", "https://broker.test", (), soon)
        raise InvalidToken("not a token of a trusted broker")


class Node:
    """An archive of four collections: open, controlled, not yet released, withdrawn."""

    def __init__(self, engine: Engine, root: Path) -> None:
        self.engine = engine
        self.root = root
        self.in_force = {GRANT}
        upgrade(engine, "member")
        (root / "open").mkdir(parents=True)
        self.stores = open_stores({"disk": {"kind": "local", "root": str(root)}})
        for name in PACKAGED:
            shutil.copy(str(get_testdata_file(name)), root / "open" / name)
        slices(root / "controlled", "1.2.3.2", StudyDate="20200131", PatientSex="F", Modality="PT")
        slices(root / "later", "1.2.3.3")
        slices(root / "gone", "1.2.3.4")
        self._register("OBIA000001", "open", "open")
        self._register("OBIA000002", "controlled", "controlled", dac="IDAC000001")
        self._register("OBIA000003", "later", "open", release_date="2026-06-01")
        self._register("OBIA000004", "gone", "open")

    def _register(self, accession: str, folder: str, tier: str, **more: str) -> None:
        given = {"accession": accession, "title": folder, "tier": tier, "release_date": "2024-01-01", **more}
        archive = Archive(self.engine, self.stores, accessions("obia"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            register(archive, Described(given, Origin("x")), DicomFolder("disk", folder))

    def application(self, accel: Accel | None = None) -> ASGIApp:
        catalog = Catalog(self.engine, lambda: TODAY)
        clearinghouse: Any = People()
        policy = Policy(NODE, self._standing)

        def place(file: Any) -> Any:
            store, key = file.locations[0]
            return self.stores[store], key

        assembly = Assembly(
            name="member",
            contracts=[service.contract(catalog, policy, clearinghouse, place, NODE, accel)],
            shapes=[(BASE, service.shape)],
            failures={InvalidToken: lambda error: Failure(401, str(error))},
        )
        return create_application(assembly)

    def _standing(self, grants: Iterable[str]) -> set[str]:
        return self.in_force & set(grants)


def parts(answer: Any) -> list[tuple[Message, bytes]]:
    """Headers and content of the parts of an answer, taken apart by the standard library."""
    assert answer.status_code == 200, answer.text
    kind = answer.headers["content-type"]
    assert kind.startswith("multipart/related"), kind
    whole = message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + answer.content)
    boundary = str(whole.get_boundary()).encode()
    found = []
    for piece in answer.content.split(b"--" + boundary)[1:-1]:
        head, _, body = piece.partition(b"\r\n\r\n")
        found.append((message_from_bytes(head.lstrip() + b"\r\n\r\n"), body.removesuffix(b"\r\n")))
    assert answer.content.endswith(b"--" + boundary + b"--\r\n")
    return found
