"""Faults planted in VCF and BCF files: each alone and all together are found, and nothing else is."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pysam
import pysam.bcftools
import pytest

from adapters.qc.reference import ReferenceGenome
from tests.adapters.qc.aligning import EOF, blocked
from tests.adapters.qc.planting import Sown, counts, found, report, wanted
from tests.support import shared

HEADER = """##fileformat=VCFv4.3
##contig=<ID=1,length=1000>
##contig=<ID=2,length=900,assembly="a, b">
##contig=<ID=X,length=800>
##INFO=<ID=AC,Number=A,Type=Integer,Description="Count, of \\"alleles\\"">
##INFO=<ID=DB,Number=0,Type=Flag,Description="known">
##FILTER=<ID=q10,Description="low">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">
##source=anything at all
#CHROM	POS	ID	REF	ALT	QUAL	FILTER	INFO	FORMAT	s1	s2	s3
"""
SEQUENCE = "ACGT" * 250


def line(contig: str, position: int, **changed: str) -> list[str]:
    ref = SEQUENCE[position - 1]
    fields = {"CHROM": contig, "POS": str(position), "ID": ".", "REF": ref, "ALT": "T" if ref != "T" else "G"}
    fields |= {"QUAL": "50", "FILTER": "PASS", "INFO": "AC=1;DB", "FORMAT": "GT:DP"}
    fields |= {"s1": "0/1:3", "s2": "1|1:4", "s3": "./.:."}
    return list((fields | changed).values())


def lines() -> list[list[str]]:
    made = [line("1", position) for position in range(10, 400, 10)]
    made += [line("2", position) for position in range(10, 400, 10)]
    made += [line("X", 10, s2="1:4"), line("X", 20)]
    made[3][4:7], made[3][9] = ["<DEL>", ".", "q10"], "0/1"
    made[4][4], made[5][4] = "T,*", ".G"
    made[6][4], made[7][4] = "T[2:30[", "]2:30]T"
    made[8][4], made[8][9:11], made[8][5] = ".", ["0/0", "."], "1.5e3"
    return made


def vcf(rows: list[list[str]], header: str = HEADER, end: str = "\n") -> bytes:
    return (header.replace("\n", end) + "".join("\t".join(row) + end for row in rows)).encode()


def check(content: bytes, folder: Path, name: str = "a.vcf") -> dict[str, int]:
    (folder / name).write_bytes(content)
    return found(folder / name)


def to(column: int, value: str) -> Callable[[list[str]], list[str]]:
    return lambda row: [*row[:column], value, *row[column + 1 :]]


PLANTS = [
    Sown("no-number", "vcf-position", to(1, "ten")),
    Sown("too-few", "vcf-columns", lambda row: row[:7]),
    Sown("sample-missing", "vcf-columns", lambda row: row[:-1]),
    Sown("sample-too-many", "vcf-columns", lambda row: [*row, "0/0"]),
    Sown("ref-dot", "vcf-alleles", to(3, ".")),
    Sown("ref-letter", "vcf-alleles", to(3, "AXG")),
    Sown("alt-letter", "vcf-alleles", to(4, "J")),
    Sown("alt-empty", "vcf-alleles", to(4, "T,")),
    Sown("alt-symbol-open", "vcf-alleles", to(4, "<DEL")),
    Sown("quality", "vcf-quality", to(5, "high")),
    Sown("filter", "vcf-undeclared", to(6, "q99")),
    Sown("info", "vcf-undeclared", to(7, "AC=1;ZZ=3")),
    Sown("format", "vcf-undeclared", to(8, "GT:XX")),
    Sown("allele", "genotype", to(9, "0/2:3")),
    Sown("allele-letter", "genotype", to(10, "a/b:3")),
    Sown("genotype-open", "genotype", to(11, "0/")),
    Sown("genotype-empty", "genotype", to(11, ":3")),
    Sown("haploid", "ploidy", to(9, "1:3")),
    Sown("triploid", "ploidy", to(11, "0/0/1")),
]


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.name)
def test_a_planted_fault_is_found_and_nothing_else(plant: Sown[list[str]], tmp_path: Path) -> None:
    rows = lines()
    rows[20] = plant.sow(rows[20])
    assert check(vcf(rows), tmp_path) == {plant.kind: 1}
    (finding,) = report(tmp_path / "a.vcf").files[0].findings
    assert (finding.places[0].record, finding.places[0].line) == (21, 21 + HEADER.count("\n"))


def test_all_faults_together(tmp_path: Path) -> None:
    rows = lines()
    for number, plant in enumerate(PLANTS, 10):
        rows[number] = plant.sow(rows[number])
    assert check(vcf(rows), tmp_path) == wanted(PLANTS)


def test_clean_in_every_container(tmp_path: Path) -> None:
    content = vcf(lines())
    assert check(content, tmp_path) == {}
    assert check(gzip.compress(content), tmp_path, "a.vcf.gz") == {}
    packed = blocked(content) + EOF
    assert check(packed, tmp_path, "a.vcf.gz") == {}
    assert report(tmp_path / "a.vcf.gz").files[0].facts == {"records": 80, "samples": 3, "contigs": 3}
    assert check(blocked(content), tmp_path, "a.vcf.gz") == {"end-marker": 1}
    assert check(packed[:-60], tmp_path, "a.vcf.gz") == {"compression-truncated": 1}
    assert check(vcf(lines(), end="\r\n"), tmp_path) == {"crlf": content.count(b"\n")}


def test_sites_without_samples(tmp_path: Path) -> None:
    header = HEADER.replace("\tFORMAT\ts1\ts2\ts3", "")
    assert check(vcf([row[:8] for row in lines()], header), tmp_path) == {}
    assert check(vcf([*[row[:8] for row in lines()], line("X", 30)], header), tmp_path) == {"vcf-columns": 1}


def test_order_and_contigs(tmp_path: Path) -> None:
    rows = lines()
    assert check(vcf([*rows, line("1", 20)]), tmp_path) == {"vcf-order": 1}, "a contig that was left"
    assert check(vcf([rows[1], rows[0], *rows[2:]]), tmp_path) == {"vcf-order": 1}
    assert check(vcf([rows[0], rows[0], *rows[1:]]), tmp_path) == {}, "two records at one place"
    assert check(vcf([*rows, line("3", 20)]), tmp_path) == {"vcf-contig": 1}
    none = "".join(one for one in HEADER.splitlines(keepends=True) if "contig" not in one)
    assert check(vcf([*rows, line("3", 20)], none), tmp_path) == {}, "no contigs declared, none missed"
    assert check(vcf([*rows[:-2], line("2", 902 - 2, POS="902")]), tmp_path) == {"vcf-position": 1}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("VCFv4.3", "VCFv3.3"),
        ("##source=anything at all", "##source"),
        ("##FILTER=<ID=q10,", "##FILTER=<ID=,"),
        ("##contig=<ID=2,", "##contig=<ID=1,"),
        ("length=800", "length=long"),
        ("Number=A", "Number=Q"),
        ("Type=Flag", "Type=Truth"),
        ("ID=DP,Number=1", "ID=DP"),
        ("s1\ts2", "s1\ts1"),
        ("ID\tREF", "ID\tREFERENCE"),
        ('##INFO=<ID=DB,Number=0,Type=Flag,Description="known">', "##INFO=<ID=DB"),
    ],
)
def test_header(old: str, new: str, tmp_path: Path) -> None:
    header = HEADER.replace(old, new, 1)
    assert header != HEADER
    rows = [[*row[:6], ".", ".", "GT", "0/0", "0/0", "0/0"] for row in lines() if row[0] == "1"]
    assert check(vcf(rows, header), tmp_path) == {"header": 1}


def test_no_column_names(tmp_path: Path) -> None:
    header = HEADER[: HEADER.index("#CHROM")]
    assert "header" in check(vcf(lines(), header), tmp_path)
    assert check(header.encode(), tmp_path) == {"header": 1}


def genome(folder: Path) -> ReferenceGenome:
    path = folder / "ref.fa"
    text = "\n".join(SEQUENCE[at : at + 70] for at in range(0, len(SEQUENCE), 70))
    path.write_text("".join(f">{name}\n{text}\n" for name in ("1", "2", "X")))
    return ReferenceGenome(path)


def test_reference(tmp_path: Path) -> None:
    path = tmp_path / "a.vcf"
    path.write_bytes(vcf(lines()))
    assert found(path, genome=genome(tmp_path)) == {}
    rows = lines()
    rows[30][3] = "A" if rows[30][3] != "A" else "C"
    rows[31][3] = SEQUENCE[rows[31] and int(rows[31][1]) - 1 :][:75]
    path.write_bytes(vcf(rows))
    made = report(path, genome=genome(tmp_path)).files[0]
    assert counts(made) == {"ref-base": 1}
    assert made.findings[0].places[0].record == 31


@pytest.mark.parametrize("kind", ["tbi", "csi"])
def test_index(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.vcf.gz"
    path.write_bytes(blocked(vcf(lines())) + EOF)
    pysam.bcftools.index(f"--{kind}", str(path), catch_stdout=False)
    assert found(path) == {}
    path.write_bytes(blocked(vcf(lines()[:-1])) + EOF)
    assert found(path) == {"index": 1}
    path.write_bytes(blocked(vcf(lines())) + EOF)
    index = tmp_path / f"a.vcf.gz.{kind}"
    index.write_bytes(index.read_bytes()[:40])
    assert found(path) == {"index": 1}


def test_bcf(tmp_path: Path) -> None:
    source = tmp_path / "a.vcf"
    rows = [row for row in lines() if row[4] not in (".G",)]
    source.write_bytes(vcf(rows))
    path = tmp_path / "a.bcf"
    pysam.bcftools.view("-Ob", "-o", str(path), str(source), catch_stdout=False)
    whole = path.read_bytes()
    assert found(path) == {}
    assert report(path).files[0].facts["records"] == len(rows)
    pysam.bcftools.index(str(path), catch_stdout=False)
    assert found(path) == {}
    path.write_bytes(whole[: -len(EOF)])
    assert found(path) == {"end-marker": 1}
    path.write_bytes(whole[:-60])
    assert found(path) == {"compression-truncated": 1}
    (tmp_path / "a.bcf.csi").unlink()
    haploid = [to(9, "1")(row) if number == 30 else row for number, row in enumerate(rows)]
    source.write_bytes(vcf([haploid[1], haploid[0], *haploid[2:]]))
    pysam.bcftools.view("-Ob", "-o", str(path), str(source), catch_stdout=False)
    assert found(path) == {"ploidy": 1, "vcf-order": 1}
    content = gzip.decompress(whole)
    path.write_bytes(blocked(content[:-11]) + EOF)
    assert found(path) == {"decoding": 1}


def test_real_files_are_clean() -> None:
    paths = sorted(p for p in shared("data/variants").iterdir() if p.name.endswith((".vcf.gz", ".bcf")))
    assert len(paths) == 14
    wrong = [(f.path.name, f.reason, [one.kind for one in f.findings]) for f in report(*paths).files]
    assert [one for one in wrong if one[1] or one[2]] == []
