"""Loading: what is refused and changes nothing, what is accepted as it is, and the switch between releases."""

from __future__ import annotations

import gzip
import random
from pathlib import Path
from typing import Any

import pysam
import pytest
from pyroaring import BitMap
from sqlalchemy import func, select

from adapters.variants import ingest, releases
from adapters.variants.assemblies import UnknownAssembly
from adapters.variants.ingest import load
from adapters.variants.lines import InvalidVariantFile
from adapters.variants.people import UnknownSample
from adapters.variants.query import VariantQuery
from adapters.variants.tables import VariantAnnotation, VariantContig, VariantRelease, VariantRow
from adapters.variants.variants import Variants
from tests.adapters.variants.cohort_text import Writer
from tests.adapters.variants.conftest import FIRST, PEOPLE, Catalog, person_of_sample
from tests.adapters.variants.test_hgvs import text

EVERYONE = BitMap(range(FIRST, FIRST + PEOPLE))
EVERYTHING = VariantQuery()


def writer(seed: int, **given: Any) -> Writer:
    return Writer(seed, random.Random(seed).sample(sorted(person_of_sample()), 30), **given)


def answers(catalog: Catalog, *datasets: str) -> Any:
    return Variants(catalog.engine).matches(EVERYTHING, datasets or ["HRA000001"], EVERYONE, limit=100_000)


def rows(catalog: Catalog) -> dict[str, int]:
    tables = (VariantRelease, VariantRow, VariantAnnotation, VariantContig)
    with catalog.engine.connect() as connection:
        counted = {t.__tablename__: connection.execute(select(func.count()).select_from(t)).scalar() for t in tables}
    return {name: count or 0 for name, count in counted.items()}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("99 10 A T", "record at 99:10: '99' is not a contig of GRCh38"),
        ("NC_000021.8 10 A T", "is not a contig of GRCh38"),
        ("21 46709984 A T", "outside 1…46709983"),
        ("21 46709983 ACCCC A", "ends at 46709987, behind the end of 21"),
        ("21 2147483647 A T", "outside 1…46709983"),
        ("21 99999999999999 A T", "outside 1…46709983"),
        ("21 0 A T", "outside 1…46709983"),
        ("21 10 A <DEL>", "has neither END nor SVLEN"),
        ("21 10 A <DEL> END=5", "END 5 lies before POS 10"),
        ("21 10 A <DEL> END=46709984", "behind the end of 21"),
        ("21 10 A A", "are the same"),
        ("21 10 A T,A", "are the same"),
        ("21 10 A T!", "neither bases nor symbolic"),
        ("21 10 <DEL> T", "not a sequence of bases"),
    ],
)
def test_a_record_that_makes_no_sense_names_its_place_and_nothing_is_live(
    sqlite_catalog: Catalog, row: str, message: str
) -> None:
    good = load(sqlite_catalog.engine, sqlite_catalog.write("a.vcf", text("21 5 A G\n")), "HRA000001", file="F-01")
    bad = sqlite_catalog.write("b.vcf", text(f"21 4 A T\n{row}\n"))
    before = answers(sqlite_catalog)
    with pytest.raises(InvalidVariantFile) as caught:
        load(sqlite_catalog.engine, bad, "HRA000001", file="F-01", batch=1)
    assert message in str(caught.value)
    assert str(bad) in str(caught.value)
    assert answers(sqlite_catalog) == before
    assert before.total == good.variants == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [("0/0/1", "more than two alleles"), ("0/2", "genotype of allele 2, but ALT has 1"), ("1/2/.", "allele 2")],
)
def test_a_genotype_that_makes_no_sense_is_refused(sqlite_catalog: Catalog, call: str, message: str) -> None:
    bad = sqlite_catalog.write("b.vcf", text("21 4 A T\n").replace("0/1", call))
    with pytest.raises(InvalidVariantFile, match=message):
        load(sqlite_catalog.engine, bad, "HRA000001")
    assert answers(sqlite_catalog).total == 0


def test_unknown_and_ambiguous_samples_are_named_and_nothing_is_written(catalog: Catalog) -> None:
    path = catalog.write("s.vcf", Writer(3, ["S001", "NA12878", "HG00096", "HRI000003"]).text())
    with pytest.raises(UnknownSample, match=r"s\.vcf.*HRA000001: NA12878 \(unknown\), HG00096 \(unknown\); allowed"):
        load(catalog.engine, path, "HRA000001")
    with pytest.raises(ingest.UnknownDataset, match="HRA999999 is not in the catalog"):
        load(catalog.engine, path, "HRA999999")
    assert rows(catalog)["variant_release"] == 0


