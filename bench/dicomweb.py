"""DICOMweb beside Orthanc over the same files, beside DRS over the same file, and searches over a million instances."""

from __future__ import annotations

import http.client
import random
import shutil
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, insert, select

from adapters.catalog.engine import connect, writing
from adapters.catalog.models import Dataset, File, ImagingInstance, ImagingSeries, ImagingStudy, Individual
from adapters.registration.accessions import Accessions
from adapters.registration.dicom import DicomFolder
from adapters.registration.plan import Origin
from adapters.registration.registration import Archive, Described, register
from adapters.store import open_stores
from auth.signed import Capability, Signer
from bench import orthanc, wado
from bench.figure import Figure
from bench.member import DAY, MOMENT, database, running
from bench.openloop import percentile
from bench.processes import free_port
from migrations.schema import upgrade

FOLDER, LARGE = Path(".bench/dicomweb").absolute(), Path(".bench/dicomweb-large").absolute()
MADE = "made.2"
STUDIES, SLICES = 128, 4
LARGE_SLICES, LARGE_SIDE = 32, 512  # of one more study
MANY, SERIES, INSTANCES = 10_000, 2, 50  # studies, series of each, instances of each
BLOCK = 20_000
WEB = "/dicom-web"
KEY = "ab" * 32  # of bench.member
OBIA = {"member": "obia", "drs_host": "obia.localhost"}
SET = {"accession": "OBIA000001", "title": "Images", "tier": "open", "release_date": "2024-01-01"}
PATTERNS = {"dataset": r"OBIA\d{6}", "file": r"OBIF\d{8}", "individual": r"OBII\d{6,}", "bioproject": r"PRJC[A-Z]\d{6}"}
MODALITIES, PARTS = ("CT", "MR", "PT", "CR"), ("CHEST", "HEAD", "ABDOMEN")


def prepare(seed: int) -> None:
    """128 studies of 4 slices, and one of 32 larger ones, in an archive; a catalog of a million instances."""
    _small(seed)
    _large(seed)


def _small(seed: int) -> None:
    if (FOLDER / MADE).exists():
        return
    shutil.rmtree(FOLDER, ignore_errors=True)
    archive = FOLDER / "archive"
    archive.mkdir(parents=True)
    write_slices(archive, seed)
    write_large(archive / "large", seed)
    engine = connect(database(FOLDER))
    upgrade(engine, "member")
    stores = open_stores({"archive": {"kind": "local", "root": str(archive)}})
    register(Archive(engine, stores, Accessions(PATTERNS)), Described(SET, Origin("bench")), DicomFolder("archive"))
    engine.dispose()
    (FOLDER / MADE).touch()


def write_slices(archive: Path, seed: int) -> None:
    """The slices as files of a folder."""
    from pydicom.uid import UID

    data = _slice()
    for study in range(STUDIES):
        root = _root(seed, study)
        data.StudyInstanceUID, data.SeriesInstanceUID = UID(root), UID(f"{root}.1")
        data.PatientID = f"P{study // 2}"
        for number in range(SLICES):
            _write(data, f"{root}.1.{number + 1}", number + 1, archive / f"{study:03d}-{number}.dcm")


def write_large(folder: Path, seed: int) -> None:
    """A series of 32 slices of the usual size of CT, in a new folder."""
    from pydicom.uid import UID

    folder.mkdir()
    data, root = _slice(), _root(seed, STUDIES)
    data.StudyInstanceUID, data.SeriesInstanceUID, data.PatientID = UID(root), UID(f"{root}.1"), "P"
    data.Rows = data.Columns = LARGE_SIDE
    for number in range(LARGE_SLICES):
        data.PixelData = random.Random(f"{seed} {number}").randbytes(2 * LARGE_SIDE**2)
        _write(data, f"{root}.1.{number + 1}", number + 1, folder / f"{number}.dcm")


def _root(seed: int, study: int) -> str:
    return f"1.2.826.0.1.3680043.9.{seed}.{study + 1}"


def _slice() -> Any:
    from pydicom import dcmread
    from pydicom.data import get_testdata_file

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dcmread(str(get_testdata_file("CT_small.dcm")))


def _write(data: Any, uid: str, number: int, path: Path) -> None:
    from pydicom.uid import UID

    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = UID(uid)
    data.InstanceNumber = str(number)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data.save_as(path)


