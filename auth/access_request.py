"""A request for access: its states, who may do what to it in which, and how it is shown. No database, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from auth.caller import Caller
from auth.errors import Conflict, Forbidden, InvalidRequest
from auth.tables import AccessRequest, Grant

Role = Literal["applicant", "member", "committee"]
STATES = ("draft", "submitted", "returned", "approved", "rejected", "revoked", "closed", "expired")

MAX_TEXT = 10_000
MAX_MAIL = 254
MAX_NAME = 200

NAMES: Mapping[Role, str] = {"applicant": "the applicant", "member": "a co-member", "committee": "the committee"}


@dataclass(frozen=True, slots=True)
class Command:
    """Who may do it, in which states, and what state follows (None: the same).

    An approval leads to ``becomes`` once the quorum is reached.
    """

    roles: frozenset[Role]
    states: frozenset[str]
    becomes: str | None = None


def _command(roles: str, states: str, becomes: str | None = None) -> Command:
    return Command(frozenset(roles.split()), frozenset(states.split()), becomes)  # type: ignore[arg-type]


COMMANDS: Mapping[str, Command] = {
    "edit": _command("applicant", "draft returned"),
    "invite": _command("applicant", "draft returned"),
    "remove": _command("applicant", "draft submitted returned approved"),
    "leave": _command("member", "submitted returned approved"),
    "attach": _command("applicant", "draft returned"),
    "detach": _command("applicant", "draft returned"),
    "comment": _command("applicant member committee", "submitted returned approved"),
    "note": _command("committee", "submitted returned approved"),
    "renew": _command("applicant", "approved expired"),
    "submit": _command("applicant", "draft returned", "submitted"),
    "close": _command("applicant", "draft submitted returned approved", "closed"),
    "return": _command("committee", "submitted", "returned"),
    "approve": _command("committee", "submitted", "approved"),
    "reject": _command("committee", "submitted", "rejected"),
    "revoke": _command("committee", "approved", "revoked"),
}


@dataclass(frozen=True, slots=True)
class View:
    """A request as those who have to do with it see it. Times are epoch seconds.

    :param applicant_name: for people to read; empty if the broker did not tell it.
    :param use: answers about the use, see :mod:`auth.duo`.
    :param approvals: of this round, of the ``quorum`` that are needed.
    :param renews: id of the request that this one continues.
    :param expires_at: end of the grant, if one was made.
    :param role: of the one who looks.
    :param commands: what the one who looks may do now.
    """

    id: str
    dataset: str
    committee: str
    applicant: str
    applicant_name: str
    purpose: str
    use: Mapping[str, Any]
    state: str
    comment: str
    approvals: int
    quorum: int
    renews: str | None
    created_at: int
    submitted_at: int | None
    decided_at: int | None
    updated_at: int
    expires_at: int | None
    role: Role
    commands: tuple[str, ...]


def state(row: AccessRequest, grant: Grant | None, now: int) -> str:
    """The state at ``now`` (epoch seconds): an approval ends by itself with its grant."""
    if row.state == "approved" and grant is not None and grant.expires_at <= now:
        return "expired"
    return row.state


def commands(role: Role, state: str) -> tuple[str, ...]:
    """What ``role`` may do to a request in ``state``."""
    return tuple(name for name, command in COMMANDS.items() if role in command.roles and state in command.states)


def check(name: str, role: Role, state: str) -> None:
    """Refuse what the table does not allow.

    :raises Forbidden: it is for another role.
    :raises Conflict: it does not fit ``state``.
    """
    command = COMMANDS[name]
    if role not in command.roles:
        raise Forbidden(f"only {_listed(NAMES[one] for one in NAMES if one in command.roles)} may {name} here")
    if state not in command.states:
        raise Conflict(f"the request is {state}; {name} needs it to be {_listed(sorted(command.states))}")


def _listed(words: Iterable[str]) -> str:
    return " or ".join(words)


def view(row: AccessRequest, grant: Grant | None, role: Role, now: int) -> View:
    """``row`` as ``role`` sees it at ``now``; ``grant`` is the applicant's."""
    present = state(row, grant, now)
    return View(
        id=row.id,
        dataset=row.dataset,
        committee=row.committee,
        applicant=row.applicant,
        applicant_name=row.applicant_name,
        purpose=row.purpose,
        use=row.use,
        state=present,
        comment=row.comment,
        approvals=row.approvals,
        quorum=row.quorum,
        renews=row.renews,
        created_at=row.created_at,
        submitted_at=row.submitted_at,
        decided_at=row.decided_at,
        updated_at=row.updated_at,
        expires_at=None if grant is None else grant.expires_at,
        role=role,
        commands=commands(role, present),
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
