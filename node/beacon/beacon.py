"""Beacon v2.1.1 of a member (``specs/beacon.yaml``): the same handler for all members."""

from __future__ import annotations

from typing import Any

from adapters.terms.vocabulary import DATASET, INDIVIDUAL, SERIES, STUDY
from node.beacon import envelope, listing, profile
from node.beacon.answering import Answering, Restriction
from node.beacon.profile import Profile
from node.beacon.question import VARIANT
from web.errors import Failure
from web.service_info import service_info

Body = dict[str, Any]
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
        return await self._answering.terms(skip, limit, dataset=id)

    async def post_dataset_filtering_terms(self, id: str, body: Body) -> Body:
        """``/datasets/{id}/filtering_terms``."""
        return await self._answering.terms(*listing.paging(body), dataset=id)

    async def get_individuals_filtering_terms(self, skip: int = 0, limit: int = 0) -> Body:
        """``/individuals/filtering_terms``."""
        return await self._answering.terms(skip, limit, scope=INDIVIDUAL)

    async def post_individuals_filtering_terms(self, body: Body) -> Body:
        """``/individuals/filtering_terms``."""
        return await self._answering.terms(*listing.paging(body), scope=INDIVIDUAL)

    async def get_datasets(self, body: Body | None = None, **_query: Any) -> Body:
        """``/datasets`` (BEA-07)."""
        return await self._answering.entries(DATASET, body)

    post_datasets = get_datasets

    async def get_dataset(self, id: str, body: Body | None = None, **_query: Any) -> Body:
        """``/datasets/{id}``."""
        return await self._answering.entries(DATASET, body, Restriction(entry=id))

    post_dataset = get_dataset

    async def get_dataset_individuals(self, id: str, body: Body | None = None, **_query: Any) -> Body:
        """``/datasets/{id}/individuals`` (BEA-08)."""
        return await self._answering.entries(INDIVIDUAL, body, Restriction(dataset=id))

    post_dataset_individuals = get_dataset_individuals

    async def get_dataset_g_variants(self, id: str, body: Body | None = None, **_query: Any) -> Body:
        """``/datasets/{id}/g_variants``."""
        return await self._answering.entries(VARIANT, body, Restriction(dataset=id))

    post_dataset_g_variants = get_dataset_g_variants

    async def get_dataset_imaging_studies(self, id: str, body: Body | None = None, **_query: Any) -> Body:
        """``/datasets/{id}/imaging_studies``."""
        return await self._answering.entries(STUDY, body, Restriction(dataset=id))

    post_dataset_imaging_studies = get_dataset_imaging_studies

    async def get_dataset_imaging_series(self, id: str, body: Body | None = None, **_query: Any) -> Body:
        """``/datasets/{id}/imaging_series``."""
        return await self._answering.entries(SERIES, body, Restriction(dataset=id))

    post_dataset_imaging_series = get_dataset_imaging_series

    async def get_individuals(self, body: Body | None = None, **_query: Any) -> Body:
        """``/individuals`` (BEA-10)."""
        return await self._answering.entries(INDIVIDUAL, body)

    post_individuals = get_individuals

    async def get_individual(self, id: str, body: Body | None = None, **_query: Any) -> Body:
        """``/individuals/{id}``."""
        return await self._answering.entries(INDIVIDUAL, body, Restriction(entry=id))

    post_individual = get_individual

    async def get_individual_g_variants(self, id: str, body: Body | None = None, **_query: Any) -> Body:
        """``/individuals/{id}/g_variants``."""
        return await self._answering.entries(VARIANT, body, Restriction(individual=id))

    post_individual_g_variants = get_individual_g_variants

    async def get_individual_imaging_studies(self, id: str, body: Body | None = None, **_query: Any) -> Body:
        """``/individuals/{id}/imaging_studies``."""
        return await self._answering.entries(STUDY, body, Restriction(individual=id))

    post_individual_imaging_studies = get_individual_imaging_studies

    async def get_individual_imaging_series(self, id: str, body: Body | None = None, **_query: Any) -> Body:
        """``/individuals/{id}/imaging_series``."""
        return await self._answering.entries(SERIES, body, Restriction(individual=id))

    post_individual_imaging_series = get_individual_imaging_series

    async def get_g_variants(self, body: Body | None = None, **_query: Any) -> Body:
        """``/g_variants`` (BEA-14)."""
        return await self._answering.entries(VARIANT, body)

    post_g_variants = get_g_variants

    async def get_g_variant(self, id: str, body: Body | None = None, **_query: Any) -> Body:
        """``/g_variants/{id}``."""
        return await self._answering.entries(VARIANT, body, Restriction(entry=id))

    post_g_variant = get_g_variant

    async def get_g_variant_individuals(self, id: str, body: Body | None = None, **_query: Any) -> Body:
        """``/g_variants/{id}/individuals``."""
        return await self._answering.entries(INDIVIDUAL, body, Restriction(allele=id))

    post_g_variant_individuals = get_g_variant_individuals

    async def get_imaging_studies(self, body: Body | None = None, **_query: Any) -> Body:
        """``/imaging_studies``."""
        return await self._answering.entries(STUDY, body)

    post_imaging_studies = get_imaging_studies

    async def get_imaging_study(self, id: str, body: Body | None = None, **_query: Any) -> Body:
        """``/imaging_studies/{id}``."""
        return await self._answering.entries(STUDY, body, Restriction(entry=id))

    post_imaging_study = get_imaging_study

    async def get_imaging_study_series(self, id: str, body: Body | None = None, **_query: Any) -> Body:
        """``/imaging_studies/{id}/imaging_series``."""
        return await self._answering.entries(SERIES, body, Restriction(study=id))

    post_imaging_study_series = get_imaging_study_series

    async def get_imaging_series(self, body: Body | None = None, **_query: Any) -> Body:
        """``/imaging_series``."""
        return await self._answering.entries(SERIES, body)

    post_imaging_series = get_imaging_series

    async def get_one_imaging_series(self, id: str, body: Body | None = None, **_query: Any) -> Body:
        """``/imaging_series/{id}``."""
        return await self._answering.entries(SERIES, body, Restriction(entry=id))

    post_one_imaging_series = get_one_imaging_series
