"""A request for access: its states, who may do what to it in which, and how it is shown. No database, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from auth.caller import Caller
from auth.errors import Conflict, Forbidden, InvalidRequest
from auth.tables import AccessRequest, Grant

Role = Literal["applicant", "committee"]
STATES = ("draft", "submitted", "returned", "approved", "rejected", "revoked", "closed", "expired")

MAX_TEXT = 10_000
MAX_MAIL = 254
MAX_NAME = 200


@dataclass(frozen=True, slots=True)
class Command:
    """Who may do it, in which states, and what state follows."""

    role: Role
    states: frozenset[str]
    becomes: str


COMMANDS: Mapping[str, Command] = {
    "submit": Command("applicant", frozenset({"draft", "returned"}), "submitted"),
    "close": Command("applicant", frozenset({"draft", "submitted", "returned", "approved"}), "closed"),
    "return": Command("committee", frozenset({"submitted"}), "returned"),
    "approve": Command("committee", frozenset({"submitted"}), "approved"),
    "reject": Command("committee", frozenset({"submitted"}), "rejected"),
    "revoke": Command("committee", frozenset({"approved"}), "revoked"),
}


@dataclass(frozen=True, slots=True)
class View:
    """A request as its applicant and its committee see it. Times are epoch seconds.

    :param applicant_name: for people to read; empty if the broker did not tell it.
    :param expires_at: end of the grant, if one was made.
    :param commands: what the one who looks may do now.
    """

    id: str
    dataset: str
    committee: str
    applicant: str
    applicant_name: str
    purpose: str
    state: str
    comment: str
    created_at: int
    submitted_at: int | None
    decided_at: int | None
    updated_at: int
    expires_at: int | None
    commands: tuple[str, ...]


def state(row: AccessRequest, grant: Grant | None, now: int) -> str:
    """The state at ``now`` (epoch seconds): an approval ends by itself with its grant."""
    if row.state == "approved" and grant is not None and grant.expires_at <= now:
        return "expired"
    return row.state


def commands(role: Role, state: str) -> tuple[str, ...]:
    """What ``role`` may do to a request in ``state``."""
    return tuple(name for name, command in COMMANDS.items() if command.role == role and state in command.states)


def check(name: str, role: Role, state: str) -> None:
    """Refuse what the table does not allow.

    :raises Forbidden: it is for another role.
    :raises Conflict: it does not fit ``state``.
    """
    command = COMMANDS[name]
    if command.role != role:
        raise Forbidden(f"only the {command.role} may {name} a request")
    if state not in command.states:
        raise Conflict(f"the request is {state}; {name} needs it to be {' or '.join(sorted(command.states))}")


def view(row: AccessRequest, grant: Grant | None, role: Role, now: int) -> View:
    """``row`` as ``role`` sees it at ``now``."""
    present = state(row, grant, now)
    return View(
        row.id,
        row.dataset,
        row.committee,
        row.applicant,
        row.applicant_name,
        row.purpose,
        present,
        row.comment,
        row.created_at,
        row.submitted_at,
        row.decided_at,
        row.updated_at,
        None if grant is None else grant.expires_at,
        commands(role, present),
    )


def text(name: str, value: str, *, required: bool) -> str:
    """``value`` without surrounding space.

    :raises InvalidRequest: empty although required, above 10,000 characters, or with control characters.
    """
    stripped = value.strip()
    if required and not stripped:
        raise InvalidRequest(f"{name}: it must not be empty")
    if len(stripped) > MAX_TEXT:
        raise InvalidRequest(f"{name}: {len(stripped)} characters given; at most {MAX_TEXT} are allowed")
    if not all(character.isprintable() or character in "\n\r\t\u3000" for character in stripped):
        raise InvalidRequest(f"{name}: control characters are not allowed")
    return stripped


def display_name(caller: Caller) -> str:
    """The caller's name as one short line; empty where the broker gives none but the subject."""
    name = "".join(character for character in caller.name if character.isprintable()).strip()[:MAX_NAME]
    return "" if name == caller.subject else name


def address(mail: str) -> str:
    """``mail`` if it is empty or looks like one e-mail address.

    :raises InvalidRequest: anything that a mail header could read otherwise.
    """
    local, at, domain = mail.rpartition("@")
    plain = mail.isascii() and mail.isprintable() and not set(mail) & set(' ,;:<>()[]"\\')
    if mail and not (local and at and domain and plain and len(mail) <= MAX_MAIL):
        raise InvalidRequest("mail: not an e-mail address")
    return mail
