"""DUO terms beside a stated use: a truth table written down here, and what must never be said."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth import duo
from auth.errors import InvalidRequest
from tests.support import shared

GRU, HMB, DS, POA, NRES = ("DUO:0000042", "DUO:0000006", "DUO:0000007", "DUO:0000011", "DUO:0000004")
CANCER, OTHER = "MONDO:0004992", "MONDO:0005045"


def term(id: str) -> dict[str, Any]:
    return {"id": id, "modifiers": [{"id": CANCER}]} if id == DS else {"id": id}


# (terms, stated use, verdict of the first term)
TABLE: list[tuple[list[str], dict[str, Any], str]] = [
    ([GRU], {"kinds": ["health"]}, "fits"),
    ([GRU], {"kinds": ["population", "methods"]}, "fits"),
    ([GRU], {"kinds": ["clinical"]}, "conflicts"),
    ([GRU, "DUO:0000043"], {"kinds": ["clinical"]}, "fits"),
    ([GRU], {}, "check"),
    ([NRES], {"kinds": ["clinical", "population"]}, "fits"),
    ([HMB], {"kinds": ["health", "disease"]}, "fits"),
    ([HMB], {"kinds": ["population"]}, "conflicts"),
    ([HMB], {"kinds": ["methods"]}, "check"),
    ([HMB], {"kinds": ["methods", "population"]}, "conflicts"),
    ([DS], {"kinds": ["disease"], "disease": CANCER}, "fits"),
    ([DS], {"kinds": ["disease"], "disease": OTHER}, "check"),
    ([DS], {"kinds": ["disease"]}, "check"),
    ([DS], {"kinds": ["health"]}, "conflicts"),
    ([POA], {"kinds": ["population"]}, "fits"),
    ([POA], {"kinds": ["health"]}, "conflicts"),
    (["DUO:0000015"], {"kinds": ["methods"]}, "conflicts"),
    (["DUO:0000015"], {"kinds": ["health"]}, "fits"),
    (["DUO:0000015"], {}, "check"),
    (["DUO:0000044"], {"kinds": ["population"]}, "conflicts"),
    (["DUO:0000016"], {"genetic": True}, "fits"),
    (["DUO:0000018"], {"commercial": False, "for_profit": False}, "fits"),
    (["DUO:0000018"], {"commercial": False}, "check"),
    (["DUO:0000018"], {"commercial": False, "for_profit": True}, "conflicts"),
    (["DUO:0000018"], {"commercial": True}, "conflicts"),
    (["DUO:0000019"], {"publication": True}, "fits"),
    (["DUO:0000020"], {"collaboration": False}, "conflicts"),
    (["DUO:0000021"], {"ethics_approval": True}, "fits"),
    (["DUO:0000021"], {"ethics_approval": False}, "conflicts"),
    (["DUO:0000021"], {}, "check"),
    (["DUO:0000029"], {"return_results": True}, "fits"),
    (["DUO:0000045"], {"for_profit": True}, "conflicts"),
    (["DUO:0000046"], {"commercial": False}, "fits"),
    *(([f"DUO:00000{number}"], {"kinds": ["health"]}, "check") for number in (12, 22, 24, 25, 26, 27, 28)),
    (["DUO:9999999"], {"kinds": ["health"]}, "check"),
]


@pytest.mark.parametrize(("terms", "use", "verdict"), TABLE)
def test_verdicts(terms: list[str], use: dict[str, Any], verdict: str) -> None:
    assert duo.findings([term(id) for id in terms], use)[0].verdict == verdict


def test_every_rule_is_in_the_table() -> None:
    assert {id for terms, _, _ in TABLE for id in terms} >= set(duo.rules().terms)


@given(st.lists(st.sampled_from([*duo.rules().terms, "DUO:9999999"]), unique=True, max_size=6))
def test_silence_never_fits(terms: list[str]) -> None:
    found = duo.findings([term(id) for id in terms], {})
    assert [one.term for one in found] == terms
    assert {one.verdict for one in found} <= {"check"}


@pytest.mark.parametrize(
    "use",
    [
        {"kinds": "health"},
        {"kinds": ["magic"]},
        {"disease": "cancer; drop"},
        {"disease": 1},
        {"commercial": "no"},
        {"approved": True},
    ],
)
def test_answers_that_are_not_asked_are_refused(use: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="use"):
        duo.stated(use)


def test_what_is_left_empty_is_not_said() -> None:
    assert duo.stated({"kinds": [], "disease": "", "commercial": False}) == {"commercial": False}


def test_labels_are_those_of_the_ontology() -> None:
    """Extra, on the real ontology: every code is there under the label that is shown."""
    text = shared("data/ontologies/duo-basic.owl").read_text(encoding="utf-8")
    classes = re.findall(r"<owl:Class (.*?)</owl:Class>", text, re.S)
    ids = {re.search(r">(DUO:\d+)<", one): re.search(r"<rdfs:label[^>]*>([^<]+)<", one) for one in classes}
    labels = {id[1]: label[1] for id, label in ids.items() if id and label}
    assert {id: rule["label"] for id, rule in duo.rules().terms.items()} == {id: labels[id] for id in duo.rules().terms}
