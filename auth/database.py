"""What every owner of tables in ``auth`` shares: how a database is written."""

from __future__ import annotations

from sqlalchemy import Engine


def writing(engine: Engine) -> Engine:
    """The same engine for transactions that write: embedded databases then take their lock at once."""
    return engine.execution_options(write=True)
