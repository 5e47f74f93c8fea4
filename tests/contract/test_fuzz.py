"""schemathesis over the contracts of DRS, htsget and Beacon: no 5xx, no answer that the contract does not document."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from adapters.catalog.engine import connect
from tests.adapters.reads.files import make_bam, make_vcf
from tests.contract.drs_catalog import RUN, fill
from tests.node import drs_node
from tests.node.beacon.conftest import beacon_application
from tests.node.beacon.world import generate, write
from tests.node.family import Holders, researcher
from tests.node.htsget_node import Node
from tests.support import served
from web.contracts import document

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 25
KNOWN = {"object_id": "HRR000001-01", "access_id": "https"}


@pytest.fixture(scope="module")
def drs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BaseSchema]:
    folder = tmp_path_factory.mktemp("fuzz")
    engine = connect(f"sqlite:///{folder}/catalog.db")
    fill(engine, folder)
    holders = Holders({"two": researcher("HRA000002", "g2", int(time.time()) + 3000)})
    with served(drs_node.application(engine, folder, drs_node.Grants(), holders)) as url:
        yield schemathesis.openapi.from_url(f"{url}/docs/contracts/drs.yaml")
    engine.dispose()


@pytest.fixture(scope="module")
def htsget(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BaseSchema]:
    root = tmp_path_factory.mktemp("fuzz")
    node = Node(root)
    node.files.add_made("bam-1", make_bam(root, count=100))
    node.files.add_made("vcf-1", make_vcf(root, count=100))
    with served(node.application()) as url:
        yield schemathesis.openapi.from_url(f"{url}/docs/contracts/htsget.yaml")


@pytest.fixture(scope="module")
def beacon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BaseSchema]:
    folder = tmp_path_factory.mktemp("fuzz")
    engine = connect(f"sqlite:///{folder}/catalog.db")
    write(engine, WORLD, folder)
    with served(beacon_application(engine)) as url:
        yield schemathesis.openapi.from_url(f"{url}/docs/contracts/beacon.yaml")
    engine.dispose()


def operations(contract: str) -> list[tuple[str, str]]:
    """(method, path) of every operation."""
    methods = ("get", "post", "options")
    return [
        (method, path) for path, item in document(contract)["paths"].items() for method in methods if method in item
    ]


def fuzz(schema: BaseSchema, method: str, path: str, known: dict[str, str], examples: int = EXAMPLES) -> None:
    """Random requests by the contract, half of them about things that exist."""
    operation = schema[path][method]

    @given(case=operation.as_strategy())
    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: schemathesis.Case) -> None:
        case.call_and_validate(checks=CHECKS, timeout=20)
        if case.path_parameters:
            case.path_parameters.update({name: known[name] for name in case.path_parameters})
            case.call_and_validate(checks=CHECKS, timeout=20)

    ask()


@pytest.mark.parametrize(("method", "path"), operations("drs"))
@pytest.mark.parametrize("known", [KNOWN, {**KNOWN, "object_id": RUN}], ids=["file", "bundle"])
def test_drs(drs: BaseSchema, method: str, path: str, known: dict[str, str]) -> None:
    fuzz(drs, method, path, known)


@pytest.mark.parametrize(("method", "path"), operations("htsget"))
def test_htsget(htsget: BaseSchema, method: str, path: str) -> None:
    fuzz(htsget, method, path, {"id": "bam-1" if "reads" in path else "vcf-1"})


WORLD = generate(seed=4, people=30)
SPECIMEN = next(s for s in WORLD.specimens if s.dataset == "HRA000001" and s.analyses)
SERIES = next(s for s in WORLD.series if s.dataset == "HRA000001")
OF_ENTRIES = {
    "datasets": "HRA000001",
    "cohorts": "half-of-HRA000001",
    "individuals": SPECIMEN.person,
    "biosamples": SPECIMEN.accession,
    "runs": next(iter(SPECIMEN.runs)),
    "analyses": next(iter(SPECIMEN.analyses)),
    "g_variants": "GRCh38:22:{}:{}:{}".format(*WORLD.variants[0]),
    "imaging_studies": SERIES.study,
    "imaging_series": SERIES.uid,
    "schemas": "imagingStudy",
}
# The operations of entries are one and the same: some in every run, all of them in ``make prove``.
SOME = ("/individuals", "/datasets/{id}/g_variants", "/biosamples/{id}", "/cohorts", "/imaging_series")


def _of_beacon(method: str, path: str) -> bool:
    return path in SOME or (method, path) not in _entries()


def _entries() -> list[tuple[str, str]]:
    return [one for one in operations("beacon") if one[1].split("/")[1] in OF_ENTRIES and "terms" not in one[1]]


@pytest.mark.parametrize(("method", "path"), [one for one in operations("beacon") if _of_beacon(*one)])
def test_beacon(beacon: BaseSchema, method: str, path: str) -> None:
    known = OF_ENTRIES.get(path.split("/")[1], "")
    fuzz(beacon, method, path, {"id": known, "name": known}, 6)


@pytest.mark.prove
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("method", "path"), operations("beacon"))
def test_beacon_every_operation(beacon: BaseSchema, method: str, path: str) -> None:
    known = OF_ENTRIES.get(path.split("/")[1], "")
    fuzz(beacon, method, path, {"id": known, "name": known})
