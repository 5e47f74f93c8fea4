"""Beacon's ``variation`` is Legacy and validates against the official schema (BEA-76)."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
import pytest
from pyroaring import BitMap

from adapters.variants.ingest import load
from adapters.variants.query import VariantQuery
from adapters.variants.variants import Variants
from adapters.variants.variation import variation
from tests.adapters.variants.conftest import FIRST, Catalog
from tests.adapters.variants.test_hgvs import ROWS, text
from tests.support import shared

ALSO = "chrUn_KI270302v1 10 A G\n21 950 A A[chr21:7[\n21 960 A <INS>\n"


@pytest.fixture
def variations(sqlite_catalog: Catalog) -> dict[str, dict[str, Any]]:
    rows = ALSO.splitlines()[0] + "\n" + ROWS + "\n".join(ALSO.splitlines()[1:]) + "\n"
    load(sqlite_catalog.engine, sqlite_catalog.write("v.vcf", text(rows)), "HRA000001")
    page = Variants(sqlite_catalog.engine).matches(VariantQuery(), ["HRA000001"], BitMap([FIRST]), limit=100)
    return {variant.id: variation(variant) for variant in page.variants}


def located(sequence: str, start: int, end: int) -> dict[str, Any]:
    numbers = {name: {"type": "Number", "value": value} for name, value in (("start", start), ("end", end))}
    interval = {"type": "SequenceInterval"} | numbers
    return {"type": "SequenceLocation", "sequence_id": sequence, "interval": interval}


def test_BEA_76_forms(variations: dict[str, dict[str, Any]]) -> None:
    chromosome = "refseq:NC_000021.9"
    assert variations["GRCh38:21:99:A:T"] == {
        "variantType": "SNP",
        "referenceBases": "A",
        "alternateBases": "T",
        "location": located(chromosome, 99, 100),
    }
    assert variations["GRCh38:21:200:AC:"]["alternateBases"] == ""
    assert variations["GRCh38:21:300::CC"]["location"] == located(chromosome, 300, 300)
    assert variations["GRCh38:21:500:520:DUP.20"] == {
        "variantType": "DUP",
        "alternateBases": ".",
        "location": located(chromosome, 500, 520),
    }
    assert variations["GRCh38:21:600:602:DEL.2"]["alternateBases"] == ""
    assert variations["GRCh38:KI270302.1:9:A:G"]["location"]["sequence_id"] == "insdc:KI270302.1"
    assert {v["variantType"] for v in variations.values()} >= {"SNP", "DEL", "INS", "INDEL", "DUP", "INV", "MNP", "BND"}


def test_BEA_76_against_the_official_schema(variations: dict[str, dict[str, Any]]) -> None:
    model = json.loads(
        shared(
            "specs/beacon-2.1.1/models/json/beacon-v2-default-model/genomicVariations/defaultSchema.json"
        ).read_text()
    )
    vrs = json.loads(shared("specs/vrs-1.3.0/vrs.json").read_text())
    address = "https://w3id.org/ga4gh/schema/vrs/1.3/vrs.json"
    # The shape of the two sides is what matters: VRS by its own draft, Legacy by Beacon's.
    location = {"$ref": f"{address}#/definitions/Location"}
    molecular = {"$ref": f"{address}#/definitions/MolecularVariation"}
    options = {"registry": jsonschema_rs.Registry([(address, vrs)], draft=jsonschema_rs.Draft7)}
    places = jsonschema_rs.Draft7Validator(location, **options)
    alleles = jsonschema_rs.Draft7Validator(molecular, **options)
    legacy = dict(model["$defs"]["LegacyVariation"])
    legacy["properties"] = {k: v for k, v in legacy["properties"].items() if k != "location"}
    forms = jsonschema_rs.Draft202012Validator(legacy)
    for found in variations.values():
        forms.validate(found)
        places.validate(found["location"])
        assert not alleles.is_valid(found), "exactly one of the three forms"
