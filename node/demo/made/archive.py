"""Writes the made archives, one tree per member, and says what is in them.

Each tree is what an archive really keeps: files below the accession of their data set. What a submitter writes about
them (workbook, individuals, manifest) is the matter of ``node.demo.submission``.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from node.demo.made import images, reads, tables
from node.demo.made.genotypes import write_vcf
from node.demo.made.people import BATCHES, Person, people
from node.demo.made.plan import SEED

REGIONS = {"chr19": (44_880_000, 44_930_000), "chr22": (36_240_000, 36_290_000)}
HUMAN_READS = {
    "HRA900001": ("RP0001", "RP0002", "RP0003"),
    "HRA900002": ("CM0001", "CM0002", "CM0003", "CM0246"),
    "HRA900003": ("FU0001",),
    "HRA900004": ("PS0001",),
}
CRAM_OF = {"RP0002": "HRA900001", "CM0002": "HRA900002"}
FASTQ_OF = {"RP0003": "HRA900001", "CM0003": "HRA900002"}
ORGANISMS = (
    ("Ecoli", "Escherichia coli", 120_000, 6000),
    ("lambda", "Escherichia phage Lambda", 48_502, 3000),
    ("rice", "Oryza sativa", 150_000, 6000),
)


@dataclass(frozen=True, slots=True)
class Archived:
    """A file of a member's archive: ``path`` is relative to the member's tree, ``about`` names the people in it.

    ``patient`` is the patient id of an image that shows nobody of the family.
    """

    member: str
    dataset: str
    run: str
    path: str
    title: str
    kind: str
    about: tuple[Person, ...] = ()
    organism: str = ""
    index_of: str = ""
    patient: str = ""


class MadeArchive:
    """The archives below ``root``: ``root/gsa``, ``root/gsa-human``, ``root/omix`` and ``root/obia``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: list[Archived] = []
        self._runs = 0

    @cached_property
    def everyone(self) -> list[Person]:
        """All made people."""
        return people()

    def of(self, dataset: str) -> list[Person]:
        """People of one GSA-Human data set."""
        return [person for person in self.everyone if person.dataset == dataset]

    def write(self, told: Callable[[str], None]) -> None:
        """Write every tree; ``told`` hears what is being written."""
        for title, part in (
            ("reads of model organisms", self._gsa),
            ("variants of people", self._variants),
            ("reads of people", self._human_reads),
            ("tables", self._omix),
            ("images", self._obia),
        ):
            told(title)
            self.files += part()

    def _folder(self, member: str, dataset: str) -> Path:
        folder = self.root / member / dataset
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _run(self) -> str:
        self._runs += 1
        return f"HRR{900000 + self._runs}"

    def _gsa(self) -> Iterator[Archived]:
        for number, (name, organism, length, pairs) in enumerate(ORGANISMS, start=1):
            yield from self._pair("gsa", "CRA900001", f"CRR{900000 + number}", name, number, length, pairs, organism)
        yield from self._pair("gsa", "CRA900002", "CRR900005", "yeast", 9, 60_000, 500, "Saccharomyces cerevisiae")
        folder = self._folder("gsa", "CRA900001")
        genome = {"chrI": reads.made_sequence(21, 60_000), "chrII": reads.made_sequence(22, 40_000)}
        reads.write_fasta(folder / "reference.fa", genome)
        reads.write_cram(folder / "CRR900004.cram", folder / "reference.fa", "worm", 20)
        for kind, name, of in (
            ("cram", "CRR900004.cram", ""),
            ("crai", "CRR900004.cram.crai", "CRR900004.cram"),
            ("fasta", "reference.fa", ""),
        ):
            index_of = f"CRA900001/{of}" if of else ""
            title = f"worm {kind}"
            yield Archived(
                "gsa",
                "CRA900001",
                "CRR900004",
                f"CRA900001/{name}",
                title,
                kind,
                (),
                "Caenorhabditis elegans",
                index_of,
            )

    def _pair(
        self, member: str, dataset: str, run: str, name: str, stream: int, length: int, pairs: int, organism: str,
        about: tuple[Person, ...] = (),
    ) -> Iterator[Archived]:  # fmt: skip
        folder = self._folder(member, dataset)
        mates = [f"{run}_r1.fq.gz", f"{run}_r2.fq.gz"]
        reads.write_fastq_pair(
            folder / mates[0], folder / mates[1], reads.made_sequence(stream, length), stream, pairs=pairs
        )
        for mate, file in enumerate(mates, start=1):
            yield Archived(member, dataset, run, f"{dataset}/{file}", f"{name} mate {mate}", "fastq", about, organism)

    def _variants(self) -> Iterator[Archived]:
        for stream, dataset in enumerate(HUMAN_READS, start=1):
            cohort = self.of(dataset)
            first = BATCHES.get(dataset, len(cohort))
            for part, batch in enumerate((cohort[:first], cohort[first:]), start=1):
                if batch:
                    run = self._run()
                    path = self._folder("gsa-human", dataset) / f"{run}.vcf.gz"
                    write_vcf(path, [person.name for person in batch], 10 * stream + part)
                    title = f"Genotypes of batch {part}"
                    yield from self._indexed(dataset, run, path.name, "vcf", "tbi", title, tuple(batch))

    def _human_reads(self) -> Iterator[Archived]:
        by_name = {person.name: person for person in self.everyone}
        for dataset, names in HUMAN_READS.items():
            for name in names:
                run, folder = self._run(), self._folder("gsa-human", dataset)
                about = (by_name[name],)
                reads.write_bam(folder / f"{run}.bam", name, REGIONS, 100 + self._runs)
                yield from self._indexed(dataset, run, f"{run}.bam", "bam", "bai", f"Aligned reads of {name}", about)
        for name, dataset in CRAM_OF.items():
            yield from self._human_cram(dataset, name, (by_name[name],))
        for name, dataset in FASTQ_OF.items():
            about = (by_name[name],)
            run = self._run()
            yield from self._pair("gsa-human", dataset, run, name, 50 + self._runs, 50_000, 3000, "Homo sapiens", about)

    def _human_cram(self, dataset: str, name: str, about: tuple[Person, ...]) -> Iterator[Archived]:
        run, folder = self._run(), self._folder("gsa-human", dataset)
        reference = folder / f"{run}_reference.fa"
        reads.write_fasta(
            reference, {"chrM": reads.made_sequence(31, 16_569), "chrUn_demo": reads.made_sequence(32, 50_000)}
        )
        reads.write_cram(folder / f"{run}.cram", reference, name, 300 + self._runs)
        yield from self._indexed(dataset, run, f"{run}.cram", "cram", "crai", f"Aligned reads of {name}", about)
        yield Archived("gsa-human", dataset, run, f"{dataset}/{reference.name}", "Reference of the CRAM", "fasta")

    @staticmethod
    def _indexed(
        dataset: str, run: str, name: str, kind: str, index: str, title: str, about: tuple[Person, ...]
    ) -> Iterator[Archived]:
        path = f"{dataset}/{name}"
        yield Archived("gsa-human", dataset, run, path, title, kind, about)
        yield Archived("gsa-human", dataset, run, f"{path}.{index}", f"{title}, index", index, about, index_of=path)

    def _omix(self) -> Iterator[Archived]:
        cohort = self.of("HRA900002")[:120]
        for dataset, name, title, organism, write in (
            ("OMIX900001", "expression_counts.csv", "Counts per gene", "Mus musculus", tables.write_expression),
            ("OMIX900001", "samples.tsv", "How the samples were made", "Mus musculus", tables.write_mouse_samples),
            (
                "OMIX900002",
                "plasma_proteins.tsv",
                "Plasma proteins",
                "Homo sapiens",
                lambda p: tables.write_proteins(p, cohort),
            ),
            (
                "OMIX900002",
                "clinical.csv",
                "Clinical values",
                "Homo sapiens",
                lambda p: tables.write_clinical(p, cohort),
            ),
            ("OMIX900003", "metabolites.csv", "Metabolites", "Homo sapiens", tables.write_metabolites),
            ("OMIX900004", "arrays.tsv", "Arrays", "Mus musculus", tables.write_array),
        ):
            path = self._folder("omix", dataset) / name
            write(path)
            yield Archived("omix", dataset, "", f"{dataset}/{name}", title, path.suffix[1:], organism=organism)

    def _obia(self) -> Iterator[Archived]:
        chance = np.random.default_rng([SEED, 9])
        for person in self.everyone:
            if not person.scanned:
                continue
            day = dt.date(2023, 1, 1) + dt.timedelta(days=int(chance.integers(0, 700)))
            for scan in [images.CHEST, images.BRAIN, images.ABDOMEN][: 1 + int(chance.random() < 0.25)]:
                folder = self._folder("obia", person.scanned) / person.name / scan.body_part.lower()
                for path in images.write_series(folder, person.name, person.sex, person.age, scan, day):
                    relative = str(path.relative_to(self.root / "obia"))
                    yield Archived("obia", person.scanned, "", relative, scan.description, "dicom", (person,))
        for path, patient in images.copy_package_files(self._folder("obia", "OBIA900001") / "package"):
            relative = str(path.relative_to(self.root / "obia"))
            yield Archived("obia", "OBIA900001", "", relative, path.stem, "dicom", patient=patient)


def md5(path: Path) -> str:
    """MD5 of a file, lower-case hex: the checksum that a submitter gives."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
