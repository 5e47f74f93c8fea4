"""Who may have what: the one place where access is decided, from verified visas. Pure, and closed in doubt."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from auth.caller import Caller, Visa, reference

Office = Literal["submitter", "reviewer"]
Appointed = Callable[[str, Office], Collection[str]]
Granularity = Literal["boolean", "count", "record"]
InForce = Callable[[Collection[str]], Collection[str]]
REGISTERED_ACCESS = "https://doi.org/10.1038/s41431-018-0219-y"
"""The version that accepted terms and researcher status must both name (Passport, Registered Access)."""


@dataclass(frozen=True, slots=True)
class DatasetRule:
    """What a published data set says about its access.

    :param tier: ``open``, ``registered`` or ``controlled``.
    :param records: who reads its DRS records: ``public`` or ``protected`` like the bytes.
    :param dac: id of the committee that decides.
    """

    accession: str
    tier: str
    records: str
    dac: str | None


@dataclass(frozen=True, slots=True)
class Decision:
    """An answer with its reason.

    :param expires: epoch seconds after which the decision no longer holds; None for open data.
    :param grants: references of the grants that it rests on (``auth.caller.reference``); each must stand at each later
        use.
    :param authenticate: the refusal is for want of a sign-in (401), not of a right (403).
    """

    allowed: bool
    reason: str
    expires: int | None = None
    grants: tuple[str, ...] = ()
    authenticate: bool = False


OPEN = Decision(True, "open")


@dataclass(frozen=True, slots=True)
class PublicGranularity:
    """What those may learn of a set who may not fetch it: of its people, and of their genotypes.

    :param researchers: genotypes, for callers with Registered Access; others have ``genotypes``.
    """

    general: Granularity = "count"
    genotypes: Granularity = "boolean"
    researchers: Granularity = "count"


@dataclass(frozen=True, slots=True)
class Floor:
    """The least that a public number says (DESIGN section 7).

    :param minimum: smaller numbers, zero among them, are suppressed.
    :param round_to: others are rounded down to a multiple of this.
    """

    minimum: int
    round_to: int

    def __post_init__(self) -> None:
        if self.minimum < 0 or self.round_to < 1:
            raise ValueError("a floor needs minimum >= 0 and round_to >= 1")

    def apply(self, n: int) -> int | None:
        """The number to show for ``n``, None if suppressed."""
        return None if n < self.minimum else n - n % self.round_to


def strictest(*floors: Floor) -> Floor:
    """The floor that tells no more than any of ``floors``: the largest minimum and the coarsest rounding."""
    return Floor(max(floor.minimum for floor in floors), max(floor.round_to for floor in floors))


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of one member.

    :param issuer: public URL of this member; issuer of its own visas.
    :param in_force: which of these references are of grants that stand now; asked at every decision, never cached.
    :param public: public granularity by accession, ``default`` for the others.
    :param appointed: accessions for which a subject of ``broker`` holds an office; asked at every decision.
    """

    issuer: str
    in_force: InForce
    public: Mapping[str, PublicGranularity] = field(default_factory=dict)
    default: PublicGranularity = PublicGranularity()
    registered: str = REGISTERED_ACCESS
    appointed: Appointed = lambda _subject, _office: ()
    broker: str = ""

    def fetch(self, caller: Caller, rule: DatasetRule, now: int) -> Decision:
        """May ``caller`` have the bytes and records of the data set at ``now`` (epoch seconds)?"""
        if rule.tier == "open":
            return OPEN
        if caller.subject is None:
            return Decision(False, "sign_in_required", authenticate=True)
        if caller.expires is None or caller.expires <= now:
            return Decision(False, "token_expired", authenticate=True)
        if rule.tier == "registered":
            return self._registered(caller, now)
        if rule.tier == "controlled":
            return self._controlled(caller, rule, now)
        return Decision(False, "unknown_tier")

    def settled(self, rule: DatasetRule) -> bool:
        """Whether the decision about the bytes asks for no grant: :meth:`fetch` then only calculates."""
        return rule.tier == "open"

    def records(self, caller: Caller, rule: DatasetRule, now: int) -> Decision:
        """May ``caller`` read the DRS records (names, sizes, checksums) of the data set?"""
        if rule.records == "public":
            return Decision(True, "public_records")
        return self.fetch(caller, rule, now)

    def office(self, caller: Caller, office: Office, accession: str, now: int) -> Decision:
        """May ``caller`` do what only those may who hold an office for the data set?"""
        held = self.held(caller, office, now)
        if held is None:
            return Decision(False, "sign_in_required", authenticate=True)
        return Decision(True, "appointed", caller.expires) if accession in held else Decision(False, "not_appointed")

    def held(self, caller: Caller, office: Office, now: int) -> frozenset[str] | None:
        """Accessions for which ``caller`` holds an office; None for one who must sign in first."""
        if caller.subject is None or caller.issuer != self.broker or caller.expires is None or caller.expires <= now:
            return None
        return frozenset(self.appointed(caller.subject, office))

    def granularity(self, caller: Caller, rule: DatasetRule, now: int, *, genotypes: bool = False) -> Granularity:
        """How much of the data set an answer may show ``caller``; ``genotypes``: the question is about variants."""
        if self.fetch(caller, rule, now).allowed:
            return "record"
        public = self.public.get(rule.accession, self.default)
        if not genotypes:
            return public.general
        return public.researchers if self._is_researcher(caller, now) else public.genotypes

    def _is_researcher(self, caller: Caller, now: int) -> bool:
        signed_in = caller.subject is not None and caller.expires is not None and caller.expires > now
        return signed_in and self._registered(caller, now).allowed

    def _controlled(self, caller: Caller, rule: DatasetRule, now: int) -> Decision:
        value = f"{self.issuer}/datasets/{rule.accession}"
        named = [visa for visa in caller.visas if visa.value == value]
        matching = [visa for visa in named if self._grants(visa, rule) and visa.expires > now]
        standing = self._standing(matching)
        if not standing:
            return Decision(False, "grant_not_in_force" if matching else "no_grant")
        best = max(standing, key=lambda visa: visa.expires)
        return Decision(True, "granted", _earliest(caller, best), self._rests_on(best))

    def _rests_on(self, *visas: Visa) -> tuple[str, ...]:
        """References of the visas and of all that they need, each once."""
        named = ((visa.issuer, visa.jti) for visa in visas)
        needed = (other for visa in visas for other in visa.rests)
        return tuple(dict.fromkeys(reference(issuer, jti, self.issuer) for issuer, jti in (*named, *needed)))

    def _standing(self, visas: Collection[Visa]) -> list[Visa]:
        """Those of which every grant stands, in one question."""
        rests = {visa: self._rests_on(visa) for visa in visas}
        wanted = list(dict.fromkeys(grant for grants in rests.values() for grant in grants))
        in_force = frozenset(self.in_force(wanted)) if wanted else frozenset()
        return [visa for visa, grants in rests.items() if in_force.issuperset(grants)]

    def _grants(self, visa: Visa, rule: DatasetRule) -> bool:
        """CLH-06: besides the value, type, source and ``by``; the issuer's right was checked with its trust entry."""
        if rule.dac is None or visa.type != "ControlledAccessGrants" or visa.by != "dac":
            return False
        return visa.issuer != self.issuer or visa.source == f"{self.issuer}/dac/{rule.dac}"

    def _registered(self, caller: Caller, now: int) -> Decision:
        found = []
        for kind in ("AcceptedTermsAndPolicies", "ResearcherStatus"):
            held = [v for v in caller.visas if v.type == kind and v.value == self.registered and v.expires > now]
            if kind == "AcceptedTermsAndPolicies":
                held = [visa for visa in held if visa.by is not None]
            held = self._standing(held)
            if not held:
                return Decision(False, f"no_{kind}")
            found.append(max(held, key=lambda visa: visa.expires))
        return Decision(True, "registered", _earliest(caller, *found), self._rests_on(*found))


def _earliest(caller: Caller, *visas: Visa) -> int | None:
    """The earliest expiry governs (CLH-04)."""
    times = [visa.expires for visa in visas] + ([] if caller.expires is None else [caller.expires])
    return min(times, default=None)
