"""Filters: what each is about, whether it must be refused, and of what it holds."""

from __future__ import annotations

import re
from typing import Any

from tests.prove.beacon import public
from tests.prove.beacon.asked import Asked
from tests.prove.beacon.facts import (
    LABELS,
    SAMPLE_TERMS,
    UNSTATED,
    compared,
    measured,
    months,
    name_holds,
    onsets,
    terms,
    terms_of,
    text_holds,
)
from tests.prove.beacon.files import Chain, Holdings, Members

SPECIMENS = ("biosample", "run", "analysis")
IMAGING = ("imagingStudy", "imagingSeries")
OF_PEOPLE = ("DOID", "GAZ", "HANCESTRO", "HP", "ICD10", "LOINC", "MONDO", "OMIM", "OPCS4", "ORPHA")
MODALITY = {"DCM:CT": "CT", "DCM:MR": "MR", "DCM:US": "US"}
BODY_PART = {"UBERON:0000955": "BRAIN", "UBERON:0000948": "HEART", "UBERON:0001443": "CHEST"}
IMAGING_FIELDS = {"modality": "modality", "bodyPart": "bodyPart", "manufacturer": "manufacturer"}
FIELD_OF = {
    **dict.fromkeys((*SAMPLE_TERMS, "collectionMoment"), "biosample"),
    **dict.fromkeys(("platform", "libraryStrategy", "librarySelection", "libraryLayout", "librarySource"), "run"),
    **dict.fromkeys(("pipelineName", "aligner", "variantCaller"), "analysis"),
    **dict.fromkeys((*IMAGING_FIELDS, "age"), "imagingSeries"),
}


class Refused(Exception):
    """The question must be refused with 400."""


