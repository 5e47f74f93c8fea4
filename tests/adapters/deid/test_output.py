"""Files are whole under their names, whenever the process ends."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.deid.errors import Reason, Refused
from adapters.deid.output import TOGETHER, Digest, Output

BODY = bytes(range(256)) * 64


def body(number: int) -> bytes:
    return number.to_bytes(4, "big") + BODY


def claimed(digest: Digest) -> None:
    assert len(digest()) == 64


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("digests", [True, False])
@pytest.mark.parametrize("files", [0, 1, TOGETHER - 1, TOGETHER, 2 * TOGETHER + 5])
def test_settled_files_have_their_names(tmp_path: Path, files: int, digests: bool) -> None:
    output = Output(tmp_path, digests=digests)
    for number in range(files):
        asked: list[str] = []
        pieces = [body(number)[:9], body(number)[9:]]
        taken = output.written(f"{number % 3}/{number}.dcm", pieces, lambda digest, a=asked: a.append(digest()))
        assert asked == [hashlib.sha256(body(number)).hexdigest()]
        assert taken == (asked[0] if digests else None)
        assert number % 10 or output.digest(f"{number % 3}/{number}.dcm") == asked[0]
    output.settle()
    assert names(tmp_path) == {f"{number % 3}/{number}.dcm" for number in range(files)}
    assert all((tmp_path / f"{n % 3}/{n}.dcm").read_bytes() == body(n) for n in range(files))


def test_no_file_has_its_name_before_it_is_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    durable: list[str] = []
    fsync, replace = os.fsync, os.replace

    def synced(descriptor: int) -> None:
        fsync(descriptor)
        durable.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))

    def named(part: str, path: str) -> None:
        assert part in durable
        replace(part, path)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", named)
    output = Output(tmp_path)
    for number in range(3 * TOGETHER):
        output.written(f"a/{number}.dcm", [body(number)], claimed)
    output.settle()
    assert len(names(tmp_path)) == 3 * TOGETHER
    assert durable[-1] == str(tmp_path / "a")  # the names too


def test_a_disk_that_fails_is_told_and_gives_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    output = Output(tmp_path)
    output.written("a/1.dcm", [body(1)], claimed)
    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="Input/output error"):
        output.settle()
    assert "a/1.dcm" not in names(tmp_path)


def test_a_refused_file_leaves_nothing(tmp_path: Path) -> None:
    def refuse(digest: Digest) -> None:
        raise Refused(Reason.DUPLICATE, "another object")

    output = Output(tmp_path)
    output.written("a/1.dcm", [body(1)], claimed)
    with pytest.raises(Refused):
        output.written("a/1.dcm", [body(2)], refuse)
    with pytest.raises(Refused):
        output.written("a/2.dcm", [body(2)], refuse)
    output.settle()
    assert names(tmp_path) == {"a/1.dcm"}
    assert (tmp_path / "a/1.dcm").read_bytes() == body(1)


WRITES = """
import sys
from pathlib import Path
from adapters.deid.output import Output
output = Output(Path(sys.argv[1]))
for number in range(100_000):
    output.written(f"a/{number}.dcm", [number.to_bytes(4, "big"), bytes(range(256)) * 64], lambda digest: None)
    if number % 100 == 99:
        output.settle()
        print(number + 1, flush=True)
"""


def test_killed_at_any_instant(tmp_path: Path) -> None:
    """Every file that has its name is whole, and every file that was reported as settled has its name."""
    process = subprocess.Popen([sys.executable, "-c", WRITES, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for _ in range(3):
        settled = int(process.stdout.readline())
    while len(list((tmp_path / "a").iterdir())) < settled + 40:
        pass
    process.kill()
    process.communicate()
    whole = {int(path.stem): path.read_bytes() for path in (tmp_path / "a").glob("[0-9]*.dcm")}
    assert whole.keys() >= set(range(settled))
    assert all(raw == body(number) for number, raw in whole.items())
