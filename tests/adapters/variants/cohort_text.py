"""Generated VCF text with everything that real files have: a realistic frequency spectrum and all the odd records."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

ORIGIN = 20_000_000  # 0-based position of the first generated base of every contig
SPAN = 4_000
LETTERS = "ACGT"
GENES = ["BRAF", "TP53", "APOL1", "HLA-A"]
CHANGES = ["V600E", "R175H", "K15*", "G12_V14del", "L8fs"]
LENGTHS = {"GRCh37": {"21": 48129895, "X": 155270560}, "GRCh38": {"21": 46709983, "X": 156040895}}


def _long(aminoacid: str) -> str:
    three = {"V": "Val", "E": "Glu", "R": "Arg", "H": "His", "K": "Lys", "*": "Ter", "G": "Gly", "L": "Leu"}
    return "p." + "".join(three.get(c, c) for c in aminoacid)


@dataclass
class Writer:
    """Writes one file; ``seed`` decides everything.

    :param common: how much more common alleles are than in a growing population.
    :param short: no allele covers more than a few bases; the only structural ones are breakends.
    """

    seed: int
    samples: list[str]
    assembly: str = "GRCh37"
    records: int = 150
    genotypes: bool = True
    prefix: str = ""
    contigs: tuple[str, ...] = ("21", "X")
    short: bool = False
    common: float = 1.0
    lines: list[str] = field(default_factory=list)

    def text(self) -> str:
        """The whole file."""
        self.random = random.Random(self.seed)
        # Every file of an assembly is of the same reference, whatever its own seed.
        of_reference = random.Random(self.assembly)
        self.reference = {c: "".join(of_reference.choices(LETTERS, k=SPAN)) for c in self.contigs}
        self.lines = self._header()
        for contig in self.contigs:
            positions = sorted(self.random.choices(range(1, SPAN - 80), k=self.records // len(self.contigs)))
            self.lines += [self._record(contig, offset) for offset in positions]
        return "\n".join(self.lines) + "\n"

    def _header(self) -> list[str]:
        columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]
        columns += ["FORMAT", *self.samples] if self.genotypes else []
        infos = [("AC", "A", "Integer"), ("AN", "1", "Integer"), ("END", "1", "Integer"), ("SVLEN", "A", "Integer")]
        infos += [("SVTYPE", "1", "String"), ("ANN", ".", "String")]
        return [
            "##fileformat=VCFv4.3",
            *(f"##contig=<ID={self.prefix}{c},length={LENGTHS[self.assembly][c]}>" for c in self.contigs),
            *(f'##INFO=<ID={i},Number={n},Type={t},Description="x">' for i, n, t in infos),
            '##FORMAT=<ID=GT,Number=1,Type=String,Description="x">',
            '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="x">',
            "\t".join(columns),
        ]

    def _record(self, contig: str, offset: int) -> str:
        r = self.random
        info: list[str] = []
        if r.random() < 0.12:
            ref, alts, info = self._structural(contig, offset)
        else:
            ref, alts = self._sequence(contig, offset)
        if r.random() < 0.5 and not alts[0].startswith("<"):
            info.append("ANN=" + ",".join(self._annotation(r.choice(alts)) for _ in range(r.randint(1, 3))))
        calls = []
        if self.genotypes:
            frequency = min(0.97, self.common * 0.5 / len(self.samples) / max(r.random(), 0.002))
            calls = [self._call(contig, frequency, len(alts)) for _ in self.samples]
        else:
            info += ["AC=" + ",".join(str(r.choice([0, 1, 7, 300])) for _ in alts), "AN=5008"]
        row = [f"{self.prefix}{contig}", str(ORIGIN + offset + 1), ".", ref, ",".join(alts), ".", "PASS"]
        row.append(";".join(info) or ".")
        return "\t".join([*row, "GT:DP", *calls] if self.genotypes else row)

    def _sequence(self, contig: str, offset: int) -> tuple[str, list[str]]:
        r = self.random
        ref = self.reference[contig][offset : offset + r.choice([1, 1, 1, 1, 2, 3, 5, 4 if self.short else 70])]
        alts = [self._alternate(ref) for _ in range(r.choice([1, 1, 1, 2, 3]))]
        unique = [a for a in dict.fromkeys(alts) if a != ref] or [ref + "T"]
        if r.random() < 0.1:
            unique.insert(r.randint(0, len(unique)), r.choice(["*", "<NON_REF>"]))
        return (ref.lower() if r.random() < 0.05 else ref), unique

    def _alternate(self, ref: str) -> str:
        r = self.random
        kind = r.random()
        if kind < 0.6:
            at = r.randrange(len(ref))
            return ref[:at] + r.choice(LETTERS) + ref[at + 1 :]
        if kind < 0.75:
            return ref[:1] + "".join(r.choices(LETTERS, k=r.randint(1, 6))) + ref[1:]
        if kind < 0.9:
            return ref[:1]
        return "".join(r.choices(LETTERS, k=r.randint(1, 4)))

    def _structural(self, contig: str, offset: int) -> tuple[str, list[str], list[str]]:
        r = self.random
        ref, position = self.reference[contig][offset], ORIGIN + offset + 1
        length = r.choice([30, 65, 500, 4_000, 40_000, 1_000_000])
        name = r.choice(["DEL", "DUP", "DUP:TANDEM", "INV", "CNV", "CN0", "INS", "INS:ME:ALU", "BND"])
        if name == "BND" or self.short:
            return ref, [f"{ref}[{self.prefix}21:{ORIGIN + r.randrange(SPAN)}["], ["SVTYPE=BND"]
        if name.startswith("INS"):
            return ref, [f"<{name}>"], ["SVTYPE=INS", f"SVLEN={length}", f"END={position}"]
        said = r.choice([[f"END={position + length}"], [f"SVLEN={-length}"], [f"END={position + length}", "SVLEN=9"]])
        return ref, [f"<{name}>"], [f"SVTYPE={name.split(':')[0].replace('CN0', 'DEL')}", *said]

    def _annotation(self, alt: str) -> str:
        r = self.random
        effect = r.choice(["missense_variant", "upstream_gene_variant", "splice_region_variant&intron_variant"])
        change = _long(r.choice(CHANGES)) if effect == "missense_variant" else ""
        fields = [alt, effect, "MODERATE", r.choice(GENES), "ENSG1", "transcript", "NM_1.2", "coding", "1/2", "c.1A>G"]
        return "|".join([*fields, change, "1/2", "1/2", "1/2", "", ""])

    def _call(self, contig: str, frequency: float, alternates: int) -> str:
        r = self.random

        def allele() -> str:
            if r.random() < 0.03:
                return "."
            return str(r.randint(1, alternates)) if r.random() < frequency else "0"

        if contig == "X" and r.random() < 0.4:
            return f"{allele()}:9"
        if r.random() < 0.03:
            return "./.:."
        return f"{allele()}{r.choice('/|')}{allele()}:12"