class Conditions:
    """The filters of one question.

    :param filters: each with the entry type that it is about.
    :param using: those that are looked at now.
    """

    files: Holdings
    asked: Asked
    about: str
    members: Members
    filters: list[tuple[dict[str, Any], str]]
    using: list[tuple[dict[str, Any], str]]

    def _static(self, filter: dict[str, Any], asked: str) -> str:
        """The scope, ``ambiguous`` where the data decide."""
        id, stated = filter["id"], filter.get("scope")
        scopes = self._scopes(filter)
        if not scopes:
            raise Refused("unknown filter")
        if stated is not None:
            stated = "imagingSeries" if stated in IMAGING else stated
            if stated not in scopes:
                raise Refused(f"{id} is not about {stated}")
            return str(stated)
        if "operator" not in filter and len(scopes) > 1 and scopes[0] == "individual":
            return "ambiguous"
        return "imagingSeries" if asked in IMAGING and "imagingSeries" in scopes else scopes[0]

    def _scopes(self, filter: dict[str, Any]) -> list[str]:
        id = filter["id"]
        if id in FIELD_OF:
            return [FIELD_OF[id]]
        if id.startswith("imaging:"):
            return ["imagingSeries"] if id in ("imaging:cross-sectional", "imaging:radiograph") else []
        if id in ("sex", "ethnicity", "ageOfOnset", "diseases.ageOfOnset"):
            return ["individual"] if "operator" in filter else []
        if not re.fullmatch(r"[A-Za-z][\w.-]*:\S+", id):
            return []
        if "operator" in filter:
            return ["individual"]
        if id.startswith("DUO:"):
            return ["dataset"]
        imaging = any(id in self.files.above(term) for term in (*MODALITY, *BODY_PART))
        beside = () if id.split(":")[0] in OF_PEOPLE else ("biosample", "run")
        return [*(["imagingSeries"] if imaging else []), "individual", *beside]

    def _scope(self, filter: dict[str, Any]) -> str:
        """The scope of a filter, decided by what may be known, if it must be; unknown terms are refused."""
        scope = self._static(filter, self.asked.kind)
        if scope == "ambiguous":
            order = ["individual", "biosample", "run"]
            order.sort(key=lambda one: one != self.about)
            known = (one for one in order if self._known(self._having(filter, one)))
            scope = next(known, "individual")
        term = "operator" not in filter and filter["id"] not in FIELD_OF and not filter["id"].startswith("imaging:")
        if "operator" not in filter and filter["id"] in FIELD_OF:
            raise Refused("a field needs an operator and a value")
        if "operator" in filter:
            self._check_value(filter)
        if term and scope == "imagingSeries":
            self._check_imaging(filter)
        elif term and not self.files.in_ontology(filter["id"]) and not self._known(self._having(filter, scope)):
            raise Refused("unknown term")
        return scope

    def _check_imaging(self, filter: dict[str, Any]) -> None:
        descend = filter.get("includeDescendantTerms", True)
        values = [
            t for t in (*MODALITY, *BODY_PART) if t == filter["id"] or (descend and filter["id"] in self.files.above(t))
        ]
        if not values and not self.files.in_ontology(filter["id"]):
            raise Refused("unknown term of imaging")

    def _check_value(self, filter: dict[str, Any]) -> None:
        id, operator, value = filter["id"], filter["operator"], str(filter["value"])
        if id in ("age", "ageOfOnset", "diseases.ageOfOnset", "collectionMoment"):
            if not re.fullmatch(r"P(\d+Y)?(\d+M)?", value):
                raise Refused("no age")
        elif id in FIELD_OF or id in ("sex", "ethnicity"):
            if operator not in ("=", "!"):
                raise Refused("texts are equal or not")
        elif not re.fullmatch(r"-?\d+(\.\d+)?", value):
            raise Refused("no number")
        elif not self.files.in_ontology(id) and not self._known(self._having({"id": id}, "individual")):
            raise Refused("unknown measure")

    def _known(self, who: Members) -> bool:
        return public.known(self.asked.token, who)

    def _having(self, filter: dict[str, Any], scope: str) -> Members:
        found: Members = {}
        for dataset, members in self.members.items():
            one = self.files.sets[dataset]
            if scope == "individual":
                found[dataset] = {p for p in members if self._has_term(filter, terms(one.people[p]))}
            else:
                found[dataset] = {
                    c.sample["individualId"]
                    for c in one.chains
                    if self._has_term(filter, terms_of(c, scope)) and c.sample["individualId"] in members
                }
        return found

    def _is(self, term: str, filter: dict[str, Any]) -> bool:
        return (
            filter["id"] in self.files.above(term)
            if filter.get("includeDescendantTerms", True)
            else term == filter["id"]
        )

    def _has_term(self, filter: dict[str, Any], terms: set[str]) -> bool:
        return any(self._is(term, filter) for term in terms)

    def _holds(self, filter: dict[str, Any], subject: Any) -> bool:
        if isinstance(subject, Chain):
            return self._of_chain(filter, subject)
        if isinstance(subject, tuple):
            return self._of_image(filter, *subject)
        return self._of_person(filter, subject)

    def _of_person(self, filter: dict[str, Any], person: dict[str, Any]) -> bool:
        if "operator" not in filter:
            return self._has_term(filter, terms(person))
        id, operator, value = filter["id"], filter["operator"], str(filter["value"])
        if id in ("sex", "ethnicity"):
            return name_holds(operator, value, person.get(id))
        if id in ("ageOfOnset", "diseases.ageOfOnset"):
            return compared(operator, list(onsets(person)), months(value))
        return compared(operator, [(v, v) for v in measured(person, id)], float(value))

    def _of_chain(self, filter: dict[str, Any], chain: Chain) -> bool:
        id = filter["id"]
        if id not in FIELD_OF:
            return any(
                self._has_term(filter, terms_of(chain, kind))
                for f, kind in self.using
                if f is filter and chain.at(kind) is not None
            )
        record = chain.at(FIELD_OF[id])
        if record is None:
            return False
        operator, value = filter["operator"], str(filter["value"])
        if id == "collectionMoment":
            age = record.get(id)
            return age is not None and compared(operator, [(months(age), months(age))], months(value))
        if id in (*SAMPLE_TERMS, "librarySource"):
            unstated = {"id": UNSTATED[id]} | {"label": LABELS[id]} if id in UNSTATED else None
            return name_holds(operator, value, record.get(id, unstated))
        return text_holds(operator, value, str(record.get(id, "")))

    def _of_image(self, filter: dict[str, Any], study: dict[str, Any], series: dict[str, Any]) -> bool:
        id = filter["id"]
        if id == "imaging:cross-sectional":
            return series["modality"] in ("CT", "MR")
        if id == "imaging:radiograph":
            return False
        if "operator" not in filter:
            mine = {t for t, m in MODALITY.items() if m == series["modality"]}
            mine |= {t for t, part in BODY_PART.items() if part == series["bodyPart"]}
            return self._has_term(filter, mine)
        operator, value = filter["operator"], str(filter["value"])
        if id == "age":
            age = study["age"]
            return age is not None and compared(operator, [(months(age), months(age))], months(value))
        return text_holds(operator, value, series[IMAGING_FIELDS[id]])
