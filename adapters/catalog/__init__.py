"""The catalog database of a member: models, engine, queries."""
