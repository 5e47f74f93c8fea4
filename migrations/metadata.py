"""All tables of each kind of database; the only module that sees every owner's."""

from __future__ import annotations

from typing import cast

from sqlalchemy import MetaData, Table
from sqlalchemy.orm import DeclarativeBase

from migrations.schema import Kind


def metadata(kind: Kind) -> list[MetaData]:
    """The metadata whose union is the schema of ``kind``."""
    import auth.keys
    import auth.sessions

    if kind == "gateway":
        import auth.tables
        import federation.joined

        # Of the rules' tables, a gateway has those of who calls it and what is recorded of that.
        used = _some(auth.tables.UsedToken, auth.tables.AuditHead, auth.tables.AuditEvent)
        return [auth.keys.Base.metadata, auth.sessions.Base.metadata, used, federation.joined.Base.metadata]
    if kind == "broker":
        import auth.broker.tables

        return [auth.keys.Base.metadata, auth.sessions.Base.metadata, auth.broker.tables.Base.metadata]
    import adapters.catalog.models
    import adapters.jobs.tables
    import adapters.registration.tables
    import adapters.terms.tables
    import adapters.variants.tables
    import auth.budget
    import auth.tables
    import federation.tables

    return [
        adapters.catalog.models.Base.metadata,
        adapters.jobs.tables.Base.metadata,
        adapters.registration.tables.Base.metadata,
        adapters.terms.tables.Base.metadata,
        adapters.variants.tables.Base.metadata,
        auth.keys.Base.metadata,
        auth.tables.Base.metadata,
        auth.budget.Base.metadata,
        auth.sessions.Base.metadata,
        federation.tables.Base.metadata,
    ]


def _some(*models: type[DeclarativeBase]) -> MetaData:
    """Metadata of these tables alone."""
    some = MetaData()
    for model in models:
        cast(Table, model.__table__).to_metadata(some)
    return some
