"""Every check, switched off, makes a test fail (issue 5): so none is there for show, and none can be lost unnoticed."""

from __future__ import annotations

import os
import queue
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.prove.checks import Check, load
from tests.prove.mutant import PASSED, ROOT, Copy

AT_ONCE = int(os.environ.get("GSANODE_AT_ONCE", "2"))
CHECKS = load()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: f"{check.module} {check.title}")
def test_the_table_matches_the_code(check: Check) -> None:
    """And a module without the check still compiles."""
    source = (ROOT / check.module).read_text()
    assert check.off(source) != source
    assert all((ROOT / test).exists() for test in check.tests)


def test_a_check_that_moved_is_told() -> None:
    with pytest.raises(LookupError, match="0 times"):
        Check("auth/jose.py", "x", (), "no such text", "").off((ROOT / "auth/jose.py").read_text())


@pytest.mark.prove
@pytest.mark.timeout(9000)
def test_mutations_are_noticed(tmp_path: Path) -> None:
    """One check after the other is off, each in a copy; first the tests must pass with all of them on."""
    started = time.monotonic()
    copies: queue.Queue[Copy] = queue.Queue()
    for number in range(AT_ONCE):
        copies.put(Copy(tmp_path / f"copy{number}"))

    def noticed(check: Check) -> bool:
        copy = copies.get()
        try:
            return copy.notices(check)
        finally:
            copies.put(copy)

    whole = copies.get()
    code, said = whole.run(sorted({test for check in CHECKS for test in check.tests}))
    assert code == PASSED, said
    copies.put(whole)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(noticed, CHECKS))
    missed = [f"{check.module}: {check.title}" for check, was in zip(CHECKS, found, strict=True) if not was]
    print(f"{len(CHECKS)} checks off one by one, {sum(found)} noticed, {time.monotonic() - started:.0f} s")
    assert missed == []