def test_the_assembly_is_found_in_the_header_and_never_guessed(sqlite_catalog: Catalog) -> None:
    told = text("21 5 A G\n")
    silent = told.replace(",length=46709983", "")
    engine = sqlite_catalog.engine
    assert load(engine, sqlite_catalog.write("a.vcf", told), "HRA000001").assembly == "GRCh38"
    with pytest.raises(InvalidVariantFile, match="contigs of another assembly than GRCh37: 21 of 46709983 bases"):
        load(engine, sqlite_catalog.write("a.vcf", told), "HRA000001", assembly="hg19")
    with pytest.raises(InvalidVariantFile, match="name the assembly"):
        load(engine, sqlite_catalog.write("b.vcf", silent), "HRA000001")
    with pytest.raises(InvalidVariantFile, match="fits no assembly"):
        load(engine, sqlite_catalog.write("c.vcf", told.replace("46709983", "46709984")), "HRA000001")
    with pytest.raises(UnknownAssembly):
        load(engine, sqlite_catalog.write("b.vcf", silent), "HRA000001", assembly="mm10")
    assert load(engine, sqlite_catalog.write("b.vcf", silent), "HRA000001", assembly="hg19").assembly == "GRCh37"
    referenced = silent.replace("##contig", "##reference=file:///x/hg38.fa\n##contig", 1)
    assert load(engine, sqlite_catalog.write("d.vcf", referenced), "HRA000001").assembly == "GRCh38"


def test_a_mitochondrion_of_another_sequence_is_refused_only_where_it_is_used(sqlite_catalog: Catalog) -> None:
    header = text("").replace("##INFO", "##contig=<ID=chrM,length=16571>\n##INFO", 1)
    header = header.replace("46709983", "48129895")
    fine = sqlite_catalog.write("a.vcf", header + text("21 5 A G\n").splitlines()[-1] + "\n")
    assert load(sqlite_catalog.engine, fine, "HRA000001").assembly == "GRCh37"
    used = sqlite_catalog.write("b.vcf", header + text("chrM 5 A G\n").splitlines()[-1] + "\n")
    with pytest.raises(InvalidVariantFile, match="chrM of 16571 bases is not that of GRCh37"):
        load(sqlite_catalog.engine, used, "HRA000001")


def test_a_file_that_breaks_off_is_refused_wherever_it_was_cut(sqlite_catalog: Catalog) -> None:
    plain = sqlite_catalog.write("a.vcf", writer(5, records=400).text())
    packed = Path(f"{plain}.gz")
    pysam.tabix_compress(str(plain), str(packed), force=True)
    whole, r = {plain: plain.read_bytes(), packed: packed.read_bytes()}, random.Random(1)
    for path, data in whole.items():
        for at in [0, 1, 20, 3_000, len(data) - 1, len(data) - 20, *(r.randrange(len(data)) for _ in range(12))]:
            cut = sqlite_catalog.folder / f"cut{path.suffix}"
            cut.write_bytes(data[:at])
            if path is plain and data[at - 1 : at] == b"\n" and at > 3_000:
                continue  # a text that ends with a line is a shorter file
            with pytest.raises(InvalidVariantFile):
                load(sqlite_catalog.engine, cut, "HRA000001", batch=50)
    assert answers(sqlite_catalog).total == 0


@pytest.mark.parametrize("content", [b"", b"\n", b"##fileformat=VCFv4.3\n", b"MZ" * 50, b"\x1f\x8b\x08\x00garbage"])
def test_what_is_no_variant_file_is_refused(sqlite_catalog: Catalog, content: bytes) -> None:
    path = sqlite_catalog.folder / "x.vcf.gz"
    path.write_bytes(content)
    with pytest.raises(InvalidVariantFile, match=r"x\.vcf\.gz"):
        load(sqlite_catalog.engine, path, "HRA000001")


def test_order_of_records_does_not_matter_and_duplicates_count_once(catalog: Catalog) -> None:
    sorted_text = writer(6).text().splitlines()
    head = [line for line in sorted_text if line.startswith("#")]
    body = [line for line in sorted_text if not line.startswith("#")]
    load(catalog.engine, catalog.write("a.vcf", "\n".join(head + body) + "\n"), "HRA000001", file="F-01")
    before = answers(catalog)
    shuffled = body * 2
    random.Random(2).shuffle(shuffled)
    load(catalog.engine, catalog.write("b.vcf", "\n".join(head + shuffled) + "\n"), "HRA000001", file="F-01", batch=7)
    assert answers(catalog) == before
    assert before.total > 50


