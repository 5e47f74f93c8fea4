"""What only withdrawn people carry does not exist; counts are those of the others."""

from __future__ import annotations

from pyroaring import BitMap

from adapters.variants.ingest import load
from adapters.variants.query import VariantQuery
from adapters.variants.variants import Variants
from tests.adapters.variants.conftest import FIRST, Catalog
from tests.adapters.variants.test_hgvs import HEADER

ROWS = [("100", "A", "T", "0/1 0/0 ./."), ("200", "C", "G", "1/1 0/1 0/0"), ("300", "G", "A", ". 1 0/1")]
SETS = ["HRA000001"]


def loaded(catalog: Catalog) -> Variants:
    lines = HEADER.replace(" S000", " S000 S001 S002").splitlines()
    lines[-1] = "\t".join(lines[-1].split())
    for position, ref, alt, calls in ROWS:
        lines.append("\t".join(["21", position, ".", ref, alt, ".", ".", ".", "GT", *calls.split()]))
    load(catalog.engine, catalog.write("w.vcf", "\n".join(lines) + "\n"), "HRA000001")
    return Variants(catalog.engine)


def counts(variants: Variants, people: list[int]) -> dict[str, tuple[int | None, int | None]]:
    found = variants.matches(VariantQuery(), SETS, BitMap(people)).variants
    return {v.id: (v.occurrences[0].allele_count, v.occurrences[0].allele_number) for v in found}


def test_counts_and_existence_follow_the_visible_people(catalog: Catalog) -> None:
    variants, (a, b, c) = loaded(catalog), (FIRST, FIRST + 1, FIRST + 2)
    first, second, third = "GRCh38:21:99:A:T", "GRCh38:21:199:C:G", "GRCh38:21:299:G:A"
    assert counts(variants, [a, b, c]) == {first: (1, 4), second: (3, 6), third: (2, 3)}
    assert counts(variants, [b, c]) == {second: (1, 4), third: (2, 3)}
    assert counts(variants, [a]) == {first: (1, 2), second: (2, 2)}
    assert counts(variants, [c]) == {third: (1, 2)}
    assert counts(variants, []) == {}
    only_a = VariantQuery(genomic_allele="NC_000021.9:g.100A>T")
    assert variants.exists(only_a, SETS, BitMap([a, b, c])) == {"HRA000001": True}
    assert variants.exists(only_a, SETS, BitMap([b, c])) == {"HRA000001": False}
    assert variants.carriers(only_a, SETS, BitMap([b, c])) == {}
    assert variants.matches(only_a, SETS, BitMap([b, c])).total == 0
    assert variants.variant(first, SETS, BitMap([a])) is not None
    assert variants.variant(first, SETS, BitMap([b, c])) is None
    assert variants.of_individual(a, SETS, BitMap([b, c])).total == 0


def test_zygosity_of_each_carrier(catalog: Catalog) -> None:
    variants = loaded(catalog)
    found = {v.start: v.occurrences[0] for v in variants.matches(VariantQuery(), SETS, BitMap(range(99))).variants}
    assert set(found[199].carriers or ()) == {FIRST, FIRST + 1}
    assert set(found[199].homozygotes or ()) == {FIRST}
    assert set(found[299].hemizygotes or ()) == {FIRST + 1}
    assert found[199].frequency == 0.5


def test_other_data_sets_and_malformed_ids_have_nothing(catalog: Catalog) -> None:
    variants, everyone = loaded(catalog), BitMap(range(99))
    assert variants.matches(VariantQuery(), ["HRA000002"], everyone).total == 0
    assert variants.matches(VariantQuery(), [], everyone).total == 0
    for name in (
        "",
        "x",
        "GRCh38:21:99:A:T:",
        "GRCh38:21:99:A:C",
        "GRCh38:21:99:A",
        "mm10:21:99:A:T",
        "GRCh38:21:-1:A:T",
        "x" * 5000,
    ):
        assert variants.variant(name, SETS, everyone) is None
    assert variants.variant(f"GRCh38:21:{10**9 * 9}:A:T", SETS, everyone) is None
    assert variants.variant("hg38:21:99:A:T", SETS, everyone) is None, "one allele, one id"
