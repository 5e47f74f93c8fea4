"""The variant box: what people paste, read into a Beacon question, and said back to them in words.

Positions typed are 1-based, as in VCF, HGVS and every browser of genomes; Beacon counts from 0, ends exclusive. Only
SPDI (``NC_000001.11:55051214:G:GA``) counts from 0 itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from web.pages import say

ASSEMBLIES = ("GRCh38", "GRCh37")
LONGEST = 300
CHROMOSOME = r"(?P<chromosome>NC_\d{6}\.\d{1,2}|(?:chr(?:omosome)?)?\s*[0-9]{1,3}|(?:chr)?(?:X|Y|MT|M))"
BASES = r"[ACGTUNRYSWKMBDHV]+"
GAP = r"[\s:_/-]+"
HGVS = re.compile(rf"{CHROMOSOME}\s*:\s*(?P<kind>[gm])\.\s*(?P<change>\S+)", re.I)
SUBSTITUTION = re.compile(rf"(?P<position>\d+)(?P<reference>{BASES})>(?P<alternate>{BASES})", re.I)
EVENT = re.compile(r"(?P<first>\d+)(?:_(?P<last>\d+))?(?P<event>delins|del|dup|ins|inv)(?P<bases>[ACGT]*)", re.I)
SPDI = re.compile(
    rf"(?P<chromosome>NC_\d{{6}}\.\d{{1,2}}):(?P<position>\d+):(?P<reference>{BASES}|):(?P<alternate>{BASES}|)", re.I
)
ALLELE = re.compile(
    rf"{CHROMOSOME}{GAP}(?P<position>\d+)(?:{GAP})?(?:(?:\.|rs\d+)\s+)?"
    rf"(?P<reference>{BASES})(?:\s*>\s*|{GAP})(?P<alternate>{BASES})(?:\s.*)?",
    re.I,
)
REGION = re.compile(rf"{CHROMOSOME}{GAP}(?P<first>\d+)(?:{GAP}|\.\.)(?P<last>\d+)", re.I)
POSITION = re.compile(rf"{CHROMOSOME}{GAP}(?P<position>\d+)", re.I)
PROTEIN = re.compile(
    r"(?P<gene>[A-Z][A-Z0-9.-]{1,20})\s*[: ]\s*p?\.?\s*\(?(?P<change>[A-Z][A-Za-z]{0,2}\d+[A-Za-z=*]{1,3})\)?"
)
GENE = re.compile(r"[A-Za-z][A-Za-z0-9.-]{1,20}")
SEVERAL = re.compile(rf"{CHROMOSOME}{GAP}\d+(?:{GAP})?\S*\s*[>\s:-]\s*[ACGTN]+(?:,[ACGTN]+)+.*", re.I)
THREE = {
    "Ala": "A", "Arg": "R", "Asn": "N", "Asp": "D", "Cys": "C", "Gln": "Q", "Glu": "E", "Gly": "G", "His": "H",
    "Ile": "I", "Leu": "L", "Lys": "K", "Met": "M", "Phe": "F", "Pro": "P", "Ser": "S", "Thr": "T", "Trp": "W",
    "Tyr": "Y", "Val": "V", "Ter": "*",
}  # fmt: skip
DASHES = str.maketrans({"–": "-", "—": "-", "−": "-", "→": ">", "⟩": ">", "：": ":", "，": ",", "\u00a0": " "})


class NotAVariant(ValueError):
    """What was typed cannot be asked; the message says exactly what is wrong, to the person who typed it."""


@dataclass(frozen=True)
class Variant:
    """What was typed, understood.

    :param label: in a short form that can be typed again.
    :param understood: in words.
    :param asked: the ``g_variant`` parameters of a Beacon question.
    """

    label: str
    understood: str
    asked: dict[str, Any]


def read(typed: str, assembly: str) -> Variant:
    """Read what was typed.

    :param assembly: the one chosen; a RefSeq accession says its own.
    :raises NotAVariant: with what is wrong and what is allowed.
    """
    if assembly not in ASSEMBLIES:
        raise NotAVariant(say("Choose GRCh38 or GRCh37."))
    text = _tidied(typed)
    for pattern, meaning in READERS:
        found = pattern.fullmatch(text)
        if found is not None:
            return meaning(found, assembly)
    raise NotAVariant(_complaint(text))


def _tidied(typed: str) -> str:
    """Without typographic dashes, thousands separators, and the rs number that stands before a position."""
    text = " ".join(typed.translate(DASHES).split())
    text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text)
    with_place = re.fullmatch(r"rs\d+[\s(;,]+(.*?)\)?", text, re.I)
    return with_place[1] if with_place and re.search(r"\d", with_place[1]) else text


def _complaint(text: str) -> str:
    if re.fullmatch(r"rs\d+", text, re.I):
        return say(
            "“{typed}” is a name in dbSNP, which the archives do not hold. Paste its position and alleles instead,"
            " such as 1-55051215-G-GA; dbSNP shows them on its page.",
            typed=text[:40],
        )
    if SEVERAL.fullmatch(text):
        return say("“{typed}” has several alternate alleles. Ask for one at a time.", typed=text[:60])
    if re.search(r":\s*[cnr]\.", text):
        return say(
            "“{typed}” counts along a transcript. Give its place in the genome (g.), such as"
            " NC_000001.11:g.55051215G>A.",
            typed=text[:60],
        )
    return say(
        "“{typed}” is not understood. Write a variant as 1-55051215-G-GA or NC_000001.11:g.55051215G>A, a place as"
        " chr1:55039447-55064852, or a gene as PCSK9.",
        typed=text[:60],
    )


def _substitution(found: re.Match[str], assembly: str) -> Variant:
    place = _place(found["chromosome"], assembly)
    change = found["change"]
    simple = SUBSTITUTION.fullmatch(change)
    if simple:
        return _allele(place, int(simple["position"]), simple["reference"], simple["alternate"])
    event = EVENT.fullmatch(change)
    if event is None:
        raise NotAVariant(
            say(
                "“{typed}” is not a change that HGVS knows. Allowed are g.10A>G, g.10_12del, g.10_11insAC,"
                " g.10_12delinsT, g.10_12dup and g.10_12inv.",
                typed=f"g.{change}"[:60],
            )
        )
    return _event(place, event)


def _event(place: Place, event: re.Match[str]) -> Variant:
    """Deletions, insertions, duplications and inversions: the member reads the HGVS form itself."""
    first, last = int(event["first"]), int(event["last"] or event["first"])
    place.check(first)
    place.check(last)
    kind, bases = event["event"].lower(), event["bases"].upper()
    if last < first:
        raise NotAVariant(say("Position {last} lies before position {first}.", first=first, last=last))
    if kind == "ins" and (last != first + 1 or not bases):
        raise NotAVariant(say("An insertion needs two neighbouring positions and its bases, such as g.10_11insAC."))
    if kind == "delins" and not bases:
        raise NotAVariant(say("A delins needs its bases, such as g.10_12delinsT."))
    if kind in ("del", "dup") and bases and len(bases) != last - first + 1:
        raise NotAVariant(
            say("{bases} has {n} bases, {first} to {last} are {m}.", bases=bases[:20], n=len(bases), first=first,
                last=last, m=last - first + 1)
        )  # fmt: skip
    where = str(first) if event["last"] is None else f"{first}_{last}"
    name = f"{place.accession}:g.{where}{kind}{bases}"
    names = {"del": "deletion", "ins": "insertion", "dup": "duplication", "inv": "inversion", "delins": "replacement"}
    words = say("{what} at {place}", what=say(names[kind]), place=place.words(first, last))
    return Variant(name, words, {"assemblyId": place.assembly, "genomicAlleleShortForm": name})


def _spdi(found: re.Match[str], assembly: str) -> Variant:
    place = _place(found["chromosome"], assembly)
    reference, alternate = found["reference"], found["alternate"]
    if not reference and not alternate:
        raise NotAVariant(say("Neither bases before nor after are given."))
    return _allele(place, int(found["position"]) + 1, reference, alternate)


def _vcf(found: re.Match[str], assembly: str) -> Variant:
    place = _place(found["chromosome"], assembly)
    return _allele(place, int(found["position"]), found["reference"], found["alternate"])


def _allele(place: Place, position: int, reference: str, alternate: str) -> Variant:
    reference, alternate = reference.upper(), alternate.upper()
    place.check(position)
    if reference == alternate:
        raise NotAVariant(say("Both alleles are {bases}: nothing changes.", bases=reference[:20]))
    asked = {
        "assemblyId": place.assembly,
        "referenceName": place.name,
        "start": [position - 1],
        "referenceBases": reference,
        "alternateBases": alternate,
    }
    label = "-".join((place.name, str(position), reference, alternate))
    change = f"{_short(reference)} → {_short(alternate)}"
    return Variant(label, say("{change} at {place}", change=change, place=place.words(position)), asked)


def _region(found: re.Match[str], assembly: str) -> Variant:
    place, first, last = _place(found["chromosome"], assembly), int(found["first"]), int(found["last"])
    place.check(first)
    place.check(last)
    if last < first:
        raise NotAVariant(say("Position {last} lies before position {first}.", first=first, last=last))
    asked = {"assemblyId": place.assembly, "referenceName": place.name, "start": [first - 1], "end": [last]}
    return Variant(f"{place.name}:{first}-{last}", say("any variant in {place}", place=place.words(first, last)), asked)


def _position(found: re.Match[str], assembly: str) -> Variant:
    place, position = _place(found["chromosome"], assembly), int(found["position"])
    place.check(position)
    asked = {"assemblyId": place.assembly, "referenceName": place.name, "start": [position - 1], "end": [position]}
    return Variant(f"{place.name}:{position}", say("any variant at {place}", place=place.words(position)), asked)


def _protein(found: re.Match[str], assembly: str) -> Variant:
    gene, change = found["gene"].upper(), found["change"]
    long = re.fullmatch(r"([A-Z][a-z]{2})(\d+)([A-Z][a-z]{2}|=|\*)", change)
    if long:
        if long[1] not in THREE or long[3] not in {*THREE, "=", "*"}:
            raise NotAVariant(say("“{typed}” names an amino acid that does not exist.", typed=change))
        change = f"{THREE[long[1]]}{long[2]}{THREE.get(long[3], long[3])}"
    asked = {"assemblyId": assembly, "geneId": gene, "aminoacidChange": change}
    return Variant(f"{gene}:{change}", say("{change} in the protein of {gene}", change=change, gene=gene), asked)


def _gene(found: re.Match[str], assembly: str) -> Variant:
    gene = found[0].upper()
    return Variant(gene, say("any variant in the gene {gene}", gene=gene), {"assemblyId": assembly, "geneId": gene})


@dataclass(frozen=True)
class Place:
    """A chromosome of an assembly; ``length`` in bases."""

    assembly: str
    name: str
    length: int
    accession: str

    def check(self, position: int) -> None:
        """Whether the chromosome has that position (1-based)."""
        if not 1 <= position <= self.length:
            raise NotAVariant(
                say(
                    "Chromosome {name} of {assembly} has positions 1 to {length}; {position} is not one of them.",
                    name=self.name, assembly=self.assembly, length=f"{self.length:,}", position=f"{position:,}",
                )
            )  # fmt: skip

    def words(self, first: int, last: int | None = None) -> str:
        """A place as people say it."""
        where = f"{first:,}" if last in (None, first) else f"{first:,}–{last:,}"
        return say("chromosome {name}, {where} ({assembly})", name=self.name, where=where, assembly=self.assembly)


def _place(named: str, assembly: str) -> Place:
    """The chromosome that was named, in the assembly chosen or the one that a RefSeq accession belongs to."""
    name = re.sub(r"^chr(omosome)?\s*", "", named.strip(), flags=re.I).upper()
    for genome, contigs in _contigs().items():
        for contig, facts in contigs.items():
            if name == facts["refseq"] or (genome == assembly and name in (contig, {"MT": "M"}.get(contig, ""))):
                return Place(genome, contig, facts["length"], facts["refseq"])
    if name.startswith("NC_"):
        known = ", ".join(contigs["1"]["refseq"] for contigs in _contigs().values())
        raise NotAVariant(
            say("“{name}” is no chromosome of GRCh38 or GRCh37, such as {known}.", name=name, known=known)
        )
    raise NotAVariant(say("There is no chromosome “{name}”: 1 to 22, X, Y or MT.", name=name))


@cache
def _contigs() -> dict[str, dict[str, dict[str, Any]]]:
    text = files("config").joinpath("assemblies.yaml").read_text(encoding="utf-8")
    loaded = yaml.safe_load(text)
    return {name: loaded[name]["contigs"] for name in ASSEMBLIES}


def _short(bases: str) -> str:
    return bases if 0 < len(bases) <= 12 else (f"{bases[:8]}… ({len(bases)})" if bases else "–")


Meaning = Callable[[re.Match[str], str], Variant]
READERS: tuple[tuple[re.Pattern[str], Meaning], ...] = (
    (HGVS, _substitution),
    (SPDI, _spdi),
    (ALLELE, _vcf),
    (REGION, _region),
    (POSITION, _position),
    (re.compile(rf"(?!rs\d+$){PROTEIN.pattern}"), _protein),
    (re.compile(rf"(?!rs\d+$)(?!chr\d*$){GENE.pattern}", re.I), _gene),
)