def test_vcf_compressed_vcf_and_bcf_of_the_same_records_answer_the_same(sqlite_catalog: Catalog) -> None:
    plain = sqlite_catalog.write("a.vcf", writer(7).text())
    packed, binary = Path(f"{plain}.gz"), sqlite_catalog.folder / "a.bcf"
    pysam.tabix_compress(str(plain), str(packed), force=True)
    with pysam.VariantFile(str(plain)) as given, pysam.VariantFile(str(binary), "wb", header=given.header) as out:
        for record in given:
            out.write(record)
    found = []
    for path in (plain, packed, binary):
        load(sqlite_catalog.engine, path, "HRA000001", file="F-01")
        found.append(answers(sqlite_catalog))
    assert found[0].total > 50
    assert found[0] == found[1] == found[2]
    gzipped = sqlite_catalog.folder / "plain.vcf.gz"
    gzipped.write_bytes(gzip.compress(plain.read_bytes()))
    load(sqlite_catalog.engine, gzipped, "HRA000001", file="F-01")
    assert answers(sqlite_catalog) == found[0]


def test_a_record_of_very_many_alleles(sqlite_catalog: Catalog) -> None:
    alts = [f"A{number:b}".replace("0", "C").replace("1", "G") for number in range(1 << 17, (1 << 17) + 100_000)]
    made = text(f"21 5 A {','.join(alts)}\n").replace("0/1", f"1/{len(alts)}")
    loaded = load(sqlite_catalog.engine, sqlite_catalog.write("a.vcf", made), "HRA000001")
    assert loaded.variants == 2
    assert {v.alternate_bases for v in answers(sqlite_catalog).variants} == {alts[0][1:], alts[-1][1:]}


def test_a_new_release_replaces_the_former_one_and_leaves_nothing_behind(catalog: Catalog) -> None:
    first, second = catalog.write("a.vcf", writer(8).text()), catalog.write("b.vcf", writer(9).text())
    load(catalog.engine, first, "HRA000001", file="F-01")
    one, counts = answers(catalog), rows(catalog)
    load(catalog.engine, second, "HRA000001", file="F-01")
    assert answers(catalog) != one
    load(catalog.engine, first, "HRA000001", file="F-01")
    assert answers(catalog) == one
    assert rows(catalog) == counts
    load(catalog.engine, second, "HRA000001", file="F-02")
    assert answers(catalog).total > one.total
    assert releases.remove(catalog.engine, "HRA000001", "F-02")
    assert not releases.remove(catalog.engine, "HRA000001", "F-02")
    assert answers(catalog) == one
    assert rows(catalog) == counts


def test_readers_see_the_former_release_until_the_last_record_is_in(catalog: Catalog) -> None:
    load(catalog.engine, catalog.write("a.vcf", writer(8).text()), "HRA000001", file="F-01")
    former, seen = answers(catalog), []
    path = catalog.write("b.vcf", writer(9).text())
    load(
        catalog.engine,
        path,
        "HRA000001",
        file="F-01",
        batch=5,
        progress=lambda records, place: seen.append((records, place, answers(catalog) == former)),
    )
    assert len(seen) > 10
    assert all(unchanged for _, _, unchanged in seen)
    assert [records for records, _, _ in seen] == sorted({records for records, _, _ in seen})
    assert seen[-1][0] == 150
    assert seen[-1][1].startswith("X:")
    assert answers(catalog) != former


def test_two_loads_of_one_file_at_a_time_do_not_mix(catalog: Catalog) -> None:
    path = catalog.write("a.vcf", writer(8).text())
    other: list[BaseException] = []

    def intrude(records: int, _place: str) -> None:
        if records < 100 or other:
            return
        other.append(ValueError())
        load(catalog.engine, path, "HRA000001", file="F-01", batch=20)

    with pytest.raises(releases.LoadedElsewhere):
        load(catalog.engine, path, "HRA000001", file="F-01", batch=20, progress=intrude)
    found, counts = answers(catalog), rows(catalog)
    load(catalog.engine, path, "HRA000001", file="F-01")
    assert answers(catalog) == found
    assert rows(catalog) == counts
