"""Alembic's environment: runs on the connection that ``migrations.schema`` hands over."""

from __future__ import annotations

from alembic import context

from migrations.metadata import metadata

attributes = context.config.attributes
context.configure(
    connection=attributes["connection"],
    target_metadata=metadata(attributes["kind"]),
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
