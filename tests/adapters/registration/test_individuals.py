"""Beacon-friendly JSON: identifiers become accessions, people keep their columns, bad records are all named."""

from __future__ import annotations

import copy
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from adapters.catalog.models import (
    Analysis,
    Cohort,
    CohortMember,
    Experiment,
    FilePerson,
    Individual,
    Membership,
    Run,
    Sample,
)
from adapters.registration.individuals import BeaconLists
from adapters.registration.manifest import Manifest
from tests.adapters.registration.members import OPEN, Found, Member, member, write_table
from tests.support import shared

SET = {"accession": "HRA000001", **OPEN}
MALE = {"id": "NCIT:C20197", "label": "male"}
FEMALE = {"id": "NCIT:C16576", "label": "female"}
Lists = dict[str, list[Any]]


@pytest.fixture
def human(sqlite_engine: Engine, tmp_path: Path) -> Member:
    return member("gsa-human", sqlite_engine, tmp_path)


def lists(count: int = 6) -> Lists:
    """Good lists of ``count`` people, each with a sample, a run and an analysis."""
    made: Lists = {"individuals": [], "biosamples": [], "runs": [], "analyses": []}
    for n in range(1, count + 1):
        made["individuals"].append(
            {
                "id": f"HG{n:05d}",
                "sex": MALE if n % 2 else FEMALE,
                "diseases": [{"diseaseCode": {"id": "ICD10:E11"}, "ageOfOnset": {"iso8601duration": "P32Y6M"}}],
                "measures": [{"assayCode": {"id": "LOINC:35925-4"}, "date": "2021-09-24"}],
            }
        )
        made["biosamples"].append(
            {"id": f"S{n}", "individualId": f"HG{n:05d}", "collectionDate": "2020-09-11", "collectionMoment": "P40Y"}
        )
        made["runs"].append(
            {
                "id": f"R{n}",
                "biosampleId": f"S{n}",
                "individualId": f"HG{n:05d}",
                "runDate": "2015-09-30",
                "libraryLayout": "PAIRED",
            }
        )
        made["analyses"].append(
            {"id": f"A{n}", "runId": f"R{n}", "analysisDate": "2016-01-02", "pipelineName": "calls", "aligner": "bwa"}
        )
    return made


def source(folder: Path, content: Lists, **options: Any) -> BeaconLists:
    target = folder / "lists"
    target.mkdir(exist_ok=True)
    for name, records in content.items():
        (target / f"{name}.json").write_text(json.dumps(records), "utf-8")
    return BeaconLists(target, **{"numbering": True, **options})


def test_people_samples_runs_and_analyses(human: Member, tmp_path: Path) -> None:
    human.register(source(tmp_path, lists()), SET)
    people = human.rows(Individual)
    assert [(p["accession"], p["ordinal"], p["name"]) for p in people[:2]] == [
        ("HRI000001", 0, "HG00001"),
        ("HRI000002", 1, "HG00002"),
    ]
    assert people[1]["sex"] == "NCIT:C16576"
    assert "id" not in people[0]["record"]
    assert people[0]["record"]["sex"] == MALE
    assert human.rows(Membership)[0] == {"dataset": "HRA000001", "individual": "HRI000001"}
    assert (human.rows(Sample)[0]["name"], human.rows(Sample)[0]["individual"]) == ("S1", "HRI000001")
    assert human.rows(Experiment)[0]["sample"] == "HRS000001"
    run = human.rows(Run)[0]
    assert (run["accession"], run["experiment"], str(run["run_date"])) == ("HRR000001", "HRX000001", "2015-09-30")
    analysis = human.rows(Analysis)[0]
    assert (analysis["accession"], analysis["run"], analysis["title"]) == ("HRZ000001", "HRR000001", "A1")
    assert (analysis["pipeline"], analysis["aligner"], analysis["caller"]) == ("calls", "bwa", "")
    assert str(analysis["analysis_date"]) == "2016-01-02"


