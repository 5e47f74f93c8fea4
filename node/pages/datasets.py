"""The published data sets, as the pages of requests and decisions want them."""

from __future__ import annotations

from adapters.catalog.catalog import Catalog
from auth.pages.datasets import DatasetCard


class Published:
    """The published data sets, as the pages of requests and decisions want them (``auth.pages.datasets.Datasets``)."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def get(self, accession: str) -> DatasetCard | None:
        """One data set; None for what does not exist."""
        found = self._catalog.dataset(accession)
        return None if found is None else DatasetCard(found.accession, found.title, found.tier)

    def search(self, text: str, limit: int) -> list[DatasetCard]:
        """Controlled ones whose accession or title contains ``text``."""
        wanted = text.casefold()
        controlled = (found for found in self._catalog.datasets() if found.tier == "controlled")
        hits = [found for found in controlled if wanted in f"{found.accession} {found.title}".casefold()]
        return [DatasetCard(found.accession, found.title, found.tier) for found in hits[:limit]]
