"""Random questions over the two linked members of a demo family; the seed decides everything."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.prove.join.files import Files
from tests.prove.join.oracle import BODY_PARTS, MODALITIES

OPERATORS = (">", ">=", "<", "<=", "=")
COMMON = 12


class Questions:
    """An endless supply of questions about people who may be in both members."""

    def __init__(self, files: Files, seed: int) -> None:
        self._dice = random.Random(seed)
        records = [person.record for person in files.people]
        self._terms = _common(_said(records))
        measured = (m for record in records for m in record.get("measures", ()))
        self._measures: dict[str, list[float]] = {}
        for measure in measured:
            self._measures.setdefault(measure["assayCode"]["id"], []).append(measure["measurementValue"]["value"])
        self._ethnicities = sorted({record["ethnicity"]["id"] for record in records if "ethnicity" in record})
        self._manufacturers = _common(series.manufacturer for series in files.series)
        usual = [allele for allele, who in files.carriers.items() if len(who) > 3]
        self._alleles = sorted(usual, key=repr)

    def next(self, *, genotypes: bool) -> dict[str, Any]:
        """A question with both members in it, nine times of ten; ``genotypes``: some ask about them."""
        dice = self._dice
        clauses = [self._human(genotypes), self._image()]
        clauses += [dice.choice([self._human, self._image_or])(genotypes) for _ in range(dice.choice([0, 0, 1, 2]))]
        if dice.random() < 0.1:
            clauses = clauses[:1]
        dice.shuffle(clauses)
        wanted, unwanted = clauses[:1], []
        for clause in clauses[1:]:
            (unwanted if dice.random() < 0.3 else wanted).append(clause)
        return {"all": wanted, "none": [clause for clause in unwanted if clause not in wanted]}

    def _image_or(self, _genotypes: bool) -> dict[str, Any]:
        return self._image()

    def _human(self, genotypes: bool) -> dict[str, Any]:
        if genotypes and self._dice.random() < 0.35:
            return {"entryType": "genomicVariant", "requestParameters": {"g_variant": self._variant()}}
        count = self._dice.choice([0, 1, 1, 1, 2, 2])
        filters = [self._of_person() for _ in range(count)]
        return {"entryType": "individual", "filters": filters, "member": "gsa-human"}

    def _of_person(self) -> dict[str, Any]:
        dice = self._dice
        kind = dice.random()
        if kind < 0.55:
            return {"id": dice.choice(self._terms)}
        if kind < 0.75:
            return {"id": "sex", "operator": "=", "value": dice.choice(["NCIT:C16576", "NCIT:C20197"])}
        if kind < 0.85 and self._ethnicities:
            return {"id": "ethnicity", "operator": "=", "value": dice.choice(self._ethnicities)}
        measure = dice.choice(sorted(self._measures))
        value = dice.choice(self._measures[measure])
        operator = dice.choice(OPERATORS)
        return {"id": measure, "operator": operator, "value": value if dice.random() < 0.5 else round(value)}

    def _variant(self) -> dict[str, Any]:
        dice, allele = self._dice, self._dice.choice(self._alleles)
        place = {"assemblyId": allele.assembly, "referenceName": dice.choice(["", "chr"]) + allele.contig}
        if dice.random() < 0.4 or len(allele.ref) != 1 or len(allele.alt) != 1:
            start = allele.start - dice.randrange(500)
            return {**place, "start": [start], "end": [allele.start + dice.randint(1, 500)], "variantType": "SNP"}
        return {**place, "start": [allele.start], "referenceBases": allele.ref, "alternateBases": allele.alt}

    def _image(self) -> dict[str, Any]:
        dice = self._dice
        makers: list[Callable[[], dict[str, Any]]] = [
            lambda: {"id": dice.choice(sorted(MODALITIES))},
            lambda: {"id": dice.choice(sorted(BODY_PARTS))},
            lambda: {"id": "age", "operator": dice.choice(OPERATORS), "value": f"P{dice.randrange(25, 85)}Y"},
            lambda: {"id": "manufacturer", "operator": "=", "value": dice.choice(self._manufacturers)},
        ]
        chosen = dice.sample(makers, dice.choice([0, 1, 1, 1, 2]))
        filters = [make() for make in chosen]
        return {"entryType": dice.choice(["imagingSeries", "imagingStudy"]), "filters": filters}


def _said(records: list[dict[str, Any]]) -> list[str]:
    found = []
    for record in records:
        found += [one["featureType"]["id"] for one in record.get("phenotypicFeatures", ()) if not one.get("excluded")]
        found += [one["diseaseCode"]["id"] for one in record.get("diseases", ())]
        found += [one["procedureCode"]["id"] for one in record.get("interventionsOrProcedures", ())]
    return [term for term in found if term.split(":")[0] in ("HP", "ICD10", "OPCS4")]


def _common(values: Any) -> list[str]:
    return sorted(value for value, number in Counter(values).items() if value and number >= COMMON)