def test_cohorts_hold_everyone_beside_them_or_those_listed(human: Member, tmp_path: Path) -> None:
    everyone = {"id": "all-of-us", "name": "All", "cohortType": "study-defined", "cohortSize": 6}
    two = {"id": "two", "name": "Two", "cohortType": "user-defined", "ids": {"individualIds": ["HG00002", "HG00005"]}}
    human.register(source(tmp_path, lists() | {"cohorts": [everyone, two]}), SET)
    assert [(c["id"], c["name"], c["type"]) for c in human.rows(Cohort)] == [
        ("all-of-us", "All", "study-defined"),
        ("two", "Two", "user-defined"),
    ]
    assert human.rows(Cohort)[0]["record"] == {"cohortSize": 6}
    members = [(m["cohort"], m["individual"]) for m in human.rows(CohortMember)]
    assert members.count(("two", "HRI000002")) == 1
    assert [member for cohort, member in members if cohort == "two"] == ["HRI000002", "HRI000005"]
    assert len(members) == 8
    assert not human.register(source(tmp_path, lists() | {"cohorts": [everyone, two]}), SET).changed


def test_a_second_run_changes_nothing_and_new_people_come_behind(human: Member, tmp_path: Path) -> None:
    human.register(source(tmp_path, lists(3)), SET)
    before = human.content()
    assert not human.register(source(tmp_path, lists(3)), SET).changed
    assert human.content() == before
    content = lists(5)
    content["individuals"].reverse()
    human.register(source(tmp_path, content), SET)
    people = {p["name"]: (p["accession"], p["ordinal"]) for p in human.rows(Individual)}
    assert people["HG00001"] == ("HRI000001", 0)
    assert sorted(ordinal for _, ordinal in people.values()) == [0, 1, 2, 3, 4]


def test_identifiers_that_are_accessions_need_no_numbering(human: Member, tmp_path: Path) -> None:
    content = {"individuals": [{"id": "HRI000077", "sex": MALE}]}
    human.register(source(tmp_path, content, numbering=False), SET)
    assert [(p["accession"], p["name"]) for p in human.rows(Individual)] == [("HRI000077", "")]


def test_a_mapping_gives_accessions(human: Member, tmp_path: Path) -> None:
    mapping = write_table(tmp_path / "m.tsv", ("identifier", "accession"), [("HG00002", "HRI000500")])
    human.register(source(tmp_path, {"individuals": lists(3)["individuals"]}, mapping=mapping), SET)
    assert {p["name"]: p["accession"] for p in human.rows(Individual)} == {
        "HG00001": "HRI000501",
        "HG00002": "HRI000500",
        "HG00003": "HRI000502",
    }


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([("a", "HRI1")], ("bad accession", "m.tsv", 2, "accession")),
        ([("a", "HRI000001"), ("a", "HRI000002")], ("duplicate", "m.tsv", 3, "")),
        ([("a", "HRI000001"), ("b", "HRI000001")], ("duplicate", "m.tsv", 3, "")),
        ([("", "HRI000001")], ("missing value", "m.tsv", 2, "identifier")),
    ],
)
def test_wrong_mappings(human: Member, tmp_path: Path, rows: list[tuple[str, str]], expected: Found) -> None:
    mapping = write_table(tmp_path / "m.tsv", ("identifier", "accession"), rows)
    assert human.problems(source(tmp_path, lists(1), mapping=mapping), SET) == [expected]


def test_people_are_shown_to_hooks_in_the_same_transaction(human: Member, tmp_path: Path) -> None:
    told: list[list[str]] = []

    def note(session: Any, accessions: Any) -> None:
        assert session.get(Individual, accessions[0]).ordinal == 0
        told.append(list(accessions))

    human.register(source(tmp_path, lists(2)), SET, hooks=[note])
    human.register(source(tmp_path, lists(2)), SET, hooks=[note])
    assert told == [["HRI000001", "HRI000002"]]

    def fail(_session: Any, _accessions: Any) -> None:
        raise ZeroDivisionError

    before = human.content()
    with pytest.raises(ZeroDivisionError):
        human.register(source(tmp_path, lists(4)), SET, hooks=[fail])
    assert human.content() == before


