"""Random questions of all kinds, near what exists, so that most of them find something."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from tests.adapters.variants import oracle as alleles
from tests.adapters.variants.cohort_text import CHANGES, GENES, SPAN
from tests.prove.beacon import holdings
from tests.prove.beacon.asked import Asked
from tests.prove.beacon.files import Holdings, allele_id

ANY, TEXT = ("=", "<", ">", "!", ">=", "<="), ("=", "!")
AGES = ("P1Y", "P12M", "P30Y", "P45Y6M", "P60Y", "P8Y", "P70Y3M")
KINDS = (
    "individual", "individual", "individual", "genomicVariant", "genomicVariant", "biosample", "run", "analysis",
    "imagingStudy", "imagingSeries", "dataset", "cohort",
)  # fmt: skip
PARENTS = {
    "individual": ("dataset", "cohort", "genomicVariant"),
    "biosample": ("dataset", "cohort", "individual", "genomicVariant"),
    "run": ("dataset", "cohort", "individual", "biosample", "genomicVariant"),
    "analysis": ("dataset", "cohort", "individual", "biosample", "run", "genomicVariant"),
    "genomicVariant": ("dataset", "cohort", "individual", "biosample", "run", "analysis"),
    "imagingStudy": ("dataset", "cohort", "individual"),
    "imagingSeries": ("dataset", "cohort", "individual", "imagingStudy"),
}
REFSEQ = {("GRCh37", "21"): "NC_000021.8", ("GRCh38", "21"): "NC_000021.9", ("GRCh37", "X"): "NC_000023.10",
          ("GRCh38", "X"): "NC_000023.11"}  # fmt: skip
ASSEMBLIES = {"GRCh37": ("GRCh37", "hg19", "GRCh37.p13"), "GRCh38": ("GRCh38", "hg38", "GCF_000001405.40")}


class Questions:
    """An endless supply; the seed decides everything.

    :param callers: how many there are of each kind: the fewer, the more often a budget is spent.
    """

    def __init__(self, files: Holdings, seed: int, callers: int = 40) -> None:
        self._callers = callers
        self._before: list[Asked] = []
        self._files = files
        self._dice = random.Random(seed)
        self._lines = [line for one in files.sets.values() for line in one.lines]
        self._ids = {kind: self._known(kind) for kind in (*PARENTS, "dataset", "cohort")}

    def next(self) -> Asked:
        """A question; one in fifty cannot be answered, and one in eight was asked before, in another form."""
        dice = self._dice
        if self._before and dice.random() < 0.12:
            asked = replace(dice.choice(self._before))
        else:
            asked = self._new()
            self._before = [*self._before[-99:], asked]
        asked.granularity = dice.choice(["record", "record", "record", "count", "boolean"])
        asked.include = dice.choice(["HIT", "ALL", "ALL", "MISS", "NONE"])
        asked.limit, asked.skip = dice.choice([0, 1, 3, 7, 10, 100]), dice.choice([0, 0, 0, 1, 2, 50])
        asked.get = dice.random() < 0.4
        return replace(asked)

    def _token(self) -> str | None:
        """Nobody, who sees everything, or somebody with a right to something, of an organisation or none."""
        dice = self._dice
        rights = dice.choice([None, "two three", "two", "three", "", "", "researcher", "three researcher"])
        if rights is None:
            return None
        number = dice.randrange(self._callers)
        organisation = f"@org{number // 2}.example" if number % 5 else ""
        return f"{rights.replace(' ', '.')}{number}{organisation} {rights}".strip()

    def _new(self) -> Asked:
        dice = self._dice
        kind = dice.choice(KINDS)
        asked = Asked(kind, token=self._token())
        if kind in PARENTS and dice.random() < 0.35:
            parent = dice.choice(PARENTS[kind])
            asked.within = (parent, self._one(parent))
        elif dice.random() < 0.08:
            asked.entry = self._one(kind)
        asked.filters = [self._filter() for _ in range(dice.choice([0, 0, 0, 1, 1, 1, 2, 3]))]
        named = (asked.entry if kind == "genomicVariant" else None) or (asked.within or ("",))[0] == "genomicVariant"
        if not named and dice.random() < (0.75 if kind == "genomicVariant" else 0.35):
            asked.variant = self._variant()
        return asked

    def _known(self, kind: str) -> list[str]:
        """Ids of what exists or once did, and of what never did."""
        found: set[str] = set()
        for name, one in self._files.sets.items():
            found |= {
                "dataset": lambda name=name, one=one: {name},
                "cohort": lambda name=name, one=one: set(one.cohorts),
                "individual": lambda name=name, one=one: set(one.people),
                "imagingStudy": lambda name=name, one=one: {study["uid"] for study, _ in one.series},
                "imagingSeries": lambda name=name, one=one: {series["uid"] for _, series in one.series},
                "genomicVariant": lambda name=name, one=one: {
                    allele_id(line.key) for line in one.lines if "[" not in line.alt and len(line.ref + line.alt) < 100
                },
            }.get(kind, lambda name=name, one=one: {c.at(kind)["id"] for c in one.chains if c.at(kind)})()
        return [*sorted(found), "X"]

    def _one(self, kind: str) -> str:
        return self._dice.choice(self._ids[kind])

    def _filter(self) -> dict[str, Any]:
        dice = self._dice
        makers = [self._term] * 5 + [self._person_value] * 3 + [self._specimen] * 3 + [self._image] * 3 + [self._odd]
        return dice.choice(makers)()

    def _term(self) -> dict[str, Any]:
        dice = self._dice
        term = dice.choice([
            *holdings.PHENOTYPES, "HP:0000118", "HP:0001627", *holdings.DISEASES, "MONDO:0005015", *holdings.SEXES,
            *holdings.SITES, "UBERON:0000062", "UBERON:0000479", *holdings.STATUS, "GENEPIO:0001966", "NCIT:C15329",
            "NCIT:C2926", "OBI:0001479", holdings.BMI, holdings.RARE, "DUO:0000042", "DUO:0000001", "DCM:CT", "DCM:MR",
            "imaging:cross-sectional", "HP:0003581",
        ])  # fmt: skip
        wanted: dict[str, Any] = {"id": term}
        if dice.random() < 0.2:
            wanted["includeDescendantTerms"] = False
        if dice.random() < 0.2:
            prefix = term.split(":")[0]
            beside = {"UBERON": ["individual", "biosample", "run"], "NCIT": ["individual", "biosample"],
                      "HP": ["individual"], "EFO": ["biosample"], "DCM": ["imagingSeries", "imagingStudy"]}  # fmt: skip
            wanted["scope"] = dice.choice(beside.get(prefix, ["individual"]))
        return wanted

    def _person_value(self) -> dict[str, Any]:
        dice = self._dice
        kind = dice.randrange(4)
        if kind == 0:
            field = dice.choice(["ageOfOnset", "diseases.ageOfOnset"])
            return {"id": field, "operator": dice.choice(ANY), "value": dice.choice(AGES)}
        if kind == 1:
            return {"id": holdings.BMI, "operator": dice.choice(ANY), "value": dice.choice(["22", "25.0", "31.25"])}
        if kind == 2:
            return {"id": holdings.ALCOHOL, "operator": dice.choice(ANY), "value": dice.choice([0, 3, 12.5])}
        value = dice.choice([*holdings.SEXES, "female", "Male", "%male", "ncit:%"])
        return {"id": "sex", "operator": dice.choice(TEXT), "value": value}

    def _specimen(self) -> dict[str, Any]:
        dice = self._dice
        values = {
            "platform": ["illumina", "DNB%", "PacBio", "none"],
            "libraryStrategy": ["WGS", "rna-seq", "W%"],
            "libraryLayout": ["PAIRED", "single"],
            "librarySource": ["GENEPIO:0001966", "label of %"],
            "pipelineName": ["best practices", "deep%", "%1.5"],
            "aligner": ["bwa", "minimap2"],
            "variantCaller": ["gatk", "%variant"],
            "sampleOriginType": ["UBERON:0000178", "label of UBERON%", "specimen from organism"],
            "biosampleStatus": ["EFO:0009655", "unknown"],
        }
        if dice.random() < 0.25:
            return {"id": "collectionMoment", "operator": dice.choice(ANY), "value": dice.choice(AGES)}
        field = dice.choice(list(values))
        return {"id": field, "operator": dice.choice(TEXT), "value": dice.choice(values[field])}

    def _image(self) -> dict[str, Any]:
        dice = self._dice
        values = {
            "modality": ["CT", "mr", "US", "%T"],
            "bodyPart": ["BRAIN", "heart", "%E%"],
            "manufacturer": ["siemens", "GE%", "%med%", "none"],
        }
        if dice.random() < 0.3:
            return {"id": "age", "operator": dice.choice(ANY), "value": dice.choice(AGES)}
        field = dice.choice(list(values))
        return {"id": field, "operator": dice.choice(TEXT), "value": dice.choice(values[field])}

    def _odd(self) -> dict[str, Any]:
        """Mostly what must be refused."""
        return self._dice.choice(
            [
                {"id": "HP:9999999"},
                {"id": "ORPHA:99"},
                {"id": "nonsense"},
                {"id": "HP:0001626", "scope": "run"},
                {"id": "modality", "operator": ">", "value": "CT"},
                {"id": "ageOfOnset", "operator": "<", "value": "old"},
                {"id": holdings.BMI, "operator": ">", "value": "heavy"},
                {"id": "platform", "operator": "=", "value": "illumina", "scope": "analysis"},
            ]
        )

    # Alleles

    def _variant(self) -> dict[str, Any]:
        dice = self._dice
        line = dice.choice(self._lines)
        kinds = [self._sequence] * 3 + [self._range] * 3 + [self._bracket] * 2 + [self._gene] * 2 + [self._hgvs]
        return dice.choice(kinds)(line)

    def _place(self, line: alleles.Line) -> dict[str, Any]:
        name = self._dice.choice(["", "chr"]) + line.contig
        return {"assembly": line.assembly, "reference_name": name}

    def _more(self) -> dict[str, Any]:
        dice, more = self._dice, {}
        if dice.random() < 0.3:
            more["variant_type"] = dice.choice(sorted(alleles.ASKED))
        if dice.random() < 0.2:
            more["min_length"] = dice.choice([0, 1, 2, 50, 4000])
        if dice.random() < 0.2:
            more["max_length"] = dice.choice([4000, 9_000_000]) if "min_length" in more else dice.choice([1, 3, 65])
        return more

    def _sequence(self, line: alleles.Line) -> dict[str, Any]:
        """Bases as stored, as VCF writes them, padded further, with wildcards, or one side only."""
        dice, ref, alt, start = self._dice, line.ref, line.alt, line.start
        if line.symbolic:
            ref, alt = "A", dice.choice(["C", "N", ""])
        elif line.before and dice.random() < 0.5:
            ref, alt, start = line.before + ref, line.before + alt, start - 1
        if dice.random() < 0.2:
            ref, alt = ref + "GA", alt + "GA"
        asked = {**self._place(line), "start": (start + dice.choice([0, 0, 0, 0, 1, -1]),)}
        asked["alternate_bases"] = self._wild(alt)
        return asked | ({"reference_bases": self._wild(ref)} if dice.random() < 0.6 else {})

    def _range(self, line: alleles.Line) -> dict[str, Any]:
        dice, more = self._dice, self._more()
        start = dice.choice([line.start + dice.randint(-30, 30), line.end + dice.randint(-2, 1)])
        end = dice.choice(
            [start + dice.choice([1, 2, 20, 300, SPAN]), max(start + 1, line.start + dice.randint(-1, 2))]
        )
        if dice.random() < 0.3:
            more["alternate_bases"] = self._wild(dice.choice([line.alt, "A", "GN"]) if not line.symbolic else "T")
        if dice.random() < 0.1:
            more["aminoacid_change"] = dice.choice(CHANGES)
        if dice.random() < 0.05:
            more["mate_name"] = dice.choice(["21", "chr21", "X"])
        return {**self._place(line), "start": (start,), "end": (end,), **more}

    def _bracket(self, line: alleles.Line) -> dict[str, Any]:
        dice = self._dice
        s0, e0 = line.start - dice.choice([0, 1, 100]), line.end - dice.choice([0, 1, 100])
        start = (s0, s0 + dice.choice([1, 2, 500]))
        end = (e0, e0 + dice.choice([1, 2, 500, 50_000]))
        return {**self._place(line), "start": start, "end": end, **self._more()}

    def _gene(self, line: alleles.Line) -> dict[str, Any]:
        dice, more = self._dice, self._more()
        if dice.random() < 0.1:
            return {"assembly": line.assembly, "mate_name": dice.choice(["21", "chr21", "X"])}
        if dice.random() < 0.3:
            more["aminoacid_change"] = dice.choice(CHANGES)
        return {"assembly": dice.choice([line.assembly, "GRCh38"]), "gene": dice.choice(GENES), **more}

    def _hgvs(self, line: alleles.Line) -> dict[str, Any]:
        """An HGVS form, with the question that means the same for the oracle; another where the allele has none."""
        place = self._place(line)
        first, last = line.start + 1, line.end
        sequence = REFSEQ[line.assembly, line.contig]
        if line.symbolic:
            return self._range(line)
        at = str(first) if first == last else f"{first}_{last}"
        exact = {"start": (line.start, line.start + 1), "end": (line.end, line.end + 1)}
        if line.type == "SNP":
            form, same = f"{first}{line.ref}>{line.alt}", {"start": (line.start,)}
            same |= {"reference_bases": line.ref, "alternate_bases": line.alt}
        elif line.type == "INS":
            form, same = f"{line.start}_{line.start + 1}ins{line.alt}", {"start": (line.start,)}
            same |= {"reference_bases": "", "alternate_bases": line.alt}
        elif line.type == "DEL":
            form, same = f"{at}del", {**exact, "types": frozenset({"DEL"})}
        else:
            types = frozenset({"SNP", "MNP", "INDEL"})
            form, same = f"{at}delins{line.alt}", {**exact, "types": types, "alternate_bases": line.alt}
        return {**place, **same, "genomic_allele": f"{sequence}:g.{form}"}

    def _wild(self, bases: str) -> str:
        dice = self._dice
        if dice.random() < 0.6:
            return bases
        return "".join(dice.choice([b, b, "N", *(c for c, of in alleles.WILD.items() if b in of)]) for b in bases)
