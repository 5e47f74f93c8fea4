"""Orthanc with its DICOMweb plug-in (Debian ``orthanc``, ``orthanc-dicomweb``), on loopback over its own folder."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.figure import PeerAbsent
from bench.processes import free_port, program, serving

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
WEB = "/dicom-web"


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """Its URL.

    :raises PeerAbsent: if it is not installed.
    """
    command = program("Orthanc", "orthanc")
    if not PLUGIN.exists():
        raise PeerAbsent(f"{PLUGIN} is not installed (Debian package orthanc-dicomweb)")
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    settings = {
        "Name": "Peer",
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "index"),
        "HttpPort": port,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomServerEnabled": False,
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {"Enable": True, "Root": f"{WEB}/"},
    }
    path = folder / "orthanc.json"
    path.write_text(json.dumps(settings))
    with serving([command, str(path)], port, folder / "orthanc.log"):
        yield f"http://127.0.0.1:{port}"


def load(url: str, files: Iterable[Path]) -> None:
    """Give it files."""
    for path in files:
        request = urllib.request.Request(f"{url}/instances", path.read_bytes())
        with urllib.request.urlopen(request, timeout=60) as answer:
            answer.read()
