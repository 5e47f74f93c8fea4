"""De-identification of 512x512 CT slices, beside a plain durable copy and two tools in common use, one core each; its
memory, two processes, and text burned into pixels.

The copy and ``gsanode deid`` wait until what they wrote is durable; the other tools do not. Beside the copy, which
takes SHA-256 of every file, ``gsanode deid`` takes it too; beside the other tools, which do not, neither does it.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench import burned_in, deid_peers
from bench.deid_process import PATIENT, arguments, deidentify, memory_above_idle, together
from bench.figure import Figure, PeerAbsent

FOLDER = Path(".bench/deid").absolute()
SLICES, QUICK_SLICES, SERIES = 1600, 800, 200  # slices; and of one series
ROUNDS = 3
PAIRS = 5  # rounds of one process and of two
COPIED = 1 << 20
PEERS = {"dicom-anonymizer": ">= 8", "dicognito": ">= 10"}


def prepare(seed: int) -> None:
    """Install the other tools, and write the slices, once for each seed."""
    deid_peers.install()
    folder = _slices(seed)
    if len(list(folder.glob("*.dcm"))) == SLICES:
        return
    from pydicom import dcmread, dcmwrite
    from pydicom.data import get_testdata_file
    from pydicom.uid import UID

    folder.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = dcmread(str(get_testdata_file("CT_small.dcm")))
        data.Rows = data.Columns = 512
        data.PatientName, data.PatientID = "Vandersloot^Margarethe", PATIENT
        data.SeriesDescription = "Thorax 1.25mm Vandersloot 2004-01-19"
        noise = hashlib.shake_256(str(seed).encode()).digest(512 * 512 * 2)
        for number in range(SLICES):
            series, place = divmod(number, SERIES)
            data.SeriesInstanceUID, data.SeriesNumber = f"1.2.826.0.1.3680043.9.{seed}.0.{series}", str(series + 1)
            data.InstanceNumber, data.SliceLocation = str(place + 1), f"{place * 1.25:.2f}"
            data.ImagePositionPatient = ["-158.1", "-179", f"{place * 1.25:.2f}"]
            data.ContentTime, data.XRayTubeCurrent = f"10{place // 60 % 60:02d}{place % 60:02d}", str(120 + place % 40)
            uid = UID(f"1.2.826.0.1.3680043.9.{seed}.{number + 1}")
            data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = uid
            data.PixelData = noise[number * 2 :] + noise[: number * 2]
            dcmwrite(folder / f"{number:04d}.dcm", data)


def run(*, quick: bool, seed: int) -> list[Figure]:
    """All figures; of speeds, the best of rounds in each of which everything runs once (``quick``: one round).

    The best and not the median, of every tool alike: what else a machine does only ever makes a run slower.

    :raises PeerAbsent: with what was measured, if a tool, the detector of text or a font is not installed.
    """
    figures: list[Figure] = []
    absent: list[str] = []
    with tempfile.TemporaryDirectory(prefix="run-", dir=FOLDER) as work:
        root = Path(work)
        slices = root / "in"
        slices.mkdir()
        for path in sorted(_slices(seed).glob("*.dcm"))[: QUICK_SLICES if quick else SLICES]:
            os.link(path, slices / path.name)
        parts: list[Callable[[], list[Figure]]] = [
            partial(_speed, root, slices, quick=quick),
            partial(_processes, root, slices, quick=quick),
            partial(burned_in.figures, quick=quick, seed=seed),
        ]
        for part in parts:
            try:
                figures += part()
            except PeerAbsent as peer:
                figures += peer.measured
                absent.append(str(peer))
    if absent:
        raise PeerAbsent("; ".join(absent), figures)
    return figures


def _slices(seed: int) -> Path:
    return FOLDER / f"series-{seed}"


def _speed(work: Path, slices: Path, *, quick: bool) -> list[Figure]:
    """Slices a second of each tool, on one core."""
    rates: dict[str, list[float]] = {}
    with _one_core():
        for number in range(1 if quick else ROUNDS):
            root = work / f"round{number}"
            root.mkdir()
            runs: dict[str, Callable[[], None]] = {
                "ours": partial(deidentify, slices, root, "ours"),
                "digests": partial(deidentify, slices, root, "digests", "--checksums", str(root / "sha256")),
                "copy": partial(_copy, slices, root / "copy"),
            }
            for tool in PEERS:
                runs[tool] = partial(_call, deid_peers.command(tool, slices, root / tool))
            for name, work_of in runs.items():
                rates.setdefault(name, []).append(_rate(slices, work_of))
    targets = {"copy": ">= 0.5"} | PEERS
    beside = {"copy": "digests"}
    return [_ratio(peer, rates[beside.get(peer, "ours")], rates[peer], target) for peer, target in targets.items()]


def _ratio(peer: str, ours: list[float], theirs: list[float], target: str) -> Figure:
    mine, other = max(ours), max(theirs)
    named = "copy with SHA-256 and fsync" if peer == "copy" else f"{peer} {deid_peers.PACKAGES[peer]}"
    name = f"imaging.deid.{peer.replace('-', '_')}"
    return Figure(name, mine, "slices/s", target, f"{named}: {other:.1f} slices/s", mine / other)


def _processes(work: Path, slices: Path, *, quick: bool) -> list[Figure]:
    """Memory of a process, and what two at once do beside one, a core each; with digests, as workers do.

    Of two the slices a second of the one and of the other are added: workers do not wait for each other. What a disk
    does differs more from round to round than two processes do from one, so that both are those of the same round: that
    in the middle.
    """
    memory = memory_above_idle(slices, work)
    rates: list[tuple[float, float, float]] = []
    for number in range(1 if quick else PAIRS):
        names = [f"process{number}{name}" for name in "abc"]
        runs = [[*arguments(slices, work, name), "--checksums", str(work / f"{name}.sha256")] for name in names]
        one, two = (sum(_rates(slices, some)) for some in (runs[:1], runs[1:]))
        rates.append((two / one, one, two))
    _, one, two = sorted(rates)[len(rates) // 2]
    beside = f"one process, with SHA-256: {one:.1f} slices/s"
    return [
        Figure("imaging.deid.memory_above_idle", memory, "MB", "<= 64"),
        Figure("imaging.deid.two_processes", two, "slices/s", ">= 1.8", beside, two / one),
    ]


def _call(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _copy(origin: Path, target: Path) -> None:
    """What an archive does with a file that needs no change: copied, its digest taken, durable."""
    target.mkdir()
    for path in sorted(origin.iterdir()):
        digest = hashlib.sha256()
        with path.open("rb") as read, (target / path.name).open("wb") as write:
            while piece := read.read(COPIED):
                digest.update(piece)
                write.write(piece)
            write.flush()
            os.fsync(write.fileno())


def _rate(slices: Path, work: Callable[[], None]) -> float:
    """Slices a second. What is written stays to the end: ext4 is slow to make files where others were just deleted."""
    count = _ready(slices)
    began = time.perf_counter()
    work()
    return count / (time.perf_counter() - began)


def _rates(slices: Path, runs: Sequence[Sequence[str]]) -> list[float]:
    """Slices a second of each of several processes at once."""
    count = _ready(slices)
    return [count / seconds for seconds in together(runs)]


def _ready(slices: Path) -> int:
    """How many slices there are, once nothing of others is to be waited for."""
    count = sum(1 for path in slices.iterdir() if path.read_bytes())  # all find them in memory
    os.sync()
    return count


@contextmanager
def _one_core() -> Iterator[None]:
    """This process and its children on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
