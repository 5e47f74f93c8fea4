"""The paths of entries and from one entry to others, against the generated member (CHECKLIST BEA-07 … BEA-14)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.node.beacon import oracle
from tests.node.beacon.conftest import FLOOR, Served
from tests.node.beacon.test_oracle import allele_id, sets_of
from tests.node.beacon.world import EXISTING, Specimen, World

pytestmark = pytest.mark.asyncio(loop_scope="module")
OPEN = "HRA000001"


async def ids(served: Served, path: str, token: str | None = None, **query: Any) -> dict[str, set[str]]:
    """Data set → ids of the records that a path shows, the same by GET and by POST."""
    posted = await served.post(path, token, pagination={"limit": 0}, **query)
    if not query:
        got = await served.get(path, token, limit=0)
        assert got.json() == posted
    name = "variantInternalId" if path.endswith("g_variants") else "id"
    return {id: {record[name] for record in one["results"]} for id, one in sets_of(posted).items()}


def specimens(world: World, dataset: str) -> list[Specimen]:
    """The samples of a data set whose people exist."""
    people = oracle.met(world, [], None)[dataset]
    return [s for s in world.specimens if s.dataset == dataset and s.person in people]


def everything(found: list[Specimen]) -> dict[str, set[str]]:
    """Path → ids of the samples, runs and analyses in ``found``."""
    return {
        "biosamples": {s.accession for s in found},
        "runs": {run for s in found for run in s.runs},
        "analyses": {analysis for s in found for analysis in s.analyses},
    }


@pytest.mark.parametrize("kind", ["biosamples", "runs", "analyses"])
async def test_BEA_08_11_to_13_all_entries_of_a_member_and_of_a_data_set(served: Served, kind: str) -> None:
    expected = {d: everything(specimens(served.world, d))[kind] for d in (OPEN, "HRA000002")}
    shown = await ids(served, f"/{kind}", "two")
    assert {d: shown[d] for d in expected} == expected
    assert shown.get("HRA000003", set()) == set()
    assert await ids(served, f"/datasets/{OPEN}/{kind}") == {OPEN: expected[OPEN]}


async def test_BEA_10_11_12_13_from_each_entry_to_what_belongs_to_it(served: Served) -> None:
    found = specimens(served.world, OPEN)
    sample = next(s for s in found if len(s.runs) == 2 and s.analyses)
    analysis, (run, _) = next(iter(sample.analyses.items()))
    own = everything([s for s in found if s.person == sample.person])
    person = next(p for p in served.world.people if p.accession == sample.person)
    carried = {allele_id(served.world, i) for i, copies in enumerate(person.genotypes[OPEN]) if copies}
    for kind, wanted in own.items():
        assert (await ids(served, f"/individuals/{sample.person}/{kind}"))[OPEN] == wanted
    for path, wanted in {
        f"/biosamples/{sample.accession}": {sample.accession},
        f"/biosamples/{sample.accession}/runs": set(sample.runs),
        f"/biosamples/{sample.accession}/analyses": set(sample.analyses),
        f"/biosamples/{sample.accession}/g_variants": carried,
        f"/runs/{run}": {run},
        f"/runs/{run}/analyses": {a for a, (of, _) in sample.analyses.items() if of == run},
        f"/runs/{run}/g_variants": carried,
        f"/analyses/{analysis}": {analysis},
        f"/analyses/{analysis}/g_variants": carried,
    }.items():
        assert await ids(served, path) == {OPEN: wanted}, path


async def test_BEA_14_from_an_allele_to_samples_runs_and_analyses_of_its_carriers(served: Served) -> None:
    start, _, alt = served.world.variants[5]
    carriers = oracle.met(served.world, [], {"start": [start], "alternateBases": alt})[OPEN]
    expected = everything([s for s in specimens(served.world, OPEN) if s.person in carriers])
    for kind, wanted in expected.items():
        assert (await ids(served, f"/g_variants/{allele_id(served.world, 5)}/{kind}"))[OPEN] == wanted


async def test_BEA_07_09_cohorts(served: Served) -> None:
    shown = (await served.get("/cohorts", limit=0)).json()["response"]["collections"]
    assert [cohort["id"] for cohort in shown] == sorted(
        c for c, (d, _) in served.world.cohorts.items() if d in EXISTING
    )
    met = oracle.met(served.world, [], None)
    for id, (dataset, people) in served.world.cohorts.items():
        of = set(people) & met.get(dataset, set())
        found = await ids(served, f"/cohorts/{id}/individuals")
        assert found.get(OPEN, set()) == (of if dataset == OPEN else set())
        everyone = everything([s for s in served.world.specimens if s.dataset == dataset and s.person in of])
        if dataset == OPEN:
            assert await ids(served, f"/cohorts/{id}/biosamples") == {OPEN: everyone["biosamples"]}
        record = next((cohort for cohort in shown if cohort["id"] == id), None)
        size = len(of) if dataset == OPEN else FLOOR.apply(len(of))
        assert (record is None) == (dataset not in EXISTING)
        if record is not None:
            assert record.get("cohortSize") == (size or None)
            assert ("collectionEvents" in record) == (dataset == OPEN)


async def test_BEA_07_cohorts_of_a_question_about_people(served: Served) -> None:
    filters = [{"id": "NCIT:C16576"}]
    met = oracle.met(served.world, filters, None)
    expected = {
        id
        for id, (dataset, people) in served.world.cohorts.items()
        if dataset in EXISTING
        and len(set(people) & met[dataset]) >= (1 if dataset == OPEN else FLOOR.minimum)
    }  # fmt: skip
    answer = await served.post("/cohorts", filters=filters, pagination={"limit": 0})
    assert {cohort["id"] for cohort in answer["response"]["collections"]} == expected
    assert expected != set(served.world.cohorts)


async def test_a_sample_of_someone_hidden_answers_as_none_does(served: Served) -> None:
    hidden = next(s for s in specimens(served.world, "HRA000003") if s.runs)
    gone = next(s for s in served.world.specimens if s.dataset == "HRA000004" and s.runs)
    for path in ("biosamples/{}", "biosamples/{}/runs", "biosamples/{}/g_variants"):
        answers = [(await served.get("/" + path.format(s))).json() for s in (hidden.accession, gone.accession, "HRS0")]
        assert answers[0] == answers[1] == answers[2]
        assert answers[0]["responseSummary"]["exists"] is False


async def test_BEA_73_74_75_what_the_archive_does_not_know_is_said_to_be_unknown(served: Served) -> None:
    for kind, date in (("runs", "runDate"), ("analyses", "analysisDate")):
        answer = await served.post(f"/datasets/{OPEN}/{kind}", pagination={"limit": 0})
        records = sets_of(answer)[OPEN]["results"]
        unknown = [record for record in records if record[date] == "0001-01-01"]
        assert 0 < len(unknown) < len(records)
        assert all(record["info"][date] == "unknown" for record in unknown)
        assert not any("info" in record for record in records if record not in unknown)
    for record in sets_of(await served.post("/biosamples", pagination={"limit": 0}))[OPEN]["results"]:
        sample = next(s for s in served.world.specimens if s.accession == record["id"])
        assert record["biosampleStatus"]["id"] == sample.record.get("biosampleStatus", {"id": "NCIT:C17998"})["id"]
        assert ("collectionDate" in record) == (sample.record.get("collectionDate") == "2020-09-11")


SPECIMEN_FILTERS: list[tuple[list[dict[str, Any]], Any]] = [
    # filters, test of (sample, run, analysis) on one chain; run and analysis are None where there is none
    ([{"id": "UBERON:0000062", "scope": "biosample"}], lambda s, r, a: origin(s) in ORGANS),
    ([{"id": "UBERON:0000178"}], lambda s, r, a: origin(s) == "UBERON:0000178"),
    ([{"id": "EFO:0009655"}], lambda s, r, a: s.record.get("biosampleStatus", {}).get("id") == "EFO:0009655"),
    (
        [{"id": "collectionMoment", "operator": ">=", "value": "P45Y"}],
        lambda s, r, a: s.record.get("collectionMoment") in ("P45Y6M", "P60Y"),
    ),
    ([{"id": "platform", "value": "illumina"}], lambda s, r, a: r is not None and r["platform"] == "Illumina"),
    ([{"id": "GENEPIO:0001966"}], lambda s, r, a: r is not None and r["librarySource"]["id"] == "GENEPIO:0001966"),
    (
        [
            {"id": "sampleOriginType", "operator": "!", "value": "UBERON:0000955"},
            {"id": "libraryStrategy", "value": "WGS"},
        ],
        lambda s, r, a: origin(s) != "UBERON:0000955" and r is not None and r["libraryStrategy"] == "WGS",
    ),
    (
        [{"id": "libraryStrategy", "value": "RNA%"}, {"id": "pipelineName", "operator": "!", "value": "gatk%"}],
        lambda s, r, a: a is not None and r["libraryStrategy"] == "RNA-Seq" and a["pipelineName"] == "deepvariant 1.5",
    ),
]  # fmt: skip
ORGANS = ("UBERON:0000955", "UBERON:0000948")


def origin(specimen: Specimen) -> str:
    return str(specimen.record["sampleOriginType"]["id"])


def chains(specimen: Specimen) -> list[tuple[Specimen, str | None, str | None]]:
    """Every way down from a sample: to it alone, to a run, to an analysis."""
    with_analysis = [(specimen, run, a) for a, (run, _) in specimen.analyses.items()]
    return [(specimen, None, None), *((specimen, run, None) for run in specimen.runs), *with_analysis]


@pytest.mark.parametrize(("filters", "holds"), SPECIMEN_FILTERS)
async def test_BEA_37_40_filters_of_specimens_hold_on_one_chain_and_join_to_people(
    served: Served, filters: list[dict[str, Any]], holds: Any
) -> None:
    found = [
        (s, run, a)
        for s in specimens(served.world, OPEN)
        for s, run, a in chains(s)
        if holds(s, s.runs[run] if run else None, s.analyses[a][1] if a else None)
    ]
    expected = {
        "biosamples": {s.accession for s, _, _ in found},
        "runs": {run for _, run, _ in found if run},
        "analyses": {a for _, _, a in found if a},
        "individuals": {s.person for s, _, _ in found},
    }
    assert expected["individuals"] not in (set(), oracle.met(served.world, [], None)[OPEN])
    for kind, wanted in expected.items():
        shown = await ids(served, f"/{kind}", filters=filters)
        assert shown.get(OPEN, set()) == wanted, kind


async def test_BEA_40_a_term_of_samples_and_people_is_about_what_is_asked_for(served: Served) -> None:
    listed = {t["id"]: t["scopes"] for t in (await served.get("/filtering_terms")).json()["response"]["filteringTerms"]}
    assert listed["UBERON:0000178"] == ["biosample"]
    assert listed["GENEPIO:0001965"] == ["run"]
    wrong = await served.get("/individuals", filters="EFO:0009999")
    assert wrong.status_code == 400
    scoped = {"meta": {"apiVersion": "v2.1.1"}, "query": {"filters": [{"id": "aligner", "value": "x", "scope": "run"}]}}
    refused = await served.post_raw("/individuals", None, scoped)
    assert refused.status_code == 400
    assert "allowed: analysis" in refused.json()["error"]["errorMessage"]
