"""What a person agreed to release, remembered per client until it is withdrawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from auth.broker.tables import Consent
from auth.database import writing


class Consents:
    """Consents of all people.

    :param clock: epoch seconds.
    """

    def __init__(self, engine: Engine, clock: Callable[[], int]) -> None:
        self._engine = engine
        self._clock = clock

    def of(self, sub: str) -> Sequence[Consent]:
        """A person's consents, latest first."""
        with Session(self._engine) as db:
            query = select(Consent).where(Consent.sub == sub).order_by(Consent.granted_at.desc(), Consent.client_id)
            return db.scalars(query).all()

    def covers(self, sub: str, client_id: str, scope: str) -> bool:
        """Whether the person agreed to every one of these scopes before."""
        with Session(self._engine) as db:
            found = db.get(Consent, (sub, client_id))
        return found is not None and set(scope.split()) <= set(found.scope.split())

    def remember(self, sub: str, client_id: str, scope: str) -> None:
        """Add scopes to what the person agreed to."""
        with Session(writing(self._engine)) as db, db.begin():
            found = db.get(Consent, (sub, client_id))
            known = found.scope.split() if found else []
            agreed = " ".join(dict.fromkeys([*known, *scope.split()]))
            db.merge(Consent(sub=sub, client_id=client_id, scope=agreed, granted_at=self._clock()))
