"""What an archive demands of reads: thresholds as data (``config/qc/rules.yaml``)."""

from __future__ import annotations

from importlib.resources import files

import yaml
from pydantic import BaseModel, ConfigDict, Field


class Rules(BaseModel):
    """Shares, 0 to 1; see ``config/qc/rules.yaml``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    acgtu_share: float = Field(ge=0, le=1)
    q30_share: float = Field(ge=0, le=1)
    organism_share: float = Field(gt=0, le=1)


def rules() -> Rules:
    """The rules that ship with this software."""
    return Rules.model_validate(yaml.safe_load((files("config") / "qc" / "rules.yaml").read_text()))
