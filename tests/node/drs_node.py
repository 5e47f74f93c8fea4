"""The DRS face and the bytes behind it as an application, over a catalog that a test has filled."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from starlette.types import ASGIApp

from adapters.catalog.bundles import Bundles
from adapters.catalog.catalog import Catalog
from adapters.catalog.single import single
from adapters.store.opening import open_stores
from auth.errors import InvalidCapability, InvalidToken
from auth.policy import Policy
from auth.signed import Signer
from node.data import PREFIX, Data
from node.delivery import Accel
from node.drs.handler import Drs
from node.drs.manifests import Manifests
from node.drs.places import Places
from node.drs.records import Records
from node.drs.shelf import Shelf
from node.htsget.shape import Cors
from tests.node.family import BROKER, PUBLIC_URL, TODAY, Holders
from web.application import Assembly, create_application
from web.contracts import Contract
from web.errors import Failure, drs_shape
from web.service_info import Organization, service_info

DRS = "/ga4gh/drs/v1"
HOST = "gsa-human.localhost"
DIRECT = frozenset({"get_object", "get_access"})


class Grants:
    """The grants in force, as the member's own database would say."""

    def __init__(self) -> None:
        self.standing = {"g2", "g3"}
        self.asked = 0

    def __call__(self, jtis: Collection[str]) -> Collection[str]:
        self.asked += 1
        return self.standing.intersection(jtis)


def application(
    engine: Engine,
    root: Path,
    grants: Grants,
    holders: Holders,
    *,
    direct: frozenset[str] = DIRECT,
    accel: Accel | None = None,
) -> ASGIApp:
    """The application. Store ``bucket`` gives presigned URLs; BAM files are also served by htsget."""
    catalog = Catalog(engine, lambda: TODAY)
    bundles = Bundles(engine, catalog)
    manifests = Manifests(bundles.find, HOST)
    data = Data(
        files=single(catalog),
        stores=open_stores({"archive": {"kind": "local", "root": str(root)}}),
        signer=Signer(b"k" * 32),
        in_force=grants,
        public_url=PUBLIC_URL,
        seconds=900,
        manifest=manifests.one,
        accel=accel,
    )
    presigning = frozenset({"bucket"})
    clearinghouse: Any = holders
    handler = Drs(
        catalog=catalog,
        files=single(catalog),
        shelf=Shelf(catalog, bundles, manifests),
        manifests=manifests,
        policy=Policy(PUBLIC_URL, grants),
        clearinghouse=clearinghouse,
        records=Records(
            host=HOST,
            public_url=PUBLIC_URL,
            broker=BROKER,
            htsget={"BAM": "/ga4gh/htsget/v1/reads"},
            presigning=presigning,
        ),
        places=Places(
            data.url, data.etag, lambda store, key, seconds: f"https://s3.test/{key}?expires={seconds}", presigning
        ),
        public_url=PUBLIC_URL,
        service=_service,
    )
    assembly = Assembly(
        name="t",
        contracts=[Contract("drs", DRS, handler, direct)],
        shapes=[(DRS, drs_shape)],
        failures={
            InvalidToken: lambda error: Failure(401, str(error)),
            InvalidCapability: lambda error: Failure(403, str(error)),
        },
        areas={PREFIX: data},
        middlewares=[lambda app: Cors(app, (DRS, PREFIX))],
    )
    return create_application(assembly)


def _presigned(_store: str, key: str, seconds: int) -> str:
    return f"https://s3.test/{key}?expires={seconds}"


def _service(**given: Any) -> dict[str, Any]:
    return service_info(id="test.node.drs", name="Test", organization=Organization("o", "O", "https://o.test"), **given)
