"""``make conformance``: requirement → tests → result, printed and written to ``docs/conformance.md``; attacks too.

A test says in its name which requirements it checks: ``test_DRS_10_12_X_06_…`` checks DRS-10, DRS-12 and X-06, and
``test_DRS_01_to_09_…`` all nine. Where the pack with the checklist is present, its rows without a test are listed too.
"""

from __future__ import annotations

import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests import attacks
from tests.support import PACK

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "docs" / "conformance.md"
FAMILIES = {"AAI", "BEA", "CLH", "DRS", "HTS", "REF", "REG", "SUI", "SVI", "TES", "VIS", "X"}
ROW = re.compile(r"^\| ([A-Z]+-\d+) \| ([^|]*) \|", re.MULTILINE)
LEVEL = re.compile(r"[MSOR](/[MSOR])?!?")
HEAD = """# Conformance

Made by `make conformance`: each requirement of the standards by its id, the tests that check it and what they said.
Ids are those of the project's checklist: DRS (DRS 1.5.0), BEA (Beacon 2.1.1), HTS (htsget 1.3.0), SVI and REG
(service-info, service registry), AAI, VIS and CLH (AAI and Passport), X (traps between standards), SUI (what official
suites accept).
"""
ATTACKS = """
## Attacks

Rows of the project's attack table; every case is an attempt that is refused.
"""


def ids_in(name: str) -> list[str]:
    """Ids of the requirements in the name of a test, each once.

    >>> ids_in("test_DRS_10_12_X_06_records")
    ['DRS-10', 'DRS-12', 'X-06']
    >>> ids_in("test_HTS_01_to_03_and_20_tickets_of_50_reads")
    ['HTS-01', 'HTS-02', 'HTS-03', 'HTS-20']
    """
    family, found, through = "", [], False
    for word in name.split("[", 1)[0].removeprefix("test_").split("_"):
        if word in FAMILIES:
            family = word
        elif family and re.fullmatch(r"\d\d", word):
            first = int(found[-1].rsplit("-", 1)[1]) + 1 if through and found else int(word)
            found += [f"{family}-{number:02}" for number in range(first, int(word) + 1)]
            through = False
        elif family and word in ("to", "and"):
            through = word == "to"
        else:
            break
    return list(dict.fromkeys(found))


def attack(row: int) -> str:
    """Id of a row of the attack table."""
    return f"attack {row:02}"


def _about(test: str) -> list[str]:
    """Requirements and rows of the attack table that a test case is about."""
    return ids_in(test) + [attack(row) for row in attacks.rows_of(test) or ()]


class Outcomes:
    """A pytest plugin: keeps the tests that name a requirement or an attack, and notes what became of them."""

    def __init__(self) -> None:
        self.tests: dict[str, set[str]] = defaultdict(set)
        self.results: dict[str, set[str]] = defaultdict(set)
        self.cases: Counter[str] = Counter()

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Deselect every other test."""
        chosen = [item for item in items if _about(item.name)]
        config.hook.pytest_deselected(items=[item for item in items if not _about(item.name)])
        items[:] = chosen

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a result; a failure while setting up counts as one."""
        if report.when == "call" or report.outcome != "passed":
            test = report.nodeid.split("[", 1)[0]
            self.results[test].add(report.outcome)
            for id in _about(report.nodeid.rsplit("::", 1)[1]):
                self.tests[id].add(test)
                self.cases[id] += 1

    def result(self, id: str) -> str:
        """``failed``, ``passed`` or ``skipped``; the worst of its tests, but one that ran outweighs those skipped."""
        seen = set().union(*(self.results[test] for test in self.tests[id]))
        return next((outcome for outcome in ("failed", "passed", "skipped") if outcome in seen), "no test yet")


def rows() -> dict[str, str]:
    """Level by id of the checklist's rows; empty where the checklist is not present."""
    checklist = PACK / "specs" / "CHECKLIST.md"
    if not checklist.exists():
        return {}
    found = dict(ROW.findall(checklist.read_text()))
    return {id: level.strip() if LEVEL.fullmatch(level.strip()) else "" for id, level in found.items()}


def table(outcomes: Outcomes, levels: dict[str, str]) -> list[tuple[str, str, str, str]]:
    """(id, level, tests, result) of every requirement that has a test, and of those that must have one."""
    binding = {id for id, level in levels.items() if level.startswith("M")}
    wanted = sorted({*(id for id in outcomes.tests if not id.startswith("attack")), *binding})
    return [
        (id, levels.get(id, ""), ", ".join(_short(outcomes.tests.get(id, ()))), outcomes.result(id)) for id in wanted
    ]


def attack_table(outcomes: Outcomes) -> list[str]:
    """Lines of the table of attacks: row, what it is, cases, tests, result."""
    lines = [ATTACKS, "| row | attack | cases | tests | result |", "|---|---|---|---|---|"]
    for row, title in attacks.ROWS.items():
        id = attack(row)
        if row in attacks.WAITING:
            lines.append(f"| {row} | {title} | 0 | | {attacks.WAITING[row]} |")
        else:
            tests = ", ".join(_short(outcomes.tests.get(id, ())))
            lines.append(f"| {row} | {title} | {outcomes.cases[id]} | {tests} | {outcomes.result(id)} |")
    return lines


def _short(tests: Iterable[str]) -> list[str]:
    return sorted(f"`{test.removeprefix('tests/')}`" for test in tests)


def main() -> int:
    """Run the tests, print and write the table; the exit code is pytest's."""
    outcomes = Outcomes()
    # This module imports what the tests share, which pytest would rather have imported itself.
    chosen = [
        "-q",
        "-W",
        "ignore:Module already imported so cannot be rewritten",
        "-m",
        "not interop and not browser and not prove",
        str(ROOT / "tests"),
        *sys.argv[1:],
    ]
    code = pytest.main(chosen, plugins=[outcomes])
    found = table(outcomes, rows())
    lines = [HEAD, "| requirement | level | tests | result |", "|---|---|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in found]
    TARGET.write_text("\n".join([*lines, *attack_table(outcomes)]) + "\n")
    for id, level, tests, result in found:
        print(f"{id:8} {level:4} {result:12} {tests.count('::')} test(s)")
    print(f"{len(found)} requirements, {sum(row[3] == 'passed' for row in found)} passed; {TARGET}")
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
