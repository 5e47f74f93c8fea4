"""A folder of DICOM files: studies, series and instances from their tags; nothing that identifies the person."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from sqlalchemy import select

from adapters.catalog.models import ImagingInstance, ImagingSeries, ImagingStudy, Individual, Membership
from adapters.registration.dates import dicom_age, dicom_date
from adapters.registration.identities import Identities, Mapped, read_mapping
from adapters.registration.plan import Claim, Origin, ProblemKind, Row
from adapters.registration.registration import Reading
from adapters.store import ByteSource, StoreError

Tags = Mapping[str, str]  # first values by keyword
TAGS = [
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "Modality",
    "PatientID",
    "PatientName",
    "PatientSex",
    "PatientAge",
    "StudyDate",
    "StudyDescription",
    "SeriesDescription",
    "SeriesNumber",
    "BodyPartExamined",
    "Manufacturer",
    "ManufacturerModelName",
    "StudyTime",
    "SOPClassUID",
    "InstanceNumber",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "BitsAllocated",
]
SYNTAX = "TransferSyntaxUID"
REQUIRED = ("SOPInstanceUID", "SOPClassUID", "StudyInstanceUID", "SeriesInstanceUID", "Modality")
UID = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+")  # PS3.5 9.1
TIME = re.compile(r"\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?")  # PS3.5 6.2
WHOLE = re.compile(r"[+-]?\d{1,9}")
SEXES = {
    "F": {"id": "NCIT:C16576", "label": "female"},
    "M": {"id": "NCIT:C20197", "label": "male"},
}
UNKNOWN_SEX = {"id": "NCIT:C17998", "label": "unknown"}
SHORTEST_NAME = 3  # letters of a word that may be part of a person's name


@dataclass(frozen=True, slots=True)
class DicomFolder:
    """The objects of ``store`` below ``folder`` whose keys match none of the ``exclude`` patterns (as in a shell).

    ``mapping`` is a table of PatientID (``identifier``), ``accession`` and optionally ``link``; with it, a patient who
    is not in it is a problem. Without it, patients get the next free accessions.
    """

    store: str
    folder: str = ""
    mapping: Path | None = None
    exclude: tuple[str, ...] = ()

    def read(self, reading: Reading) -> None:
        """See :class:`~adapters.registration.registration.Source`."""
        mapping = read_mapping(self.mapping, reading) if self.mapping else None
        instances = list(_once(self._instances(reading), reading))
        if not instances and not reading.plan.problems:
            reading.plan.problem(Origin(self.folder or self.store), ProblemKind.MISSING_FILE, "holds no DICOM file")
        persons = Persons(reading, mapping)
        for instance in persons.resolved(instances):
            self._plan(instance, reading)

    def _instances(self, reading: Reading) -> Iterator[Instance]:
        keys = reading.archive.stores[self.store].list(self.folder)
        chosen = (key for key in keys if not any(fnmatchcase(key, pattern) for pattern in self.exclude))
        return _read(self.store, chosen, reading)

    def _plan(self, instance: Instance, reading: Reading) -> None:
        _plan(instance, self.store, reading)


@dataclass(frozen=True, slots=True)
class DicomFiles:
    """De-identified objects of ``store``, each with the accession of its individual."""

    store: str
    individuals: Mapping[str, str]

    def read(self, reading: Reading) -> None:
        """See :class:`~adapters.registration.registration.Source`."""
        by_individual: dict[str, list[Instance]] = {}
        for instance in _once(_read(self.store, self.individuals, reading), reading):
            instance.individual = self.individuals[instance.key]
            by_individual.setdefault(instance.individual, []).append(instance)
            _plan(instance, self.store, reading)
        for accession, own in by_individual.items():
            _plan_individual(accession, own, reading)


def _read(store_name: str, keys: Iterable[str], reading: Reading) -> Iterator[Instance]:
    """The objects of ``keys``; one that cannot be read or lacks something is a problem."""
    store = reading.archive.stores[store_name]
    for key in keys:
        origin = Origin(key)
        try:
            with ByteSource(store, key) as source:
                tags = _tags(source)
        except (StoreError, NotDicom) as error:
            reading.plan.problem(origin, ProblemKind.UNREADABLE, str(error))
            continue
        if _is_complete(tags, origin, reading):
            yield Instance(key, origin, tags)


def _plan(instance: Instance, store: str, reading: Reading) -> None:
    study, series = instance.uid("StudyInstanceUID"), instance.uid("SeriesInstanceUID")
    plan = reading.plan
    plan.add(Row(ImagingStudy, _study(instance, study, reading), instance.origin, True, ("dataset", "individual")))
    plan.add(Row(ImagingSeries, _series(instance, study, series), instance.origin, True, ("study", "modality")))
    plan.add(Row(ImagingInstance, _object(instance, series), instance.origin))
    plan.claims.append(
        Claim(
            key=instance.key,
            origin=instance.origin,
            store=store,
            dataset=reading.dataset,
            title="",
            format="DICOM",
            series=series,
            instance=instance.uid("SOPInstanceUID"),
            individuals=(instance.individual,),
        )
    )


def _study(instance: Instance, uid: str, reading: Reading) -> dict[str, Any]:
    day = None
    try:
        day = dicom_date(instance.text("StudyDate"))
    except ValueError as error:
        reading.plan.problem(instance.origin.at("StudyDate"), ProblemKind.BAD_DATE, str(error))
    return {
        "uid": uid,
        "dataset": reading.dataset,
        "individual": instance.individual,
        "study_date": day,
        "description": instance.description("StudyDescription"),
        "age": dicom_age(instance.text("PatientAge")),
        "attributes": {"time": time} if TIME.fullmatch(time := instance.text("StudyTime")) else {},
    }


class NotDicom(ValueError):
    """The object is no DICOM file (PS3.10), or is cut off in its header."""


@dataclass(slots=True)
class Instance:
    """One DICOM instance: its key and the tags that are needed."""

    key: str
    origin: Origin
    tags: Tags
    individual: str = ""

    def text(self, keyword: str) -> str:
        """The first value of a tag as text; empty if there is none."""
        return self.tags[keyword]

    def uid(self, keyword: str) -> str:
        """A UID."""
        return self.text(keyword)

    def patient(self) -> str:
        """What tells patients apart in the input: the PatientID; without one every study is a patient of its own."""
        return self.text("PatientID") or f"study {self.uid('StudyInstanceUID')}"

    def description(self, keyword: str) -> str:
        """A description, unless it holds a word of the patient's name or the patient's identifier."""
        text = self.text(keyword)
        private = re.split(r"\W+", f"{self.text('PatientName')} {self.text('PatientID')}".casefold())
        words = {word for word in private if len(word) >= SHORTEST_NAME}
        return "" if any(word in text.casefold() for word in words) else text


@dataclass(slots=True)
class Persons:
    """Finds the individual of every patient; the patients' identifiers are forgotten afterwards."""

    reading: Reading
    mapping: Mapping[str, Mapped] | None
    individuals: dict[str, str | None] = field(default_factory=dict)  # by patient

    def resolved(self, instances: Sequence[Instance]) -> Iterator[Instance]:
        """The instances whose patient has an individual, which is planned."""
        registered = self._registered_studies({i.uid("StudyInstanceUID") for i in instances})
        numbers = Identities(self.reading, "individual", self.mapping or {}, numbering=self.mapping is None)
        by_patient: dict[str, list[Instance]] = {}
        for instance in instances:
            by_patient.setdefault(instance.patient(), []).append(instance)
        for patient, own in by_patient.items():
            accession = self._accession(patient, own, registered, numbers)
            if accession is not None:
                self._individual(patient, accession, own)
                for instance in own:
                    instance.individual = accession
                    yield instance

    def _registered_studies(self, uids: set[str]) -> dict[str, str]:
        """Individuals of studies that are registered, by study."""
        found: dict[str, str] = {}
        wanted = sorted(uids)
        for start in range(0, len(wanted), 500):
            query = select(ImagingStudy.uid, ImagingStudy.individual).where(
                ImagingStudy.uid.in_(wanted[start : start + 500])
            )
            found.update({str(uid): individual for uid, individual in self.reading.session.execute(query)})
        return found

    def _accession(
        self, patient: str, own: Sequence[Instance], registered: Mapping[str, str], numbers: Identities
    ) -> str | None:
        """By the mapping; else that of the patient's registered studies; else a new one."""
        if self.mapping is not None:
            if patient in self.mapping:
                return self.mapping[patient].accession
            message = "its PatientID is not in the mapping"  # which is not repeated here: it identifies the person
            self.reading.plan.problem(own[0].origin.at("PatientID"), ProblemKind.MISSING_PARENT, message)
            return None
        known = sorted({registered[uid] for uid in (i.uid("StudyInstanceUID") for i in own) if uid in registered})
        if len(known) > 1:
            message = f"studies of its patient are registered for several individuals: {', '.join(known)}"
            self.reading.plan.problem(own[0].origin.at("PatientID"), ProblemKind.CONFLICT, message)
        return known[0] if known else numbers.new(own[0].origin.at("PatientID"))

    def _individual(self, patient: str, accession: str, own: Sequence[Instance]) -> None:
        _plan_individual(accession, own, self.reading, self.mapping.get(patient) if self.mapping else None)