def test_a_file_of_a_run_and_a_file_that_names_its_samples_belong_to_people(human: Member, tmp_path: Path) -> None:
    human.register(source(tmp_path, lists(3)), SET)
    text = "##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS3\tS2\tstranger\n"
    vcf = human.file("x.vcf.gz", gzip.compress(text.encode()))
    fq = human.file("x.fq.gz", gzip.compress(b"@r\nA\n+\nI\n"))
    rows = [("x.vcf.gz", vcf, "HRR000002", "header"), ("x.fq.gz", fq, "HRR000001", "")]
    path = write_table(
        tmp_path / "files.tsv",
        ("path", "md5", "title", "type", "run", "individuals"),
        [(p, m, "t", "", r, i) for p, m, r, i in rows],
    )
    outcome = human.register(Manifest(path, "disk"), SET)
    assert outcome.notes == ("x.vcf.gz: 1 of 3 samples are no registered individuals",)
    assert [(row["file"], row["individual"]) for row in human.rows(FilePerson)] == [
        ("HRR000001-01", "HRI000001"),
        ("HRR000002-01", "HRI000002"),
        ("HRR000002-01", "HRI000003"),
    ]


def _set(name: str, row: int, **values: Any) -> Callable[[Lists], None]:
    def plant(content: Lists) -> None:
        content[name][row] |= copy.deepcopy(values)

    return plant


def _twice(content: Lists) -> None:
    content["individuals"].append(dict(content["individuals"][0]))


def _no_object(content: Lists) -> None:
    content["individuals"].append("HG1")


def _no_id(content: Lists) -> None:
    content["individuals"].append({"sex": MALE})


PEOPLE, SAMPLES, RUNS, ANALYSES = "individuals.json", "biosamples.json", "runs.json", "analyses.json"
COHORTS = "cohorts.json"
CLASSES: dict[str, tuple[Callable[[Lists], None], list[Found]]] = {
    "duplicate": (_twice, [("duplicate", PEOPLE, 7, "id")]),
    "no object": (_no_object, [("bad value", PEOPLE, 8, "")]),
    "no id": (_no_id, [("missing value", PEOPLE, 9, "id")]),
    "unknown member": (_set("individuals", 0, phenotypes=[]), [("unknown column", PEOPLE, 1, "phenotypes")]),
    "bad term": (
        _set("individuals", 1, diseases=[{"diseaseCode": {"id": "diabetes"}}]),
        [("bad value", PEOPLE, 2, "diseases[0].diseaseCode")],
    ),
    "no term": (
        _set("individuals", 2, phenotypicFeatures=[{}]),
        [("missing value", PEOPLE, 3, "phenotypicFeatures[0].featureType")],
    ),
    "bad age": (
        _set(
            "individuals", 3, diseases=[{"diseaseCode": {"id": "ICD10:E11"}, "ageOfOnset": {"iso8601duration": "32"}}]
        ),
        [("bad date", PEOPLE, 4, "diseases[0].ageOfOnset.iso8601duration")],
    ),
    "bad date": (
        _set("individuals", 4, measures=[{"assayCode": {"id": "LOINC:1"}, "date": "24.9.2021"}]),
        [("bad date", PEOPLE, 5, "measures[0].date")],
    ),
    "no list": (_set("individuals", 5, diseases={}), [("bad value", PEOPLE, 6, "diseases")]),
    "no such individual": (
        _set("biosamples", 0, individualId="HG99999"),
        [("missing parent", SAMPLES, 1, "individualId")],
    ),
    "bad collection date": (
        _set("biosamples", 1, collectionDate="yesterday"),
        [("bad date", SAMPLES, 2, "collectionDate")],
    ),
    "no such sample": (_set("runs", 0, biosampleId="S99"), [("missing parent", RUNS, 1, "biosampleId")]),
    "bad run date": (_set("runs", 1, runDate="2015-13-01"), [("bad date", RUNS, 2, "runDate")]),
    "bad analysis date": (_set("analyses", 2, analysisDate="soon"), [("bad date", ANALYSES, 3, "analysisDate")]),
    "bad cohort": (
        lambda content: content.update(cohorts=[{"id": "a b", "name": "", "cohortType": "any", "ids": {}}]),
        [("bad value", COHORTS, 1, column) for column in ("cohortType", "id", "name")],
    ),
    "no such run": (_set("analyses", 0, runId="R99"), [("missing parent", ANALYSES, 1, "runId")]),
}


