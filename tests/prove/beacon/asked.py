"""A question in plain terms, and its two forms on the wire."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

PATHS = {
    "dataset": "datasets", "cohort": "cohorts", "individual": "individuals", "biosample": "biosamples", "run": "runs",
    "analysis": "analyses", "genomicVariant": "g_variants", "imagingStudy": "imaging_studies",
    "imagingSeries": "imaging_series",
}  # fmt: skip
NAMES = {
    "assembly": "assemblyId", "reference_name": "referenceName", "start": "start", "end": "end",
    "reference_bases": "referenceBases", "alternate_bases": "alternateBases", "variant_type": "variantType",
    "min_length": "variantMinLength", "max_length": "variantMaxLength", "gene": "geneId",
    "mate_name": "mateName", "aminoacid_change": "aminoacidChange", "genomic_allele": "genomicAlleleShortForm",
}  # fmt: skip
GET_NAMES = {"geneId": ["geneId", "geneid"], "genomicAlleleShortForm": ["genomicAlleleShortForm", "allele"]}


@dataclass
class Asked:
    """A request.

    :param kind: entry type that is asked for.
    :param within: entry type and id of the parent in the path.
    :param variant: parameters by the names of :data:`NAMES`. Beside an HGVS form stands what it means, with ``types``,
        for the oracle only.
    """

    kind: str
    entry: str | None = None
    within: tuple[str, str] | None = None
    filters: list[dict[str, Any]] = field(default_factory=list)
    variant: dict[str, Any] | None = None
    granularity: str = "record"
    include: str = "HIT"
    skip: int = 0
    limit: int = 10
    token: str | None = None
    get: bool = False

    @property
    def path(self) -> str:
        """The path below the Beacon's base."""
        if self.within is not None:
            return f"/{PATHS[self.within[0]]}/{self.within[1]}/{PATHS[self.kind]}"
        return f"/{PATHS[self.kind]}" + (f"/{self.entry}" if self.entry else "")

    def parameters(self) -> dict[str, Any]:
        """requestParameters by Beacon's names; an HGVS form says the place and the bases itself."""
        given = self.variant or {}
        if "genomic_allele" in given:
            return {"genomicAlleleShortForm": given["genomic_allele"]}
        return {NAMES[n]: list(v) if isinstance(v, tuple) else v for n, v in given.items() if n in NAMES}

    def body(self) -> dict[str, Any]:
        """The body of a POST."""
        query: dict[str, Any] = {
            "filters": self.filters,
            "includeResultsetResponses": self.include,
            "pagination": {"skip": self.skip, "limit": self.limit},
            "requestedGranularity": self.granularity,
        }
        if self.variant is not None:
            query["requestParameters"] = {"g_variant": self.parameters()}
        return {"meta": {"apiVersion": "v2.1.1"}, "query": query}

    def query(self) -> dict[str, str] | None:
        """The query of a GET, None for what only a POST can say."""
        descendants = {f.get("includeDescendantTerms", True) for f in self.filters if "operator" not in f}
        if len(descendants) > 1 or any("scope" in f for f in self.filters):
            return None
        found = {"requestedGranularity": self.granularity, "includeResultsetResponses": self.include}
        found |= {"skip": str(self.skip), "limit": str(self.limit)}
        if self.filters:
            found["filters"] = ",".join(_text(f) for f in self.filters)
        if descendants == {False}:
            found["includeDescendantTerms"] = "false"
        for name, value in self.parameters().items():
            name = GET_NAMES.get(name, [name])[self.skip % len(GET_NAMES.get(name, [name]))]
            found[name] = ",".join(map(str, value)) if isinstance(value, list) else str(value)
        return found


def _text(filter: dict[str, Any]) -> str:
    return f"{filter['id']}:{filter['operator']}{filter['value']}" if "operator" in filter else str(filter["id"])
