"""Images come in: from a folder, a DICOMDIR or a ZIP into quarantine, and from there de-identified into the archive."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.fileset import FileSet
from pyroaring import BitMap
from sqlalchemy import select
from sqlalchemy.orm import Session

from adapters.catalog.catalog import Catalog
from adapters.jobs.states import FileState
from adapters.terms.filters import Filters
from adapters.terms.imaging import Imaging
from adapters.terms.tables import TermPeople
from adapters.variants.carriers import decode
from tests.adapters.images.made import COLLECTION, KEY, PATIENT, Archive, image, opened, study
from tests.node.family import TODAY


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with opened(tmp_path / "m") as made:
        yield made


def test_from_a_folder_to_a_search(database_url: str, tmp_path: Path) -> None:
    with opened(tmp_path / "m", database_url) as archive:
        study(archive.incoming / "a", 4)
        study(archive.incoming / "b", 2, study=2, PatientID="other 17", PatientName="Wakefield^Person")
        code, outcome = archive.load()
        assert (code, outcome["received"], outcome["refused"]) == (0, 6, []), outcome
        assert outcome["states"] == {"Archived": 6}
        assert len(archive.archived()) == 6
        archive.expect_clean()
        assert archive.originals() == []
        found = archive.studies()
        assert {row["individual"] for row in found} == {"OBII000001", "OBII000002"}
        for data in archive.archived():
            assert data.PatientIdentityRemoved == "YES"
            assert data.PatientID in archive.individuals()
        # The same again: everything was received before, nothing is read twice into the archive.
        code, outcome = archive.load()
        assert (code, outcome["received"], outcome["received_before"]) == (0, 0, 6)
        assert len(archive.archived()) == 6
        assert archive.originals() == []


def test_a_person_stays_one_individual_over_loads(archive: Archive) -> None:
    study(archive.incoming, 2, study=1)
    assert archive.load()[0] == 0
    study(archive.incoming, 2, study=2)
    assert archive.load()[0] == 0
    assert archive.individuals() == ["OBII000001"]
    assert len(archive.studies()) == 2


def test_the_same_patient_id_in_another_collection_is_another_individual(archive: Archive) -> None:
    image(archive.incoming / "a.dcm")
    assert archive.load()[0] == 0
    assert archive.load(collection="OBIA000002")[0] == 0
    first, second = archive.archived()
    assert (first.PatientID, second.PatientID) == ("OBII000001", "OBII000002")
    assert first.StudyInstanceUID != second.StudyInstanceUID


def test_a_mapping_says_who_is_who_and_others_are_refused(archive: Archive, tmp_path: Path) -> None:
    image(archive.incoming / "a.dcm")
    image(archive.incoming / "b.dcm", study=2, PatientID="unknown 4")
    mapping = tmp_path / "mapping.tsv"
    mapping.write_text(f"identifier\taccession\n{PATIENT}\tOBII000777\n")
    code, outcome = archive.load(None, "--mapping", str(mapping))
    assert code == 1
    assert outcome["states"] == {"Archived": 1}
    assert [one["path"] for one in outcome["refused"]] == ["b.dcm"]
    assert "not in the mapping" in outcome["refused"][0]["reason"]
    assert [data.PatientID for data in archive.archived()] == ["OBII000777"]
    assert archive.originals() == []


def test_a_dicomdir_names_the_files(archive: Archive, tmp_path: Path) -> None:
    disc = FileSet()
    for path in study(tmp_path / "made", 3):
        disc.add(path)
    disc.write(archive.incoming / "disc")
    disc._stage["t"].cleanup()  # it would be cleaned up by chance, with a warning
    image(archive.incoming / "disc" / "stray.dcm", study=9)  # which the DICOMDIR does not name
    code, outcome = archive.load(archive.incoming / "disc" / "DICOMDIR")
    assert (code, outcome["states"]) == (0, {"Archived": 3}), outcome
    archive.expect_clean()


def test_a_zip(archive: Archive, tmp_path: Path) -> None:
    with zipfile.ZipFile(archive.incoming / "a.zip", "w", zipfile.ZIP_DEFLATED) as made:
        for path in study(tmp_path / "made", 3):
            made.write(path, f"deep/{path.name}")
    code, outcome = archive.load(archive.incoming / "a.zip")
    assert (code, outcome["states"]) == (0, {"Archived": 3}), outcome
    archive.expect_clean()


def test_zip_slip_links_and_encryption_are_refused_and_the_rest_is_taken(archive: Archive, tmp_path: Path) -> None:
    good = image(tmp_path / "good.dcm").read_bytes()
    with zipfile.ZipFile(archive.incoming / "a.zip", "w") as made:
        made.writestr("good.dcm", good)
        for name in ("../../up.dcm", "/abs.dcm", "a/../../up.dcm", "..\\up.dcm"):
            made.writestr(name, good)
        link = zipfile.ZipInfo("link.dcm")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        made.writestr(link, "/etc/passwd")
    before = set(tmp_path.rglob("*"))
    code, outcome = archive.load(archive.incoming / "a.zip")
    assert code == 1
    assert outcome["states"] == {"Archived": 1}
    refused = {one["path"]: one["reason"] for one in outcome["refused"]}
    assert sorted(refused) == ["../../up.dcm", "..\\up.dcm", "/abs.dcm", "a/../../up.dcm", "link.dcm"]
    assert not any(path.name in ("up.dcm", "abs.dcm", "passwd") for path in set(tmp_path.rglob("*")) - before)


def test_a_zip_bomb_is_refused_whole(archive: Archive) -> None:
    with zipfile.ZipFile(archive.incoming / "a.zip", "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("zeros.dcm", bytes(100 << 20))
    code, said = archive.load(archive.incoming / "a.zip")
    assert code == 2
    assert "unpacks to more than 200 times its bytes" in said
    assert archive.originals() == []


def test_a_folder_with_links_pipes_and_junk(archive: Archive, tmp_path: Path) -> None:
    image(archive.incoming / "good.dcm")
    secret = image(tmp_path / "elsewhere" / "secret.dcm", study=5)
    (archive.incoming / "link.dcm").symlink_to(secret)
    (archive.incoming / "folder").symlink_to(secret.parent)
    os.mkfifo(archive.incoming / "pipe.dcm")
    (archive.incoming / os.fsdecode(b"caf\xe9.dcm")).write_bytes(b"a name that is no UTF-8")
    (archive.incoming / "empty.dcm").touch()
    (archive.incoming / "junk.dcm").write_bytes(b"no image" * 1000)
    whole = image(tmp_path / "whole.dcm", study=6).read_bytes()
    (archive.incoming / "cut.dcm").write_bytes(whole[:-100])
    (archive.incoming / "cut-between.dcm").write_bytes(whole[: -64 * 64 * 2 - 12])  # before its last element
    code, outcome = archive.load()
    assert code == 1
    assert outcome["states"] == {"Archived": 1}
    refused = {one["path"] for one in outcome["refused"]}
    assert refused == {
        "link.dcm",
        "folder",
        "pipe.dcm",
        "empty.dcm",
        "junk.dcm",
        "cut.dcm",
        "cut-between.dcm",
        "caf\\xe9.dcm",
    }
    assert archive.originals() == []
    archive.expect_clean()


def test_names_in_another_encoding(archive: Archive) -> None:
    for number, name in enumerate((b"\xcd\xbc\xcf\xf1.dcm", b"\\xcd\\xbc\\xcf\\xf1.dcm")):
        image(archive.incoming / os.fsdecode("病例".encode("gbk")) / os.fsdecode(name), number=number)
    code, outcome = archive.load()
    assert (code, outcome["states"]) == (0, {"Archived": 2})


@pytest.mark.parametrize("where", ["outside", "link"])
def test_a_parcel_outside_the_configured_folders_is_refused(archive: Archive, tmp_path: Path, where: str) -> None:
    study(tmp_path / "elsewhere", 1)
    place = tmp_path / "elsewhere"
    if where == "link":
        place = archive.incoming / "in"
        place.symlink_to(tmp_path / "elsewhere")
    code, said = archive.load(place)
    assert code == 2
    assert "is in none of the folders that images come from" in said
    assert archive.jobs() == []


def test_one_uid_with_other_bytes_is_refused_before_and_after_archiving(archive: Archive) -> None:
    image(archive.incoming / "a.dcm")
    image(archive.incoming / "b.dcm", StudyDescription="other")  # the same SOP Instance UID
    code, outcome = archive.load()
    assert (code, outcome["states"]) == (1, {"Archived": 1})
    assert [one["path"] for one in outcome["refused"]] == ["b.dcm"]
    assert outcome["refused"][0]["reason"].startswith("duplicate-uid")
    code, outcome = archive.load()
    assert (code, outcome["received_before"]) == (1, 1)
    assert outcome["refused"][0]["reason"].startswith("duplicate-uid")
    assert archive.originals() == []


def test_a_study_of_two_patients_is_refused_together_and_one_after_the_other(archive: Archive) -> None:
    image(archive.incoming / "a.dcm", number=1)
    image(archive.incoming / "b.dcm", number=2, PatientID="somebody else")
    code, outcome = archive.load()
    assert (code, outcome["states"]) == (1, {FileState.DEIDENTIFICATION_FAILED: 2})
    assert all(reason.startswith("study-of-two-patients") for reason in outcome["reasons"])
    (archive.incoming / "b.dcm").unlink()
    assert archive.load()[1]["states"] == {FileState.ARCHIVED: 1}
    image(archive.incoming / "c.dcm", number=3, PatientID="somebody else")
    code, outcome = archive.load()
    assert code == 1
    assert any(reason.startswith("study-of-two-patients") for reason in outcome["reasons"])
    assert len(archive.archived()) == 1
    assert archive.originals() == []


def test_what_nobody_looked_at_waits_in_quarantine_and_blocks_nothing(archive: Archive) -> None:
    image(archive.incoming / "a.dcm", number=1)
    image(archive.incoming / "b.dcm", number=2, Modality="US", series=2)
    code, outcome = archive.load()
    assert (code, outcome["states"]) == (1, {"Archived": 1, "Quarantined": 1})
    assert len(archive.originals()) == 1
    assert len(archive.archived()) == 1
    (job,) = archive.jobs()
    assert (job.state, job.error) == ("done", "1 of 2 files were not archived")


def test_originals_are_sealed_for_somebody_outside(tmp_path: Path) -> None:
    from crypt4gh.keys import c4gh, get_private_key
    from crypt4gh.lib import decrypt

    secret, public = tmp_path / "k.sec", tmp_path / "k.pub"
    c4gh.generate(secret, public, passphrase=b"x" * 12, comment=b"")
    sealed = {"recipient": str(public), "folder": str(tmp_path / "sealed")}
    with opened(tmp_path / "m", originals=sealed) as archive:
        original = image(archive.incoming / "a.dcm").read_bytes()
        assert archive.load()[0] == 0
        assert archive.originals() == []
        (file,) = [path for path in (tmp_path / "sealed").rglob("*") if path.is_file()]
        assert PATIENT.encode() not in file.read_bytes()
        key = get_private_key(secret, lambda: "x" * 12)
        with file.open("rb") as closed, (tmp_path / "open").open("wb") as clear:
            decrypt([(0, key, None)], closed, clear)
        assert (tmp_path / "open").read_bytes() == original
        assert archive.arrivals()[0].store == "sealed"


@pytest.mark.parametrize("place", ["store/quarantine", "store", "."])
def test_a_quarantine_in_a_store_is_refused(tmp_path: Path, place: str) -> None:
    with opened(tmp_path / "m", quarantine=str(tmp_path / "m" / place)) as archive:
        image(archive.incoming / "a.dcm")
        code, said = archive.load()
        assert code == 2
        assert "originals must be apart" in said


def test_quarantine_is_for_its_owner_only(archive: Archive) -> None:
    image(archive.incoming / "a.dcm", Modality="US")
    archive.load()
    (key,) = archive.originals()
    path = archive.quarantine.path(key)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((archive.folder / "quarantine").stat().st_mode) == 0o700


def test_without_settings_for_images_nothing_comes_in(archive: Archive) -> None:
    text = archive.config.read_text()
    archive.config.write_text(text[: text.index("images:")] + text[text.index("jobs:") :])
    image(archive.incoming / "a.dcm")
    code, said = archive.load()
    assert code == 2
    assert "images" in said
    assert KEY not in said


def test_a_collection_that_is_not_registered_takes_nothing_into_quarantine(archive: Archive) -> None:
    image(archive.incoming / "a.dcm")
    code, said = archive.load(collection="OBIA000009")
    assert code == 2
    assert "'OBIA000009' is not registered" in said
    assert [path for path in (archive.folder / "quarantine").rglob("*") if path.is_file()] == []


def test_no_key_or_patient_is_told_in_the_catalog(archive: Archive) -> None:
    image(archive.incoming / f"{PATIENT}.dcm")
    assert archive.load()[0] == 0
    shutil.rmtree(archive.incoming)
    content = b"".join(path.read_bytes() for path in archive.folder.parent.glob("m.db*"))
    assert PATIENT.encode() not in content
    assert b"Lindqvist" not in content


def test_archived_images_are_records_of_drs_and_of_the_beacon(archive: Archive) -> None:
    study(archive.incoming, 2, PatientSex="F", PatientAge="043Y", BodyPartExamined="CHEST")
    assert archive.load()[0] == 0
    catalog = Catalog(archive.engine, lambda: TODAY)
    files = catalog.dataset_files(COLLECTION)
    assert [file.id for file in files] == ["OBIF00000001", "OBIF00000002"]
    for file, data in zip(files, archive.archived(), strict=True):
        assert file.instance == data.SOPInstanceUID
        assert file.mime_type == "application/dicom"
        content = (archive.store / file.locations[0][1]).read_bytes()
        assert file.checksums["sha-256"] == hashlib.sha256(content).hexdigest()
    imaging = Imaging(archive.engine, Filters(archive.engine, ["individual", "imagingStudy", "imagingSeries"]))
    (entry,) = imaging.entries("imagingStudy", [], {COLLECTION: BitMap([0])})
    record = imaging.records("imagingStudy", [entry.id])[entry.id]
    assert record["individualId"] == "OBII000001"
    assert (record["numberOfSeries"], record["ageAtImaging"]) == (1, {"iso8601duration": "P43Y"})
    assert [one["id"] for one in record["modalities"]] == ["DCM:CT"], record
    with Session(archive.engine) as session:  # the person is found by a filter for sex
        people = session.scalar(select(TermPeople.people).where(TermPeople.term == "NCIT:C16576"))
    assert people is not None
    assert decode(people) == BitMap([0])
