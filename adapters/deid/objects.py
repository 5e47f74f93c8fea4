"""One object from file to file: checked, rewritten for its individual, and written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from adapters.deid.errors import Reason, Refused
from adapters.deid.facts import Facts
from adapters.deid.instance import BigEndian, Instance, opened
from adapters.deid.known import Known
from adapters.deid.meta import DEFLATED, write_meta
from adapters.deid.output import deflated, stretches, written
from adapters.deid.private import Basis, Keeper
from adapters.deid.rewrite import Rewriter
from adapters.deid.rules import PrivateTag, Profile
from adapters.deid.values import Subject

Claim = Callable[[str, str], None]  # new SOP Instance UID and digest: raises Refused if the UID is another object's
Look = Callable[[Path, Facts], str | None]  # why the pixels may not be passed on; None if they hold no text


@dataclass(frozen=True, slots=True)
class Written:
    """An object that was passed on: its place below the output, its digest, and the private elements kept."""

    path: Path
    sha256: str
    kept: Counter[tuple[Basis, PrivateTag]]


@dataclass(frozen=True, slots=True)
class Read:
    """What one look at a file tells: enough to know whose it is and what to take out of the texts of its study."""

    facts: Facts
    known: Known


def read(path: Path, profile: Profile) -> Read:
    """Look at a file.

    :raises Refused: if it cannot be passed on.
    """
    try:
        with opened(path, profile) as instance:
            facts = instance.facts()
            facts.check(profile)
            return Read(facts, instance.known())
    except BigEndian:
        from adapters.deid import dataset

        found = dataset.read(path, profile)
        return Read(found.facts, found.known)


@dataclass(frozen=True, slots=True)
class Order:
    """Where objects go, and who has a say.

    :ivar look: looks for text in pixels; without it an object whose pixels must be looked at is refused.
    """

    out: Path
    claim: Claim
    look: Look | None = None


def deidentify(path: Path, order: Order, subject: Subject, known: Known) -> Written:
    """De-identify one file into ``out/ACCESSION/STUDY/SERIES/INSTANCE.dcm``.

    :param known: identifying values of the whole study.
    :raises Refused: if the object cannot be passed on; then nothing is written.
    """
    try:
        with opened(path, subject.profile) as instance:
            return _by_bytes(instance, path, order, subject, known)
    except BigEndian:
        from adapters.deid import dataset

        return dataset.deidentify(path, order, subject, known)


def _by_bytes(instance: Instance, path: Path, order: Order, subject: Subject, known: Known) -> Written:
    facts = instance.facts()
    facts.check(subject.profile)
    look_at(path, facts, subject.profile, order.look)
    rewriter = Rewriter(instance, subject, Keeper(subject.profile, known, instance.declared()))
    pieces = rewriter.pieces(pixels=facts.pixels is not None)
    body: Iterable[bytes] = stretches(instance.source, pieces)
    if instance.syntax == DEFLATED:
        body = deflated(body)
    target = place(facts, subject)
    header = write_meta(facts["sop_class"], target.stem, instance.syntax)
    digest = written(order.out / target, header, body, lambda sha256: order.claim(target.stem, sha256))
    return Written(target, digest, rewriter.kept)


def look_at(path: Path, facts: Facts, profile: Profile, look: Look | None) -> None:
    """Refuse an object whose pixels may carry text."""
    why = facts.why_look(profile)
    if why is None:
        return
    if look is None:
        raise Refused(Reason.PIXELS_NOT_LOOKED_AT, why)
    found = look(path, facts)
    if found is not None:
        raise Refused(Reason.TEXT_IN_PIXELS, found)


def place(facts: Facts, subject: Subject) -> Path:
    """Where an object lies below the output; no original UID or name is in it."""
    uid = subject.keyed.uid
    names = (uid(facts["study"]), uid(facts["series"]), f"{uid(facts['sop_instance'])}.dcm")
    return Path(subject.accession, *names)
