"""GA4GH phenopackets (version 2): one person per JSON file, as Beacon individuals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.registration.identities import read_mapping
from adapters.registration.individuals import Placed, Planner, Record
from adapters.registration.plan import Origin, Plan, ProblemKind
from adapters.registration.registration import Reading
from adapters.registration.text import json_document

SEXES = {
    "UNKNOWN_SEX": {"id": "NCIT:C17998", "label": "unknown"},
    "FEMALE": {"id": "NCIT:C16576", "label": "female"},
    "MALE": {"id": "NCIT:C20197", "label": "male"},
    "OTHER_SEX": {"id": "NCIT:C17998", "label": "unknown"},
}
HUMAN = "NCBITaxon:9606"
# Members of a packet that are lists of objects, with those of their members that are objects.
LISTS = {
    "phenotypicFeatures": ("onset", "resolution"),
    "diseases": ("onset",),
    "measurements": ("value", "timeObserved"),
    "medicalActions": ("procedure", "treatment"),
}
TIMES = {"age", "ageRange", "ontologyClass", "timestamp", "interval", "gestationalAge"}
FEATURE = ("excluded", "severity", "modifiers", "evidence")  # members that both standards have
Objection = tuple[str, str]  # path inside the packet, message


@dataclass(frozen=True, slots=True)
class Phenopackets:
    """All ``*.json`` files of ``folder`` and below. A packet's ``id`` is the submitter's identifier.

    Not taken over, because they would identify the person: alternate ids, the date of birth, the date of death, files.
    """

    folder: Path
    mapping: Path | None = None
    numbering: bool = False

    def read(self, reading: Reading) -> None:
        """See :class:`~adapters.registration.registration.Source`."""
        mapping = read_mapping(self.mapping, reading) if self.mapping else {}
        placed: list[Placed] = []
        for path in sorted(self.folder.rglob("*.json")):
            origin = Origin(path.relative_to(self.folder).as_posix())
            packet = json_document(path, reading.plan)
            if packet is not None and _is_packet(packet, origin, reading.plan):
                placed.append((origin, individual(packet)))
        if not placed and not reading.plan.problems:
            reading.plan.problem(Origin(str(self.folder)), ProblemKind.MISSING_FILE, "holds no *.json file")
        Planner(reading, mapping, self.numbering).individuals(placed)


def _is_packet(packet: Any, origin: Origin, plan: Plan) -> bool:
    if not isinstance(packet, dict) or not isinstance(packet.get("subject"), dict):
        plan.problem(origin.at("subject"), ProblemKind.UNREADABLE, "is no phenopacket: it has no subject")
        return False
    wrong = [*_misshapen(packet), *_wrong_values(packet)]
    for path, message in wrong:
        plan.problem(origin.at(path), ProblemKind.BAD_VALUE, message)
    return not wrong


def _misshapen(packet: Mapping[str, Any]) -> Iterator[Objection]:
    """Members that are not the lists and objects which conversion relies on."""
    for key in ("timeAtLastEncounter", "vitalStatus", "taxonomy"):
        if not isinstance(packet["subject"].get(key, {}), dict):
            yield f"subject.{key}", "must be an object"
    for key, members in LISTS.items():
        items = packet.get(key, [])
        if not isinstance(items, list):
            yield key, "must be a list"
            continue
        for number, item in enumerate(items):
            yield from _misshapen_item(item, f"{key}[{number}]", members)


def _misshapen_item(item: Any, path: str, members: Sequence[str]) -> Iterator[Objection]:
    if not isinstance(item, dict):
        yield path, "must be an object"
        return
    for member in members:
        if not isinstance(item.get(member, {}), dict):
            yield f"{path}.{member}", "must be an object"
    if not isinstance(item.get("diseaseStage", []), list):
        yield f"{path}.diseaseStage", "must be a list"


def _wrong_values(packet: Mapping[str, Any]) -> Iterator[Objection]:
    subject, meta = packet["subject"], packet.get("metaData")
    version = meta.get("phenopacketSchemaVersion") if isinstance(meta, dict) else None
    if not isinstance(packet.get("id"), str) or not packet["id"]:
        yield "id", "must be a string"
    if not str(version).startswith("2"):
        yield "metaData.phenopacketSchemaVersion", f"is {version!r}; allowed: 2.x"
    if str(subject.get("sex", "UNKNOWN_SEX")) not in SEXES:
        yield "subject.sex", f"is not one of {', '.join(SEXES)}"
    taxonomy = subject.get("taxonomy", {})
    if isinstance(taxonomy, dict) and taxonomy.get("id", HUMAN) != HUMAN:
        yield "subject.taxonomy", f"is {taxonomy.get('id')!r}; allowed: {HUMAN}"


def individual(packet: Mapping[str, Any]) -> Record:
    """A phenopacket as a Beacon v2 individual. A disease that was ruled out is no disease of the individual."""
    subject = packet["subject"]
    diseases = packet.get("diseases", [])
    record: Record = {
        "id": packet["id"],
        "sex": SEXES[subject.get("sex", "UNKNOWN_SEX")],
        "karyotypicSex": subject.get("karyotypicSex"),
        "diseases": [_disease(d) for d in diseases if not d.get("excluded")],
        "phenotypicFeatures": [_feature(f) for f in packet.get("phenotypicFeatures", [])],
        "measures": [_measure(m) for m in packet.get("measurements", []) if "assay" in m and "value" in m],
        **_actions(packet.get("medicalActions", [])),
        "info": _present(
            {
                "timeAtLastEncounter": time_element(subject.get("timeAtLastEncounter")),
                "vitalStatus": subject.get("vitalStatus", {}).get("status"),
                "excludedDiseases": [d["term"] for d in diseases if d.get("excluded") and "term" in d],
            }
        ),
    }
    return _present(record)


def time_element(value: Any) -> Any:
    """A phenopackets TimeElement without its wrapper, as Beacon has it; None if there is none."""
    if not isinstance(value, dict):
        return None
    kind = next((kind for kind in value if kind in TIMES), None)
    return value[kind] if kind is not None else None


def _disease(disease: Mapping[str, Any]) -> Record:
    return _present(
        {
            "diseaseCode": disease.get("term"),
            "ageOfOnset": time_element(disease.get("onset")),
            "severity": disease.get("severity"),
            "stage": next(iter(disease.get("diseaseStage", [])), None),
        }
    )


def _feature(feature: Mapping[str, Any]) -> Record:
    return _present(
        {
            "featureType": feature.get("type"),
            "onset": time_element(feature.get("onset")),
            "resolution": time_element(feature.get("resolution")),
            **{key: feature.get(key) for key in FEATURE},
            "notes": feature.get("description"),
        }
    )


def _measure(measurement: Mapping[str, Any]) -> Record:
    value = measurement["value"]
    return _present(
        {
            "assayCode": measurement["assay"],
            "measurementValue": value.get("quantity") or value.get("ontologyClass") or value,
            "observationMoment": time_element(measurement.get("timeObserved")),
            "notes": measurement.get("description"),
        }
    )


def _actions(actions: list[Mapping[str, Any]]) -> Record:
    """Procedures and treatments of the medical actions."""
    return {
        "interventionsOrProcedures": [
            _present(
                {
                    "procedureCode": action["procedure"].get("code"),
                    "bodySite": action["procedure"].get("bodySite"),
                    "ageAtProcedure": time_element(action["procedure"].get("performed")),
                }
            )
            for action in actions
            if "procedure" in action
        ],
        "treatments": [
            {"treatmentCode": action["treatment"].get("agent")} for action in actions if "treatment" in action
        ],
    }


def _present(record: Record) -> Record:
    """The members that say something."""
    return {key: value for key, value in record.items() if value not in (None, [], {}, "", False)}