def _plan_individual(accession: str, own: Sequence[Instance], reading: Reading, mapped: Mapped | None = None) -> None:
    sex = next((SEXES[i.text("PatientSex")] for i in own if i.text("PatientSex") in SEXES), UNKNOWN_SEX)
    values = {
        "accession": accession,
        "name": "",
        "sex": sex["id"],
        "record": {"sex": sex},
        "link": mapped.link if mapped else None,
    }
    origin = own[0].origin
    reading.plan.add(Row(Individual, values, origin, shared=True, fixed=("link",) if mapped else ()))
    membership = {"dataset": reading.dataset, "individual": accession}
    reading.plan.add(Row(Membership, membership, origin, shared=True))


def _once(instances: Iterator[Instance], reading: Reading) -> Iterator[Instance]:
    """Each SOP instance once; further files of it (another transfer syntax, a copy) are problems."""
    first: dict[str, str] = {}
    for instance in instances:
        uid = instance.uid("SOPInstanceUID")
        if first.setdefault(uid, instance.key) == instance.key:
            yield instance
        else:
            message = f"is the same SOP instance as {first[uid]!r}"
            reading.plan.problem(instance.origin.at("SOPInstanceUID"), ProblemKind.DUPLICATE, message)


def _tags(source: ByteSource) -> Tags:
    """The needed tags of a DICOM file as text, read no further than its pixels.

    :raises NotDicom: if it is none.
    """
    from pydicom import dcmread
    from pydicom.errors import BytesLengthException, InvalidDicomError

    from adapters.dicom.reading import quietly

    try:
        with source.open() as file, quietly():
            read = dcmread(file, stop_before_pixels=True, specific_tags=list(TAGS))
            syntax = _text(read.file_meta.get(SYNTAX))
            return {keyword: _text(read.get(keyword)) for keyword in TAGS} | {SYNTAX: syntax}
    except (InvalidDicomError, BytesLengthException, EOFError, OSError, ValueError, NotImplementedError) as error:
        raise NotDicom(f"is no DICOM file, or is cut off ({type(error).__name__})") from error


