"""Every range and bracket at the edges of alleles of every reach (BEA-46, BEA-47), against the oracle."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from pyroaring import BitMap

from adapters.variants.ingest import load
from adapters.variants.query import VariantQuery
from adapters.variants.reach import SHORT, longest, reach_of
from adapters.variants.variants import Variants
from tests.adapters.variants import oracle
from tests.adapters.variants.conftest import FIRST, Catalog
from tests.adapters.variants.test_hgvs import text
from tests.adapters.variants.test_oracle import key

AT = 20_000_000
SPANS = [1, SHORT - 1, SHORT, SHORT + 1, SHORT * 8, SHORT * 8 + 1, 5_000_000]
ALLELES = [f"21 {AT} A <DEL> END={AT + span}" for span in SPANS] + [f"21 {AT} A AG", f"21 {AT} A T", f"21 {AT} AC A"]


def edges(lines: list[oracle.Line]) -> list[int]:
    return sorted({edge + near for line in lines for edge in (line.start, line.end) for near in (-1, 0, 1)})


@pytest.fixture
def lines(sqlite_catalog: Catalog) -> list[oracle.Line]:
    made = text("\n".join(ALLELES) + "\n")
    load(sqlite_catalog.engine, sqlite_catalog.write("o.vcf", made), "HRA000001")
    return oracle.read(made, "HRA000001", "GRCh38", {"S000": FIRST})


def check(catalog: Catalog, asked: oracle.Question, lines: list[oracle.Line]) -> None:
    expected = sorted(oracle.answer(asked, lines, ["HRA000001"], {FIRST}))
    variants, query = Variants(catalog.engine), VariantQuery(**asdict(asked))
    page = variants.matches(query, ["HRA000001"], BitMap([FIRST]), limit=100)
    assert ([key(v) for v in page.variants], page.total) == (expected, len(expected)), asked
    for offset in {0, 1, len(expected) // 2, len(expected)}:
        part = variants.matches(query, ["HRA000001"], BitMap([FIRST]), offset=offset, limit=2)
        assert part.variants == page.variants[offset : offset + 2]


def test_BEA_46_every_range_at_every_edge(sqlite_catalog: Catalog, lines: list[oracle.Line]) -> None:
    for start in edges(lines):
        for width in (1, 2, SHORT + 1, 10_000_000):
            check(sqlite_catalog, oracle.Question("GRCh38", "21", (start,), (start + width,)), lines)


def test_BEA_47_every_bracket_at_every_edge(sqlite_catalog: Catalog, lines: list[oracle.Line]) -> None:
    for start in (AT - 1, AT, AT + 1):
        for end in edges(lines):
            check(sqlite_catalog, oracle.Question("GRCh38", "21", (start, start + 1), (end, end + 2)), lines)


def test_reach_of_every_span_holds_it() -> None:
    for span in [0, *SPANS, 2**31 - 1]:
        reach = reach_of(span)
        assert span <= SHORT if reach is None else longest(reach) >= span > longest(reach) // 8
