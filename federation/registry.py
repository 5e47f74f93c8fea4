"""GA4GH service registry 1.0.0 over the members' services (CHECKLIST REG-01 … REG-05)."""

from __future__ import annotations

from typing import Any

from federation.directory import Directory
from federation.settings import GatewaySettings
from web.errors import Failure
from web.service_info import Organization, service_info


class Registry:
    """Handler of ``specs/registry.yaml``."""

    def __init__(self, settings: GatewaySettings, directory: Directory) -> None:
        self._settings = settings
        self._directory = directory

    async def list_services(self) -> list[dict[str, Any]]:
        """Every service that has proved to be what it says."""
        return [service.entry for service in await self._directory.services() if service.entry is not None]

    async def list_types(self) -> list[dict[str, str]]:
        """The distinct types of those services."""
        entries = await self.list_services()
        kinds = {tuple(entry["type"][key] for key in ("group", "artifact", "version")) for entry in entries}
        return [dict(zip(("group", "artifact", "version"), kind, strict=True)) for kind in sorted(kinds)]

    async def get_service(self, service_id: str) -> dict[str, Any]:
        """One service.

        :raises Failure: 404 for an id that is not in the registry.
        """
        for entry in await self.list_services():
            if entry["id"] == service_id:
                return entry
        raise Failure(404, f"no service {service_id[:200]!r} in this registry")

    async def get_service_info(self) -> dict[str, Any]:
        """The registry's own service-info (REG-04)."""
        settings = self._settings
        return service_info(
            id=f"{settings.id}.registry",
            name=f"{settings.name}: service registry",
            artifact="service-registry",
            standard_version="1.0.0",
            organization=Organization(**settings.organization.model_dump()),
            environment=settings.environment,
        )
