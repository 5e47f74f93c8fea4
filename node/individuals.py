"""What the member's side of a join asks of this member besides who meets a question: rules, and what can be fetched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import quote

from adapters.catalog.catalog import Catalog, DatasetRecord, today
from auth.policy import DatasetRule
from node.beacon.question import Search


def rule_of(dataset: DatasetRecord) -> DatasetRule:
    """The access rule of a data set that exists."""
    return DatasetRule(dataset.accession, dataset.tier, dataset.records, dataset.dac)


class Individuals:
    """The people of this member, for its side of a join.

    :param htsget: path of the htsget service by file format.
    :param dicomweb: URL of the DICOMweb service, where the member has one.
    :param series: (study, series) UIDs of those among some series of a data set that have a file.
    """

    def __init__(
        self,
        search: Search,
        catalog: Catalog,
        *,
        public_url: str,
        drs_host: str,
        htsget: dict[str, str],
        dicomweb: str | None,
        series: Callable[[str, Sequence[str]], Sequence[tuple[str, str]]],
    ) -> None:
        self._search = search
        self._catalog = catalog
        self._public_url = public_url
        self._drs_host = drs_host
        self._htsget = htsget
        self._dicomweb = dicomweb
        self._series = series

    def rules(self) -> list[DatasetRule]:
        """The rules of the data sets that exist and hold people who exist."""
        datasets = self._catalog.datasets()
        held = self._search.members([dataset.accession for dataset in datasets], today())
        return [rule_of(dataset) for dataset in datasets if held.get(dataset.accession)]

    def record(self, accession: str) -> dict[str, dict[str, list[str]]]:
        """By data set, the DRS URIs, htsget URLs and DICOMweb studies of a person's files."""
        found: dict[str, dict[str, list[str]]] = {}
        imaged: dict[str, set[str]] = {}
        for file in self._catalog.person_files(accession):
            held = found.setdefault(file.dataset.accession, {"drs": [], "htsget": [], "dicomweb": []})
            held["drs"].append(f"drs://{self._drs_host}/{quote(file.id, safe='')}")
            if file.index and file.format in self._htsget:
                held["htsget"].append(f"{self._public_url}{self._htsget[file.format]}/{quote(file.id, safe='')}")
            if file.series is not None:
                imaged.setdefault(file.dataset.accession, set()).add(file.series)
        if self._dicomweb is not None:
            for dataset, uids in imaged.items():
                studies = {study for study, _ in self._series(dataset, sorted(uids))}
                found[dataset]["dicomweb"] = [f"{self._dicomweb}/studies/{study}" for study in sorted(studies)]
        return found
