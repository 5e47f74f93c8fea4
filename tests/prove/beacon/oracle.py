"""What every question must be answered with: the files read with plain Python, everything looked at every time.

Shares no code with the node; of the answer it knows what the standard and docs/privacy.md say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.adapters.variants import oracle as alleles
from tests.prove.beacon import public
from tests.prove.beacon.asked import Asked

OWNED = ("biosample", "run", "analysis", "imagingStudy", "imagingSeries")
SPECIMENS = ("biosample", "run", "analysis")
IMAGING = ("imagingStudy", "imagingSeries")
OF_PEOPLE = ("DOID", "GAZ", "HANCESTRO", "HP", "ICD10", "LOINC", "MONDO", "OMIM", "OPCS4", "ORPHA")
MODALITY = {"DCM:CT": "CT", "DCM:MR": "MR", "DCM:US": "US"}
BODY_PART = {"UBERON:0000955": "BRAIN", "UBERON:0000948": "HEART", "UBERON:0001443": "CHEST"}
IMAGING_FIELDS = {"modality": "modality", "bodyPart": "bodyPart", "manufacturer": "manufacturer"}
UNSTATED = {"biosampleStatus": "NCIT:C17998", "sampleOriginType": "OBI:0001479"}
SAMPLE_TERMS = ("sampleOriginType", "biosampleStatus", "histologicalDiagnosis")
FIELD_OF = {
    **dict.fromkeys((*SAMPLE_TERMS, "collectionMoment"), "biosample"),
    **dict.fromkeys(("platform", "libraryStrategy", "librarySelection", "libraryLayout", "librarySource"), "run"),
    **dict.fromkeys(("pipelineName", "aligner", "variantCaller"), "analysis"),
    **dict.fromkeys((*IMAGING_FIELDS, "age"), "imagingSeries"),
}
Members = dict[str, set[str]]


class Refused(Exception):
    """The question must be refused with 400."""


@dataclass(frozen=True)
class Chain:
    """A sample with a run and an analysis of it, or None where only what is above is meant."""

    sample: Mapping[str, Any]
    run: Mapping[str, Any] | None = None
    analysis: Mapping[str, Any] | None = None

    def at(self, kind: str) -> Mapping[str, Any] | None:
        return {"biosample": self.sample, "run": self.run, "analysis": self.analysis}[kind]


@dataclass
class DataSet:
    """The files of one data set."""

    about: dict[str, Any]
    people: dict[str, dict[str, Any]]
    chains: list[Chain]
    series: list[tuple[dict[str, Any], dict[str, Any]]]
    cohorts: dict[str, set[str]]
    lines: list[alleles.Line]


@dataclass
class Expected:
    """What an answer must say; ``results`` are ids in their order by data set, None for a collection's one list."""

    granularity: str
    exists: bool
    number: int
    counts: dict[str, int] = field(default_factory=dict)
    results: dict[str, list[str]] = field(default_factory=dict)
    collections: list[str] | None = None