@pytest.mark.parametrize("name", CLASSES)
def test_each_class_of_bad_input_alone(human: Member, tmp_path: Path, name: str) -> None:
    content = lists()
    plant, expected = CLASSES[name]
    if name in ("no object", "no id"):  # their place counts on what is planted before them
        expected = [(kind, source, 7, column) for kind, source, _, column in expected]
    plant(content)
    assert human.problems(source(tmp_path, content), SET) == expected


def test_all_classes_together_are_all_found_and_none_is_invented(human: Member, tmp_path: Path) -> None:
    content = lists()
    for plant, _ in CLASSES.values():
        plant(content)
    found = human.problems(source(tmp_path, content), SET)
    assert sorted(found) == sorted(f for _, problems in CLASSES.values() for f in problems)


def test_without_numbering_only_what_has_no_accession_is_named(human: Member, tmp_path: Path) -> None:
    content = {"individuals": [*lists(1)["individuals"], {"id": "HRI000009", "sex": MALE}]}
    content["biosamples"] = [{"id": "HRS000001", "individualId": "HG00001"}]
    found = human.problems(source(tmp_path, content, numbering=False), SET)
    assert found == [("bad accession", PEOPLE, 1, "id")]


@pytest.mark.parametrize("cut", [1, 20, 200])
@pytest.mark.parametrize("packed", [False, True])
def test_json_cut_off(human: Member, tmp_path: Path, cut: int, packed: bool) -> None:
    lists_ = source(tmp_path, {"individuals": lists()["individuals"]})
    path = lists_.folder / PEOPLE
    raw = path.read_bytes()
    if packed:
        path.unlink()
        path = lists_.folder / f"{PEOPLE}.gz"
        raw = gzip.compress(raw)
    path.write_bytes(raw[:-cut])
    assert human.problems(lists_, SET) == [("unreadable", path.name, None, "")]


@pytest.mark.parametrize("value", ["NaN", "1e999", '"\\u0000"', '"\\ud800"', "-Infinity"])
def test_values_that_no_database_holds(human: Member, tmp_path: Path, value: str) -> None:
    lists_ = source(tmp_path, {})
    (lists_.folder / PEOPLE).write_text('[{"id": "HG1", "info": {"x": ' + value + "}}]")
    assert human.problems(lists_, SET) == [("unreadable", PEOPLE, None, "")]


def test_other_documents(human: Member, tmp_path: Path) -> None:
    for content in ("{}", '"x"', "[" * 100_000):
        lists_ = source(tmp_path, {})
        (lists_.folder / PEOPLE).write_text(content)
        assert human.problems(lists_, SET) == [("unreadable", PEOPLE, None, "")]
    (lists_.folder / PEOPLE).unlink()
    assert human.problems(lists_, SET) == [("missing file", PEOPLE, None, "")]


def test_the_real_cohort(human: Member) -> None:
    folder = shared("data/beacon/cineca_uk1")
    outcome = human.register(BeaconLists(folder, numbering=True), SET)
    assert outcome.inserted == {
        "dataset": 1, "individual": 2504, "membership": 2504, "sample": 2504, "experiment": 2504, "run": 2504,
        "analysis": 2504, "cohort": 1, "cohort_member": 2504,
    }  # fmt: skip
    assert [p["ordinal"] for p in human.rows(Individual)] == list(range(2504))
    assert not human.register(BeaconLists(folder, numbering=True), SET).changed
