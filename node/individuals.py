"""What the member's side of a join asks of this member: who meets a question, and what there is to fetch of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from pyroaring import BitMap

from adapters.catalog.catalog import Catalog, DatasetRecord, today
from auth.caller import Caller
from auth.policy import DatasetRule
from node.beacon.question import Search, from_clause


def rule_of(dataset: DatasetRecord) -> DatasetRule:
    """The access rule of a data set that exists."""
    return DatasetRule(dataset.accession, dataset.tier, dataset.records, dataset.dac)


class Individuals:
    """The people of this member, for its side of a join.

    :param linked: people are linked to another member's by ``individual.link``; else they are what others link to.
    :param htsget: path of the htsget service by file format.
    """

    def __init__(
        self, search: Search, catalog: Catalog, *, linked: bool, public_url: str, drs_host: str, htsget: dict[str, str]
    ) -> None:
        self._search = search
        self._catalog = catalog
        self._linked = linked
        self._public_url = public_url
        self._drs_host = drs_host
        self._htsget = htsget

    def rules(self) -> list[DatasetRule]:
        """The rules of the data sets that exist and hold people who exist."""
        datasets = self._catalog.datasets()
        held = self._search.members([dataset.accession for dataset in datasets], today())
        return [rule_of(dataset) for dataset in datasets if held.get(dataset.accession)]

    def meeting(
        self,
        question: Mapping[str, Any],
        caller: Caller | None,  # noqa: ARG002 - access is decided by the side, before and after
    ) -> Sequence[tuple[str, str | None, Collection[str]]]:
        """(own accession, GSA-Human accession or None, data sets) of everyone who meets a Beacon question."""
        asked = from_clause(question["entryType"], question.get("filters"), question.get("requestParameters"))
        datasets = self._search.eligible(asked, self._catalog.datasets())
        members = self._search.members([dataset.accession for dataset in datasets], today())
        met = self._search.met(asked, members)
        people = BitMap().union(*met.values())
        return [
            (
                row.accession,
                row.link if self._linked else row.accession,
                [d for d, of in met.items() if row.ordinal in of],
            )
            for row in self._search.rows(people)
        ]

    def record(self, accession: str) -> dict[str, dict[str, list[str]]]:
        """By data set, the DRS URIs and htsget URLs of a person's files."""
        found: dict[str, dict[str, list[str]]] = {}
        for file in self._catalog.person_files(accession):
            held = found.setdefault(file.dataset.accession, {"drs": [], "htsget": []})
            held["drs"].append(f"drs://{self._drs_host}/{quote(file.id, safe='')}")
            if file.index and file.format in self._htsget:
                held["htsget"].append(f"{self._public_url}{self._htsget[file.format]}/{quote(file.id, safe='')}")
        return found
