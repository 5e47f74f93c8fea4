"""Beacon v2.1.1 of a member (``specs/beacon.yaml``): the same handler for all members."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from adapters.terms.vocabulary import COHORT, DATASET, INDIVIDUAL
from node.beacon import envelope, listing, profile
from node.beacon.answering import Answering
from node.beacon.paths import PATHS, EntryPath
from node.beacon.profile import Profile
from web.errors import Failure
from web.service_info import service_info

DIRECT = frozenset(f"{method}_{name}" for method in ("get", "post") for name in PATHS)
"""Operations that need nothing of connexion: they read and check their query or body whole (``web.direct``)."""

Body = dict[str, Any]
OF_DATASET, OF_COHORT = EntryPath(INDIVIDUAL, DATASET), EntryPath(INDIVIDUAL, COHORT)
MATURITY = {"prod": "PROD", "dev": "DEV"}


class Beacon:
    """Handler of the Beacon contract."""

    def __init__(self, answering: Answering, profile: Profile) -> None:
        self._answering = answering
        self._profile = profile

    async def get_root(self) -> Body:
        """``/`` is ``/info``."""
        return await self.get_info()

    async def get_info(self) -> Body:
        """``/info`` (BEA-01)."""
        about, organization = self._profile, self._profile.organization
        response = {
            "id": about.id,
            "name": about.name,
            "description": about.description,
            "apiVersion": profile.API_VERSION,
            "environment": about.environment,
            "organization": {"id": organization.id, "name": organization.name, "welcomeUrl": organization.url},
        }
        return envelope.informational(about.id, about.schemas(*about.entry_types), response)

    async def get_service_info(self) -> Body:
        """``/service-info``: the bare GA4GH document (BEA-02)."""
        about = self._profile
        return service_info(
            id=about.id,
            name=about.name,
            artifact="beacon",
            standard_version=profile.API_VERSION.removeprefix("v"),
            organization=about.organization,
            description=about.description,
            environment=about.environment,
        )

    async def get_configuration(self) -> Body:
        """``/configuration`` (BEA-03)."""
        about = self._profile
        response = {
            "$schema": f"{profile.FRAMEWORK}/configuration/beaconConfigurationSchema.json",
            "maturityAttributes": {"productionStatus": MATURITY.get(about.environment, "TEST")},
            "securityAttributes": {
                "defaultGranularity": about.default_granularity,
                "securityLevels": ["PUBLIC", "REGISTERED", "CONTROLLED"],
            },
            "entryTypes": {kind.id: about.definition(kind) for kind in about.types()},
        }
        return envelope.informational(about.id, about.schemas(*about.entry_types), response)

    async def get_map(self) -> Body:
        """``/map`` (BEA-04)."""
        about = self._profile
        response = {
            "$schema": f"{profile.FRAMEWORK}/configuration/beaconMapSchema.json",
            "endpointSets": {kind.id: about.endpoints(kind) for kind in about.types()},
        }
        return envelope.informational(about.id, about.schemas(*about.entry_types), response)

    async def get_entry_types(self) -> Body:
        """``/entry_types`` (BEA-05)."""
        about = self._profile
        response = {"entryTypes": {kind.id: about.definition(kind) for kind in about.types()}}
        return envelope.informational(about.id, about.schemas(*about.entry_types), response)

    async def get_schema(self, name: str) -> Body:
        """``/schemas/{name}``: the JSON Schema of an entry type of our own.

        :raises Failure: 404 for any other.
        """
        own = [kind.schema["own"] for kind in self._profile.types() if "own" in kind.schema]
        if name not in own:
            raise Failure(404, f"there is no schema {name[:40]!r}; there are: {', '.join(own) or 'none'}")
        return profile.own_schema(name)

    async def get_filtering_terms(self, skip: int = 0, limit: int = 0) -> Body:
        """``/filtering_terms`` (BEA-06); all of them unless ``limit`` is given."""
        return await self._answering.terms(skip, limit)

    async def get_dataset_filtering_terms(self, id: str, skip: int = 0, limit: int = 0) -> Body:
        """``/datasets/{id}/filtering_terms``."""
        return await self._answering.terms(skip, limit, OF_DATASET.where(id))

    async def post_dataset_filtering_terms(self, id: str, body: Body) -> Body:
        """``/datasets/{id}/filtering_terms``."""
        return await self._answering.terms(*listing.paging(body), OF_DATASET.where(id))

    async def get_cohort_filtering_terms(self, id: str, skip: int = 0, limit: int = 0) -> Body:
        """``/cohorts/{id}/filtering_terms`` (BEA-09)."""
        return await self._answering.terms(skip, limit, OF_COHORT.where(id))

    async def post_cohort_filtering_terms(self, id: str, body: Body) -> Body:
        """``/cohorts/{id}/filtering_terms``."""
        return await self._answering.terms(*listing.paging(body), OF_COHORT.where(id))

    async def get_individuals_filtering_terms(self, skip: int = 0, limit: int = 0) -> Body:
        """``/individuals/filtering_terms``."""
        return await self._answering.terms(skip, limit, scope=INDIVIDUAL)

    async def post_individuals_filtering_terms(self, body: Body) -> Body:
        """``/individuals/filtering_terms``."""
        return await self._answering.terms(*listing.paging(body), scope=INDIVIDUAL)

    def __getattr__(self, operation: str) -> Callable[..., Awaitable[Body]]:
        """The operations of entries, all alike: ``get_individuals``, ``post_dataset_g_variants`` (BEA-07 … BEA-14)."""
        method, _, name = operation.partition("_")
        path = PATHS.get(name)
        if method not in ("get", "post") or path is None:
            raise AttributeError(operation)

        async def answer(id: str | None = None, body: Body | None = None, **_query: Any) -> Body:
            return await self._answering.entries(path.kind, body, path.where(id))

        return answer
