"""Records of the default model: data sets, individuals, genomic variants (CHECKLIST BEA-70 … BEA-76)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.catalog.catalog import CohortRecord, DatasetRecord
from adapters.variants.model import Occurrence, Variant
from adapters.variants.variation import variation

Body = dict[str, Any]
UNSTATED = "unstated"  # the version of a data use term is required, but submitters do not always say it
COHORT_PUBLIC = frozenset({"cohortDataTypes", "cohortDesign", "inclusionCriteria", "exclusionCriteria"})
COHORT_ALL = COHORT_PUBLIC | {"collectionEvents"}
HOMOZYGOUS = {"id": "GENO:0000136", "label": "homozygous"}
HETEROZYGOUS = {"id": "GENO:0000135", "label": "heterozygous"}
HEMIZYGOUS = {"id": "GENO:0000134", "label": "hemizygous"}


def dataset(record: DatasetRecord, url: str) -> Body:
    """A data set; ``url`` is where a person reads about it."""
    body: Body = {
        "id": record.accession,
        "name": record.title,
        "description": record.description,
        "createDateTime": record.created_at.isoformat(),
        "updateDateTime": record.updated_at.isoformat(),
        "externalUrl": url,
        "info": {
            "access": record.tier,
            "dataType": record.data_type,
            "bioProject": record.bioproject,
            "releaseDate": record.release_date.isoformat(),
        },
    }
    terms = record.duo.get("duoDataUse")
    if terms:
        body["dataUseConditions"] = {"duoDataUse": [{"version": UNSTATED, **term} for term in terms]}
    return body


def cohort(record: CohortRecord, size: int, *, whole: bool) -> Body:
    """A cohort (BEA-71). ``size`` is the number of people that may be told, 0 where none may.

    :param whole: the caller sees the records of its data set; others are not shown the distributions that its
        submitter counted, which know no floor.
    """
    shown = {name: value for name, value in record.record.items() if name in (COHORT_ALL if whole else COHORT_PUBLIC)}
    body: Body = {**shown, "id": record.id, "name": record.name, "cohortType": record.type}
    return body | ({"cohortSize": size} if size else {})


def individual(row: Any) -> Body:
    """An individual of the catalog; ``sex`` is there even where the archive does not know it (BEA-72)."""
    return {"sex": {"id": row.sex}, **(row.record or {}), "id": row.accession}


def variant(
    allele: Variant, occurrence: Occurrence, samples: Mapping[int, tuple[str, str]] | None, *, frequency: bool
) -> Body:
    """An allele as one data set shows it.

    :param frequency: the occurrence is of everyone in the data set, so that its frequency is one of a population.
    :param samples: ordinal → (sample, individual) accessions of the carriers to be listed, or None to list none.
    """
    molecular = {"geneIds": list(allele.genes), "aminoacidChanges": list(allele.aminoacid_changes)}
    body: Body = {"variantInternalId": allele.id, "variation": variation(allele)}
    if allele.genes or allele.aminoacid_changes:
        body["molecularAttributes"] = {name: values for name, values in molecular.items() if values}
    if frequency and occurrence.frequency is not None:
        body["frequencyInPopulations"] = [_frequency(occurrence)]
    if samples:
        body["caseLevelData"] = [_case(occurrence, ordinal, *samples[ordinal]) for ordinal in sorted(samples)]
    return body


def _frequency(occurrence: Occurrence) -> Body:
    population = {
        "population": occurrence.dataset,
        "alleleFrequency": occurrence.frequency,
        "alleleCount": occurrence.allele_count,
        "alleleNumber": occurrence.allele_number,
    }
    return {"source": occurrence.dataset, "sourceReference": occurrence.dataset, "frequencies": [population]}


def _case(occurrence: Occurrence, ordinal: int, sample: str, person: str) -> Body:
    zygosity = HETEROZYGOUS
    if occurrence.homozygotes is not None and ordinal in occurrence.homozygotes:
        zygosity = HOMOZYGOUS
    elif occurrence.hemizygotes is not None and ordinal in occurrence.hemizygotes:
        zygosity = HEMIZYGOUS
    return {"biosampleId": sample, "individualId": person, "zygosity": zygosity}
