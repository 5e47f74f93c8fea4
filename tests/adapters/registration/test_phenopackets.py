"""GA4GH phenopackets as Beacon individuals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from adapters.catalog.models import Individual
from adapters.registration.beacon import objections
from adapters.registration.phenopackets import Phenopackets, individual, time_element
from tests.adapters.registration.members import OPEN, Found, Member, member
from tests.support import shared

SET = {"accession": "HRA000002", **OPEN}
PACKET: dict[str, Any] = {
    "id": "PMID_1_100",
    "subject": {
        "id": "100",
        "alternateIds": ["Jane"],
        "dateOfBirth": "1990-01-01T00:00:00Z",
        "sex": "FEMALE",
        "karyotypicSex": "XX",
        "timeAtLastEncounter": {"age": {"iso8601duration": "P6Y"}},
        "vitalStatus": {"status": "DECEASED", "timeOfDeath": {"timestamp": "2020-01-01T00:00:00Z"}},
    },
    "phenotypicFeatures": [
        {
            "type": {"id": "HP:0000348", "label": "High forehead"},
            "onset": {"ontologyClass": {"id": "HP:0003577", "label": "Congenital onset"}},
            "modifiers": [{"id": "HP:0012825", "label": "Mild"}],
        },
        {"type": {"id": "HP:0000243", "label": "Trigonocephaly"}, "excluded": True},
    ],
    "diseases": [
        {"term": {"id": "OMIM:1", "label": "a"}, "onset": {"age": {"iso8601duration": "P1Y"}}},
        {"term": {"id": "OMIM:2", "label": "b"}, "excluded": True},
    ],
    "measurements": [
        {
            "assay": {"id": "LOINC:3141-9", "label": "Weight"},
            "value": {"quantity": {"unit": {"id": "NCIT:C28252"}, "value": 85.6}},
            "timeObserved": {"age": {"iso8601duration": "P5Y"}},
        }
    ],
    "medicalActions": [
        {"procedure": {"code": {"id": "NCIT:C1", "label": "p"}, "performed": {"age": {"iso8601duration": "P4Y"}}}},
        {"treatment": {"agent": {"id": "CHEBI:1", "label": "t"}}},
    ],
    "metaData": {"phenopacketSchemaVersion": "2.0"},
}


@pytest.fixture
def human(sqlite_engine: Engine, tmp_path: Path) -> Member:
    return member("gsa-human", sqlite_engine, tmp_path)


def source(folder: Path, *packets: dict[str, Any]) -> Phenopackets:
    target = folder / "packets"
    target.mkdir(exist_ok=True)
    for number, packet in enumerate(packets):
        (target / f"{number}.json").write_text(json.dumps(packet), "utf-8")
    return Phenopackets(target, numbering=True)


def test_a_packet_as_a_beacon_individual() -> None:
    assert individual(PACKET) == {
        "id": "PMID_1_100",
        "sex": {"id": "NCIT:C16576", "label": "female"},
        "karyotypicSex": "XX",
        "diseases": [{"diseaseCode": {"id": "OMIM:1", "label": "a"}, "ageOfOnset": {"iso8601duration": "P1Y"}}],
        "phenotypicFeatures": [
            {
                "featureType": {"id": "HP:0000348", "label": "High forehead"},
                "onset": {"id": "HP:0003577", "label": "Congenital onset"},
                "modifiers": [{"id": "HP:0012825", "label": "Mild"}],
            },
            {"featureType": {"id": "HP:0000243", "label": "Trigonocephaly"}, "excluded": True},
        ],
        "measures": [
            {
                "assayCode": {"id": "LOINC:3141-9", "label": "Weight"},
                "measurementValue": {"unit": {"id": "NCIT:C28252"}, "value": 85.6},
                "observationMoment": {"iso8601duration": "P5Y"},
            }
        ],
        "interventionsOrProcedures": [
            {"procedureCode": {"id": "NCIT:C1", "label": "p"}, "ageAtProcedure": {"iso8601duration": "P4Y"}}
        ],
        "treatments": [{"treatmentCode": {"id": "CHEBI:1", "label": "t"}}],
        "info": {
            "timeAtLastEncounter": {"iso8601duration": "P6Y"},
            "vitalStatus": "DECEASED",
            "excludedDiseases": [{"id": "OMIM:2", "label": "b"}],
        },
    }
    assert list(objections(individual(PACKET))) == []


def test_nothing_that_identifies_is_stored(human: Member, tmp_path: Path) -> None:
    human.register(source(tmp_path, PACKET), SET)
    stored = json.dumps([p["record"] for p in human.rows(Individual)])
    for private in ("Jane", "1990", "2020-01-01"):
        assert private not in stored
    assert human.rows(Individual)[0]["name"] == "PMID_1_100"


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        (None, None),
        ({}, None),
        ({"ageRange": {"start": 1, "end": 2}}, {"start": 1, "end": 2}),
        ({"gestationalAge": {"weeks": 33}}, {"weeks": 33}),
        ({"timestamp": "2020-01-01T00:00:00Z"}, "2020-01-01T00:00:00Z"),
    ],
)
def test_time_elements_lose_their_wrapper(element: Any, expected: Any) -> None:
    assert time_element(element) == expected


WRONG: list[tuple[dict[str, Any], Found]] = [
    ({"subject": None}, ("unreadable", "1.json", None, "subject")),
    ({"id": ""}, ("bad value", "1.json", None, "id")),
    (
        {"metaData": {"phenopacketSchemaVersion": "1.0"}},
        ("bad value", "1.json", None, "metaData.phenopacketSchemaVersion"),
    ),
    ({"subject": {"id": "1", "sex": "woman"}}, ("bad value", "1.json", None, "subject.sex")),
    (
        {"subject": {"id": "1", "taxonomy": {"id": "NCBITaxon:10090"}}},
        ("bad value", "1.json", None, "subject.taxonomy"),
    ),
    (
        {"phenotypicFeatures": [{"type": {"id": "tall"}}]},
        ("bad value", "1.json", None, "phenotypicFeatures[0].featureType"),
    ),
    (
        {"diseases": [{"term": {"id": "OMIM:1"}, "onset": {"age": {"iso8601duration": "6 years"}}}]},
        ("bad date", "1.json", None, "diseases[0].ageOfOnset.iso8601duration"),
    ),
    ({"id": PACKET["id"]}, ("duplicate", "1.json", None, "id")),
]


@pytest.mark.parametrize(("values", "expected"), WRONG)
def test_each_class_of_bad_input(human: Member, tmp_path: Path, values: dict[str, Any], expected: Found) -> None:
    assert human.problems(source(tmp_path, PACKET, {**PACKET, "id": "other", **values}), SET) == [expected]


def test_all_classes_together_and_a_packet_cut_off(human: Member, tmp_path: Path) -> None:
    packets = [{**PACKET, "id": f"p{n}", **values} for n, (values, _) in enumerate(WRONG)]
    packets[-1]["id"] = PACKET["id"]
    made = source(tmp_path, PACKET, *packets)
    last = made.folder / f"{len(WRONG)}.json"
    (made.folder / "cut.json").write_text(last.read_text()[:-5])
    expected = [(kind, f"{n}.json", row, column) for n, (_, (kind, _, row, column)) in enumerate(WRONG, 1)]
    assert sorted(human.problems(made, SET)) == sorted([*expected, ("unreadable", "cut.json", None, "")])


def test_an_empty_folder(human: Member, tmp_path: Path) -> None:
    assert [kind for kind, *_ in human.problems(source(tmp_path), SET)] == ["missing file"]


def test_all_real_packets(human: Member) -> None:
    folder = shared("data/beacon/phenopackets")
    count = len(list(folder.rglob("*.json")))
    assert human.register(Phenopackets(folder, numbering=True), SET).inserted["individual"] == count
    features = sum(len(json.loads(p.read_bytes())["phenotypicFeatures"]) for p in folder.rglob("*.json"))
    assert sum(len(p["record"].get("phenotypicFeatures", [])) for p in human.rows(Individual)) == features
    assert not human.register(Phenopackets(folder, numbering=True), SET).changed
