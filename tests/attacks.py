"""Attack row → cases: which tests show that an attack is refused.

A test says in its name which rows it is about: ``test_ATTACKS_24_…``, ``test_row_54_…``, ``…_row_45``, and with a range
``test_ATTACKS_13_to_43_…``. Where a test is parametrised, a case whose id begins with a row of two figures
(``"07 crit empty"``) is a case of that row alone, and one that begins with ``--`` is an attack that no row names.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("tests/auth", "tests/node", "tests/federation", "tests/contract")

ROWS = {
    1: "unsigned",
    2: "HMAC with the public key",
    3: "HMAC with the JWK's text",
    4: "another algorithm or key",
    5: "a key inside the token",
    6: "kid",
    7: "crit and b64",
    8: "names given twice",
    9: "other spellings of one token",
    10: "a token of another type",
    11: "times",
    12: "type of a Passport",
    13: "nobody trusts the issuer, broker or source",
    14: "jku of another",
    15: "jku as a way inside",
    16: "almost the same URL",
    17: "a grant for data of others",
    18: "key sets",
    19: "visas of another person",
    20: "links that join nobody",
    21: "spelling of links",
    22: "subject and issuer run together",
    23: "a stolen visa in another Passport",
    24: "Passports that add up",
    25: "one bad Passport among good ones",
    26: "empty and unmet conditions",
    27: "clauses of wrong form",
    28: "conditions met by conditional visas",
    29: "clauses spread over visas",
    30: "conditions met by bad visas",
    31: "patterns",
    32: "split patterns",
    33: "asserted",
    34: "the earliest expiry",
    35: "milliseconds",
    36: "failing open",
    37: "by, value and source",
    38: "almost the same data set",
    39: "affiliations",
    40: "registered access",
    41: "unknown types",
    42: "sizes",
    43: "a document token that is an access token",
    44: "access-token visas without confirmation",
    45: "ga4gh claims in access tokens",
    46: "token exchange",
    47: "visas without the scope",
    48: "PKCE",
    49: "codes twice or of others",
    50: "redirect addresses",
    51: "mixed-up answers",
    52: "sessions and state",
    53: "id_tokens",
    54: "refresh tokens",
    55: "device flow",
    56: "tokens bound by DPoP",
    57: "tokens bound to a certificate",
    58: "introspection and revocation by others",
    59: "consent",
    60: "secrets in addresses and logs",
    61: "caches and other origins",
    62: "requests of others",
    63: "deciding on one's own",
    64: "links that decide",
    65: "forms of other sites, and what people write",
    66: "races of decisions",
    67: "revocation",
    68: "edited audit events",
    69: "review links",
    70: "registration numbers of human data",
    71: "changed byte URLs",
    72: "encrypted files",
    73: "services without credentials",
}
WAITING = {
    69: "there are no review links yet",
    70: "registration numbers are not part of registration yet",
    72: "files are not encrypted yet",
}
"""Rows of features that do not exist yet, with what they wait for."""

_NAMED = re.compile(r"(?:^|_)(?:ATTACKS|rows?)((?:_(?:\d+|to|and))+)")
_CASE = re.compile(r"(\d\d)[ _-]")


def rows_of(test: str) -> list[int] | None:
    """Rows that a test case is about by its pytest name; None if it is no attack.

    >>> rows_of("test_ATTACKS_1_to_12_refused[07 crit empty]")
    [7]
    >>> rows_of("test_ATTACKS_1_to_12_refused[-- empty]")
    []
    >>> rows_of("test_ATTACKS_20_to_22_not_combined")
    [20, 21, 22]
    >>> rows_of("test_code_flow_row_45"), rows_of("test_row_52_65_forms[x]"), rows_of("test_a_good_token")
    ([45], [52, 65], None)
    """
    name, _, case = test.partition("[")
    rows: list[int] = []
    for named in _NAMED.findall(name):
        words = named.strip("_").split("_")
        for place, word in enumerate(words):
            if word.isdecimal():
                first = rows[-1] + 1 if place and words[place - 1] == "to" else int(word)
                rows += range(first, int(word) + 1)
    if not rows:
        return None
    if case.startswith("--"):
        return []
    own = _CASE.match(case)
    return [int(own[1])] if own and len(rows) > 1 else rows


def collected() -> list[str]:
    """Names of every test case, as pytest finds them."""
    command = [sys.executable, "-m", "pytest", "-q", "--collect-only", *FOLDERS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)
    if done.returncode:
        raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
    return [line.split("::", 1)[1] for line in done.stdout.splitlines() if "::" in line]


def counted(tests: Iterable[str]) -> tuple[Counter[int], int]:
    """Cases by row, and attack cases in all."""
    cases = [rows for test in tests if (rows := rows_of(test)) is not None]
    return Counter(row for rows in cases for row in rows), len(cases)


def main() -> int:
    """Print row → cases; 1 if a row has none."""
    by_row, total = counted(collected())
    for row, title in ROWS.items():
        print(f"{row:3} {title:48} {by_row[row] or WAITING.get(row, 'NO TEST')}")
    print(f"{total} attack cases")
    return int(any(not by_row[row] for row in ROWS.keys() - WAITING.keys()))


if __name__ == "__main__":
    sys.exit(main())
