"""Taxonomic profiles of reads drawn from small genomes that are made here, against a made taxonomy."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

import pysam
import pytest
from typer.testing import CliRunner

from adapters.qc.reference import ReferenceGenome
from adapters.qc.report import FileReport
from node.cli import app
from tests.adapters.qc.planting import counts, report
from tests.support import shared

LENGTH = 20_000
TAXA = {
    # taxid: (parent, rank, name)
    1: (1, "no rank", "root"),
    2: (1, "superkingdom", "Bacteria"),
    3: (2, "genus", "Alpha"),
    4: (3, "species", "Alpha prima"),
    5: (3, "species", "Alpha secunda"),
    6: (2, "genus", "Beta"),
    7: (6, "species", "Beta tertia"),
}
GENOMES = {"prima.fa": 4, "secunda.fa": 5, "tertia.fa": 7}


def genome(name: str) -> str:
    """Bases; those of one genus share the second half of their genome."""
    own, common = random.Random(name), random.Random(TAXA[GENOMES[name]][0])
    half = LENGTH // 2
    return "".join(own.choices("ACGT", k=half)) + "".join(common.choices("ACGT", k=half))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Genomes, dump and one reference set."""
    folder = tmp_path_factory.mktemp("taxonomy")
    for name, taxid in GENOMES.items():
        (folder / name).write_text(f">kraken:taxid|{taxid}|x\n{genome(name)}\n")
    (folder / "nodes.dmp").write_text("".join(f"{t}\t|\t{p}\t|\t{rank}\t|\n" for t, (p, rank, _) in TAXA.items()))
    (folder / "names.dmp").write_text(
        "".join(f"{t}\t|\t{name}\t|\t\t|\tscientific name\t|\n" for t, (_, _, name) in TAXA.items())
    )
    code, said = run("add", "small", "--sets", folder / "sets", "--taxdump", folder, "--scaled", 20, *genomes(folder))
    assert (code, said) == (0, "small: 3 genomes\n")
    return folder


def genomes(folder: Path) -> list[Path]:
    return [folder / name for name in GENOMES]


def run(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["taxonomy", *map(str, words)])
    return done.exit_code, done.stdout or done.stderr


def reads(path: Path, shares: dict[str, int], errors: float = 0.0) -> Path:
    """So many reads of 100 bases of each genome (of noise for the name ``noise``), each base wrong so often."""
    draw = random.Random(5)
    with path.open("w") as file:
        for name, count in shares.items():
            source = "".join(draw.choices("ACGT", k=10 * LENGTH)) if name == "noise" else genome(name)
            for number in range(count):
                at = draw.randrange(len(source) - 100)
                bases = "".join(c if draw.random() >= errors else draw.choice("ACGT") for c in source[at : at + 100])
                file.write(f"@{name}.{number}\n{bases}\n+\n{'I' * 100}\n")
    return path


def profiled(path: Path, folder: Path, organism: str = "") -> FileReport:
    (file,) = report(path, sets=folder / "sets", organism=organism).files
    assert file.reason is None, file.reason
    return file


def shares(file: FileReport) -> dict[str, float]:
    return {one["organism"]: one["share"] for one in file.taxonomy["genomes"]}


def test_shares_of_a_mixture(made: Path, tmp_path: Path) -> None:
    """Three quarters of one species, a quarter of another genus: the shares are those of the reads."""
    found = shares(profiled(reads(tmp_path / "r.fastq", {"prima.fa": 1500, "tertia.fa": 500}), made))
    assert found.keys() == {"Alpha prima", "Beta tertia"}
    assert found["Alpha prima"] == pytest.approx(0.75, abs=0.05)
    assert found["Beta tertia"] == pytest.approx(0.25, abs=0.05)


