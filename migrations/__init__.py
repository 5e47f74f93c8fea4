"""Alembic migrations; the only place that sees all tables."""
