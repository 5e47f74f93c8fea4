"""The four people of a demo family, their accounts at the broker, and the committees that one of them sits on."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Engine

from auth.broker import accounts
from auth.broker.settings import PasswordSettings
from auth.committees import register_committee


@dataclass(frozen=True, slots=True)
class User:
    """A person who can sign in. ``subject`` is what the broker calls this person in tokens."""

    name: str
    role: str
    display_name: str
    password: str
    subject: str


ROLES = (
    ("researcher", "researcher", "Rui Researcher"),
    ("dac", "DAC member", "Dana Committee"),
    ("operator", "operator", "Otto Operator"),
    ("colleague", "colleague", "Kai Colleague"),
)


def fresh() -> list[User]:
    """The users with new passwords and subjects."""
    return [
        User(name, role, display, secrets.token_urlsafe(12), f"demo-{name}-{secrets.token_hex(4)}")
        for name, role, display in ROLES
    ]


def create_accounts(broker: Engine, users: Iterable[User], settings: PasswordSettings) -> None:
    """Make the accounts that are not there yet."""
    for user in users:
        if accounts.find(broker, user.subject) is None:
            accounts.create(broker, user.name, user.password, user.display_name, user.subject, settings=settings)


def create_committees(member: Engine, committees: Iterable[tuple[str, str]], users: Iterable[User]) -> None:
    """Make the committees (id, title) of a member; the user ``dac`` sits on each. Nothing happens if they are there."""
    seats = {user.subject: f"{user.name}@demo.example" for user in users if user.name == "dac"}
    for committee, title in committees:
        register_committee(member, committee, title, seats, int(time.time()), actor="demo")
