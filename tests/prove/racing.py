"""Interleavings of decision, revocation, minting and download around one request, and what none of them may leave.

Everybody acts in a thread of their own over one real database; a seeded pause before statements makes every round
another interleaving. Bytes are fetched over HTTP. What may follow what is written down here, not read from the rules.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session

from auth import audit, jose
from auth.caller import Caller
from auth.committees import register_committee
from auth.dac import Dac
from auth.errors import AuthError, Conflict
from auth.keys import KeyRing
from auth.policy import DatasetRule
from auth.signed import Capability, Signer
from auth.tables import AuditEvent, Grant
from auth.visas import VisaIssuer
from tests.auth.conftest import tables
from tests.node.drs_node import application
from tests.node.family import BROKER, CONTENT, PUBLIC_URL, Holders, build
from tests.support import served

DATASET, FILE = "HRA000002", "HRR000002-01"
LONGEST_PAUSE = 0.002  # seconds before a statement
ENDS = {"approved": None, "rejected": "reject", "revoked": "revoke", "closed": "close"}
LIVES = [
    ["create", "submit", "approve"],
    ["create", "submit", "approve", "revoke"],
    ["create", "submit", "approve", "close"],
    ["create", "submit", "reject"],
    ["create", "submit", "close"],
]


@dataclass
class Stage:
    """A member with its DAC, its visa issuer and its byte URLs."""

    engine: Engine
    dac: Dac
    visas: VisaIssuer
    url: str
    signer: Signer
    pauses: threading.local

    def person(self, name: str) -> Caller:
        """Somebody signed in."""
        return Caller(name, BROKER, (), int(time.time()) + 900)


@dataclass
class Watched:
    """What minters and downloaders saw: (begun, ended, what) by the clock of this process."""

    minted: list[tuple[float, float, list[str]]] = field(default_factory=list)
    fetched: list[tuple[float, float, int, int]] = field(default_factory=list)


@contextmanager
def stage(engine: Engine, folder: Path) -> Iterator[Stage]:
    """The member over an empty database."""
    folder.mkdir()
    build(engine, folder)
    tables(engine)
    register_committee(engine, "HDAC000001", "Committee", {"dora": "", "dave": ""}, int(time.time()))
    rule = DatasetRule(DATASET, "controlled", "public", "HDAC000001")
    issuer = VisaIssuer(PUBLIC_URL, engine, KeyRing(engine))
    issuer.keys.current()
    pauses = threading.local()

    def pause(*_: Any) -> None:
        numbers: random.Random | None = getattr(pauses, "numbers", None)
        if numbers is not None and numbers.random() < 0.4:
            time.sleep(numbers.random() * LONGEST_PAUSE)

    event.listen(engine, "before_cursor_execute", pause)
    grants: Any = issuer.in_force
    with served(application(engine, folder, grants, Holders())) as url:
        dac = Dac(engine, BROKER, {DATASET: rule}.get, PUBLIC_URL)
        yield Stage(engine, dac, issuer, url, Signer(b"k" * 32), pauses)
    event.remove(engine, "before_cursor_execute", pause)


def interleave(stage: Stage, number: int, seed: int) -> str:
    """One round; what it came to. An illegal outcome is an AssertionError."""
    numbers, applicant = random.Random(f"{seed}-{number}"), stage.person(f"r{number}")
    made = stage.dac.create(applicant, DATASET, "to learn")
    stage.dac.command(applicant, made.id, "submit")
    seen, stop = Watched(), threading.Event()
    times: dict[str, list[tuple[float, float]]] = {}
    command = partial(_command, stage, made.id, times)
    acts: list[Callable[[], None]] = [
        partial(command, "dora", "approve"),
        partial(command, "dave", "approve"),
        partial(_until, partial(command, "dora", "revoke"), stop, numbers.randint(1, 40)),
    ]
    if numbers.random() < 0.3:
        acts.append(partial(command, "dave", "reject"))
    if numbers.random() < 0.3:
        acts.append(partial(command, applicant.subject or "", "close"))
    watchers = [partial(_mint, stage, applicant, seen, stop), partial(_fetch, stage, seen, stop)]
    errors = _together(stage, [*acts, *watchers], numbers, len(acts), stop)
    assert errors == []
    _after(stage, applicant, seen)
    return _judged(stage, made.id, applicant, seen, times)


def _command(stage: Stage, request: str, times: dict[str, list[tuple[float, float]]], who: str, name: str) -> bool:
    """Do it; whether it was done. Every success is noted with its time."""
    begun = time.monotonic()
    try:
        stage.dac.command(stage.person(who), request, name, comment="so")
    except Conflict:
        return False
    times.setdefault(name, []).append((begun, time.monotonic()))
    return True


def _until(act: Callable[[], bool], stop: threading.Event, tries: int) -> None:
    """Some rounds give up before there is anything to revoke."""
    for _ in range(tries):
        if act() or stop.is_set():
            return


def _mint(stage: Stage, applicant: Caller, seen: Watched, stop: threading.Event) -> None:
    while not stop.is_set():
        _mint_once(stage, applicant, seen)


def _mint_once(stage: Stage, applicant: Caller, seen: Watched) -> None:
    begun = time.monotonic()
    visas = stage.visas.for_subject(applicant.subject or "")
    jtis = [str(jose.unverified(visa, max_bytes=8192).claims["jti"]) for visa in visas]
    seen.minted.append((begun, time.monotonic(), jtis))


def _fetch(stage: Stage, seen: Watched, stop: threading.Event) -> None:
    with requests.Session() as http:
        while not stop.is_set():
            for jti in {jti for _, _, jtis in list(seen.minted) for jti in jtis}:
                _fetch_once(stage, http, jti, seen)
            stop.wait(0.0005)


def _fetch_once(stage: Stage, http: requests.Session, jti: str, seen: Watched) -> None:
    token = stage.signer.sign(Capability(FILE, "GET", int(time.time()) + 600, grants=(jti,)))
    begun = time.monotonic()
    answer = http.get(f"{stage.url}/data/{token}/x.txt", timeout=30)
    got = len(answer.content) if answer.content == CONTENT[FILE] else 0
    assert got or answer.status_code == 403, answer.text
    seen.fetched.append((begun, time.monotonic(), answer.status_code, got))


def _together(
    stage: Stage, acts: list[Callable[[], Any]], numbers: random.Random, deciding: int, stop: threading.Event
) -> list[BaseException]:
    """All at the same moment; the watchers stop when the ``deciding`` first ones are done."""
    barrier, errors, left = threading.Barrier(len(acts)), list[BaseException](), threading.Semaphore(0)

    def run(act: Callable[[], Any], seed: float, decides: bool) -> None:
        stage.pauses.numbers = random.Random(seed)
        barrier.wait()
        try:
            act()
        except (AuthError, AssertionError, requests.RequestException) as error:
            errors.append(error)
        finally:
            if decides:
                left.release()

    threads = [
        threading.Thread(target=run, args=(act, numbers.random(), place < deciding)) for place, act in enumerate(acts)
    ]
    for thread in threads:
        thread.start()
    for _ in range(deciding):
        assert left.acquire(timeout=60), "a decision did not come back"
    stop.set()
    for thread in threads:
        thread.join(60)
    return errors


def _after(stage: Stage, applicant: Caller, seen: Watched) -> None:
    """Once more when all is over."""
    _mint_once(stage, applicant, seen)
    with requests.Session() as http:
        for jti in {jti for _, _, jtis in seen.minted for jti in jtis}:
            _fetch_once(stage, http, jti, seen)


def _judged(
    stage: Stage, request: str, applicant: Caller, seen: Watched, times: dict[str, list[tuple[float, float]]]
) -> str:
    final = stage.dac.get(applicant, request).state
    with Session(stage.engine) as session:
        query = select(AuditEvent.action).where(AuditEvent.target == request).order_by(AuditEvent.sequence)
        life = list(session.scalars(query))
        grants = list(session.scalars(select(Grant).where(Grant.request == request)))
    assert life in LIVES, life
    assert all(len(done) == 1 for done in times.values()), times
    assert set(life[2:]) == set(times), (life, times)
    assert final in ENDS
    assert (ENDS[final] or "approve") == life[-1]
    assert len(grants) == ("approve" in life)
    assert all((grant.revoked_at is not None) == (final != "approved") for grant in grants)
    _judge_access(seen, times, final)
    return final


def _judge_access(seen: Watched, times: dict[str, list[tuple[float, float]]], final: str) -> None:
    """No visa and no byte for what began after the end was told, or was over before the approval was asked for."""
    ended = max((done[0][1] for name, done in times.items() if name in ("revoke", "close", "reject")), default=None)
    began = times["approve"][0][0] if "approve" in times else float("inf")
    for begun, over, jtis in seen.minted:
        if (ended is not None and begun > ended) or over < began:
            assert jtis == [], "a visa was minted out of time"
    for begun, over, status, got in seen.fetched:
        if (ended is not None and begun > ended) or over < began:
            assert (status, got) == (403, 0), "bytes were sent out of time"
    last = seen.minted[-1][2]
    assert bool(last) == (final == "approved")


def whole(stage: Stage) -> None:
    """The audit log held through all of it."""
    assert audit.verify(stage.engine).fault is None
