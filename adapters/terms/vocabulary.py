"""Where filtering terms are found and what they are called: ``config/beacon/terms.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

DATASET, COHORT, INDIVIDUAL = "dataset", "cohort", "individual"
BIOSAMPLE, RUN, ANALYSIS = "biosample", "run", "analysis"
STUDY, SERIES = "imagingStudy", "imagingSeries"
IMAGING = frozenset({STUDY, SERIES})
SPECIMENS = (BIOSAMPLE, RUN, ANALYSIS)
"""A sample of a person, a run of the sample, an analysis of the run: each belongs to the one before."""
OWNED = frozenset({*IMAGING, *SPECIMENS})
"""Entry types of which every entry belongs to one person."""
# Ends under which clients name the same path.
SUFFIXES = (".id", ".label", ".iso8601duration", ".age")


@dataclass(frozen=True, slots=True)
class AgeField:
    """A field that holds ages: path in the individual and label."""

    path: str
    label: str


@dataclass(frozen=True, slots=True)
class NumberField:
    """Elements at ``path`` hold a number at ``value``, named by the term at ``code``."""

    path: str
    code: str
    value: str


@dataclass(frozen=True, slots=True)
class ImagingField:
    """A facet of imaging: ``kind`` is ``text`` or ``age``."""

    label: str
    kind: str


@dataclass(frozen=True, slots=True)
class SpecimenFields:
    """What can be asked of samples, runs or analyses: label by path of a term, by name of a text or of an age."""

    terms: Mapping[str, str]
    texts: Mapping[str, str]
    ages: Mapping[str, str]

    def __contains__(self, id: str) -> bool:
        return id in self.terms or id in self.texts or id in self.ages


@dataclass(frozen=True, slots=True)
class CustomFilter:
    """A filter of our own: any of the terms ``any_of`` in ``scope``."""

    label: str
    scope: str
    any_of: tuple[str, ...]


@dataclass(frozen=True)
class Vocabulary:
    """The whole vocabulary; see ``config/beacon/terms.yaml`` for what the parts mean."""

    terms: Mapping[str, str]
    ages: Mapping[str, AgeField]
    numbers: tuple[NumberField, ...]
    individual_prefixes: frozenset[str]
    specimens: Mapping[str, SpecimenFields]
    imaging_fields: Mapping[str, ImagingField]
    imaging_terms: Mapping[str, Mapping[str, tuple[str, ...]]]
    imaging_labels: Mapping[str, str]
    custom: Mapping[str, CustomFilter]
    resources: Mapping[str, Mapping[str, str]]
    dataset_prefixes: frozenset[str]

    def age_field(self, id: str) -> str | None:
        """The field of ages that ``id`` names, by its own name or by its path in the individual."""
        for name in _forms(id):
            for field, age in self.ages.items():
                if name in (field, age.path):
                    return field
        return None

    def term_path(self, id: str) -> str | None:
        """The path of terms that ``id`` names."""
        return next((name for name in _forms(id) if name in self.terms), None)

    def specimen_field(self, id: str) -> str | None:
        """The field of samples, runs or analyses that ``id`` names."""
        return next((name for name in _forms(id) if self.specimen_of(name) is not None), None)

    def specimen_of(self, field: str) -> str | None:
        """The entry type among :data:`SPECIMENS` that has the field."""
        return next((scope for scope, fields in self.specimens.items() if field in fields), None)

    def terms_of_imaging(self) -> frozenset[str]:
        """All terms that imaging itself is described by."""
        values = self.imaging_terms.values()
        return frozenset(term for of_field in values for terms in of_field.values() for term in terms)

    def imaging_values(self, terms: frozenset[str]) -> dict[str, frozenset[str]]:
        """Imaging field → its DICOM values that are instances of any of ``terms``."""
        found = {}
        for field, values in self.imaging_terms.items():
            matching = frozenset(value for value, of in values.items() if terms.intersection(of))
            if matching:
                found[field] = matching
        return found


def _forms(id: str) -> list[str]:
    forms = [id]
    while (suffix := next((s for s in SUFFIXES if forms[-1].endswith(s)), None)) is not None:
        forms.append(forms[-1].removesuffix(suffix))
    return forms


@cache
def vocabulary() -> Vocabulary:
    """The vocabulary shipped with the node."""
    source = files("config").joinpath("beacon", "terms.yaml").read_bytes()
    data: dict[str, Any] = yaml.load(source, Loader=yaml.CSafeLoader)
    person, imaging = data["individual"], data["imaging"]
    return Vocabulary(
        terms=person["terms"],
        ages={id: AgeField(**row) for id, row in person["ages"].items()},
        numbers=tuple(NumberField(**row) for row in person["numbers"]),
        individual_prefixes=frozenset(person["prefixes"]),
        specimens={
            scope: SpecimenFields(*(fields.get(kind, {}) for kind in ("terms", "texts", "ages")))
            for scope, fields in data["specimens"].items()
        },
        imaging_fields={id: ImagingField(**row) for id, row in imaging["fields"].items()},
        imaging_terms={
            field: {value: tuple(terms) for value, terms in values.items()}
            for field, values in imaging["terms"].items()
        },
        imaging_labels=imaging["labels"],
        custom={id: CustomFilter(c["label"], c["scope"], tuple(c["anyOf"])) for id, c in data["custom"].items()},
        resources=data["resources"],
        dataset_prefixes=frozenset(data["dataset"]["prefixes"]),
    )
