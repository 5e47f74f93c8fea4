"""Who asks: the verified identity and visas of one request (Passport 1.2.1)."""

from __future__ import annotations

from dataclasses import dataclass

from auth.errors import Unauthenticated

Clause = tuple[tuple[str, str], ...]
"""Claims of one condition clause as (claim, prefixed pattern) pairs, ``type`` among them."""

Conditions = tuple[tuple[Clause, ...], ...]
"""Disjunctive normal form: any of (all of clauses)."""


@dataclass(frozen=True, slots=True)
class Visa:
    """One verified visa.

    :param asserted: when the source made the statement, epoch seconds.
    :param expires: ``exp`` of the visa and of the visas its conditions needed, the earliest, epoch seconds.
    :param jti: identifier of the visa; of ours, the identifier of the grant.
    :param rests: (issuer, jti) of the other visas that it needs: those that meet its conditions, and the links that
        make it this person's.
    """

    issuer: str
    subject: str
    type: str
    value: str
    source: str
    by: str | None
    asserted: int
    conditions: Conditions
    expires: int
    jti: str | None
    rests: tuple[tuple[str, str | None], ...] = ()


def reference(issuer: str, jti: str | None, own: str) -> str:
    """How a grant is named in decisions and byte URLs: one of our own by its ``jti``, others with their issuer."""
    return jti or "" if issuer == own else f"{issuer} {jti or ''}"


def referred(grant: str) -> tuple[str, str] | None:
    """(issuer, jti) of a foreign grant's reference; None for one of our own, whose ``jti`` has no space."""
    issuer, space, jti = grant.partition(" ")
    return (issuer, jti) if space else None


@dataclass(frozen=True, slots=True)
class Caller:
    """The one who asks.

    :param subject: subject at ``issuer`` (a broker); None for anonymous.
    :param visas: verified, trusted, of this person, conditions met.
    :param expires: expiry of the token or of the first of the passports to expire, epoch seconds; None for anonymous.
        Each visa has its own; the earliest of those that a decision uses governs it.
    :param client: OAuth client that the token was issued to.
    """

    subject: str | None
    issuer: str | None
    visas: tuple[Visa, ...] = ()
    expires: int | None = None
    client: str | None = None
    name: str = ""


def signed_in(caller: Caller, broker: str, now: int) -> str:
    """The subject that acts at a member which signs people in with ``broker``.

    :raises Unauthenticated: anonymous, expired, or of another broker, whose subjects may be called the same.
    """
    if caller.subject is None or caller.issuer != broker:
        raise Unauthenticated("sign in first")
    if caller.expires is None or caller.expires <= now:
        raise Unauthenticated("the sign-in has expired")
    return caller.subject


ANONYMOUS = Caller(subject=None, issuer=None)
