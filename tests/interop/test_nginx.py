"""The ready nginx configuration in front of a member, with Debian's nginx and curl's ranges."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from auth.signed import Capability, Signer
from node.delivery import Accel
from tests.node.dicomweb_node import BASE, PACKAGED, Node, packaged, path_of
from tests.node.drs_node import Grants, application
from tests.node.family import CONTENT, Holders, build
from tests.node.test_dicomweb import HIDDEN
from tests.support import free_port, program, served

pytestmark = pytest.mark.interop
ID = "HRR000001-01"
BYTES = CONTENT[ID]
CONFIGURATION = Path(__file__).parents[2] / "deploy" / "nginx.conf"


@pytest.fixture
def front(sqlite_engine: Engine, tmp_path: Path) -> Iterator[str]:
    """URL of nginx before a member."""
    root = tmp_path / "archive"
    root.mkdir()
    build(sqlite_engine, root)
    member = application(sqlite_engine, root, Grants(), Holders(), accel=Accel("/archive"))
    with served(member) as behind, before(behind, root, tmp_path) as url:
        yield url


@contextmanager
def before(behind: str, root: Path, folder: Path, store: str = "archive") -> Iterator[str]:
    """URL of nginx before what serves the store at ``root``."""
    nginx, port = program("nginx"), free_port()
    text = CONFIGURATION.read_text()
    for old, new in {
        "listen 80;": f"listen 127.0.0.1:{port};",
        "127.0.0.1:8083": behind.removeprefix("http://"),
        "/archive/archive/": f"/archive/{store}/",
        "/srv/archive/": f"{root}/",
        "/run/nginx.pid": str(folder / "nginx.pid"),
        "/var/log/nginx": str(folder),
    }.items():
        assert old in text
        text = text.replace(old, new)
    if os.getuid() == 0:
        text = "user root;\n" + text
    path = folder / "nginx.conf"
    path.write_text(text)
    process = subprocess.Popen([nginx, "-p", str(folder), "-c", str(path), "-g", "daemon off;"])
    try:
        url = f"http://127.0.0.1:{port}"
        _await(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def _await(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        assert process.poll() is None
        try:
            httpx.get(f"{url}/healthz")
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("nginx did not come up")


def path(id: str = ID, first: int | None = None, last: int | None = None) -> str:
    token = Signer(b"k" * 32).sign(Capability(id, "GET", int(time.time()) + 600, first=first, last=last))
    return f"/data/{token}/x.txt"


def test_bytes_ranges_and_resume_come_from_nginx(front: str) -> None:
    whole = httpx.get(front + path())
    assert whole.content == BYTES
    assert "x-accel-redirect" not in whole.headers
    assert base64.b64decode(whole.headers["repr-digest"][9:-1]) == hashlib.sha256(BYTES).digest()
    assert whole.headers["content-digest"] == whole.headers["repr-digest"]
    etag = whole.headers["etag"]
    for wanted, content in (("bytes=5-14", BYTES[5:15]), ("bytes=-7", BYTES[-7:]), ("bytes=100-", BYTES[100:])):
        for condition in ({}, {"If-Range": etag}):
            answer = httpx.get(front + path(), headers={"Range": wanted, **condition})
            assert (answer.status_code, answer.content) == (206, content)
            assert "content-digest" not in answer.headers
    changed = httpx.get(front + path(), headers={"Range": "bytes=5-14", "If-Range": '"other"'})
    assert (changed.status_code, changed.content) == (200, BYTES)
    several = httpx.get(front + path(), headers={"Range": "bytes=0-4,100-104"})
    assert several.headers["content-type"].startswith("multipart/byteranges")
    head = httpx.head(front + path())
    assert (head.headers["content-length"], head.content) == (str(len(BYTES)), b"")
    assert "content-digest" not in head.headers
    part = httpx.get(front + path(first=10, last=19))
    assert part.content == BYTES[10:20]


def test_nobody_reaches_the_archive_from_outside(front: str) -> None:
    assert httpx.get(f"{front}/archive/archive/{ID}.txt").status_code == 404
    assert httpx.get(front + path()[:-20] + "x/x.txt").status_code in (403, 404)
    assert httpx.get(front + path("HRR000005-01")).status_code == 404


def test_records_and_errors_pass_through(front: str) -> None:
    assert httpx.get(f"{front}/ga4gh/drs/v1/objects/{ID}").json()["id"] == ID
    assert httpx.get(f"{front}/ga4gh/drs/v1/objects/none").json()["status_code"] == 404
    answer = httpx.get(front + path(), headers={"Origin": "https://browser.test"})
    assert answer.headers["access-control-allow-origin"] == "https://browser.test"


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
def test_nginx_sends_an_object_of_dicomweb_that_leaves_as_it_is_stored(sqlite_engine: Engine, tmp_path: Path) -> None:
    node = Node(sqlite_engine, tmp_path / "images")
    given, several = "application/dicom; transfer-syntax=*", 'multipart/related; type="application/dicom"'
    with served(node.application(Accel("/archive"))) as behind, before(behind, node.root, tmp_path, "disk") as url:
        for name in PACKAGED:
            stored = (node.root / "open" / name).read_bytes()
            asked = httpx.get(behind + path_of(name), headers={"Accept": given})
            assert asked.headers["x-accel-redirect"] == f"/archive/disk/open/{name}"
            assert asked.content == b""
            answer = httpx.get(url + path_of(name), headers={"Accept": given})
            assert answer.content == stored
            assert "x-accel-redirect" not in answer.headers
            syntax = packaged(name).file_meta.TransferSyntaxUID
            assert answer.headers["content-type"] == f"application/dicom; transfer-syntax={syntax}"
            assert answer.headers["cache-control"] == "private, no-store"
        hidden = f"{BASE}/studies/{HIDDEN}/series/{HIDDEN}.1/instances/{HIDDEN}.1.1"
        for server in (behind, url):
            assert httpx.get(server + hidden, headers={"Accept": given}).status_code == 401
        made = httpx.get(url + path_of("MR_small_RLE.dcm"), headers={"Accept": "application/dicom"})
        assert made.headers["content-type"].endswith("1.2.840.10008.1.2.1")  # decoded by the member itself
        answer = httpx.get(url + path_of("CT_small.dcm"), headers={"Accept": several})
        assert (node.root / "open/CT_small.dcm").read_bytes() in answer.content
        (node.root / "open/CT_small.dcm").unlink()
        assert httpx.get(url + path_of("CT_small.dcm"), headers={"Accept": given}).status_code == 500
