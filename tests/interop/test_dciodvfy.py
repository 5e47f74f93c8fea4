"""``dciodvfy`` (Debian dicom3tools) finds no error in a de-identified object that it did not find in the original."""

from __future__ import annotations

import os
import re
import subprocess
import zlib
from collections import Counter
from pathlib import Path

import pydicom
import pytest

from tests.prove.deid import passed_on, score
from tests.support import program

pytestmark = [pytest.mark.interop, pytest.mark.timeout(600)]
SEED = int(os.environ.get("GSANODE_SEED", "1"))
OBJECTS = 240
VALUE = re.compile(r"'[^']*'|\d+")


def errors(tool: str, path: Path, work: Path) -> set[str] | None:
    """Kinds of errors in a file, without the values that they name; None if the tool gives up on it."""
    done = subprocess.run([tool, str(inflated(path, work))], capture_output=True, timeout=60, check=False)
    if done.returncode < 0:
        return None
    said = (done.stderr + done.stdout).decode("latin-1").splitlines()
    return {VALUE.sub("…", line) for line in said if line.startswith("Error")}


def inflated(path: Path, work: Path) -> Path:
    """The file, or if its data set is deflated, which the tool does not read, one with the same bytes inflated."""
    meta = pydicom.filereader.read_file_meta_info(path)
    if not meta.TransferSyntaxUID.is_deflated:
        return path
    raw = path.read_bytes()
    start = 128 + 4 + 12 + meta.FileMetaInformationGroupLength
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    with (work / "inflated.dcm").open("wb") as file:
        file.write(bytes(128) + b"DICM")
        pydicom.filewriter.write_file_meta_info(file, meta)
        file.write(zlib.decompress(raw[start:], -zlib.MAX_WBITS))
    return work / "inflated.dcm"


def test_no_new_error_by_difference(tmp_path: Path) -> None:
    tool = program("dciodvfy")
    score(tmp_path, OBJECTS, SEED)
    fresh: Counter[str] = Counter()
    compared = given_up = 0
    for path, after in passed_on(tmp_path).items():
        before = tmp_path / "in" / path
        was, now = errors(tool, before, tmp_path), errors(tool, after, tmp_path)
        if was is None or now is None:
            given_up += was is None
            assert was is None, f"gives up on {after.name} only after the rewriting"
            continue
        compared += 1
        fresh.update(now - was)
    print(f"{compared} compared, {given_up} given up on before, new: {dict(fresh)}")
    assert compared > OBJECTS // 2
    assert fresh == {}
