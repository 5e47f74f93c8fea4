"""Who may have which images: the policy of DRS, asked for studies, series and instances."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import anyio.to_thread

from adapters.catalog.catalog import Catalog, DatasetRecord
from adapters.catalog.held import Held, Holding
from auth.caller import Caller
from auth.policy import DatasetRule, Policy
from node.drs.places import refusal, rule
from web.errors import Failure

Ruled = tuple[DatasetRecord, DatasetRule]


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
        ruled: dict[str, Ruled] = {}
        settled = True
        for one in found:
            dataset = one.file.dataset
            if dataset.accession not in ruled:
                its = rule(dataset)
                ruled[dataset.accession] = (dataset, its)
                settled &= self._policy.settled(its)
        if settled:
            self._decide(caller, uid, ruled.values())
        else:
            await anyio.to_thread.run_sync(self._decide, caller, uid, ruled.values())
        return found

    def _decide(self, caller: Caller, uid: str, ruled: Iterable[Ruled]) -> None:
        """Asks whether grants stand: to be called from a thread, unless there are none."""
        now = int(time.time())
        for dataset, its in ruled:
            decision = self._policy.fetch(caller, its, now)
            if not decision.allowed:
                raise refusal(decision, uid, dataset, self._public_url)

    def datasets(self, caller: Caller) -> list[str]:
        """Accessions of the data sets whose images the caller may have: only those are searched.

        Asks the database: to be called from a thread.
        """
        now = int(time.time())
        sets = self._catalog.datasets()
        return [dataset.accession for dataset in sets if self._policy.fetch(caller, rule(dataset), now).allowed]
