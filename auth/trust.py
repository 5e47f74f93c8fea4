"""Whom this node believes, and in what: trust is data, and every comparison is of whole strings (CLH-01, CLH-02)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TrustEntry:
    """What one visa issuer may say here.

    :param issuer: its ``iss``, compared as a whole string.
    :param jwks_uri: the only ``jku`` accepted with that ``iss``, and the only URL its keys are fetched from.
    :param sources: whose statements it may pass on (``source``); None: its own, and those of its committees, which the
        policy compares with the data set.
    :param datasets: data sets it may grant: whole values, or prefixes that end with ``/``.
    :param types: visa types it may issue.
    :param subjects_of: broker whose subjects it uses: equal ``sub`` is then the same person.
    :param max_age: seconds after ``asserted`` for which a statement counts; None for as long as the visa lives.
    :param status: URL of its signed status list; None where it publishes none and ``exp`` alone ends its visas.
    :param userinfo: where its access-token visas are confirmed (AAI-04); None to refuse such visas.
    """

    issuer: str
    jwks_uri: str
    sources: tuple[str, ...] | None = ()
    datasets: tuple[str, ...] = ()
    types: tuple[str, ...] = ("ControlledAccessGrants",)
    subjects_of: str | None = None
    max_age: int | None = None
    status: str | None = None
    userinfo: str | None = None

    def may_grant(self, value: str) -> bool:
        """May this issuer grant the data set ``value`` (ATTACKS 17, 38)?"""
        return any(value == scope or (scope.endswith("/") and value.startswith(scope)) for scope in self.datasets)

    def may_quote(self, source: str) -> bool:
        """May this issuer pass on what ``source`` states?"""
        if self.sources is None:
            return source == self.issuer or source.startswith(f"{self.issuer}/dac/")
        return source in self.sources


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker whose passports and access tokens are accepted.

    :param token_types: ``typ`` of its access tokens, in lower case.
    :param opaque: its access tokens may also be opaque; who presents one can only be told by asking this broker.
    """

    issuer: str
    jwks_uri: str = ""
    userinfo: str = ""
    token_types: tuple[str, ...] = ("at+jwt",)
    opaque: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "jwks_uri", self.jwks_uri or f"{self.issuer}/.well-known/jwks.json")
        object.__setattr__(self, "userinfo", self.userinfo or f"{self.issuer}/userinfo")


@dataclass(frozen=True, slots=True)
class Trust:
    """Everyone whom a node believes."""

    brokers: Mapping[str, Broker]
    issuers: Mapping[str, TrustEntry] = field(default_factory=dict)

    @property
    def opaque(self) -> Broker | None:
        """The broker of opaque access tokens, if there is one."""
        return next((broker for broker in self.brokers.values() if broker.opaque), None)

    @classmethod
    def of(cls, brokers: tuple[Broker, ...], entries: tuple[TrustEntry, ...]) -> Trust:
        """Trust in these; a later entry for the same issuer is a mistake.

        :raises ValueError: an issuer occurs twice, or two brokers would be shown the same opaque token.
        """
        by_broker = {broker.issuer: broker for broker in brokers}
        by_issuer = {entry.issuer: entry for entry in entries}
        if len(by_broker) != len(brokers) or len(by_issuer) != len(entries):
            raise ValueError("an issuer occurs twice in the trust list")
        if sum(broker.opaque for broker in brokers) > 1:
            raise ValueError("opaque tokens say nothing of their broker, so that only one broker may have them")
        return cls(by_broker, by_issuer)


def own(public_url: str, broker: str) -> TrustEntry:
    """How a member trusts itself: its committees, its data sets, terms accepted here, the subjects of its broker."""
    return TrustEntry(
        issuer=public_url,
        jwks_uri=jku(public_url),
        sources=None,
        datasets=(f"{public_url}/datasets/",),
        types=("ControlledAccessGrants", "AcceptedTermsAndPolicies"),
        subjects_of=broker,
    )


def jku(public_url: str) -> str:
    """Where a process publishes its keys."""
    return f"{public_url}/.well-known/jwks.json"
