"""Who may have which images: the policy of DRS, asked for studies, series and instances."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence

import anyio.to_thread

from adapters.catalog.catalog import Catalog, DatasetRecord
from adapters.catalog.held import Held, Holding
from auth.caller import Caller
from auth.policy import Policy
from node.drs.places import refusal, rule
from web.errors import Failure


class Access:
    """Finds what exists and decides."""

    def __init__(self, catalog: Catalog, holding: Holding, policy: Policy, public_url: str) -> None:
        self._catalog = catalog
        self._holding = holding
        self._policy = policy
        self._public_url = public_url

    async def objects(
        self, caller: Caller, study: str, series: str | None = None, instance: str | None = None
    ) -> Sequence[Held]:
        """The objects of a study, series or instance.

        :raises Failure: 404 if there is none, 401 or 403 if the caller may not have them.
        """
        found = await self._holding.find(study, series, instance)
        uid = instance or series or study
        if not found:
            raise Failure(404, f"there is no image of {uid[:64]!r}")
        datasets = {one.file.dataset.accession: one.file.dataset for one in found}.values()
        if all(self._policy.settled(rule(dataset)) for dataset in datasets):
            self._decide(caller, uid, datasets)
        else:
            await anyio.to_thread.run_sync(self._decide, caller, uid, datasets)
        return found

    def _decide(self, caller: Caller, uid: str, datasets: Collection[DatasetRecord]) -> None:
        """Asks whether grants stand: to be called from a thread, unless there are none."""
        for dataset in datasets:
            decision = self._policy.fetch(caller, rule(dataset), int(time.time()))
            if not decision.allowed:
                raise refusal(decision, uid, dataset, self._public_url)

    def datasets(self, caller: Caller) -> list[str]:
        """Accessions of the data sets whose images the caller may have: only those are searched.

        Asks the database: to be called from a thread.
        """
        now = int(time.time())
        sets = self._catalog.datasets()
        return [dataset.accession for dataset in sets if self._policy.fetch(caller, rule(dataset), now).allowed]
