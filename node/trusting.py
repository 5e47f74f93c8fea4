"""Whom a member trusts: its own keys and broker, and the brokers and issuers of its configuration."""

from __future__ import annotations

from auth.trust import Broker, Trust, TrustEntry, own
from node.settings import MemberSettings, TrustedIssuer


def trust_of(settings: MemberSettings) -> Trust:
    """The trust of the member that ``settings`` describe."""
    broker = settings.broker.issuer
    brokers = (Broker(broker), *(Broker(**given.model_dump()) for given in settings.brokers))
    return Trust.of(brokers, (own(settings.public_url, broker), *(_entry(entry) for entry in settings.trust)))


def _entry(given: TrustedIssuer) -> TrustEntry:
    return TrustEntry(
        issuer=given.issuer,
        jwks_uri=given.jwks_uri,
        sources=tuple(given.sources),
        datasets=tuple(given.datasets),
        types=tuple(given.types),
        subjects_of=given.subjects_of,
        max_age=given.max_age,
        status=given.status,
        userinfo=given.userinfo,
    )
