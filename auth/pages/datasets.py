"""What the pages need to know of the catalog; the member hands it in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class DatasetCard:
    """A published data set as the pages show it. ``tier``: open, registered or controlled."""

    accession: str
    title: str
    tier: str


class Datasets(Protocol):
    """The published data sets of a member."""

    def get(self, accession: str) -> DatasetCard | None:
        """One of them; None for what does not exist for the world."""

    def search(self, text: str, limit: int) -> Sequence[DatasetCard]:
        """Controlled ones whose accession or title contains ``text``, at most ``limit``."""
