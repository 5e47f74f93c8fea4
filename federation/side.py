"""A member's side of a join: answers a trusted gateway with pseudonyms, or a number, or what the caller may see.

The gateway is not trusted with people. Below record access it gets nothing of a person but a pseudonym of this one
question, made under a key that it does not have (:mod:`federation.pseudonyms`); never below the member's floor; never
twice under one nonce.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import anyio.to_thread
import connexion

from auth.caller import ANONYMOUS, Caller
from auth.policy import DatasetRule, Floor, Granularity
from federation.alike import TooManyConditions, told, without_one
from federation.held import Held
from federation.nonces import Nonces
from federation.people import Clause, Meetings, Row, of_genotypes
from federation.pseudonyms import InvalidNonce, blocks, decode, encode, fingerprint, key_check, pack, pseudonyms
from web.errors import Failure

DIRECT = frozenset(("answer_side", "answer_held", "answer_records"))
ORDER: Mapping[str, int] = {"boolean": 0, "count": 1, "record": 2}


class Individuals(Protocol):
    """Who meets one Beacon question at this member."""

    def __call__(self, question: Clause, caller: Caller | None) -> Sequence[tuple[str, str | None, Collection[str]]]:
        """Every individual that exists and meets ``question``, whatever its data set's tier.

        :param question: ``{entryType, filters, requestParameters}`` as in Beacon; the answer is always individuals:
            for ``genomicVariant`` the carriers, for an imaging entry type those imaged so.
        :returns: (own accession, GSA-Human accession or None where not linked, data sets in which it is met).
        :raises web.errors.Failure: 400 for a question that this member cannot answer.
        """
        ...


class Records(Protocol):
    """What there is to fetch of individuals."""

    def __call__(
        self, accessions: Sequence[str], datasets: Sequence[str]
    ) -> Mapping[str, Mapping[str, Mapping[str, Sequence[str]]]]:
        """By accession and data set (of ``datasets``): ``drs`` (URIs), ``htsget`` and ``dicomweb`` (URLs).

        Who does not exist, and of whom there is nothing, is absent.
        """
        ...


class Rules(Protocol):
    """The data sets of this member that exist and hold individuals."""

    def __call__(self) -> Sequence[DatasetRule]:
        """Their rules."""
        ...


class Debit(Protocol):
    """Pays for a question from the budgets of its caller before anybody is looked at."""

    def __call__(self, clauses: Sequence[Clause], caller: Caller, *, numbers: bool, whole: str = "") -> None:
        """Debit all clauses together, as one question about people.

        :param numbers: the answer shows numbers, where they are granted.
        :param whole: hash of the joined question of which the clauses are a part: another question about other people,
            even where the part is the same.
        :raises web.errors.Failure: 401 or 403 where the caller has no budget, or none that is left for it.
        """
        ...


class Gateways(Protocol):
    """Verifies that a request comes from a gateway that this member trusts."""

    async def __call__(self, authorization: str | None) -> Mapping[str, Any]:
        """The claims of the client assertion in an Authorization header, used up by this call.

        :raises auth.errors.AuthError: unless it is a fresh assertion of a trusted gateway for this member.
        """
        ...


class Bearers(Protocol):
    """Resolves an Authorization header to a caller (``auth.clearinghouse.Clearinghouse.bearer``)."""

    async def __call__(self, authorization: str | None) -> Caller:
        """The caller."""
        ...


class Granularities(Protocol):
    """``auth.policy.Policy.granularity``."""

    def __call__(self, caller: Caller, rule: DatasetRule, now: int, *, genotypes: bool = False) -> Granularity:
        """How much of a data set an answer may show."""
        ...


@dataclass(frozen=True)
class Access:
    """What a caller may learn of the data sets searched: ``granularity`` is the strictest of them."""

    granularity: Granularity
    datasets: Mapping[str, Granularity]
    rules: Sequence[DatasetRule]

    def records(self) -> frozenset[str]:
        """Data sets whose records the caller may see."""
        return frozenset(name for name, granularity in self.datasets.items() if granularity == "record")


@dataclass(frozen=True)
class Side:
    """Handler of ``specs/join.yaml``.

    :param url: this member's public URL.
    :param partners: join keys (32 bytes) by the id of the linked member.
    :param debit: what the question costs is paid by this before people are looked at.
    :param held: keeps large sides, for members of ``semi_join_to``: those who may be told which of their people are in
        a side of ours.
    :param apart: questions about people that differ by fewer are told alike (:mod:`federation.alike`).
    :param requests_url: where access to a data set is requested, or None.
    """

    url: str
    individuals: Individuals
    records: Records
    rules: Rules
    granularity: Granularities
    floor: Floor
    partners: Mapping[str, bytes]
    gateways: Gateways
    bearer: Bearers
    nonces: Nonces
    debit: Debit
    held: Held
    semi_join_to: frozenset[str] = frozenset()
    apart: int = 1
    requests_url: str | None = None
    clock: Callable[[], float] = time.time

    async def answer_side(self, body: dict[str, Any]) -> dict[str, Any]:
        """This member's part of a question.

        :raises Failure: 401/403 for who is not a trusted gateway asking exactly this, 400 for a question that cannot
            be answered here, 409 for a nonce used before.
        """
        caller = await self._admit(body)
        nonce = self._bytes(body, "nonce")
        return await anyio.to_thread.run_sync(self._answer, body, nonce, caller)

    async def answer_records(self, body: dict[str, Any]) -> dict[str, Any]:
        """What the caller may fetch of the individuals named; those not to be seen are absent."""
        caller = await self._admit(body)
        return await anyio.to_thread.run_sync(self._records, body["accessions"], caller)

    async def answer_held(self, body: dict[str, Any]) -> dict[str, Any]:
        """A step of a semi-join about a large side that was answered before under the same nonce."""
        await self._admit(body)
        return await anyio.to_thread.run_sync(self.held.answer, self._bytes(body, "nonce"), body, self.clock())

    async def _admit(self, body: dict[str, Any]) -> Caller:
        """The caller of a request that a trusted gateway signed for exactly this body."""
        claims = await self.gateways(connexion.request.headers.get("authorization"))
        token = body.get("token")
        expected = {
            "question": encode(fingerprint(body)),
            "caller": "anonymous" if token is None else "authenticated",
            "nonce": body["nonce"],
        }
        for name, value in expected.items():
            if claims.get(name) != value:
                raise Failure(403, f"the gateway's assertion was made for another {name}")
        return ANONYMOUS if token is None else await self.bearer(f"Bearer {token}")

    def _bytes(self, body: Mapping[str, Any], name: str) -> bytes:
        try:
            return decode(body[name])
        except ValueError as error:
            raise Failure(400, f"{name}: is not base64url") from error

    def _answer(self, body: dict[str, Any], nonce: bytes, caller: Caller) -> dict[str, Any]:
        partner = body.get("partner")
        if partner is not None and partner not in self.partners:
            raise Failure(400, f"partner: no key is shared with {partner!r}")
        try:
            self.nonces.spend(nonce, partner or "", self.clock())
        except InvalidNonce as error:
            raise Failure(409, str(error)) from error
        question, clauses = body["question"], [*body["question"]["all"], *body["question"]["none"]]
        genotypes = any(of_genotypes(clause) for clause in clauses)
        access = self._access(caller, genotypes)
        self.debit(clauses, caller, numbers=body["granularity"] != "boolean", whole=body["whole"] if partner else "")
        meetings = Meetings(self.individuals, caller)
        try:
            # Questions about genotypes are paid for instead.
            shown = self._shown(body, nonce, meetings, access, 1 if genotypes else self.apart)
        except TooManyConditions as error:
            raise Failure(400, str(error)) from error
        if body["granularity"] == "record":
            rows = meetings.rows(question, access.records())
            shown["records"] = [_row(row, partner) for row in rows if partner is None or row.person]
        return shown

    def _access(self, caller: Caller, genotypes: bool) -> Access:
        now = int(self.clock())
        rules = self.rules()
        seen = {rule.accession: self.granularity(caller, rule, now, genotypes=genotypes) for rule in rules}
        strictest: Granularity = min(seen.values(), key=lambda granularity: ORDER[granularity], default="count")
        return Access(strictest, seen, rules)

    def _shown(
        self, body: Mapping[str, Any], nonce: bytes, meetings: Meetings, access: Access, apart: int
    ) -> dict[str, Any]:
        """The part of the answer that everyone may have: under the floor, or whole for who may see every record."""
        partner = body.get("partner")
        meet = meetings.persons if partner is None else meetings.linked
        exact = access.granularity == "record"
        question = told(body["question"], meet, 1 if exact else apart)
        number = len(meet(question)) if exact else self.floor.apply(len(meet(question)))
        shown: dict[str, Any] = {
            "granularity": access.granularity,
            "exact": exact,
            "suppressed": number is None,
            "floor": {"minimum": self.floor.minimum, "round_to": self.floor.round_to},
            "datasets": [self._dataset(rule, access) for rule in access.rules],
        }
        if number is None:
            return shown
        if partner is not None:
            shown |= self._pseudonyms(body, nonce, meet, question, apart)
        else:
            shown["exists"] = number > 0
            if access.granularity != "boolean":
                shown["count"] = number
        return shown

    def _pseudonyms(
        self,
        body: Mapping[str, Any],
        nonce: bytes,
        meet: Callable[[Mapping[str, Any]], frozenset[str]],
        question: Mapping[str, Any],
        apart: int,
    ) -> dict[str, Any]:
        """The people of this side, and who they would be without each condition, so that the gateway can tell joined
        questions alike: only there both sides are known."""
        key, whole, people = self.partners[body["partner"]], self._bytes(body, "whole"), meet(question)

        def packed(accessions: frozenset[str]) -> str:
            return pack(pseudonyms(key, nonce, whole, accessions))

        conditions = without_one(question) if apart > 1 else []
        # With its only condition a side is left out as a whole.
        others = [meet(other) for other in conditions] if len(conditions) > 1 else []
        beside = [{"gained": packed(other - people), "lost": packed(people - other)} for other in others]
        allowed = body["partner"] in self.semi_join_to
        about = {
            "apart": apart,
            "beside": beside,
            "semiJoin": allowed,
            "keyCheck": encode(key_check(key, nonce, whole)),
        }
        if allowed and not beside and len(people) > self.held.large:
            self.held.keep(nonce, blocks(key, nonce, whole, people), self.clock())
            return {**about, "held": len(people)}
        return {**about, "pseudonyms": packed(people)}

    def _dataset(self, rule: DatasetRule, access: Access) -> dict[str, Any]:
        granularity = access.datasets[rule.accession]
        shown = {"accession": rule.accession, "tier": rule.tier, "granularity": granularity}
        if granularity != "record" and self.requests_url is not None:
            shown["request"] = self.requests_url
        return shown

    def _records(self, accessions: Sequence[str], caller: Caller) -> dict[str, Any]:
        access = self._access(caller, genotypes=False)
        allowed = access.records()
        tiers = {rule.accession: rule.tier for rule in access.rules}
        held = self.records(accessions, sorted(allowed)) if allowed else {}
        return {
            "records": [
                {
                    "accession": accession,
                    "datasets": [
                        {"accession": name, "tier": tiers[name], **_lists(files)}
                        for name, files in held[accession].items()
                        if name in allowed
                    ],
                }
                for accession in accessions
                if accession in held
            ]
        }


def _lists(files: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    return {kind: list(files.get(kind, ())) for kind in ("drs", "htsget", "dicomweb")}


def _row(row: Row, partner: str | None) -> dict[str, Any]:
    shown: dict[str, Any] = {"accession": row.accession, "datasets": sorted(row.datasets)}
    if partner is not None:
        shown["person"] = row.person
    return shown
