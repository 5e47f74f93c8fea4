"""A member over a cohort, as a process: ``python -m tests.privacy.server DATABASE PORT SETTINGS``.

Everything is the member's own but the sign-in: a token ``alice@a.example`` is the person alice with a verified
affiliation to a.example, ``alice`` alone has none, and ``controlled`` holds a visa for the data set.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from sqlalchemy import Engine
from starlette.types import ASGIApp

from adapters.catalog.catalog import Catalog
from adapters.catalog.engine import connect
from adapters.catalog.holdings import Holdings
from adapters.variants.published import PublicVariants
from auth.budget import Budgets
from auth.caller import ANONYMOUS, Caller, Visa
from auth.policy import Policy
from node.beacon.answering import Answering
from node.beacon.beacon import Beacon
from node.beacon.envelope import beacon_shape
from node.beacon.failures import FAILURES
from node.beacon.guard import Guard
from node.beacon.handovers import Handovers
from node.beacon.profile import Profile
from node.beacon.question import Search
from node.privacy import Floor, Privacy
from tests.node.family import BROKER, PUBLIC_URL, researcher
from tests.privacy.cohort import DATASET, REFERENCE
from tests.support import free_port
from web.application import Assembly, create_application
from web.contracts import Contract
from web.service_info import Organization

BASE = "/ga4gh/beacon/v2"
TYPES = ("dataset", "cohort", "individual", "genomicVariant")
SOON = int(time.time()) + 6 * 3600

PROTECTED: dict[str, Any] = {"floor": {}, "privacy": {"references": [REFERENCE]}}
"""The defaults, with published frequencies."""

OPEN: dict[str, Any] = {
    "floor": {"minimum": 1, "round_to": 1},
    "privacy": {"budget": "none", "bins": "none", "apart": 1, "public": {"genotypes": "count"}},
}
"""Everything switched off: anybody learns exact numbers."""


def in_force(jtis: Collection[str]) -> Collection[str]:
    return {"g1"}.intersection(jtis)


class Words:
    """Callers by their words."""

    async def bearer(self, authorization: str | None) -> Caller:
        if authorization is None:
            return ANONYMOUS
        word = authorization.removeprefix("Bearer ")
        if word == "controlled":
            return researcher(DATASET, "g1", SOON)
        name, _, organisation = word.partition("@")
        return Caller(name, BROKER, (affiliation(name, organisation),) if organisation else (), SOON)


def affiliation(subject: str, organisation: str) -> Visa:
    return Visa(
        issuer=BROKER,
        subject=subject,
        type="AffiliationAndRole",
        value=f"faculty@{organisation}",
        source=f"https://{organisation}",
        by="so",
        asserted=0,
        conditions=(),
        expires=SOON,
        jti=None,
    )


def application(engine: Engine, settings: dict[str, Any]) -> ASGIApp:
    """The member's Beacon with these settings (``floor`` and ``privacy`` of its configuration)."""
    floor, privacy = Floor(**settings["floor"]), Privacy(**settings["privacy"])
    public, differing = privacy.granularities()
    profile = Profile(
        id="org.example.privacy",
        name="Cohort",
        description="For attacks",
        organization=Organization("org.example", "Example", "https://example.org"),
        base_url=f"{PUBLIC_URL}{BASE}",
        entry_types=TYPES,
        environment="test",
        requests_url=f"{PUBLIC_URL}/requests",
    )
    answering = Answering(
        engine=engine,
        catalog=Catalog(engine),
        search=Search(engine, TYPES),
        policy=Policy(PUBLIC_URL, in_force, differing, public),
        floor=floor.rule(),
        bearer=Words().bearer,
        profile=profile,
        handovers=Handovers(Holdings(engine, Catalog(engine)), drs_host="privacy.test", htsget={}),
        dataset_url=lambda accession: f"{PUBLIC_URL}/datasets/{accession}",
        guard=Guard(
            privacy.protections(floor), Budgets(engine), PublicVariants(engine, privacy.references), privacy.edges()
        ),
    )
    contract = Contract("beacon", BASE, Beacon(answering, profile))
    shapes = [(BASE, beacon_shape(profile.id))]
    return create_application(Assembly(name="t", contracts=[contract], shapes=shapes, failures=FAILURES))


@contextmanager
def serving(database: Path, settings: dict[str, Any]) -> Iterator[str]:
    """The member in a process of its own; the base URL of its Beacon."""
    port = free_port()
    command = [sys.executable, "-m", "tests.privacy.server", str(database), str(port), json.dumps(settings)]
    process = subprocess.Popen(command, cwd=Path(__file__).resolve().parents[2])
    base = f"http://127.0.0.1:{port}{BASE}"
    try:
        _await(base, process)
        yield base
    finally:
        process.terminate()
        process.wait(20)


def _await(base: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(f"{base}/service-info").raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the member did not start")


if __name__ == "__main__":
    uvicorn.run(
        application(connect(f"sqlite:///{sys.argv[1]}"), json.loads(sys.argv[3])),
        host="127.0.0.1",
        port=int(sys.argv[2]),
        log_config=None,
    )
