"""Where the bytes behind the entries of an answer are: handovers to DRS, htsget and DICOMweb (CHECKLIST BEA-65)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote

import yaml

from adapters.catalog.bundles import SERIES as SERIES_BUNDLE
from adapters.catalog.catalog import FileRecord
from adapters.catalog.holdings import Holdings
from adapters.terms.vocabulary import ANALYSIS, BIOSAMPLE, IMAGING, INDIVIDUAL, RUN
from node.beacon.question import VARIANT

Body = dict[str, Any]
MOST_ENTRIES = 20  # a larger page would have more handovers than entries that anyone looks at


@cache
def _types() -> Mapping[str, Any]:
    data: Mapping[str, Any] = yaml.load(
        files("config").joinpath("beacon", "handovers.yaml").read_bytes(), Loader=yaml.CSafeLoader
    )
    return data


class Handovers:
    """Writes the handovers of one data set's entries, for who sees their records.

    :param drs_host: host of ``drs://`` URIs.
    :param htsget: URL of the htsget service by file format; a file without an index cannot be sliced.
    :param dicomweb: URL of the DICOMweb service, where the member has one.
    """

    def __init__(
        self, holdings: Holdings, *, drs_host: str, htsget: Mapping[str, str], dicomweb: str | None = None
    ) -> None:
        self._holdings = holdings
        self._drs_host = drs_host
        self._htsget = htsget
        self._dicomweb = dicomweb
        self._files: Mapping[str, Callable[[str, Sequence[str]], list[FileRecord]]] = {
            INDIVIDUAL: holdings.of_individuals,
            BIOSAMPLE: holdings.of_samples,
            RUN: holdings.of_runs,
            ANALYSIS: holdings.of_analyses,
        }

    def of(self, entry_type: str, dataset: str, results: Sequence[Body]) -> list[Body]:
        """The handovers of a page of records; none for a page of more than :data:`MOST_ENTRIES`."""
        if not results or len(results) > MOST_ENTRIES:
            return []
        if entry_type == VARIANT:
            return [handover for file in self._holdings.of_variants(dataset) for handover in self._of_file(file)]
        ids = [str(record["id"]) for record in results]
        if entry_type in IMAGING:
            return list(self._of_series(self._holdings.series(dataset, ids)))
        return [handover for file in self._files[entry_type](dataset, ids) for handover in self._of_file(file)]

    def _of_file(self, file: FileRecord) -> Iterator[Body]:
        kind = _types()["formats"].get(file.format, _types()["other"])
        yield _handover(kind, self._drs(file.id), f"DRS object {file.id}")
        if file.index and file.format in self._htsget:
            yield _handover(kind, f"{self._htsget[file.format]}/{quote(file.id, safe='')}", f"htsget of {file.id}")

    def _of_series(self, found: Sequence[tuple[str, str]]) -> Iterator[Body]:
        for study, series in found:
            yield _handover(_types()["series"], self._drs(SERIES_BUNDLE + series), f"DRS bundle of series {series}")
            if self._dicomweb:
                url = f"{self._dicomweb}/studies/{study}/series/{series}"
                yield _handover(_types()["series"], url, f"DICOMweb of series {series}")

    def _drs(self, id: str) -> str:
        return f"drs://{self._drs_host}/{quote(id, safe='')}"


def _handover(kind: Mapping[str, str], url: str, note: str) -> Body:
    return {"handoverType": dict(kind), "url": url, "note": note}
