"""Terms accepted at a member: their visas (VIS-03, VIS-04, VIS-05) and registered access with them (row 40)."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import cast

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from auth import audit, jose
from auth.accepted_terms import Acceptances, Agreement, Terms
from auth.caller import ANONYMOUS, Caller
from auth.clearinghouse import Clearinghouse
from auth.errors import InvalidRequest, Unauthenticated
from auth.grants import GrantsInForce
from auth.http import JsonGet
from auth.jwks import Jwks
from auth.keys import KeyRing
from auth.policy import REGISTERED_ACCESS, DatasetRule, Policy
from auth.status import StatusLists
from auth.tables import AuditEvent
from auth.trust import Broker, Trust, jku
from auth.visas import LIFETIME, VisaIssuer, read_status
from tests.auth.world import BROKER, FOREIGN, MEMBER, NOW, Answers, Clock, World, person

REGISTERED = DatasetRule("HRA000001", "registered", "public", None)
TERMS = Terms(REGISTERED_ACCESS, "Registered access", "注册访问", ("Research only.",), ("仅用于研究。",))
OTHER = replace(TERMS, url=f"{REGISTERED_ACCESS}/", title="Another version")
ALICE, BOB = person("alice", expires=NOW + 10**9), person("bob", expires=NOW + 10**9)


class Member:
    """Terms, the visas for them, and a data set that opens by registered access."""

    def __init__(self, engine: Engine, world: World, clock: Clock) -> None:
        self.engine, self.world, self.clock = engine, world, clock
        self.ring = KeyRing(engine, clock)
        self.issuer = VisaIssuer(MEMBER, engine, self.ring, clock)
        self.acceptances = Acceptances(engine, BROKER, [TERMS, OTHER], clock)
        entries = [replace(one, subjects_of=BROKER) for one in world.trust.issuers.values()]
        trust = Trust.of((Broker(BROKER),), tuple(entries))
        answers = Answers({jku(name): {"keys": [key.public_jwk()]} for name, key in world.keys.items()})
        http = cast(JsonGet, answers)
        jwks = Jwks(http, {jku(MEMBER): self.ring.key_set}, clock)
        self.clearinghouse = Clearinghouse(MEMBER, trust, jwks, http, clock)
        standing = GrantsInForce(self.issuer.in_force, StatusLists(trust.issuers.values(), jwks, http, clock))
        self.policy = Policy(MEMBER, standing)

    def status(self, subject: str = "alice", value: str = REGISTERED_ACCESS) -> str:
        """What the trusted issuer says of a researcher."""
        said = {"type": "ResearcherStatus", "value": value, "by": "so", "source": "https://no.organization"}
        return self.world.visa(FOREIGN, sub=subject, ga4gh_visa_v1={**said, "asserted": NOW - 100})

    def passport(self, *visas: str, subject: str = "alice") -> str:
        """A Passport of these visas and those of the member, as the broker collects them."""
        return self.world.passport([*visas, *self.issuer.for_subject(subject)], sub=subject)

    async def allowed(self, passport: str) -> bool:
        """Does this Passport open the registered data set now?"""
        caller = await self.clearinghouse.passports([passport])
        return self.policy.fetch(caller, REGISTERED, self.clock()).allowed

    def events(self) -> list[tuple[str, str, str]]:
        """Actor, action and target of every event."""
        with Session(self.engine) as session:
            question = select(AuditEvent).order_by(AuditEvent.sequence)
            return [(event.actor, event.action, event.target) for event in session.scalars(question)]


@pytest.fixture
def member(auth_engine: Engine, world: World, clock: Clock) -> Member:
    return Member(auth_engine, world, clock)


def test_VIS_03_VIS_04_VIS_05_form_of_a_visa_for_terms(member: Member) -> None:
    member.acceptances.accept(ALICE, REGISTERED_ACCESS)
    member.clock.seconds += 50
    (token,) = member.issuer.for_subject("alice")
    visa = jose.verify(token, member.ring.key_set(), typ={"vnd.ga4gh.visa+jwt"}, now=member.clock())
    assert visa.header["jku"] == f"{MEMBER}/.well-known/jwks.json"
    assert visa.claims["ga4gh_visa_v1"] == {
        "type": "AcceptedTermsAndPolicies",
        "asserted": NOW,
        "value": "https://doi.org/10.1038/s41431-018-0219-y",
        "source": MEMBER,
        "by": "self",
    }
    named = {name: visa.claims[name] for name in ("iss", "sub", "iat", "exp")}
    assert named == {"iss": MEMBER, "sub": "alice", "iat": NOW + 50, "exp": NOW + 50 + LIFETIME}
    assert member.issuer.for_subject("bob") == []


async def test_ATTACKS_40_67_accepted_terms_and_researcher_status_open_until_withdrawn(member: Member) -> None:
    """The whole way, and the very Passport that opened is refused with the next request."""
    assert not await member.allowed(member.passport(member.status()))
    member.acceptances.accept(ALICE, REGISTERED_ACCESS)
    held = member.passport(member.status())
    assert await member.allowed(held)
    assert not await member.allowed(member.passport())
    member.acceptances.withdraw(ALICE, REGISTERED_ACCESS)
    assert not await member.allowed(held)
    assert member.issuer.for_subject("alice") == []
    member.acceptances.accept(ALICE, REGISTERED_ACCESS)
    assert not await member.allowed(held)  # what was withdrawn stays so: the new acceptance is another
    assert await member.allowed(member.passport(member.status()))


async def test_ATTACKS_40_another_version_or_person_opens_nothing(member: Member) -> None:
    member.acceptances.accept(ALICE, OTHER.url)
    assert not await member.allowed(member.passport(member.status()))
    assert not await member.allowed(member.passport(member.status(value=OTHER.url)))
    member.acceptances.accept(BOB, REGISTERED_ACCESS)
    (of_bob,) = member.issuer.for_subject("bob")
    assert not await member.allowed(member.passport(member.status(), of_bob))
    assert not await member.allowed(member.passport(member.status("bob"), of_bob))
    assert await member.allowed(member.passport(member.status("bob"), subject="bob"))


def test_ATTACKS_67_the_status_list_names_withdrawn_acceptances(member: Member) -> None:
    member.acceptances.accept(ALICE, REGISTERED_ACCESS)
    jti = jose.unverified(member.issuer.for_subject("alice")[0]).claims["jti"]
    assert member.issuer.in_force([jti, "other"]) == {jti}
    member.acceptances.withdraw(ALICE, REGISTERED_ACCESS)
    assert member.issuer.in_force([jti]) == frozenset()
    for later, listed in ((0, {jti}), (LIFETIME, {jti}), (LIFETIME + jose.SKEW, set())):
        member.clock.seconds = NOW + later
        found = read_status(member.issuer.status(), MEMBER, member.ring.key_set(), member.clock())
        assert found.revoked == listed


def test_each_is_done_once_with_its_event(member: Member) -> None:
    for _ in range(2):
        member.acceptances.accept(ALICE, REGISTERED_ACCESS)
    member.acceptances.withdraw(BOB, REGISTERED_ACCESS)
    assert member.acceptances.mine(ALICE) == [
        Agreement(REGISTERED_ACCESS, TERMS, NOW),
        Agreement(OTHER.url, OTHER, None),
    ]
    for _ in range(2):
        member.acceptances.withdraw(ALICE, REGISTERED_ACCESS)
    assert {one.accepted_at for one in member.acceptances.mine(ALICE)} == {None}
    assert member.events() == [
        ("alice", "accept_terms", REGISTERED_ACCESS),
        ("alice", "withdraw_terms", REGISTERED_ACCESS),
    ]
    assert audit.verify(member.engine).fault is None


def test_an_acceptance_without_its_event_is_none(member: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(audit, "append", full)
    with pytest.raises(OSError, match="full"):
        member.acceptances.accept(ALICE, REGISTERED_ACCESS)
    assert member.issuer.for_subject("alice") == []


def test_clicks_at_the_same_moment_are_one_acceptance(member: Member) -> None:
    together, failed = threading.Barrier(4), list[BaseException]()

    def click() -> None:
        together.wait()
        try:
            member.acceptances.accept(ALICE, REGISTERED_ACCESS)
        except BaseException as error:  # noqa: BLE001 - told below, whatever it is
            failed.append(error)

    clicks = [threading.Thread(target=click) for _ in range(4)]
    for one in clicks:
        one.start()
    for one in clicks:
        one.join()
    assert failed == []
    assert len(member.issuer.for_subject("alice")) == 1
    assert member.events() == [("alice", "accept_terms", REGISTERED_ACCESS)]


def test_terms_that_are_no_longer_offered_can_be_withdrawn(member: Member) -> None:
    member.acceptances.accept(ALICE, REGISTERED_ACCESS)
    later = Acceptances(member.engine, BROKER, [OTHER], member.clock)
    assert later.mine(ALICE) == [Agreement(OTHER.url, OTHER, None), Agreement(REGISTERED_ACCESS, None, NOW)]
    later.withdraw(ALICE, REGISTERED_ACCESS)
    assert member.issuer.for_subject("alice") == []


STRANGERS = {
    "anonymous": ANONYMOUS,
    "another broker's": person("alice", issuer=FOREIGN),
    "expired": person("alice", expires=NOW),
}


@pytest.mark.parametrize("caller", STRANGERS.values(), ids=STRANGERS.keys())
def test_who_is_not_signed_in_here_accepts_nothing(member: Member, caller: Caller) -> None:
    for act in (member.acceptances.accept, member.acceptances.withdraw):
        with pytest.raises(Unauthenticated):
            act(caller, REGISTERED_ACCESS)
    with pytest.raises(Unauthenticated):
        member.acceptances.mine(caller)
    assert member.events() == []


@pytest.mark.parametrize("url", ["", "https://terms.example/1", REGISTERED_ACCESS.upper(), f"{REGISTERED_ACCESS} "])
def test_VIS_05_terms_that_are_not_offered_are_not_accepted(member: Member, url: str) -> None:
    with pytest.raises(InvalidRequest):
        member.acceptances.accept(ALICE, url)
    assert member.issuer.for_subject("alice") == []
