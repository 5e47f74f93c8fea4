"""One object from file to file: checked, rewritten for its individual, and written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

from adapters.deid.errors import Reason, Refused
from adapters.deid.facts import Facts
from adapters.deid.instance import Instance, walked
from adapters.deid.known import Known
from adapters.deid.meta import DEFLATED, write_meta
from adapters.deid.opening import BigEndian, Body, opened
from adapters.deid.output import Bytes, Digest, Output, deflated
from adapters.deid.private import Keeper
from adapters.deid.redaction import Box, blanked, geometry, replaced
from adapters.deid.rewrite import Kept, Piece, Recipe, Rewriter, followed, recipe, whole
from adapters.deid.rules import Profile
from adapters.deid.template import Templates
from adapters.deid.values import Subject
from adapters.deid.walker import PIXEL_DATA, UNDEFINED

Claim = Callable[[str, Digest], None]  # new SOP Instance UID: raises Refused if it is that of another object
Look = Callable[[Path, Facts], Sequence[Box]]  # where text is in the pixels; raises Refused if it cannot tell


@dataclass(frozen=True, slots=True)
class Written:
    """An object that was passed on: its place below the output, its digest if wanted, and its SOP Instance UID."""

    path: str
    sha256: str | None
    instance: str


@dataclass(frozen=True, slots=True)
class Read:
    """What one look at a file tells: whose it is, and what to take out of the texts of its study.

    :ivar known: identifying values; those that equal a value of the file before are not told again.
    """

    facts: Facts
    known: Known


class Reader:
    """Looks at files, one after the other."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._templates = Templates()

    def read(self, path: Path | str) -> Read:
        """Look at a file.

        :raises Refused: if it cannot be passed on.
        """
        try:
            with opened(path, self._profile) as body:
                return self._read(body)
        except BigEndian:
            from adapters.deid import dataset

            found = dataset.read(Path(path), self._profile)
            return Read(found.facts, found.known)

    def _read(self, body: Body) -> Read:
        instance = self._templates.fit(body)
        alike = instance is not None
        instance = instance or walked(body, self._profile)
        facts = instance.facts()
        facts.check(self._profile)
        found = Read(facts, instance.known())
        if not alike:
            self._templates.learn(instance)
        return found


@dataclass(frozen=True, slots=True)
class Order:
    """Where objects go, and who has a say.

    :ivar look: looks for text in pixels; without it an object whose pixels must be looked at is refused.
    """

    out: Output
    claim: Claim
    look: Look | None = None


class Writer:
    """De-identifies the files of one study.

    :param known: identifying values of the whole study.
    """

    def __init__(self, order: Order, subject: Subject, known: Known) -> None:
        self._order = order
        self._subject = subject
        self._profile = subject.profile
        self._known = known
        self._templates = Templates()
        self._keeper = Keeper(subject.profile, known)
        self._recipe = Recipe((), Counter(), frozenset())
        self._alike = 0  # files written by the recipe
        self._kept: Kept = Counter()

    @property
    def kept(self) -> Kept:
        """Private elements kept in the files written so far, counted."""
        self._count()
        return self._kept

    def write(self, path: Path | str) -> Written:
        """De-identify one file into ``ACCESSION/STUDY/SERIES/INSTANCE.dcm``.

        :raises Refused: if the object cannot be passed on; then nothing is written.
        """
        try:
            with opened(path, self._profile) as body:
                alike = self._templates.fit(body)
                return self._again(alike, body, path) if alike else self._anew(body, path)
        except BigEndian:
            from adapters.deid import dataset

            written, kept = dataset.deidentify(Path(path), self._order, self._subject, self._known)
            self._kept.update(kept)
            return written

    def _again(self, instance: Instance, body: Body, path: Path | str) -> Written:
        """A file like the one before: its loose elements are judged, the others known."""
        facts, boxes = self._checked(instance, path)
        rewriter = Rewriter(instance, self._subject, self._keeper, self._recipe.blocks)
        pieces = followed(self._recipe, rewriter.outputs())
        if boxes:
            pieces = _without_text(pieces, body, instance, Path(path), boxes)
        written = self._written(body, facts, pieces)
        self._kept.update(rewriter.kept)
        self._alike += 1
        return written

    def _anew(self, body: Body, path: Path | str) -> Written:
        """A file unlike the one before: every element is judged."""
        instance = walked(body, self._profile)
        facts, boxes = self._checked(instance, path)
        keeper = Keeper(self._profile, self._known, instance.declared())
        rewriter = Rewriter(instance, self._subject, keeper)
        outputs = rewriter.outputs()
        pixels = facts.pixels is not None
        pieces = whole(instance, outputs, pixels=pixels)
        if boxes:
            pieces = _without_text(pieces, body, instance, Path(path), boxes)
        written = self._written(body, facts, pieces)
        self._kept.update(rewriter.kept)
        template = self._templates.learn(instance)
        loose = template.fit(body)
        if loose is not None:
            again = Rewriter(loose, self._subject, keeper)
            again.outputs()
            self._count()
            self._keeper = keeper
            self._recipe = recipe(instance, outputs, template.loose, rewriter.kept - again.kept, pixels=pixels)
        return written

    def _count(self) -> None:
        for name, count in self._recipe.kept.items():
            self._kept[name] += count * self._alike
        self._alike = 0

    def _checked(self, instance: Instance, path: Path | str) -> tuple[Facts, Sequence[Box]]:
        """What the object says, and where text is in its pixels."""
        facts = instance.facts()
        facts.check(self._profile)
        return facts, look_at(path, facts, self._profile, self._order.look)

    def _written(self, body: Body, facts: Facts, pieces: list[Piece]) -> Written:
        target = place(facts, self._subject)
        uid = self._subject.keyed.uid(facts["sop_instance"])
        header = write_meta(facts["sop_class"], uid, body.syntax)
        stretches = self._order.out.stretches
        stream: Iterable[Bytes] = (
            chain((header,), deflated(stretches(body.source, pieces)))
            if body.syntax == DEFLATED
            else stretches(body.source, [header, *pieces])
        )
        digest = self._order.out.written(target, stream, partial(self._order.claim, uid))
        return Written(target, digest, uid)


def look_at(path: Path | str, facts: Facts, profile: Profile, look: Look | None) -> Sequence[Box]:
    """Where text is in the pixels of an object that may carry some.

    :raises Refused: if nobody looks, or who looks cannot tell.
    """
    why = facts.why_look(profile)
    if why is None:
        return ()
    if look is None:
        raise Refused(Reason.PIXELS_NOT_LOOKED_AT, why)
    return look(Path(path), facts)


def _without_text(pieces: list[Piece], body: Body, instance: Instance, path: Path, boxes: Sequence[Box]) -> list[Piece]:
    (pixels,) = (element for element in instance.root.elements if element.tag == PIXEL_DATA)
    facts = instance.facts()
    if pixels.length != UNDEFINED:
        return blanked(pieces, pixels.value, pixels.end, geometry(facts), boxes)
    from adapters.deid.compressed import redrawn

    return replaced(pieces, pixels.value, pixels.end, redrawn(path, body.syntax, facts, boxes))


def place(facts: Facts, subject: Subject) -> str:
    """Where an object lies below the output; no original UID or name is in it."""
    uid = subject.keyed.uid
    return f"{subject.accession}/{uid(facts['study'])}/{uid(facts['series'])}/{uid(facts['sop_instance'])}.dcm"
