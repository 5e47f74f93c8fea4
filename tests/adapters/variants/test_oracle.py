"""Random questions over generated files equal a brute-force oracle, on SQLite and on PostgreSQL."""

from __future__ import annotations

import random
from dataclasses import asdict

import pytest
from pyroaring import BitMap

from adapters.variants.ingest import load
from adapters.variants.model import Variant
from adapters.variants.query import VariantQuery
from adapters.variants.variants import Variants
from tests.adapters.variants import oracle
from tests.adapters.variants.cohort_text import CHANGES, GENES, ORIGIN, SPAN, Writer
from tests.adapters.variants.conftest import DATASETS, FIRST, PEOPLE, Catalog, person_of_sample

QUESTIONS = 80  # for each kind of server; 'make prove' asks 10,000 over the wire


def build(catalog: Catalog, seed: int) -> list[oracle.Line]:
    """Six files: two of one data set with people and alleles in common, one by name, two assemblies, one of sites.

    The last has no long alleles, which is what most questions of a range are answered from in one statement.
    """
    by_sample = person_of_sample()
    by_accession = {f"HRI{i:06}": FIRST + i for i in range(PEOPLE)}
    by_name = {f"P{i:03}": FIRST + i for i in range(PEOPLE)}
    r = random.Random(seed)
    files = [
        ("a.vcf", "HRA000001", by_sample, Writer(seed, r.sample(sorted(by_sample), 50), records=240)),
        ("b.vcf", "HRA000001", by_accession, Writer(seed + 1, r.sample(sorted(by_accession), 20), prefix="chr")),
        ("c.vcf", "HRA000002", by_name, Writer(seed, r.sample(sorted(by_name), 40), records=240)),
        ("d.vcf", "HRA000002", by_name, Writer(seed + 2, r.sample(sorted(by_name), 30), assembly="GRCh38")),
        ("e.vcf", "HRA000003", {}, Writer(seed, [], genotypes=False)),
        ("f.vcf", "HRA000003", by_name, Writer(seed + 3, r.sample(sorted(by_name), 40), assembly="GRCh38", short=True)),
    ]
    lines = []
    for name, dataset, people, writer in files:
        text = writer.text()
        path = catalog.write(name, text)
        load(catalog.engine, path, dataset, batch=70)
        lines += oracle.read(text, dataset, writer.assembly, people)
    return lines


def question(r: random.Random, lines: list[oracle.Line]) -> oracle.Question:
    """A question near something that exists, of a random kind."""
    line = r.choice(lines)
    kind = r.choice(["sequence", "sequence", "range", "range", "bracket", "gene", "aminoacid", "all"])
    place = {"assembly": line.assembly, "reference_name": r.choice(["", "chr"]) + line.contig}
    more: dict[str, object] = {}
    if r.random() < 0.3:
        more["variant_type"] = r.choice(sorted(oracle.ASKED))
    if r.random() < 0.2:
        more["min_length"] = r.choice([0, 1, 2, 50, 4000])
    if r.random() < 0.2:
        more["max_length"] = r.choice([4000, 9_000_000]) if "min_length" in more else r.choice([1, 3, 65])
    if kind == "sequence":
        return oracle.Question(**place, **_sequence(r, line))
    if kind == "range":
        start = r.choice([line.start + r.randint(-30, 30), line.end + r.randint(-2, 1)])
        end = r.choice([start + r.choice([1, 2, 20, 300, SPAN]), max(start + 1, line.start + r.randint(-1, 2))])
        if r.random() < 0.3:
            more |= {"alternate_bases": _wild(r, r.choice([line.alt, "A", "GN"]) if not line.symbolic else "T")}
        if r.random() < 0.1 and not line.symbolic:
            more |= {"reference_bases": _wild(r, line.before + line.ref)}
        if r.random() < 0.1:
            more |= {"aminoacid_change": r.choice(CHANGES)}
        if r.random() < 0.3:
            more |= {"mate_name": r.choice(["21", "X"])}
        return oracle.Question(**place, start=(start,), end=(end,), **more)
    if kind == "bracket":
        s0, e0 = line.start - r.choice([0, 1, 100]), line.end - r.choice([0, 1, 100])
        bounds = {"start": (s0, s0 + r.choice([1, 2, 500])), "end": (e0, e0 + r.choice([1, 2, 500, 50_000]))}
        return oracle.Question(**place, **bounds, **more)
    if kind == "gene":
        more |= {"aminoacid_change": r.choice(CHANGES)} if r.random() < 0.3 else {}
        return oracle.Question(assembly=r.choice([None, line.assembly]), gene=r.choice(GENES), **more)
    if kind == "aminoacid":
        return oracle.Question(aminoacid_change=r.choice(CHANGES), **more)
    if r.random() < 0.5:
        return oracle.Question(assembly=r.choice(["GRCh37", "GRCh38"]), mate_name=r.choice(["21", "chr21", "X"]))
    return oracle.Question(assembly=r.choice([None, "GRCh37", "GRCh38"]), **more)


