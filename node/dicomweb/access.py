"""Who may have which images: the policy of DRS, asked for studies, series and instances."""

from __future__ import annotations

import time

from adapters.catalog.catalog import Catalog
from adapters.catalog.images import Held, Images
from auth.caller import Caller
from auth.policy import Policy
from node.drs.places import refusal, rule
from web.errors import Failure


class Access:
    """Finds what exists and decides; all methods ask the database and are to be called from a thread."""

    def __init__(self, catalog: Catalog, images: Images, policy: Policy, public_url: str) -> None:
        self._catalog = catalog
        self._images = images
        self._policy = policy
        self._public_url = public_url

    def objects(self, caller: Caller, study: str, series: str | None = None, instance: str | None = None) -> list[Held]:
        """The objects of a study, series or instance.

        :raises Failure: 404 if there is none, 401 or 403 if the caller may not have them.
        """
        found = self._images.held(study, series, instance)
        uid = instance or series or study
        if not found:
            raise Failure(404, f"there is no image of {uid[:64]!r}")
        for dataset in {one.file.dataset.accession: one.file.dataset for one in found}.values():
            decision = self._policy.fetch(caller, rule(dataset), int(time.time()))
            if not decision.allowed:
                raise refusal(decision, uid, dataset, self._public_url)
        return found

    def datasets(self, caller: Caller) -> list[str]:
        """Accessions of the data sets whose images the caller may have: only those are searched."""
        now = int(time.time())
        sets = self._catalog.datasets()
        return [dataset.accession for dataset in sets if self._policy.fetch(caller, rule(dataset), now).allowed]
