"""The holdings' Beacon at the default settings, whose callers are who their tokens say (``public.caller``)."""

from __future__ import annotations

from sqlalchemy import Engine
from starlette.types import ASGIApp

from adapters.variants.published import PublicVariants
from auth.budget import Budgets
from auth.caller import ANONYMOUS, Caller, Visa
from auth.policy import REGISTERED_ACCESS
from node.beacon.guard import Guard
from node.privacy import Floor, Privacy
from tests.node.beacon.conftest import SOON, beacon_application
from tests.node.family import BROKER, PUBLIC_URL
from tests.prove.beacon import public
from tests.prove.beacon.payment import REFERENCES

STANDING = {"HRA000002": "g2", "HRA000003": "g3"}


def application(engine: Engine) -> ASGIApp:
    """The Beacon."""
    floor, privacy = Floor(), Privacy(references=REFERENCES)
    published = PublicVariants(engine, privacy.references)
    guard = Guard(privacy.protections(floor), Budgets(engine), published, privacy.edges())
    return beacon_application(engine, floor=floor.rule(), guard=guard, bearer=_bearer)


async def _bearer(authorization: str | None) -> Caller:
    if authorization is None:
        return ANONYMOUS
    holder = public.caller(authorization.removeprefix("Bearer "))
    assert holder.name is not None
    visas = [
        _visa(holder.name, "ControlledAccessGrants", f"{PUBLIC_URL}/datasets/{dataset}", STANDING[dataset])
        for dataset in sorted(holder.records & set(STANDING))
    ]
    if holder.organisation is not None:
        visas.append(_visa(holder.name, "AffiliationAndRole", f"faculty@{holder.organisation}", "affiliated"))
    kinds = ("AcceptedTermsAndPolicies", "ResearcherStatus") if holder.researcher else ()
    visas += [_visa(holder.name, kind, REGISTERED_ACCESS, "g2") for kind in kinds]
    return Caller(holder.name, BROKER, tuple(visas), SOON)


def _visa(subject: str, kind: str, value: str, grant: str) -> Visa:
    return Visa(
        issuer=PUBLIC_URL,
        subject=subject,
        type=kind,
        value=value,
        source=f"{PUBLIC_URL}/dac/HDAC000001",
        by="dac",
        asserted=0,
        conditions=(),
        expires=SOON,
        jti=grant,
    )
