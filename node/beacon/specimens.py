"""Records of samples, runs and analyses in the default model (CHECKLIST BEA-73 … BEA-75)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from adapters.terms.specimens import UNSTATED
from adapters.terms.vocabulary import ANALYSIS, BIOSAMPLE, RUN

Body = dict[str, Any]
SAMPLE_TERMS = (
    "biosampleStatus", "sampleOriginType", "sampleOriginDetail", "histologicalDiagnosis", "pathologicalStage",
    "tumorGrade", "tumorProgression", "sampleProcessing", "sampleStorage",
)  # fmt: skip
SAMPLE_OTHERS = (
    "collectionMoment", "diagnosticMarkers", "measurements", "notes", "obtentionProcedure", "pathologicalTnmFinding",
    "phenotypicFeatures", "info",
)  # fmt: skip
LAYOUTS = frozenset({"PAIRED", "SINGLE"})
# The model requires full dates. Where the archive knows none, this one, which cannot be taken for a real one, stands
# in its place, and ``info`` says so.
UNKNOWN_DATE = dt.date(1, 1, 1)
UNSTATED_PIPELINE = "unstated"


def biosample(row: Any) -> Body:
    """A sample of a person; a collection date is shown only where it is a full date, as the model wants it."""
    given: Mapping[str, Any] = row.attributes or {}
    body: Body = {"id": row.accession, "individualId": row.person}
    body |= {name: given[name] for name in SAMPLE_TERMS if _is_term(given.get(name))}
    body |= {name: given[name] for name in SAMPLE_OTHERS if given.get(name)}
    day = _date(given.get("collectionDate"))
    return {**UNSTATED, **body} | ({"collectionDate": day} if day else {})


def run(row: Any) -> Body:
    """A run with its library: what the family keeps as an experiment and its run."""
    given: Mapping[str, Any] = row.attributes or {}
    body: Body = {
        "id": row.accession,
        "biosampleId": row.sample,
        "individualId": row.person,
        "platform": given.get("platform") or row.platform,
        "libraryStrategy": row.strategy,
        "librarySelection": row.selection,
        "libraryLayout": row.layout if row.layout in LAYOUTS else "",
        "info": given.get("info"),
    }
    body |= {name: given[name] for name in ("librarySource", "platformModel") if _is_term(given.get(name))}
    return _dated(body, "runDate", row.run_date)


def analysis(row: Any) -> Body:
    """An analysis of a run."""
    given: Mapping[str, Any] = row.attributes or {}
    body: Body = {
        "id": row.accession,
        "runId": row.run,
        "biosampleId": row.sample,
        "individualId": row.person,
        "pipelineName": row.pipeline or UNSTATED_PIPELINE,
        "pipelineRef": given.get("pipelineRef"),
        "aligner": row.aligner,
        "variantCaller": row.caller,
        "info": given.get("info"),
    }
    return _dated(body, "analysisDate", row.analysis_date)


RECORDS: Mapping[str, Callable[[Any], Body]] = {BIOSAMPLE: biosample, RUN: run, ANALYSIS: analysis}


def _dated(body: Body, name: str, day: dt.date | None) -> Body:
    found = {key: value for key, value in body.items() if value not in (None, "", {})}
    if day is None:
        found["info"] = {**found.get("info", {}), name: "unknown"}
    return found | {name: (day or UNKNOWN_DATE).isoformat()}


def _date(text: Any) -> str | None:
    try:
        return dt.date.fromisoformat(text).isoformat() if isinstance(text, str) and len(text) == 10 else None
    except ValueError:
        return None


def _is_term(value: Any) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("id"), str)
