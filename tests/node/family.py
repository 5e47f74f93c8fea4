"""A small member for tests of its faces: a catalog with one data set of every kind of visibility, and its files."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine, insert

from adapters.catalog.engine import writing
from adapters.catalog.models import Base, Checksum, Dataset, File, FilePerson, Individual, Location, Membership
from auth.caller import ANONYMOUS, Caller, Visa
from auth.errors import InvalidToken

PUBLIC_URL = "http://127.0.0.1:8083"
BROKER = "http://127.0.0.1:8081"
NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
TODAY = dt.date(2026, 6, 1)


@dataclass
class Holders:
    """Stands in for the clearinghouse where the test is about something else: words instead of tokens."""

    callers: dict[str, Caller] = field(default_factory=dict)

    async def bearer(self, authorization: str | None) -> Caller:
        if authorization is None:
            return ANONYMOUS
        return self._known(authorization.removeprefix("Bearer "))

    async def passports(self, passports: list[str]) -> Caller:
        return self._known(passports[0])

    def _known(self, word: str) -> Caller:
        if word not in self.callers:
            raise InvalidToken("unknown")
        return self.callers[word]


def researcher(accession: str, jti: str, expires: int) -> Caller:
    """A signed-in person with a visa for one data set."""
    visa = Visa(
        issuer=PUBLIC_URL,
        subject="alice",
        type="ControlledAccessGrants",
        value=f"{PUBLIC_URL}/datasets/{accession}",
        source=f"{PUBLIC_URL}/dac/HDAC000001",
        by="dac",
        asserted=0,
        conditions=(),
        expires=expires,
        jti=jti,
    )
    return Caller("alice", BROKER, (visa,), expires)


SETS = {
    # accession: (tier, records, release date, withdrawn)
    "HRA000001": ("open", "public", TODAY, False),
    "HRA000002": ("controlled", "public", TODAY, False),
    "HRA000003": ("controlled", "protected", TODAY, False),
    "HRA000004": ("open", "public", TODAY + dt.timedelta(days=1), False),
    "HRA000005": ("open", "public", TODAY, True),
}
CONTENT = {f"HRR{number:06}-01": f"bytes of run {number}\n".encode() * 500 for number in range(1, 8)}
FILES = {
    # id: (data set, state, person)
    "HRR000001-01": ("HRA000001", "archived", "HRI000001"),
    "HRR000002-01": ("HRA000002", "archived", "HRI000001"),
    "HRR000003-01": ("HRA000003", "archived", None),
    "HRR000004-01": ("HRA000004", "archived", None),
    "HRR000005-01": ("HRA000005", "archived", None),
    "HRR000006-01": ("HRA000001", "archived", "HRI000002"),  # of a person who withdrew
    "HRR000007-01": ("HRA000001", "quarantined", None),
}
ABSENT = {
    "before release": "HRR000004-01",
    "withdrawn": "HRR000005-01",
    "person": "HRR000006-01",
    "quarantined": "HRR000007-01",
}


def build(engine: Engine, root: Path, size: int | None = None) -> None:
    """Fill the catalog and the archive; ``size`` makes every file that many bytes long."""
    Base.metadata.create_all(engine)
    with writing(engine).begin() as connection:
        for accession, (tier, records, release, withdrawn) in SETS.items():
            connection.execute(
                insert(Dataset).values(
                    accession=accession,
                    title=accession,
                    tier=tier,
                    records=records,
                    dac="HDAC000001",
                    release_date=release,
                    withdrawn_at=NOW if withdrawn else None,
                    created_at=NOW,
                    updated_at=NOW,
                )
            )
        for number in (1, 2):
            connection.execute(
                insert(Individual).values(
                    accession=f"HRI{number:06}", ordinal=number - 1, withdrawn_at=NOW if number == 2 else None
                )
            )
            connection.execute(insert(Membership).values(dataset="HRA000001", individual=f"HRI{number:06}"))
        for id, (dataset, state, person) in FILES.items():
            content = CONTENT[id] if size is None else bytes(size)
            (root / f"{id}.txt").write_bytes(content)
            connection.execute(
                insert(File).values(
                    id=id, dataset=dataset, name=f"{id}.txt", state=state, size=len(content), created_at=NOW
                )
            )
            digest = hashlib.sha256(content).hexdigest()
            connection.execute(insert(Checksum).values(file=id, type="sha-256", value=digest))
            connection.execute(insert(Location).values(file=id, store="archive", key=f"{id}.txt"))
            if person:
                connection.execute(insert(FilePerson).values(file=id, individual=person))
