"""Where the bytes of a file are fetched: URLs of this node and of its stores, made for one decision."""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import quote

from adapters.catalog.catalog import DatasetRecord, FileRecord
from auth.caller import Caller
from auth.policy import DatasetRule, Decision
from node.drs.records import here
from web.errors import Failure

STORE_SECONDS = 900


def rule(dataset: DatasetRecord) -> DatasetRule:
    """The access rule of a data set."""
    return DatasetRule(dataset.accession, dataset.tier, dataset.records, dataset.dac)


def refusal(decision: Decision, what: str, dataset: DatasetRecord, public_url: str) -> Failure:
    """401 without a credential, 403 with one that is not enough (DRS-34); both say where access is asked for."""
    where = f"access is requested at {public_url}/datasets/{quote(dataset.accession)}"
    if decision.authenticate:
        message = f"{what} needs a credential; {where}"
        return Failure(401, message, headers={"WWW-Authenticate": 'Bearer realm="gsanode"'})
    return Failure(403, f"{what} is not granted to you ({decision.reason}); {where}")


class Places:
    """Makes URLs.

    :param byte_url: (file, caller, decision, entity tag) → signed, expiring https URL on this node.
    :param etag: what the store calls the content of a file now.
    :param store_url: (store, key, seconds) → presigned URL of the store itself, or None where it has none.
    :param presigning: stores that have presigned URLs.
    """

    def __init__(
        self,
        byte_url: Callable[[FileRecord, Caller, Decision, str | None], str],
        etag: Callable[[FileRecord], str | None],
        store_url: Callable[[str, str, int], str | None],
        presigning: frozenset[str],
    ) -> None:
        self._byte_url = byte_url
        self._etag = etag
        self._store_url = store_url
        self.presigning = presigning

    def url(self, file: FileRecord, access_id: str, caller: Caller, decision: Decision) -> str:
        """The URL that ``access_id`` of the file means; it lives no longer than the decision.

        :raises Failure: 404 if the file has no such access, 500 if the archive does not hold what was registered.
        """
        if access_id == "https" and here(file):
            # A file that comes from tape has no content yet that a URL could be bound to.
            return self._byte_url(file, caller, decision, self._etag(file) if file.available else None)
        for store, key in file.locations:
            if access_id == f"s3.{store}" and store in self.presigning:
                left = STORE_SECONDS if decision.expires is None else decision.expires - int(time.time())
                url = self._store_url(store, key, max(1, min(STORE_SECONDS, left)))
                if url is not None:
                    return url
        raise Failure(404, f"file {file.id} has no access {access_id[:64]!r}")
