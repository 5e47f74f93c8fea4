"""Handovers lead from records to the bytes behind them, and only for who sees the records (CHECKLIST BEA-65)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.node.beacon.conftest import Served
from tests.node.beacon.test_entries import OPEN, specimens
from tests.node.beacon.test_oracle import sets_of
from tests.node.family import PUBLIC_URL

pytestmark = pytest.mark.asyncio(loop_scope="module")
DRS = "drs://member.example.org/"
HTSGET = f"{PUBLIC_URL}/ga4gh/htsget/v1"


async def handed(served: Served, path: str, token: str | None = None, **query: Any) -> dict[str, dict[str, str]]:
    """Data set → handover URL → label of its type."""
    answer = await served.post(path, token, includeResultsetResponses="ALL", **query)
    return {
        id: {one["url"]: one["handoverType"]["label"] for one in found.get("resultsHandovers", ())}
        for id, found in sets_of(answer).items()
    }


def of_runs(runs: list[str]) -> dict[str, str]:
    return {url: "BAM" for run in runs for url in (f"{DRS}{run}-01", f"{HTSGET}/reads/{run}-01")}


async def test_BEA_65_runs_analyses_samples_and_people_lead_to_their_files(served: Served) -> None:
    sample = next(s for s in specimens(served.world, OPEN) if len(s.runs) == 2 and s.analyses)
    analysis, (analysed, _) = next(iter(sample.analyses.items()))
    person = [run for s in specimens(served.world, OPEN) if s.person == sample.person for run in s.runs]
    images = {f"{DRS}image-{s.uid}" for s in served.world.series if s.person == sample.person and s.dataset == OPEN}
    for path, wanted in {
        f"/runs/{analysed}": of_runs([analysed]),
        f"/analyses/{analysis}": of_runs([analysed]),
        f"/biosamples/{sample.accession}": of_runs(list(sample.runs)),
        f"/individuals/{sample.person}": of_runs(person) | dict.fromkeys(images, "DICOM"),
    }.items():
        assert (await handed(served, path))[OPEN] == wanted, path


async def test_BEA_65_variants_lead_to_files_and_images_to_series(served: Served) -> None:
    found = await handed(served, "/g_variants", "two")
    assert found == {
        OPEN: {f"{DRS}{OPEN}-vcf": "VCF"},  # without an index nothing can be sliced
        "HRA000002": {f"{DRS}HRA000002-vcf": "VCF"},
        "HRA000003": {f"{PUBLIC_URL}/requests": "Request access to the records of this data set"},
    }
    listed = await shown(served, "/imaging_series")
    series = next(s for s in served.world.series if s.uid in listed)
    both = {
        f"{DRS}series-{series.uid}": "Raw image",
        f"{PUBLIC_URL}/dicom-web/studies/{series.study}/series/{series.uid}": "Raw image",
    }
    assert (await handed(served, f"/imaging_series/{series.uid}"))[OPEN] == both
    of_study = (await handed(served, f"/imaging_studies/{series.study}"))[OPEN]
    assert both.items() <= of_study.items()
    assert len(of_study) == 2 * sum(s.study == series.study for s in served.world.series)


async def shown(served: Served, path: str) -> set[str]:
    answer = await served.post(path)
    return {record["id"] for record in sets_of(answer)[OPEN]["results"]}


async def test_BEA_65_nothing_is_handed_over_where_no_record_is_shown(served: Served) -> None:
    for path in ("/individuals", "/runs", "/g_variants", "/imaging_series"):
        for token, closed in ((None, ("HRA000002", "HRA000003")), ("two", ("HRA000003",))):
            found = await handed(served, path, token)
            for dataset in closed:
                assert list(found[dataset]) == [f"{PUBLIC_URL}/requests"]
        counted = await served.post(path, requestedGranularity="count")
        assert "response" not in counted
        assert "drs://" not in str(counted)


async def test_a_large_page_has_no_handovers_of_single_files(served: Served) -> None:
    assert (await handed(served, "/runs", pagination={"limit": 20}))[OPEN]
    assert (await handed(served, "/runs", pagination={"limit": 21}))[OPEN] == {}
