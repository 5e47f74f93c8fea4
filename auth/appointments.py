"""Who may submit images to a collection, and who may look at its originals: people appointed by the operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from sqlalchemy import Engine, bindparam, delete, select
from sqlalchemy.orm import Session

from auth import audit
from auth.database import writing
from auth.keys import clock
from auth.tables import Appointment

Office = Literal["submitter", "reviewer"]
OFFICES: Final[tuple[Office, ...]] = ("submitter", "reviewer")
OPERATOR: Final = "operator"
HELD: Final = select(Appointment.dataset).where(
    Appointment.subject == bindparam("subject"), Appointment.office == bindparam("office")
)


class Appointments:
    """The appointments of one member.

    :param now: epoch seconds.
    """

    def __init__(self, engine: Engine, now: Callable[[], int] = clock) -> None:
        self._engine = engine
        self._now = now

    def collections(self, subject: str, office: Office) -> frozenset[str]:
        """Accessions for which a person holds an office."""
        with self._engine.connect() as connection:
            return frozenset(connection.scalars(HELD, {"subject": subject, "office": office}))

    def people(self, dataset: str) -> list[tuple[str, str]]:
        """Subject and office of everybody appointed for a data set."""
        held = select(Appointment.subject, Appointment.office).where(Appointment.dataset == dataset)
        with Session(self._engine) as session:
            rows = session.execute(held.order_by(Appointment.office, Appointment.subject))
            return [(subject, office) for subject, office in rows]

    def appoint(self, dataset: str, subject: str, office: Office) -> None:
        """Give a person an office; one who has it keeps it."""
        with Session(writing(self._engine)) as session, session.begin():
            if session.get(Appointment, (dataset, subject, office)) is None:
                session.add(Appointment(dataset=dataset, subject=subject, office=office))
                self._record(session, "appoint", dataset, subject, office)

    def dismiss(self, dataset: str, subject: str, office: Office) -> bool:
        """Take an office from a person; whether they had it."""
        this = (Appointment.dataset == dataset, Appointment.subject == subject, Appointment.office == office)
        with Session(writing(self._engine)) as session, session.begin():
            gone = session.execute(delete(Appointment).where(*this)).rowcount  # type: ignore[attr-defined]
            if gone:
                self._record(session, "dismiss", dataset, subject, office)
            return bool(gone)

    def _record(self, session: Session, action: str, dataset: str, subject: str, office: Office) -> None:
        details = {"member": subject, "office": office}
        audit.append(session, at=self._now(), actor=OPERATOR, action=action, target=dataset, details=details)
