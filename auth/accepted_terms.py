"""Terms that a member offers, and who accepted them: the ground of its AcceptedTermsAndPolicies visas.

An acceptance and its withdrawal are each written with their audit event in one transaction.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, Select, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from auth import audit
from auth.caller import Caller, signed_in
from auth.database import writing
from auth.errors import InvalidRequest
from auth.keys import clock
from auth.tables import AcceptedTerms


@dataclass(frozen=True, slots=True)
class Terms:
    """One version of terms.

    :param url: names the version and leads to it; ``value`` of the visas, compared as a whole string (VIS-05).
    :param text: the points that a person accepts.
    """

    url: str
    title: str
    title_zh: str
    text: tuple[str, ...]
    text_zh: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How one person stands to some terms.

    :param terms: None if they were accepted once and are no longer offered.
    :param accepted_at: epoch seconds; None if they are not accepted.
    """

    url: str
    terms: Terms | None
    accepted_at: int | None


class Acceptances:
    """The terms of one member and those who accepted them.

    :param broker: the only issuer whose subjects may accept.
    """

    def __init__(self, engine: Engine, broker: str, offered: Sequence[Terms] = (), now: Callable[[], int] = clock):
        self._engine = engine
        self._broker = broker
        self._now = now
        self.offered = {terms.url: terms for terms in offered}

    def mine(self, caller: Caller) -> list[Agreement]:
        """Everything offered, then what else the caller accepted.

        :raises Unauthenticated: nobody is signed in.
        """
        subject = signed_in(caller, self._broker, self._now())
        question = select(AcceptedTerms.terms, AcceptedTerms.accepted_at).where(
            AcceptedTerms.subject == subject, AcceptedTerms.withdrawn_at.is_(None)
        )
        with Session(self._engine) as session:
            accepted = {row.terms: row.accepted_at for row in session.execute(question.order_by(AcceptedTerms.terms))}
        urls = dict.fromkeys([*self.offered, *accepted])
        return [Agreement(url, self.offered.get(url), accepted.get(url)) for url in urls]

    def accept(self, caller: Caller, url: str) -> None:
        """Accept terms; nothing happens if the caller has accepted them already.

        :raises Unauthenticated: nobody is signed in.
        :raises InvalidRequest: these terms are not offered.
        """
        now = self._now()
        subject = signed_in(caller, self._broker, now)
        if url not in self.offered:
            raise InvalidRequest("These terms are not offered here.")
        row = AcceptedTerms(jti=secrets.token_hex(16), terms=url, subject=subject, accepted_at=now, withdrawn_at=None)
        with Session(writing(self._engine)) as session, session.begin():
            try:
                with session.begin_nested():
                    session.add(row)
            except IntegrityError:  # there is one in force: the index allows no other
                return
            audit.append(session, at=now, actor=subject, action="accept_terms", target=url, details={})

    def withdraw(self, caller: Caller, url: str) -> None:
        """Withdraw an acceptance: its visas count for nothing from now on. Nothing happens if there is none.

        :raises Unauthenticated: nobody is signed in.
        """
        now = self._now()
        subject = signed_in(caller, self._broker, now)
        with Session(writing(self._engine)) as session, session.begin():
            row = session.scalar(_in_force(subject, url).with_for_update())
            if row is None:
                return
            row.withdrawn_at = now
            audit.append(session, at=now, actor=subject, action="withdraw_terms", target=url, details={})


def _in_force(subject: str, url: str) -> Select[AcceptedTerms]:
    return select(AcceptedTerms).where(
        AcceptedTerms.subject == subject, AcceptedTerms.terms == url, AcceptedTerms.withdrawn_at.is_(None)
    )
