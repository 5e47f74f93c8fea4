"""Data access committees: who decides. Named by the operator, from what the submitter said."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Engine, delete, select
from sqlalchemy.orm import Session

from auth import audit
from auth.access_request import address
from auth.errors import InvalidRequest
from auth.tables import Committee, CommitteeMember, writing


def register_committee(
    engine: Engine, committee: str, title: str, members: Mapping[str, str], now: int, actor: str = "operator"
) -> bool:
    """Make or change a committee; nothing happens, and False is returned, if it is already so.

    :param committee: last part of its URL: letters, digits, ``-``, ``.``, ``_``.
    :param members: e-mail address (or empty) by subject at the broker; those not named leave the committee.
    :param now: epoch seconds, for the audit log.
    :raises InvalidRequest: no members, an id that cannot stand in a URL, or a wrong address.
    """
    if not committee or not all(c.isascii() and (c.isalnum() or c in "-._") for c in committee):
        raise InvalidRequest(f"committee {committee!r}: letters, digits, '-', '.' and '_' are allowed in its id")
    if not members or not all(members):
        raise InvalidRequest(f"committee {committee!r}: it needs at least one member, each with a subject")
    wanted = {subject: address(mail) for subject, mail in members.items()}
    with Session(writing(engine)) as session, session.begin():
        row = session.get(Committee, committee, with_for_update=True)
        query = select(CommitteeMember).where(CommitteeMember.committee == committee)
        present = {member.subject: member.mail for member in session.scalars(query)}
        if row is not None and row.title == title and present == wanted:
            return False
        session.merge(Committee(id=committee, title=title))
        session.execute(delete(CommitteeMember).where(CommitteeMember.committee == committee))
        session.flush()
        session.add_all(CommitteeMember(committee=committee, subject=s, mail=mail) for s, mail in wanted.items())
        details = {"title": title, "members": sorted(wanted)}
        audit.append(session, at=now, actor=actor, action="committee", target=committee, details=details)
    return True
