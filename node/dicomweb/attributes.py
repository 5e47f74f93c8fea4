"""Rows of an answer as data sets of the DICOM JSON model (PS3.18 10.6.3, annex F)."""

from __future__ import annotations

from typing import Any

from adapters.catalog.images import SEX, Found, Level

Document = dict[str, Any]
SEXES = {term: code for code, term in SEX.items()}


def document(found: Found, level: Level, base: str) -> Document:
    """One row.

    :param base: URL of the service.
    """
    row = found.row
    url = f"{base}/studies/{row['study']}"
    shown = _study(found)
    if level == "study":
        shown |= _number("00201206", found.series) | _number("00201208", found.instances)
    if level != "study":
        url += f"/series/{row['series']}"
        shown |= _series(row)
    if level == "series":
        shown |= _number("00201209", found.instances)
    if level == "instance":
        url += f"/instances/{row['instance']}"
        shown |= _instance(row)
    shown["00081190"] = {"vr": "UR", "Value": [url]}
    return dict(sorted(shown.items()))


def _study(found: Found) -> Document:
    row = found.row
    day = row["study_date"]
    return {
        **_text("00080020", "DA", f"{day:%Y%m%d}" if day else ""),
        **_text("00080030", "TM", row["study_attributes"].get("time", "")),
        **_text("00080050", "SH", ""),
        **_text("00080056", "CS", "ONLINE"),
        "00080061": {"vr": "CS", "Value": list(found.modalities)},
        **_text("00080090", "PN", ""),
        **_text("00081030", "LO", row["study_description"]),
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": row["individual"]}]},
        **_text("00100020", "LO", row["individual"]),
        **_text("00100030", "DA", ""),
        **_text("00100040", "CS", SEXES.get(row["sex"], "")),
        **_text("0020000D", "UI", row["study"]),
        **_text("00200010", "SH", ""),
    }


def _series(row: Any) -> Document:
    return {
        **_text("00080060", "CS", row["modality"]),
        **_text("0008103E", "LO", row["series_description"]),
        **_text("00080070", "LO", row["manufacturer"]),
        **_text("00081090", "LO", row["series_attributes"].get("manufacturerModelName", "")),
        **_text("00180015", "CS", row["body_part"]),
        **_text("0020000E", "UI", row["series"]),
        **_number("00200011", row["series_number"]),
    }


def _instance(row: Any) -> Document:
    return {
        **_text("00080016", "UI", row["sop_class"]),
        **_text("00080018", "UI", row["instance"]),
        **_text("00083002", "UI", row["syntax"]),
        **_number("00200013", row["number"]),
        **_number("00280008", row["frames"]),
        **_number("00280010", row["rows"], "US"),
        **_number("00280011", row["columns"], "US"),
        **_number("00280100", row["bits"], "US"),
    }


def _text(tag: str, vr: str, text: str) -> Document:
    return {tag: {"vr": vr, "Value": [text]} if text else {"vr": vr}}


def _number(tag: str, number: int | None, vr: str = "IS") -> Document:
    return {} if number is None else {tag: {"vr": vr, "Value": [number]}}
