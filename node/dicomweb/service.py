"""The DICOMweb service of a member, put together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from adapters.catalog.catalog import Catalog
from adapters.catalog.held import holding
from adapters.catalog.images import Images
from adapters.images.intake import Reception
from auth.clearinghouse import Clearinghouse
from auth.policy import Policy
from node.delivery import Accel
from node.dicomweb.access import Access
from node.dicomweb.handler import DIRECT, DicomWeb
from node.dicomweb.objects import Objects, Place
from node.dicomweb.storing import Storing
from web.contracts import Contract
from web.errors import Failure

PATH = "/dicom-web"


def contract(
    catalog: Catalog,
    policy: Policy,
    clearinghouse: Clearinghouse,
    place: Place,
    public_url: str,
    accel: Accel | None = None,
) -> Contract:
    """The contract and its handler.

    :param place: store and key of a file.
    :param accel: set where nginx stands in front.
    """
    access = Access(catalog, holding(catalog), policy, public_url)
    objects = Objects(place, public_url + PATH, accel)
    return Contract("dicomweb", PATH, DicomWeb(Images(catalog.engine), access, objects, clearinghouse), DIRECT)


def storing(
    receptions: Callable[[str, str], Reception],
    policy: Policy,
    clearinghouse: Clearinghouse,
    object_bytes: int,
    public_url: str,
) -> list[BaseRoute]:
    """The routes of the store transaction, outside the contract: its bodies are streamed, of any length."""
    store = Storing(receptions, policy, clearinghouse, object_bytes, public_url + PATH)
    return [_Posted(PATH + path, store.answer, methods=["POST"]) for path in ("/studies", "/studies/{study}")]


class _Posted(Route):
    """A route for its method alone; requests of others go on to the contract."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """See :class:`starlette.routing.Route`."""
        match, child = super().matches(scope)
        return (match, child) if match is Match.FULL else (Match.NONE, {})


def shape(failure: Failure) -> dict[str, Any]:
    """Error body: the status counts, the message is for a person (PS3.18 8.3.1)."""
    return {"status": failure.status, "message": failure.message}
