"""What the member's side of a join asks of this member besides who meets a question: rules, and what can be fetched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from adapters.catalog.catalog import Catalog, DatasetRecord, today
from adapters.catalog.holdings import Held, Holdings
from auth.policy import DatasetRule
from node.beacon.question import Search

Records = Mapping[str, Mapping[str, Mapping[str, Sequence[str]]]]


def rule_of(dataset: DatasetRecord) -> DatasetRule:
    """The access rule of a data set that exists."""
    return DatasetRule(dataset.accession, dataset.tier, dataset.records, dataset.dac)


class Individuals:
    """The people of this member, for its side of a join.

    :param htsget: path of the htsget service by file format.
    :param dicomweb: URL of the DICOMweb service, where the member has one.
    """

    def __init__(
        self,
        search: Search,
        catalog: Catalog,
        holdings: Holdings,
        *,
        public_url: str,
        drs_host: str,
        htsget: dict[str, str],
        dicomweb: str | None,
    ) -> None:
        self._search = search
        self._catalog = catalog
        self._holdings = holdings
        self._public_url = public_url
        self._drs_host = drs_host
        self._htsget = htsget
        self._dicomweb = dicomweb

    def rules(self) -> list[DatasetRule]:
        """The rules of the data sets that exist and hold people who exist."""
        datasets = self._catalog.datasets()
        held = self._search.members([dataset.accession for dataset in datasets], today())
        return [rule_of(dataset) for dataset in datasets if held.get(dataset.accession)]

    def records(self, accessions: Sequence[str], datasets: Sequence[str]) -> Records:
        """By person and data set, the DRS URIs, htsget URLs and DICOMweb studies of their files, in one statement.

        :param datasets: those whose files are looked at.
        """
        found: dict[str, dict[str, dict[str, list[str]]]] = {}
        for file in self._holdings.of_people(accessions, datasets):
            sets = found.setdefault(file.individual, {})
            self._add(file, sets.setdefault(file.dataset, {"drs": [], "htsget": [], "dicomweb": []}))
        return found

    def _add(self, file: Held, to: dict[str, list[str]]) -> None:
        name = quote(file.id, safe="")
        to["drs"].append(f"drs://{self._drs_host}/{name}")
        if file.indexed and file.format in self._htsget:
            to["htsget"].append(f"{self._public_url}{self._htsget[file.format]}/{name}")
        if file.study is not None and self._dicomweb is not None:
            study = f"{self._dicomweb}/studies/{file.study}"
            if study not in to["dicomweb"]:
                to["dicomweb"].append(study)
