"""What the made family holds: its projects, data sets and the days on which they appear."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

SEED = 20250915
RELEASED = dt.date(2025, 9, 15)
SAMPLED, SEQUENCED = dt.date(2024, 3, 1), dt.date(2024, 6, 1)
FUTURE = dt.date(2099, 1, 1)
WITHDRAWN_AT = dt.datetime(2025, 12, 1, tzinfo=dt.UTC)
PROJECT = "PRJCA900001"
PLANT_PROJECT = "PRJCA900002"
PROJECTS = {
    PROJECT: "Heart and lung cohort: sequences, molecules and images of the same people",
    PLANT_PROJECT: "Model organisms sequenced for the demo family",
}


@dataclass(frozen=True, slots=True)
class PlannedDataset:
    """One data set of the made family. A ``withdrawn`` set is taken back after its release."""

    member: str
    accession: str
    title: str
    description: str
    tier: str = "open"
    dac: str | None = None
    project: str = PROJECT
    data_type: str = ""
    release_date: dt.date = RELEASED
    withdrawn: bool = False
    duo: tuple[str, ...] = ()

    @property
    def descriptor(self) -> dict[str, Any]:
        """The data set as registration reads it."""
        values = {
            "accession": self.accession,
            "title": self.title,
            "description": self.description,
            "tier": self.tier,
            "dac": self.dac,
            "bioproject": self.project,
            "data_type": self.data_type,
            "release_date": self.release_date,
            "duo": list(self.duo),
        }
        return {key: value for key, value in values.items() if value}


DATASETS = (
    PlannedDataset(
        "gsa",
        "CRA900001",
        "Reads of three model organisms",
        "Whole genome reads of a bacterium, a phage and a plant.",
        project=PLANT_PROJECT,
        data_type="WGS",
    ),
    PlannedDataset(
        "gsa",
        "CRA900002",
        "Reads before their release",
        "Reads that appear on their release date and not before.",
        project=PLANT_PROJECT,
        data_type="WGS",
        release_date=FUTURE,
    ),
    PlannedDataset(
        "gsa-human",
        "HRA900001",
        "Open reference panel",
        "Variants and reads of volunteers who agreed to open sharing.",
        data_type="WGS",
    ),
    PlannedDataset(
        "gsa-human",
        "HRA900002",
        "Heart and lung cohort",
        "Variants, reads and phenotypes of the cohort, shared by its DAC.",
        tier="controlled",
        dac="HDAC900001",
        data_type="WGS",
        duo=("DUO:0000006", "DUO:0000021"),
    ),
    PlannedDataset(
        "gsa-human",
        "HRA900003",
        "Follow-up before its release",
        "Appears on its release date and not before.",
        tier="controlled",
        dac="HDAC900001",
        data_type="WGS",
        release_date=FUTURE,
    ),
    PlannedDataset(
        "gsa-human",
        "HRA900004",
        "Pilot study, withdrawn",
        "Taken back by its submitter.",
        tier="controlled",
        dac="HDAC900001",
        data_type="WGS",
        withdrawn=True,
    ),
    PlannedDataset(
        "omix",
        "OMIX900001",
        "Expression of heart tissue in mouse",
        "Counts per gene, and how the samples were made.",
        project=PLANT_PROJECT,
        data_type="Functional genomics",
    ),
    PlannedDataset(
        "omix",
        "OMIX900002",
        "Plasma proteins and clinical table of the cohort",
        "Protein intensities and clinical values.",
        tier="controlled",
        dac="ODAC900001",
        data_type="Proteomics",
        duo=("DUO:0000042", "DUO:0000046"),
    ),
    PlannedDataset(
        "omix",
        "OMIX900003",
        "Metabolites before their release",
        "Appears on its release date and not before.",
        tier="controlled",
        dac="ODAC900001",
        data_type="Metabolomics",
        release_date=FUTURE,
    ),
    PlannedDataset(
        "omix",
        "OMIX900004",
        "Arrays, withdrawn",
        "Taken back by its submitter.",
        data_type="Arrays",
        withdrawn=True,
    ),
    PlannedDataset(
        "obia",
        "OBIA900001",
        "Open teaching images",
        "Test images of many kinds, and phantoms of the open panel.",
        data_type="Imaging",
    ),
    PlannedDataset(
        "obia",
        "OBIA900002",
        "Scans of the heart and lung cohort",
        "Chest CT and brain MR of people of the cohort.",
        tier="controlled",
        dac="IDAC900001",
        data_type="Imaging",
    ),
    PlannedDataset(
        "obia",
        "OBIA900003",
        "Scans before their release",
        "Appears on its release date and not before.",
        tier="controlled",
        dac="IDAC900001",
        data_type="Imaging",
        release_date=FUTURE,
    ),
    PlannedDataset(
        "obia",
        "OBIA900004",
        "Scans, withdrawn",
        "Taken back by its submitter.",
        tier="controlled",
        dac="IDAC900001",
        data_type="Imaging",
        withdrawn=True,
    ),
)
