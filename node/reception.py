"""Where images come in: the reception of a collection, as the settings say."""

from __future__ import annotations

import datetime as dt
from functools import cache

from sqlalchemy import Engine

from adapters.deid.identity import Keyed
from adapters.deid.rules import load
from adapters.images.intake import Reception
from adapters.images.quarantine import Quarantine
from adapters.registration.accessions import Accessions
from node.settings import Accessions as Patterns
from node.settings import ImageSettings

_profile = cache(load)


def reception(
    settings: ImageSettings, engine: Engine, patterns: Patterns, collection: str, by: str, *, numbering: bool = True
) -> Reception:
    """The reception of a collection.

    :param by: who submits.
    :param numbering: whether patients who are not known get the next accession.
    """
    return Reception(
        engine=engine,
        quarantine=Quarantine(settings.quarantine),
        accessions=Accessions(patterns.model_dump()),
        profile=_profile(),
        keyed=Keyed(bytes.fromhex(settings.key), collection),
        by=by,
        settle=dt.timedelta(seconds=settings.settle_seconds),
        numbering=numbering,
    )
