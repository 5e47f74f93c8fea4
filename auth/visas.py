"""The visa issuer of a member: visas for grants in force and accepted terms, and the signed list of what ended."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from sqlalchemy import Engine, select, union_all
from sqlalchemy.orm import Session

from auth import jose
from auth.errors import InvalidToken
from auth.keys import KeyRing, clock
from auth.keyset import KeySet
from auth.tables import AcceptedTerms, Grant
from auth.trust import jku

VISA_TYPE = "vnd.ga4gh.visa+jwt"
STATUS_TYPE = "visa-status+jwt"
LIFETIME = 3600
"""Seconds that a visa lives; less if its grant ends sooner."""

STATUS_LIFETIME = 60
MAX_STATUS = 4 * 1024 * 1024
"""Bytes of a status list: about a hundred thousand revocations of the last hour."""

_MOST_IDS = 500


@dataclass(frozen=True, slots=True)
class Status:
    """A status list that was verified. Times are epoch seconds."""

    issued: int
    expires: int
    revoked: frozenset[str]


class VisaIssuer:
    """Signs what the committees of this member granted, and what people accepted here.

    :param public_url: the ``iss``.
    :param engine: database with the grants and acceptances.
    """

    def __init__(self, public_url: str, engine: Engine, keys: KeyRing, now: Callable[[], int] = clock) -> None:
        self.public_url = public_url
        self.keys = keys
        self._engine = engine
        self._now = now

    def for_subject(self, subject: str) -> list[str]:
        """A visa (document token, AAI-03) for each grant of ``subject`` in force, and for terms accepted."""
        now = self._now()
        query = select(Grant).where(Grant.subject == subject, Grant.revoked_at.is_(None), Grant.expires_at > now)
        accepted = select(AcceptedTerms).where(AcceptedTerms.subject == subject, AcceptedTerms.withdrawn_at.is_(None))
        with Session(self._engine) as session:
            grants = session.scalars(query.order_by(Grant.granted_at, Grant.jti)).all()
            terms = session.scalars(accepted.order_by(AcceptedTerms.accepted_at, AcceptedTerms.jti)).all()
        said = [*(self._granted(one, now) for one in grants), *(self._accepted(one, now) for one in terms)]
        if not said:
            return []
        key = self.keys.current()
        headers = {"jku": jku(self.public_url)}
        return [jose.sign(claims, key, typ=VISA_TYPE, headers=headers) for claims in said]

    def in_force(self, jtis: Collection[str]) -> frozenset[str]:
        """Which of these grants and acceptances are in force now; asked at every decision, never cached."""
        wanted = sorted(set(jtis))[:_MOST_IDS]
        grants = select(Grant.jti).where(
            Grant.jti.in_(wanted), Grant.revoked_at.is_(None), Grant.expires_at > self._now()
        )
        terms = select(AcceptedTerms.jti).where(AcceptedTerms.jti.in_(wanted), AcceptedTerms.withdrawn_at.is_(None))
        with Session(self._engine) as session:
            return frozenset(session.scalars(union_all(grants, terms)))

    def status(self) -> str:
        """The signed status list: ``jti`` of what ended early and of which a visa may still be about; valid 60 s."""
        now = self._now()
        since = now - LIFETIME - jose.SKEW
        revoked = select(Grant.jti).where(Grant.revoked_at > since)
        withdrawn = select(AcceptedTerms.jti).where(AcceptedTerms.withdrawn_at > since)
        with Session(self._engine) as session:
            ended = sorted(session.scalars(union_all(revoked, withdrawn)))
        claims = {"iss": self.public_url, "iat": now, "exp": now + STATUS_LIFETIME, "revoked": ended}
        return jose.sign(claims, self.keys.current(), typ=STATUS_TYPE)

    def _granted(self, grant: Grant, now: int) -> dict[str, object]:
        return {
            **self._claims(grant, now),
            "exp": min(now + LIFETIME, grant.expires_at),
            "ga4gh_visa_v1": {
                "type": "ControlledAccessGrants",
                "asserted": min(grant.granted_at, now),
                "value": f"{self.public_url}/datasets/{grant.dataset}",
                "source": f"{self.public_url}/dac/{grant.committee}",
                "by": "dac",
            },
        }

    def _accepted(self, accepted: AcceptedTerms, now: int) -> dict[str, object]:
        return {
            **self._claims(accepted, now),
            "exp": now + LIFETIME,
            "ga4gh_visa_v1": {
                "type": "AcceptedTermsAndPolicies",
                "asserted": min(accepted.accepted_at, now),
                "value": accepted.terms,
                "source": self.public_url,
                "by": "self",
            },
        }

    def _claims(self, ground: Grant | AcceptedTerms, now: int) -> dict[str, object]:
        return {"iss": self.public_url, "sub": ground.subject, "iat": now, "jti": ground.jti}


def read_status(token: str, issuer: str, keys: KeySet, now: int) -> Status:
    """A status list of ``issuer``.

    :raises InvalidToken: not its list, or older than 60 s.
    """
    claims = jose.verify(token, keys, typ={STATUS_TYPE}, max_bytes=MAX_STATUS, now=now).claims
    revoked = claims.get("revoked")
    if claims.get("iss") != issuer or not isinstance(revoked, list) or not all(isinstance(j, str) for j in revoked):
        raise InvalidToken("not a status list of this issuer")
    issued, expires = jose.numeric(claims, "iat"), jose.numeric(claims, "exp")
    if expires - issued > STATUS_LIFETIME:
        raise InvalidToken("the status list claims to be valid too long")
    return Status(issued, expires, frozenset(revoked))
