"""The DICOMweb service of a member, put together."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine

from adapters.catalog.catalog import Catalog
from adapters.catalog.images import Images
from auth.clearinghouse import Clearinghouse
from auth.policy import Policy
from node.dicomweb.access import Access
from node.dicomweb.handler import DIRECT, DicomWeb
from node.dicomweb.objects import Objects, Place
from web.contracts import Contract
from web.errors import Failure

PATH = "/dicom-web"


def contract(
    engine: Engine, catalog: Catalog, policy: Policy, clearinghouse: Clearinghouse, place: Place, public_url: str
) -> Contract:
    """The contract and its handler.

    :param place: store and key of a file.
    """
    images = Images(engine, catalog)
    access = Access(catalog, images, policy, public_url)
    objects = Objects(place, public_url + PATH)
    return Contract("dicomweb", PATH, DicomWeb(images, access, objects, clearinghouse), DIRECT)


def shape(failure: Failure) -> dict[str, Any]:
    """Error body: the status counts, the message is for a person (PS3.18 8.3.1)."""
    return {"status": failure.status, "message": failure.message}
