"""What a manifest looks like, with names that want to break out of it."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from federation.manifest_formats import Entry, Manifest, aria2, paths, tsv, wget

FOLDERS = st.sampled_from(["A", "B", "../x", ""])


def entry(name: str, **changes: Any) -> Entry:
    given = {"drs_uri": "drs://h/1", "path": paths([("D", name, "1")])[0], "name": name, "size": 1}
    given |= {"checksums": {"sha-256": "ab" * 32}, "node": "n", "dataset": "D", "persons": ["P"], "url": "https://x/y"}
    return Entry(**(given | changes))


@given(
    st.lists(st.tuples(st.sampled_from(["A", "B", "../x", ""]), st.text(max_size=20), st.text(max_size=8)), max_size=30)
)
def test_paths_stay_below_the_folder_and_differ(named: list[tuple[str, str, str]]) -> None:
    made = paths(named)
    assert len({path.casefold() for path in made}) == len(named)
    for path in made:
        assert re.fullmatch(r"[\w+=@][\w.+=@-]*/[\w+=@][\w.+=@-]*", path, re.ASCII), path


@given(st.text(max_size=40))
def test_hostile_names_cannot_break_out_of_a_line(name: str) -> None:
    made = Manifest([entry(name), entry("other")], [("n\nfetch evil", name)], 1, 1, 0, 1)
    table = [line for line in tsv(made).decode().split("\n") if line and not line.startswith("#")]
    assert len(table) == 3
    assert {len(line.split("\t")) for line in table} == {9}
    options = [line for line in aria2(made).decode().split("\n") if line.startswith("http")]
    assert options == ["https://x/y", "https://x/y"]
    calls = [line for line in wget(made).decode().split("\n") if line.startswith("fetch ")]
    assert [len(shlex.split(line)) for line in calls] == [5, 5]


def test_the_script_is_one_that_a_shell_reads(tmp_path: Path) -> None:
    script = tmp_path / "manifest.sh"
    script.write_bytes(wget(Manifest([entry("a'b $(touch x).bin")], [], 1, 1, 0, 1)))
    subprocess.run(["sh", "-n", str(script)], check=True, timeout=60)