def _text(value: Any) -> str:
    """The first value of a tag."""
    first = value[0] if isinstance(value, list | tuple) and value else value
    return "" if first is None else str(first).replace("\0", "").strip()


def _is_complete(tags: Tags, origin: Origin, reading: Reading) -> bool:
    instance = Instance(origin.source, origin, tags)
    complete = True
    for keyword in REQUIRED:
        value = instance.text(keyword)
        if not value:
            reading.plan.problem(origin.at(keyword), ProblemKind.MISSING_VALUE, f"has no {keyword}")
            complete = False
        elif keyword.endswith("UID") and not (UID.fullmatch(value) and len(value) <= 64):
            reading.plan.problem(origin.at(keyword), ProblemKind.BAD_VALUE, f"{value!r} is no UID")
            complete = False
    return complete


def _object(instance: Instance, series: str) -> dict[str, Any]:
    return {
        "uid": instance.uid("SOPInstanceUID"),
        "series": series,
        "sop_class": instance.uid("SOPClassUID"),
        "syntax": instance.uid(SYNTAX),
        "number": _number(instance.text("InstanceNumber")),
        "rows": _number(instance.text("Rows")),
        "columns": _number(instance.text("Columns")),
        "frames": _number(instance.text("NumberOfFrames")),
        "bits": _number(instance.text("BitsAllocated")),
    }


def _number(text: str) -> int | None:
    return int(text) if WHOLE.fullmatch(text) else None


def _series(instance: Instance, study: str, uid: str) -> dict[str, Any]:
    model = instance.text("ManufacturerModelName")
    return {
        "uid": uid,
        "study": study,
        "modality": instance.text("Modality"),
        "body_part": instance.text("BodyPartExamined"),
        "manufacturer": instance.text("Manufacturer"),
        "number": _number(instance.text("SeriesNumber")),
        "description": instance.description("SeriesDescription"),
        "attributes": {"manufacturerModelName": model} if model else {},
    }
