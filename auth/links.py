"""Links in mails that are good for one click, by one person, for some days.

Of the secret in a link only the SHA-256 is kept. Opening a link does nothing; the click is a POST by someone signed in.
"""

from __future__ import annotations

import hashlib
import secrets

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from auth.tables import AccessRequest, Link

DAYS = 14
SECONDS = DAYS * 86400


def make(session: Session, kind: str, row: AccessRequest, now: int, *, subject: str = "", mail: str = "") -> str:
    """A new link of ``kind`` for ``row``; the secret that goes into the mail (128 bits)."""
    secret = secrets.token_urlsafe(16)
    session.add(
        Link(
            digest=digest(secret),
            kind=kind,
            request=row.id,
            subject=subject,
            mail=mail,
            round=row.round,
            expires_at=now + SECONDS,
            used_at=None,
        )
    )
    return secret


def find(session: Session, kind: str, secret: str, *, lock: bool = False) -> Link | None:
    """The link of ``kind`` with this secret, whatever its state."""
    found = session.get(Link, digest(secret), with_for_update=True if lock else None, populate_existing=lock)
    return found if found is not None and found.kind == kind else None


def alive(link: Link, row: AccessRequest, now: int) -> bool:
    """Whether the click would still count: not used, not expired, the request not sent again since."""
    return link.used_at is None and link.expires_at > now and link.round == row.round


def waiting(session: Session, row: AccessRequest, kind: str, now: int) -> int:
    """Number of links of ``kind`` for ``row`` that would still count."""
    question = select(func.count()).select_from(Link).where(Link.request == row.id, Link.kind == kind)
    still = question.where(Link.used_at.is_(None), Link.expires_at > now, Link.round == row.round)
    return session.scalar(still) or 0


def digest(secret: str) -> str:
    """SHA-256 (hex) of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
