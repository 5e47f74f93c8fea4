"""Where images come in: the reception of a collection, as the settings say; and what reviewers do, written down."""

from __future__ import annotations

import datetime as dt
from functools import cache
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from adapters.deid.identity import Keyed
from adapters.deid.rules import load
from adapters.images.intake import Intake, Reception
from adapters.images.quarantine import Quarantine
from adapters.registration.accessions import Accessions
from auth import audit
from auth.keys import clock
from node.settings import ImageSettings

_profile = cache(load)


def intake(settings: ImageSettings, engine: Engine) -> Intake:
    """Where images come in; one is enough for a process."""
    return Intake(engine, Quarantine(settings.quarantine))


def reception(
    settings: ImageSettings, into: Intake, accessions: Accessions, collection: str, by: str, *, numbering: bool = True
) -> Reception:
    """The reception of a collection.

    :param by: who submits.
    :param numbering: whether patients who are not known get the next accession.
    """
    return Reception(
        intake=into,
        accessions=accessions,
        profile=_profile(),
        keyed=Keyed(bytes.fromhex(settings.key), collection),
        by=by,
        settle=dt.timedelta(seconds=settings.settle_seconds),
        numbering=numbering,
        quota=settings.quota_bytes,
    )


def record(session: Session, by: str, action: str, details: dict[str, Any]) -> None:
    """Write an action of the review desk into the audit log."""
    audit.append(session, at=clock(), actor=by, action=action, target=details["dataset"], details=details)