def test_tree_sums_up(made: Path, tmp_path: Path) -> None:
    file = profiled(reads(tmp_path / "r.fastq", {"prima.fa": 900, "secunda.fa": 900, "noise": 600}), made)
    (bacteria,) = file.taxonomy["tree"]["children"]
    (alpha,) = bacteria["children"]
    assert (bacteria["name"], alpha["name"]) == ("Bacteria", "Alpha")
    assert {child["name"] for child in alpha["children"]} == {"Alpha prima", "Alpha secunda"}
    assert alpha["share"] == pytest.approx(sum(child["share"] for child in alpha["children"]), abs=1e-5)
    assert file.taxonomy["assigned"] == pytest.approx(0.75, abs=0.05)


@pytest.mark.parametrize(
    ("organism", "contradicted"),
    [
        ("Alpha prima", False),
        ("alpha PRIMA", False),
        ("Alpha prima strain 7", False),
        ("Alpha", False),
        ("Bacteria", False),
        ("", False),
        ("soil metagenome", False),
        ("Beta tertia", True),
        ("Homo sapiens", True),
        ("Alphabeta", True),
    ],
)
def test_a_declared_organism_is_contradicted(organism: str, contradicted: bool, made: Path, tmp_path: Path) -> None:
    path = reads(tmp_path / "r.fastq", {"prima.fa": 800}, errors=0.01)
    assert counts(profiled(path, made, organism)) == ({"organism": 1} if contradicted else {})


@pytest.mark.parametrize("format_", ["bam", "cram"])
def test_reads_of_an_alignment(format_: str, made: Path, tmp_path: Path) -> None:
    """Those of a CRAM file need a reference given here; the one that its header names is not opened."""
    path = aligned(tmp_path / f"a.{format_}", "prima.fa", tmp_path)
    genome_ = ReferenceGenome(tmp_path / "reference.fa")
    (file,) = report(path, sets=made / "sets", organism="Beta tertia", genome=genome_).files
    assert shares(file)["Alpha prima"] == pytest.approx(1, abs=0.05)
    assert counts(file) == {"organism": 1}
    (file,) = report(path, sets=made / "sets", organism="Beta tertia").files
    assert (counts(file), bool(file.taxonomy)) == (({}, False) if format_ == "cram" else ({"organism": 1}, True))


def test_an_unaligned_cram_holds_its_bases(made: Path, tmp_path: Path) -> None:
    path = tmp_path / "u.cram"
    with pysam.AlignmentFile(str(path), "wc", header={"HD": {"VN": "1.6"}}) as file:
        for at in range(0, LENGTH - 100, 10):
            read = pysam.AlignedSegment(file.header)
            read.query_name, read.flag, read.query_sequence = f"r{at}", 4, genome("prima.fa")[at : at + 100]
            file.write(read)
    assert counts(profiled(path, made, "Beta tertia")) == {"organism": 1}


