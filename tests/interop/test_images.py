"""Real senders of images: dcmtk's ``storescu`` and ``dcmsend`` (Debian), ``dicomweb-client`` (PyPI)."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pydicom
import pytest
import requests
import yaml
from dicomweb_client import DICOMwebClient

from tests.adapters.images.made import COLLECTION, Archive, image, opened, study
from tests.interop.family import Family
from tests.support import program

pytestmark = [
    pytest.mark.interop,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore::UserWarning:pydicom"),
]


def free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


def listening(archive: Archive) -> tuple[subprocess.Popen[str], str]:
    """``gsanode images listen``, ready, and its port."""
    port = free_port()
    settings = yaml.safe_load(archive.config.read_text())
    senders = [{"ae_title": "SCANNER", "collection": COLLECTION}]
    settings["images"]["listen"] = {"port": port, "senders": senders}
    archive.config.write_text(yaml.safe_dump(settings))
    command = [sys.executable, "-m", "node.cli", "images", "listen", "--config", str(archive.config)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert "listening as GSANODE" in process.stdout.readline()
    return process, str(port)


@pytest.mark.parametrize("client", ["storescu", "dcmsend"])
def test_dcmtk_sends_a_study(tmp_path: Path, client: str) -> None:
    sender = program(client)
    with opened(tmp_path / "m") as archive:
        files = study(tmp_path / "made", 5)
        # A compressed object as it is: one of a transfer syntax that is not the default.
        process, port = listening(archive)
        try:
            options = ["-aet", "SCANNER", "-aec", "GSANODE", "127.0.0.1", port]
            done = subprocess.run(
                [sender, *options, *map(str, files)], capture_output=True, text=True, timeout=60, check=False
            )
            assert done.returncode == 0, done.stderr
            stranger = [sender, "-aet", "STRANGER", "-aec", "GSANODE", "127.0.0.1", port, str(files[0])]
            refused = subprocess.run(stranger, capture_output=True, text=True, timeout=60, check=False)
            assert refused.returncode != 0
        finally:
            process.terminate()
            assert process.wait(60) == 0
            assert process.stdout
            process.stdout.close()
        assert archive.command("jobs", "run")[0] == 0
        assert archive.states() == ["Archived"] * 5
        assert len(archive.archived()) == 5
        archive.expect_clean()


def test_dicomweb_client_stores_and_finds(family: Family, tmp_path: Path) -> None:
    collection, submitter = family.dataset("obia", "open"), family.user("colleague")
    config = family.facts["configs"]["obia"]

    def gsanode(*words: str) -> str:
        command = [sys.executable, "-m", "node.cli", *words, "--config", config]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout

    def failed() -> int:
        return int(json.loads(gsanode("jobs", "list", "--json"))["counts"]["failed"])

    failed_before = failed()  # those whose images wait for a reviewer, or were rejected
    gsanode("images", "appoint", submitter["subject"], "--collection", collection, "--as", "submitter")
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {family.token('colleague')}"
    url = f"{family.url('obia')}/dicom-web"
    client = DICOMwebClient(url, session=session)
    data = [pydicom.dcmread(image(tmp_path / f"{n}.dcm", study=31, number=n)) for n in (1, 2, 3)]
    said = client.store_instances(data)
    assert [one.ReferencedSOPInstanceUID for one in said.ReferencedSOPSequence] == [one.SOPInstanceUID for one in data]
    assert "FailedSOPSequence" not in said
    gsanode("jobs", "run")
    places = [one.RetrieveURL for one in said.ReferencedSOPSequence]
    found = client.search_for_instances(study_instance_uid=said.RetrieveURL.rsplit("/", 1)[1])
    assert sorted(one["00081190"]["Value"][0] for one in found) == sorted(places)
    series, instance = places[0].split("/")[-3], places[0].split("/")[-1]
    retrieved = client.retrieve_instance(said.RetrieveURL.rsplit("/", 1)[1], series, instance)
    assert retrieved.PatientIdentityRemoved == "YES"
    assert (retrieved.pixel_array == data[0].pixel_array).all()
    beacon = f"{family.url('obia')}/ga4gh/beacon/v2/individuals/{retrieved.PatientID}/imaging_studies"
    told = requests.get(beacon, params={"requestedGranularity": "record"}, timeout=30)
    assert told.status_code == 200, told.text
    assert told.json()["responseSummary"] == {"exists": True, "numTotalResults": 1}
    assert failed() == failed_before


def test_individuals_are_linked_after_the_other_member_was_asked(family: Family, tmp_path: Path) -> None:
    """Two running nodes: the link is checked, changed, revoked; each is a version; the public Beacon never tells it."""
    pair = family.facts["linked"][0]
    here, there = pair["obia"], pair["gsa-human"]
    table = tmp_path / "links.tsv"

    def link(value: str) -> subprocess.CompletedProcess[str]:
        table.write_text(f"accession\tlink\n{here}\t{value}\n")
        command = [sys.executable, "-m", "node.cli", "images", "link", str(table), "--json"]
        command += ["--config", family.facts["configs"]["obia"]]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    unknown = link("HRI99999999")
    assert unknown.returncode == 1
    assert "does not exist there" in unknown.stdout
    for value in ("", there):
        done = link(value)
        assert (done.returncode, json.loads(done.stdout)) == (0, {"changed": 1}), done.stderr
    command = [sys.executable, "-m", "node.cli", "images", "links", here, "--json"]
    command += ["--config", family.facts["configs"]["obia"]]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert [one["link"] for one in json.loads(shown)["versions"]] == [there, None, there]
    answer = requests.get(f"{family.url('obia')}/ga4gh/beacon/v2/individuals/{here}", timeout=30)
    assert there not in answer.text
