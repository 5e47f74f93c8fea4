"""GA4GH service-info 1.0.0 documents (CHECKLIST SVI-01 … SVI-06)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

DISTRIBUTION = "gsa-federated-node"


@dataclass(frozen=True)
class Organization:
    """Who runs the service; all three are given everywhere because Beacon and service-info want different two."""

    id: str
    name: str
    url: str


def service_info(
    *,
    id: str,
    name: str,
    artifact: str,
    standard_version: str,
    organization: Organization,
    description: str = "",
    environment: str = "prod",
    group: str = "org.ga4gh",
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The document.

    :param id: globally unique, reverse-domain (SVI-05).
    :param artifact: registered artifact of ``org.ga4gh`` (SVI-04), or of our own ``group`` when not registered.
    :param standard_version: version of the standard; ``version`` is this deployment's own (SVI-03).
    """
    return {
        "id": id,
        "name": name,
        "type": {"group": group, "artifact": artifact, "version": standard_version},
        "description": description,
        "organization": {"id": organization.id, "name": organization.name, "url": organization.url},
        "version": version(DISTRIBUTION),
        "environment": environment,
        **(extra or {}),
    }