def aligned(path: Path, name: str, folder: Path) -> Path:
    """Reads of a genome on that genome, which is written to ``reference.fa``."""
    reference = folder / "reference.fa"
    reference.write_text(f">chr\n{genome(name)}\n")
    pysam.faidx(str(reference))
    header = {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": "chr", "LN": LENGTH}]}
    mode = "wc" if path.suffix == ".cram" else "wb"
    with pysam.AlignmentFile(str(path), mode, header=header, reference_filename=str(reference)) as file:
        for at in range(0, LENGTH - 100, 10):
            read = pysam.AlignedSegment(file.header)
            read.query_name, read.reference_id, read.reference_start, read.cigarstring = f"r{at}", 0, at, "100M"
            read.query_sequence = genome(name)[at : at + 100]
            read.query_qualities, read.mapping_quality = pysam.qualitystring_to_array("I" * 100), 60
            file.write(read)
    return path


def test_a_little_of_another_is_no_contradiction(made: Path, tmp_path: Path) -> None:
    path = reads(tmp_path / "r.fastq", {"prima.fa": 900, "tertia.fa": 100})
    assert counts(profiled(path, made, "Alpha prima")) == {}
    assert counts(profiled(reads(path, {"noise": 500}), made, "Alpha prima")) == {}, "nothing known, nothing said"
    assert profiled(path, made).taxonomy["genomes"] == []


def test_a_database_of_sourmash_with_its_table(made: Path, tmp_path: Path) -> None:
    table = tmp_path / "lineages.csv"
    with table.open("w", newline="") as file:
        rows = [("prima.fa", "B", "Alpha", "Alpha prima"), ("secunda.fa", "B", "Alpha", "Alpha secunda")]
        csv.writer(file).writerows([("ident", "superkingdom", "genus", "species"), *rows])
    database = made / "sets" / "small.zip"
    code, said = run("add", "other", "--sets", tmp_path / "sets", "--database", database, "--lineages", table)
    assert (code, "1 of 3 sketches have no lineage, the first is 'tertia.fa'" in said) == (1, True)
    assert list((tmp_path / "sets").glob("*")) == [] or not (tmp_path / "sets").exists()
    with table.open("a", newline="") as file:
        csv.writer(file).writerow(("tertia.fa", "B", "Beta", "Beta tertia"))
    assert run("add", "other", "--sets", tmp_path / "sets", "--database", database, "--lineages", table)[0] == 0
    file = profiled(reads(tmp_path / "r.fastq", {"tertia.fa": 400}), tmp_path)
    assert file.taxonomy["genomes"][0]["lineage"] == ["B", "Beta", "Beta tertia"]
    assert run("list", "--sets", tmp_path / "sets") == (0, "other: 3 genomes, one k-mer of 20\n")


def test_bad_input_is_named_and_leaves_nothing(made: Path, tmp_path: Path) -> None:
    sets = tmp_path / "sets"
    empty = tmp_path / "empty.fa"
    empty.write_text(">kraken:taxid|4|x\n")
    stranger = tmp_path / "stranger.fa"
    stranger.write_text(f">kraken:taxid|99|x\n{genome('prima.fa')}\n")
    plain = tmp_path / "plain.fa"
    plain.write_text(f">x\n{genome('prima.fa')}\n")
    add = ("add", "n", "--sets", sets, "--taxdump", made)
    for path, wanted in (
        (empty, "no k-mer of it is kept"),
        (stranger, "taxid 99 is not in"),
        (plain, "its header has no kraken:taxid"),
    ):
        code, said = run(*add, path)
        assert code != 0
        assert wanted in said
    assert "no name of a set" in run("add", "../n", "--sets", sets, "--taxdump", made, made / "prima.fa")[1]
    assert "nodes.dmp cannot be read" in run("add", "n", "--sets", sets, "--taxdump", tmp_path, plain)[1]
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".fa"] == []
    path = reads(tmp_path / "r.fastq", {"prima.fa": 10})
    (file,) = report(path, sets=sets).files
    assert "holds no reference sets" in (file.reason or "")


def test_the_page_shows_it(made: Path, tmp_path: Path) -> None:
    path = reads(tmp_path / "r.fastq", {"prima.fa": 300, "tertia.fa": 100})
    words = ["qc", str(path), "--taxonomy", str(made / "sets"), "--organism", "Homo sapiens", "--json"]
    done = CliRunner().invoke(app, [*words, "--html", str(tmp_path / "page.html")])
    assert done.exit_code == 1
    document = json.loads(done.stdout)
    assert [f["kind"] for f in document["sets"][0]["files"][0]["findings"]] == ["organism"]
    page = (tmp_path / "page.html").read_text()
    assert page.count('<svg class="sunburst"') == 1
    assert "<title>Alpha prima (species): 7" in page
    assert "Bacteria › Beta › Beta tertia" in page


def test_real_reads_are_of_the_virus_they_are_declared_to_be(tmp_path: Path) -> None:
    pack = shared("data/taxonomy")
    known = sorted((pack / "genomes").glob("[CMSHL]*.fa.gz"))
    sets = tmp_path / "sets"
    assert run("add", "viruses", "--sets", sets, "--taxdump", pack, "--scaled", 100, *known)[0] == 0
    path = shared("data/reads/sarscov2_MS2_1.fastq.gz")
    declared = "Severe acute respiratory syndrome coronavirus 2"
    assert counts(profiled(path, tmp_path, declared)) == {}
    assert counts(profiled(path, tmp_path, "Human immunodeficiency virus 1")) == {"organism": 1}
