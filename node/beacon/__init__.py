"""Beacon v2.1.1 of a member: one handler for all members; what each exposes is data."""
