"""De-identification of 512x512 CT slices, beside a plain durable copy and two tools in common use; one core each.

The tools (PyPI ``dicognito`` and ``dicom-anonymizer``) are looked for in the folder that ``GSANODE_DEID_PEERS`` names
(the ``bin`` of an environment of their own), or else on PATH.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench.figure import Figure, PeerAbsent

CACHE = Path(tempfile.gettempdir()) / "gsanode-bench-imaging"
SLICES, QUICK_SLICES, SERIES = 800, 300, 200  # slices; and of one series
COPIED = 1 << 20


def prepare(seed: int) -> None:
    """Write the slices, once for each seed."""
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
        data.PatientName, data.PatientID = "Vandersloot^Margarethe", "MRN0048213"
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
    """Slices a second of each.

    :raises PeerAbsent: if neither of the tools is installed.
    """
    slices = QUICK_SLICES if quick else SLICES
    peers = {name: _program(name) for name in ("dicom-anonymizer", "dicognito")}
    with tempfile.TemporaryDirectory(prefix="gsanode-deid-") as work, _OneCore():
        root = Path(work)
        _link(_slices(seed), root / "in", slices)
        ours = slices / _timed(lambda: _ours(root))
        copied = slices / _timed(lambda: _copy(root / "in", root / "copy"))
        figures = [_figure("copy_sha256_fsync", ours, copied, ">= 0.5")]
        for name, target in (("dicom-anonymizer", ">= 8"), ("dicognito", ">= 10")):
            program = peers[name]
            if program is not None:
                command = _command(name, program, root)
                theirs = slices / _timed(partial(_call, command))
                figures.append(_figure(name, ours, theirs, target))
    if len(figures) == 1:
        raise PeerAbsent("neither dicom-anonymizer nor dicognito is installed (see GSANODE_DEID_PEERS)")
    return figures


def _slices(seed: int) -> Path:
    return CACHE / f"series-{seed}"


def _link(origin: Path, folder: Path, slices: int) -> None:
    folder.mkdir()
    for path in sorted(origin.glob("*.dcm"))[:slices]:
        os.link(path, folder / path.name)


def _program(name: str) -> str | None:
    own = os.environ.get("GSANODE_DEID_PEERS")
    return shutil.which(name, path=own) if own else shutil.which(name)


def _ours(root: Path) -> None:
    (root / "mapping.tsv").write_text("patient_id\taccession\nMRN0048213\tOBII000001\n", encoding="utf-8")
    command = [sys.executable, "-m", "node.cli", "deid", str(root / "in"), "--out", str(root / "out")]
    command += ["--collection", "OBIA000001", "--mapping", str(root / "mapping.tsv"), "--key-env", "GSANODE_BENCH_KEY"]
    subprocess.run(command, check=True, capture_output=True, env=os.environ | {"GSANODE_BENCH_KEY": "5a" * 32})


def _command(name: str, program: str, root: Path) -> list[str]:
    target = root / name
    target.mkdir()
    if name == "dicognito":
        # The console script of 0.19 calls main() without arguments; the module runs.
        python = str(Path(program).with_name("python"))
        return [python, "-m", "dicognito", "--quiet", "--output-directory", str(target), str(root / "in")]
    return [program, str(root / "in"), str(target)]


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


def _timed(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


class _OneCore:
    """This process and its children on one core."""

    def __enter__(self) -> None:
        self._before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(self._before)})

    def __exit__(self, *_: object) -> None:
        os.sched_setaffinity(0, self._before)


def _figure(peer: str, ours: float, theirs: float, target: str) -> Figure:
    name = f"imaging.deid.{peer.replace('-', '_')}"
    return Figure(name, ours, "slices/s", target, f"{peer}: {theirs:.1f} slices/s", ours / theirs)