class Holdings:
    """The files below ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.parents = _parents(root / "tree.obo")
        self.withdrawn = set(json.loads((root / "withdrawn.json").read_text()))
        self.order: dict[str, int] = {}
        self.sets = {folder.name: self._read(folder) for folder in sorted(root.iterdir()) if folder.is_dir()}

    def _read(self, folder: Path) -> DataSet:
        lists = {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
        people = {one["id"]: one for one in lists["individuals"]}
        for person in people:
            self.order.setdefault(person, len(self.order))
        cohorts = {c["id"]: set(c.get("ids", {}).get("individualIds", people)) for c in lists["cohorts"]}
        series = [(study, one) for study in lists["images"] for one in study["series"]]
        owner = {sample["id"]: self.order[sample["individualId"]] for sample in lists["biosamples"]}
        lines = [
            line
            for path in sorted(folder.glob("*.vcf"))
            for line in alleles.read(path.read_text(), folder.name, path.name.split(".")[1], owner)
        ]
        return DataSet(lists["dataset"], people, list(_chains(lists)), series, cohorts, lines)

    @cached_property
    def existing(self) -> list[str]:
        """Data sets that are there today."""
        return [d for d, one in self.sets.items() if not one.about.get("withdrawn") and "release_date" not in one.about]

    @cached_property
    def names(self) -> dict[int, str]:
        return {number: person for person, number in self.order.items()}

    def above(self, term: str) -> set[str]:
        """A term and all its ancestors."""
        found = {term}
        for parent in self.parents.get(term, ()):
            found |= self.above(parent)
        return found

    def in_ontology(self, term: str) -> bool:
        return term in self.parents


def _parents(path: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for stanza in path.read_text().split("[Term]")[1:]:
        lines = stanza.strip().splitlines()
        found[lines[0].removeprefix("id: ")] = [x.removeprefix("is_a: ") for x in lines if x.startswith("is_a: ")]
    return found


def _chains(lists: dict[str, Any]) -> Iterator[Chain]:
    for sample in lists["biosamples"]:
        yield Chain(sample)
        for run in lists["runs"]:
            if run["biosampleId"] == sample["id"]:
                yield Chain(sample, run)
                for analysis in lists["analyses"]:
                    if analysis["runId"] == run["id"]:
                        yield Chain(sample, run, analysis)


class Oracle:
    """Answers questions."""

    def __init__(self, holdings: Holdings) -> None:
        self.files = holdings

    def answer(self, asked: Asked) -> Expected | Refused:
        """What the answer must say."""
        try:
            return _Answer(self.files, asked).expected()
        except Refused as refused:
            return refused


class _Answer:
    def __init__(self, files: Holdings, asked: Asked) -> None:
        self.files = files
        self.asked = asked
        self.collection = asked.kind in ("dataset", "cohort")
        self.about = "individual" if self.collection else asked.kind
        self.within = asked.within if asked.within is None or asked.within[0] != "dataset" else None
        scopes = [self._static(f, asked.kind) for f in asked.filters]
        self.datasets = self._eligible([f for f, s in zip(asked.filters, scopes, strict=True) if s == "dataset"])
        exist = {d: set(files.sets[d].people) - files.withdrawn for d in self.datasets}
        self.members: Members = exist
        self.filters = [(f, self._scope(f)) for f, s in zip(asked.filters, scopes, strict=True) if s != "dataset"]

    @property
    def genotypes(self) -> bool:
        allele = self.within is not None and self.within[0] == "genomicVariant"
        return self.asked.kind == "genomicVariant" or self.asked.variant is not None or allele

    @property
    def narrowed(self) -> bool:
        """Whether people are narrowed down by anything but genotypes."""
        return bool(self.filters) or (self.within is not None and self.within[0] != "genomicVariant")

    def expected(self) -> Expected:
        if self.collection:
            return self._collections()
        found = self._met(self.within)
        granularity = self._granularity()
        if self.asked.kind == "genomicVariant":
            return self._variants(found, granularity)
        if self.asked.kind in OWNED:
            return self._entries(found, granularity)
        return self._individuals(found, granularity)

    # What is told

    def _granularity(self) -> str:
        order = ("boolean", "count", "record")
        granted = [self._granted(d) for d in self.datasets] or ["boolean"]
        return order[min(max(map(order.index, granted)), order.index(self.asked.granularity))]

    def _granted(self, dataset: str) -> str:
        granularity = public.granularity(self.asked.token, dataset, genotypes=self.genotypes)
        return "boolean" if self.asked.kind == "genomicVariant" and granularity == "count" else granularity

    def _full(self, dataset: str) -> bool:
        return self._granted(dataset) == "record"

    def _set_count(self, dataset: str, number: int) -> int:
        if self._full(dataset):
            return number
        return 0 if self._granted(dataset) == "boolean" else public.floor(number) or 0

    def _page(self, ids: list[Any]) -> list[Any]:
        limit = self.asked.limit or 1000
        return ids[self.asked.skip * limit :][:limit]

    def _individuals(self, found: Members, granularity: str) -> Expected:
        told = public.people(self.asked.token, found, genotypes=self.genotypes)
        counts = {d: self._set_count(d, len(found[d])) for d in told.shown}
        everyone = set().union(*(who for d, who in found.items() if self._full(d)))
        page = self._page(sorted(everyone, key=self.files.order.__getitem__))
        results = {d: [p for p in page if p in who] for d, who in found.items() if self._full(d)}
        return Expected(granularity, bool(counts), told.number, counts, results)

    def _entries(self, found: Members, granularity: str) -> Expected:
        told = public.people(self.asked.token, found, genotypes=self.genotypes)
        entries = {d: sorted(self._owned(d, found[d])) for d in self.datasets}
        counts = {d: self._set_count(d, len(entries[d])) for d in told.shown}
        full = sorted((id, d) for d, ids in entries.items() if self._full(d) for id in ids)
        shown = [d for d in told.shown if not self._full(d) and self._granted(d) == "count"]
        number = len(full) + (public.floor(sum(len(entries[d]) for d in shown)) or 0)
        page = self._page(full)
        results = {d: [id for id, of in page if of == d] for d in self.datasets if self._full(d)}
        return Expected(granularity, bool(counts), number, counts, results)

    def _variants(self, found: Members, granularity: str) -> Expected:
        keys: dict[str, set[Any]] = {}
        counts: dict[str, int] = {}
        for dataset, who in found.items():
            of_people, carriers, sites = self._alleles(dataset, who)
            if self._full(dataset):
                keys[dataset] = of_people | sites
                if keys[dataset]:
                    counts[dataset] = len(keys[dataset])
            elif sites or public.floor(len(carriers)) is not None:
                counts[dataset] = 0
        everything = sorted(set().union(*keys.values()))
        page = self._page(everything)
        results = {d: [_id(key) for key in page if key in of] for d, of in keys.items()}
        return Expected(granularity, bool(counts), len(everything), counts, results)

    def _alleles(self, dataset: str, who: set[str]) -> tuple[set[Any], set[str], set[Any]]:
        """(alleles that any of ``who`` carries, who of them does, alleles that are listed without genotypes)."""
        keys, carriers, sites = set(), set(), set()
        for line in self._matching(dataset):
            if line.site is not None:
                sites.add(line.key)
                continue
            of = {self.files.names[n] for n, copies in line.copies.items() if copies} & who
            if of:
                keys.add(line.key)
                carriers |= of
        return keys, carriers, set() if self.narrowed else sites

    def _collections(self) -> Expected:
        if self.asked.kind == "dataset":
            named = [d for d in self.datasets if self.asked.entry in (None, d)]
            if self.asked.variant is not None or self.narrowed:
                told = public.people(self.asked.token, self._met(None), genotypes=self.asked.variant is not None)
                named = [d for d in named if d in told.shown]
        else:
            named = [c for d in self.datasets for c in self.files.sets[d].cohorts if self.asked.entry in (None, c)]
            if self.asked.variant is not None or self.narrowed:
                named = [cohort for cohort in named if self._cohort_told(cohort)]
        named = sorted(named)
        return Expected(self.asked.granularity, bool(named), len(named), collections=self._page(named))

    def _cohort_told(self, cohort: str) -> bool:
        found = self._met(("cohort", cohort))
        return bool(public.people(self.asked.token, found, genotypes=self.asked.variant is not None).shown)

    # Who meets it

    def _eligible(self, filters: list[dict[str, Any]]) -> list[str]:
        asked, found = self.asked, self.files.existing
        if asked.within is not None and asked.within[0] == "dataset":
            found = [d for d in found if d == asked.within[1]]
        considered = found
        for filter in filters:
            if "operator" in filter:
                raise Refused("a term takes no operator")
            uses = {
                d: {t["id"] for t in self.files.sets[d].about.get("duo", {}).get("duoDataUse", ())} for d in considered
            }
            holding = {d for d, terms in uses.items() if any(self._is(term, filter) for term in terms)}
            if not holding and not self.files.in_ontology(filter["id"]):
                raise Refused("unknown use")
            found = [d for d in found if d in holding]
        return found

    def _met(self, within: tuple[str, str] | None) -> Members:
        found = {d: set(who) for d, who in self.members.items()}
        for dataset, who in found.items():
            one = self.files.sets[dataset]
            for filter, scope in self.filters:
                if scope == "individual":
                    who &= {p for p in who if self._holds(filter, one.people[p])}
            if within is not None:
                who &= self._of_parent(dataset, within)
            if self.asked.kind == "individual" and self.asked.entry is not None and not self.collection:
                who &= {self.asked.entry}
            for kinds in (SPECIMENS, IMAGING):
                who &= self._of_family(dataset, who, kinds)
            if self.genotypes and self.asked.kind != "genomicVariant":
                who &= self._alleles(dataset, who)[1]
        return found

    def _of_parent(self, dataset: str, parent: tuple[str, str]) -> set[str]:
        kind, id = parent
        one = self.files.sets[dataset]
        if kind == "individual":
            return {id}
        if kind == "cohort":
            return one.cohorts.get(id, set())
        if kind in SPECIMENS:
            return {c.sample["individualId"] for c in one.chains if (c.at(kind) or {}).get("id") == id}
        if kind == "imagingStudy":
            return {study["individualId"] for study, _ in one.series if study["uid"] == id}
        return set(one.people)

    def _of_family(self, dataset: str, who: set[str], kinds: tuple[str, ...]) -> set[str]:
        filters = [f for f, scope in self.filters if scope in kinds]
        if self.asked.kind in kinds:
            return {person for person, _ in self._found(dataset, who, self.asked.kind).items()}
        if not filters:
            return who
        if kinds == IMAGING:
            return {s["individualId"] for s, one in self.files.sets[dataset].series if self._all(filters, (s, one))}
        return {c.sample["individualId"] for c in self.files.sets[dataset].chains if self._all(filters, c)}

    def _owned(self, dataset: str, who: set[str]) -> set[str]:
        return set().union(*self._found(dataset, who, self.asked.kind).values())

    def _found(self, dataset: str, who: set[str], kind: str) -> dict[str, set[str]]:
        """Owner → ids of the entries of ``kind`` that are meant."""
        found: dict[str, set[str]] = {}
        filters = [f for f, scope in self.filters if scope in (SPECIMENS if kind in SPECIMENS else IMAGING)]
        for owner, id, ancestors, subject in self._every(dataset, kind):
            named = self.asked.entry in (None, id)
            parent = (
                self.within is None or self.within[0] not in ancestors or ancestors[self.within[0]] == self.within[1]
            )
            if owner in who and named and parent and self._all(filters, subject):
                found.setdefault(owner, set()).add(id)
        return found

    def _every(self, dataset: str, kind: str) -> Iterator[tuple[str, str, dict[str, str], Any]]:
        one = self.files.sets[dataset]
        if kind in SPECIMENS:
            for chain in one.chains:
                entry = chain.at(kind)
                if entry is not None:
                    above = {k: chain.at(k)["id"] for k in SPECIMENS if chain.at(k) is not None}  # type: ignore[index]
                    yield chain.sample["individualId"], entry["id"], above, chain
        else:
            for study, series in one.series:
                id = study["uid"] if kind == "imagingStudy" else series["uid"]
                yield study["individualId"], id, {"imagingStudy": study["uid"]}, (study, series)

    def _all(self, filters: list[dict[str, Any]], subject: Any) -> bool:
        return all(self._holds(filter, subject) for filter in filters)

    # Filters

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
                found[dataset] = {p for p in members if self._has_term(filter, _terms(one.people[p]))}
            else:
                found[dataset] = {
                    c.sample["individualId"]
                    for c in one.chains
                    if self._has_term(filter, _terms_of(c, scope)) and c.sample["individualId"] in members
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
            return self._has_term(filter, _terms(person))
        id, operator, value = filter["id"], filter["operator"], str(filter["value"])
        if id in ("sex", "ethnicity"):
            return _named(operator, value, person.get(id))
        if id in ("ageOfOnset", "diseases.ageOfOnset"):
            return _compared(operator, list(_onsets(person)), _months(value))
        return _compared(operator, [(v, v) for v in _measured(person, id)], float(value))

    def _of_chain(self, filter: dict[str, Any], chain: Chain) -> bool:
        id = filter["id"]
        if id not in FIELD_OF:
            return any(
                self._has_term(filter, _terms_of(chain, kind))
                for f, kind in self.filters
                if f is filter and chain.at(kind) is not None
            )
        record = chain.at(FIELD_OF[id])
        if record is None:
            return False
        operator, value = filter["operator"], str(filter["value"])
        if id == "collectionMoment":
            age = record.get(id)
            return age is not None and _compared(operator, [(_months(age), _months(age))], _months(value))
        if id in (*SAMPLE_TERMS, "librarySource"):
            unstated = {"id": UNSTATED[id]} | {"label": LABELS[id]} if id in UNSTATED else None
            return _named(operator, value, record.get(id, unstated))
        return _text(operator, value, str(record.get(id, "")))

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
            return age is not None and _compared(operator, [(_months(age), _months(age))], _months(value))
        return _text(operator, value, series[IMAGING_FIELDS[id]])

    # Alleles

    def _matching(self, dataset: str) -> Iterator[alleles.Line]:
        named = self.asked.entry if self.asked.kind == "genomicVariant" else None
        if self.within is not None and self.within[0] == "genomicVariant":
            named = self.within[1]
        wanted = dict(self.asked.variant or {})
        types = wanted.pop("types", None)
        wanted.pop("genomic_allele", None)
        question = alleles.Question(**wanted)
        for line in self.files.sets[dataset].lines:
            if named is not None:
                if _id(line.key) == named:
                    yield line
            elif alleles.matches(question, line) and (types is None or line.type in types):
                yield line


LABELS = {"biosampleStatus": "Unknown", "sampleOriginType": "specimen from organism"}


def _id(key: tuple[Any, ...]) -> str:
    """The id of a sequence allele or of a plain symbolic one (breakends and very long ones are not asked for by id)."""
    assembly, contig, start, span, ref, alt, length = key
    if alt.startswith("<"):
        return f"{assembly}:{contig}:{start}:{start + span}:{alt[1:-1].replace(':', '.')}.{length}"
    return f"{assembly}:{contig}:{start}:{ref}:{alt}"


def _terms(person: Mapping[str, Any]) -> set[str]:
    found = {person["sex"]["id"]}
    found |= {f["featureType"]["id"] for f in person.get("phenotypicFeatures", ()) if not f.get("excluded")}
    for disease in person.get("diseases", ()):
        found |= {disease["diseaseCode"]["id"], disease.get("ageOfOnset", {}).get("id", disease["diseaseCode"]["id"])}
    for one in person.get("interventionsOrProcedures", ()):
        found |= {one["procedureCode"]["id"], one["bodySite"]["id"]}
    found |= {m["assayCode"]["id"] for m in person.get("measures", ())}
    return found | {e["exposureCode"]["id"] for e in person.get("exposures", ())}


def _terms_of(chain: Chain, kind: str) -> set[str]:
    record = chain.at(kind)
    if record is None or kind == "analysis":
        return set()
    if kind == "run":
        return {record["librarySource"]["id"]}
    stated = {name: record[name]["id"] for name in SAMPLE_TERMS if name in record}
    return set({**UNSTATED, **stated}.values())


def _onsets(person: Mapping[str, Any]) -> Iterator[tuple[float, float]]:
    for disease in person.get("diseases", ()):
        onset = disease.get("ageOfOnset", {})
        if "start" in onset:
            yield _months(onset["start"]["iso8601duration"]), _months(onset["end"]["iso8601duration"])
        elif "iso8601duration" in onset:
            yield _months(onset["iso8601duration"]), _months(onset["iso8601duration"])


def _measured(person: Mapping[str, Any], id: str) -> list[float]:
    measures = [m["measurementValue"]["value"] for m in person.get("measures", ()) if m["assayCode"]["id"] == id]
    return measures + [e["value"] for e in person.get("exposures", ()) if e["exposureCode"]["id"] == id]


def _months(duration: str) -> float:
    years, rest = re.fullmatch(r"P(?:(\d+)Y)?(?:(\d+)M)?", duration).groups()  # type: ignore[union-attr]
    return int(years or 0) * 12 + int(rest or 0)


def _compared(operator: str, values: list[tuple[float, float]], wanted: float) -> bool:
    """Whether a comparison certainly holds of any value; ``!``: there are values, and none equals ``wanted``."""
    tests: dict[str, Callable[[float, float], bool]] = {
        "=": lambda low, high: low == high == wanted,
        ">": lambda low, _: low > wanted,
        ">=": lambda low, _: low >= wanted,
        "<": lambda _, high: high < wanted,
        "<=": lambda _, high: high <= wanted,
    }
    if operator == "!":
        return bool(values) and not any(tests["="](*value) for value in values)
    return any(tests[operator](*value) for value in values)


def _like(value: str, text: str) -> bool:
    pattern = ".*".join(re.escape(part) for part in value.lower().split("%"))
    return re.fullmatch(pattern, text.lower()) is not None


def _text(operator: str, value: str, text: str) -> bool:
    return text != "" and _like(value, text) == (operator == "=")


def _named(operator: str, value: str, term: Mapping[str, str] | None) -> bool:
    """``=`` and ``!`` on the id or the label of a term that is there."""
    if term is None:
        return False
    return (_like(value, term["id"]) or _like(value, term.get("label", ""))) == (operator == "=")