def _large(seed: int) -> None:
    if (LARGE / "made").exists():
        return
    shutil.rmtree(LARGE, ignore_errors=True)
    (LARGE / "archive").mkdir(parents=True)
    engine = connect(database(LARGE))
    upgrade(engine, "member")
    with writing(engine).begin() as connection:
        _fill(connection, random.Random(seed))
    engine.dispose()
    (LARGE / "made").touch()


def _fill(connection: Connection, chance: random.Random) -> None:
    moment = {"created_at": MOMENT, "updated_at": MOMENT}
    connection.execute(insert(Dataset).values(**{**SET, "release_date": DAY}, **moment))
    people = [{"accession": f"OBII{n:06d}", "ordinal": n, "record": {}} for n in range(MANY // 2)]
    connection.execute(insert(Individual), people)
    studies = [
        {"uid": _uid(n), "dataset": SET["accession"], "individual": f"OBII{n // 2:06d}", "attributes": {}}
        | {"study_date": DAY.replace(year=2000 + chance.randrange(25)), "description": f"Study {n}"}
        for n in range(MANY)
    ]
    connection.execute(insert(ImagingStudy), studies)
    series = [
        {"uid": f"{_uid(n)}.{s}", "study": _uid(n), "modality": chance.choice(MODALITIES), "number": s}
        | {"body_part": chance.choice(PARTS), "description": "", "manufacturer": "", "attributes": {}}
        for n in range(MANY)
        for s in range(SERIES)
    ]
    connection.execute(insert(ImagingSeries), series)
    rows = list(_instances())
    for start in range(0, len(rows), BLOCK):
        connection.execute(insert(ImagingInstance), [row for row, _ in rows[start : start + BLOCK]])
        connection.execute(insert(File), [file for _, file in rows[start : start + BLOCK]])


def _instances() -> Iterator[tuple[dict[str, object], dict[str, object]]]:
    identity = 0
    for n in range(MANY):
        for s in range(SERIES):
            series = f"{_uid(n)}.{s}"
            for i in range(INSTANCES):
                identity += 1
                yield (
                    {"uid": f"{series}.{i}", "series": series, "number": i, "rows": 512, "columns": 512, "bits": 16}
                    | {"sop_class": "1.2.840.10008.5.1.4.1.1.2", "syntax": "1.2.840.10008.1.2.1"},
                    {"id": f"OBIF{identity:08d}", "dataset": SET["accession"], "series": series, "size": 1}
                    | {"instance": f"{series}.{i}", "name": "x", "created_at": MOMENT},
                )


def _uid(number: int) -> str:
    return f"1.2.826.0.1.3680043.10.{number}"


def run(*, quick: bool, seed: int) -> list[Figure]:
    """Peer and node in turns, the best round of each.

    :raises PeerAbsent: if Orthanc, nginx or wrk is not installed.
    """
    archive, rounds, rows = FOLDER / "archive", 2 if quick else 8, _rows(seed)
    workers = {"port": free_port(), "workers": 2}
    with running(FOLDER, **OBIA) as (url, _), orthanc.running(FOLDER / "orthanc") as peer:
        orthanc.load(peer, sorted(archive.rglob("*.dcm")))
        figures = [_studies(url, peer, rounds)]
        figures += wado.in_turns(url, peer, {"metadata.first": rows["metadata"]}, rounds=1)
        figures += wado.in_turns(url, peer, rows, rounds)
        with (
            running(FOLDER, **OBIA, listen=workers) as (both, _),
            wado.limits(FOLDER, archive, (archive / "000-0.dcm").read_bytes()) as (nginx, bare),
        ):
            urls = {"node": url, "peer": peer, "workers": both, "drs": url, "nginx": nginx, "bare": bare}
            scripts = dict.fromkeys(urls, _retrieve(seed)) | {"drs": _bytes(), "nginx": _files()}
            figures += wado.beside_peer(wado.instances(urls, scripts, FOLDER, quick=quick))
    return [*figures, _million(seed, quick=quick)]


def _studies(url: str, peer: str, rounds: int) -> Figure:
    times: dict[str, list[float]] = {url: [], peer: []}
    for _round in range(rounds):
        for base, taken in times.items():
            taken += _times(base, [f"{WEB}/studies?limit={STUDIES}"] * 4)
    node, theirs = (percentile(taken, 50) * 1000 for taken in times.values())
    told = f"Orthanc {theirs:.1f} ms"
    return Figure("dicomweb.qido.studies", round(node, 2), "ms", "<= 0.1", told, round(node / theirs, 3))


def _rows(seed: int) -> dict[str, tuple[list[str], str, int]]:
    """What viewers fetch: headers, frames, whole studies and series."""
    chance = random.Random(seed)
    roots = [_root(seed, study) for study in range(STUDIES)]
    chance.shuffle(roots)
    studies = [f"{WEB}/studies/{root}" for root in roots]
    frames = [
        f"{study}/series/{root}.1/instances/{root}.1.1/frames/1" for study, root in zip(studies, roots, strict=True)
    ]
    large = f"{WEB}/studies/{_root(seed, STUDIES)}"
    return {
        "metadata": ([f"{study}/metadata" for study in studies], wado.JSON, SLICES),
        "frames": (frames, wado.OCTETS, 1),
        "study": (studies, wado.STORED, SLICES),
        "series": ([f"{large}/series/{_root(seed, STUDIES)}.1"] * 4, wado.STORED, LARGE_SLICES),
    }


def _million(seed: int, *, quick: bool) -> Figure:
    with running(LARGE, **OBIA) as (url, _):
        measured = _times(url, [f"{WEB}{path}" for path in _questions(random.Random(seed), 15 if quick else 60)])
    return Figure("dicomweb.qido.million.p95", round(percentile(measured, 95) * 1000, 1), "ms", "<= 50")


def _questions(chance: random.Random, times: int) -> Iterator[str]:
    """What viewers and people ask, in equal parts."""
    for _ in range(times):
        number = chance.randrange(MANY)
        study, series = _uid(number), f"{_uid(number)}.{chance.randrange(SERIES)}"
        yield "/studies?limit=25"
        yield f"/studies?limit=25&offset={chance.randrange(MANY)}"
        yield f"/studies?PatientID=OBII{number // 2:06d}"
        yield f"/studies?StudyDate={2000 + number % 25}0101-{2000 + number % 25}1231&limit=25"
        yield f"/studies?ModalitiesInStudy={chance.choice(MODALITIES)}&limit=25"
        yield f"/studies?StudyDescription=*{number}*&limit=25"
        yield f"/studies?StudyInstanceUID={study}"
        yield f"/series?Modality={chance.choice(MODALITIES)}&BodyPartExamined={chance.choice(PARTS)}&limit=25"
        yield f"/studies/{study}/series"
        yield f"/studies/{study}/instances"
        yield f"/studies/{study}/series/{series}/instances"
        yield f"/instances?SOPInstanceUID={series}.{chance.randrange(INSTANCES)}"
        yield "/instances?limit=100"


def _times(url: str, paths: Sequence[str]) -> list[float]:
    """Seconds of each request, one after the other on one connection."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    measured = []
    for path in paths:
        begun = time.perf_counter()
        connection.request("GET", path, headers={"Accept": "application/dicom+json"})
        answer = connection.getresponse()
        body = answer.read()
        measured.append(time.perf_counter() - begun)
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {body[:200]!r}")
    connection.close()
    return measured


def _retrieve(seed: int) -> str:
    roots = [_root(seed, study) for study in range(STUDIES)]
    return _in_any_order(
        f"{WEB}/studies/{root}/series/{root}.1/instances/{root}.1.{number + 1}"
        for root in roots
        for number in range(SLICES)
    )


def _bytes() -> str:
    """The same files by byte URLs of DRS."""
    engine = connect(database(FOLDER))
    with engine.connect() as connection:
        ids = list(connection.scalars(select(File.id).where(File.size < LARGE_SIDE**2)))
    engine.dispose()
    signer = Signer(bytes.fromhex(KEY))
    paths = [f"/data/{signer.sign(Capability(id, 'GET', int(time.time()) + 3600))}/x.dcm" for id in ids]
    return _in_any_order(paths)


def _files() -> str:
    """The same files by their names."""
    return _in_any_order(f"/{study:03d}-{number}.dcm" for study in range(STUDIES) for number in range(SLICES))


def _in_any_order(paths: Iterable[str]) -> str:
    """Lua that asks for paths, drawn one after the other; requests are made before, so that asking takes no time."""
    listed = ", ".join(f'"{path}"' for path in paths)
    return f"""math.randomseed(7)
wrk.headers["Accept"] = '{wado.STORED}'
local requests = {{}}
init = function()
  for number, path in ipairs({{{listed}}}) do requests[number] = wrk.format("GET", path) end
end
request = function() return requests[math.random(1, #requests)] end
"""
