"""Asks a running demo family as anyone and as one who was granted everything, and holds it against the oracle."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import requests

from auth.login import BrokerClient
from tests.prove.join.files import HUMAN, IMAGES, Files
from tests.prove.join.oracle import Expected, Oracle
from tests.prove.join.questions import Questions

PURPOSE = "Association of phenotypes with images, for a proof"
TIMEOUT = 60
TRIES = 20
PAGE = 20
NEAR, DRAWN = 20, 5000


class Asking:
    """A client of the family that ``family`` (``family.json``) describes."""

    def __init__(self, family: dict[str, Any]) -> None:
        self._family = family
        self._http = requests.Session()

    def token(self, name: str) -> str:
        """Sign a user in."""
        public, user = self._family["oauth"]["public"], next(u for u in self._family["users"] if u["name"] == name)
        client = BrokerClient(self._family["oauth"]["issuer"], public["client_id"], public["redirect_uri"])
        return client.sign_in(name, user["password"]).access

    def granted_everything(self) -> str:
        """A token of the researcher after the committees granted every controlled data set with people."""
        researcher, dac = self.token("researcher"), self.token("dac")
        for dataset in self._family["datasets"]:
            if dataset["member"] in (HUMAN, IMAGES) and (dataset["tier"], dataset["state"]) == (
                "controlled",
                "released",
            ):
                every = f"{self._family['urls'][dataset['member']]}/dac/v1/requests"
                asked = self._post(every, researcher, {"dataset": dataset["accession"], "purpose": PURPOSE})
                self._post(f"{every}/{asked['id']}/submit", researcher, {})
                self._post(f"{every}/{asked['id']}/approve", dac, {})
        return self.token("researcher")

    def search(self, question: dict[str, Any], token: str | None) -> dict[str, Any]:
        """Ask the gateway; again where a node was late, because lateness is not what is proved."""
        for _ in range(TRIES):
            answer = self._post(f"{self._family['urls']['gateway']}/federation/v1/search", token, question)
            if all(node["status"] not in ("timed_out", "unreachable") for node in answer["nodes"]):
                break
            time.sleep(1)
        return answer

    def _post(self, url: str, token: str | None, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = self._http.post(url, json=body, headers=headers, timeout=TIMEOUT)
        assert answer.ok, (url, body, answer.status_code, answer.text)
        found: dict[str, Any] = answer.json()
        return found


def prove(family: dict[str, Any], folder: Path, seed: int, number: int) -> Counter[str]:
    """Ask ``number`` questions as each of the two callers, and :data:`NEAR` near ones; how many of each outcome there
    were."""
    files = Files(folder)
    oracle, asking = Oracle(files), Asking(family)
    token = asking.granted_everything()
    outcomes: Counter[str] = Counter()
    for controlled in (True, False):
        questions = Questions(files, seed + controlled)
        for place in range(number):
            question = questions.next(genotypes=controlled or place % 10 == 0)
            granularity = "record" if controlled else "count"
            answer = asking.search(
                {**question, "granularity": granularity, "limit": PAGE}, token if controlled else None
            )
            expected = oracle.answer(question, controlled=controlled)
            outcomes[f"{'controlled' if controlled else 'anyone'} {check(question, answer, expected)}"] += 1
    for question in _near(Questions(files, seed + 2), oracle, Oracle(files, apart=1)):
        answer = asking.search({**question, "granularity": "count"}, None)
        check(question, answer, oracle.answer(question, controlled=False))
        outcomes["near"] += 1
    return outcomes


def _near(questions: Questions, oracle: Oracle, ruleless: Oracle) -> Iterator[dict[str, Any]]:
    """Questions of anyone that an oracle without the rule of near questions answers otherwise: were the rule lost, in
    the members, the gateway or the oracle, every one of them would be wrong."""
    drawn = (questions.next(genotypes=False) for _ in range(DRAWN))
    differing = (q for q in drawn if oracle.answer(q, controlled=False) != ruleless.answer(q, controlled=False))
    yield from islice(differing, NEAR)


def check(question: dict[str, Any], answer: dict[str, Any], expected: Expected) -> str:
    """Hold one answer against what it must be; what kind of answer it is."""
    told = (question, answer, expected)
    if expected.refused:
        assert not answer["complete"], told
        assert answer["exists"] is None, told
        assert {node["status"] for node in answer["nodes"] if node["id"] == HUMAN} == {"refused"}, told
        return "refused"
    assert answer["complete"], told
    assert answer["exact"] is expected.exact, told
    assert answer["suppressed"] is (expected.number is None), told
    if expected.exact:
        _check_records(question, answer, expected)
    if answer["granularity"] != "record":
        assert answer["count"] == expected.number, told
    return "suppressed" if expected.number is None else "some" if expected.number else "none"


def _check_records(question: dict[str, Any], answer: dict[str, Any], expected: Expected) -> None:
    told = (question, answer, expected)
    assert answer["count"] == expected.number, told
    assert answer["numRecords"] == len(expected.people), told
    assert [record["person"] for record in answer["records"]] == sorted(expected.people)[:PAGE], told