def _sequence(r: random.Random, line: oracle.Line) -> dict[str, object]:
    """Bases as stored, as VCF writes them, padded further, with wildcards, or one side only."""
    ref, alt, start = line.ref, line.alt, line.start
    if line.symbolic:
        ref, alt = "A", r.choice(["C", "N", ""])
    elif line.before and r.random() < 0.5:
        ref, alt, start = line.before + ref, line.before + alt, start - 1
    if r.random() < 0.2:
        ref, alt = ref + "GA", alt + "GA"
    bases: dict[str, object] = {"start": (start + r.choice([0, 0, 0, 0, 1, -1]),), "alternate_bases": _wild(r, alt)}
    return bases | ({"reference_bases": _wild(r, ref)} if r.random() < 0.6 else {})


def _wild(r: random.Random, bases: str) -> str:
    if r.random() < 0.6:
        return bases
    return "".join(r.choice([b, b, "N", *(c for c, of in oracle.WILD.items() if b in of)]) for b in bases)


def check(variant: Variant, expected: dict[str, oracle.Expected]) -> None:
    """An allele shows exactly what the oracle expects of it."""
    assert {o.dataset for o in variant.occurrences} == set(expected)
    for seen in variant.occurrences:
        wanted = expected[seen.dataset]
        assert (seen.allele_count, seen.allele_number) == (wanted.count, wanted.number), variant.id
        assert set(seen.carriers or ()) == wanted.carriers
        assert set(seen.homozygotes or ()) == wanted.homozygotes


def key(variant: Variant) -> tuple[object, ...]:
    span = variant.end - variant.start
    bases = (variant.reference_bases, variant.alternate_bases, variant.length)
    return (variant.assembly, variant.contig, variant.start, span, *bases)


@pytest.mark.parametrize("seed", [11, 12])
def test_BEA_45_to_52_every_answer_equals_the_oracle(catalog: Catalog, seed: int) -> None:
    lines = build(catalog, seed)
    variants, r = Variants(catalog.engine), random.Random(seed)
    empty = 0
    for _ in range(QUESTIONS):
        asked = question(r, lines)
        query = VariantQuery(**asdict(asked))
        datasets = r.sample(DATASETS, r.randint(1, 3))
        everyone = range(FIRST, FIRST + PEOPLE)
        visible = set(r.sample(everyone, r.choice([PEOPLE, PEOPLE, PEOPLE - 3, 10, 1])))
        expected = oracle.answer(asked, lines, datasets, visible)
        empty += not expected
        mask = BitMap(visible)
        page = variants.matches(query, datasets, mask, limit=10_000)
        assert [key(v) for v in page.variants] == sorted(expected), asked
        assert page.total == len(expected)
        for variant in page.variants:
            check(variant, expected[key(variant)])
        people: dict[str, set[int]] = {}
        for per_dataset in expected.values():
            for dataset, found in per_dataset.items():
                people.setdefault(dataset, set()).update(found.carriers)
        people = {dataset: who for dataset, who in people.items() if who}
        assert {d: set(who) for d, who in variants.carriers(query, datasets, mask).items()} == people
        exists = variants.exists(query, datasets, mask)
        assert exists == {d: any(d in per_dataset for per_dataset in expected.values()) for d in datasets}
        if page.variants:
            one = r.choice(page.variants)
            offset, limit = r.randrange(page.total + 1), r.randint(1, 7)
            assert (
                variants.matches(query, datasets, mask, offset=offset, limit=limit).variants
                == (page.variants[offset : offset + limit])
            )
            if asked.gene is None and asked.aminoacid_change is None:  # those leave out files that do not say it
                assert variants.variant(one.id, datasets, mask) == one
    assert empty < QUESTIONS * 0.6, "most questions must find something"


def test_an_individual_has_exactly_their_alleles(catalog: Catalog) -> None:
    lines = build(catalog, 13)
    variants, everyone = Variants(catalog.engine), BitMap(range(FIRST, FIRST + PEOPLE))
    for person in (FIRST, FIRST + 17, FIRST + PEOPLE - 1):
        expected = oracle.answer(oracle.Question(), [x for x in lines if x.site is None], list(DATASETS), {person})
        page = variants.of_individual(person, DATASETS, everyone, limit=10_000)
        assert [key(v) for v in page.variants] == sorted(expected)
        assert page.total == len(expected)
        for variant in page.variants:
            check(variant, expected[key(variant)])
    withdrawn = everyone - BitMap([FIRST])
    assert variants.of_individual(FIRST, DATASETS, withdrawn).total == 0


def test_BEA_46_a_mate_narrows_a_range_where_no_allele_is_long(catalog: Catalog) -> None:
    lines, everyone = build(catalog, 14), BitMap(range(FIRST, FIRST + PEOPLE))
    variants, dataset = Variants(catalog.engine), "HRA000003"
    asked = oracle.Question("GRCh38", "21", (ORIGIN,), (ORIGIN + SPAN,), mate_name="21")
    expected = oracle.answer(asked, lines, [dataset], set(everyone))
    people = set().union(*(of[dataset].carriers for of in expected.values()))
    assert 0 < len(people) < len(oracle.answer(oracle.Question(), lines, [dataset], set(everyone)))
    query = VariantQuery(**asdict(asked))
    assert set(variants.carriers(query, [dataset], everyone)[dataset]) == people
    assert [key(v) for v in variants.matches(query, [dataset], everyone, limit=1000).variants] == sorted(expected)
