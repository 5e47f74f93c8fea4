"""Whole objects: one, those of a series or of a study (PS3.18 10.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

from starlette.responses import Response

from adapters.catalog.images import Held
from adapters.dicom.pictures import can_decode
from node.dicomweb import accept
from node.dicomweb.accept import DICOM, EXPLICIT, PARTS, ZIP, Accepted
from node.dicomweb.objects import Objects, fits, may_be_explicit
from node.dicomweb.parts import Part, alone, related, zipped
from web.errors import Failure

OFFERED = (f'{PARTS}; type="{DICOM}"', ZIP)
ANY = Accepted(DICOM, True, "*", 1.0)


class Retrieval:
    """Answers with objects."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def objects(self, objects: Sequence[Held], wanted: list[Accepted]) -> Response:
        """All objects, as parts or as a ZIP."""
        for one in wanted:
            if one.type == ZIP and not one.multipart:
                return self._zip(objects, one)
            if one.takes(DICOM) and (one.multipart or one.type == accept.ANYTHING):
                self._agree(objects, one)
                first = self._part(objects[0], one)  # made at once, so that a failure can still be told
                return related(chain([first], (self._part(held, one) for held in objects[1:])), DICOM)
        raise accept.refused(OFFERED)

    def one(self, objects: Sequence[Held], wanted: list[Accepted]) -> Response:
        """One object, as the only part or as it is."""
        (held,) = objects
        for one in wanted:
            if one.takes(DICOM):
                self._agree(objects, one)
                part = self._part(held, one)
                if one.multipart or one.type == accept.ANYTHING:
                    return related((), DICOM, only=part)
                return alone(part)
        raise accept.refused([*OFFERED[:1], DICOM])

    def _agree(self, objects: Iterable[Held], wanted: Accepted) -> None:
        """Refuse at once what could only be refused in the middle of the answer."""
        if wanted.type == accept.ANYTHING or wanted.syntax == "*":
            return
        for held in objects:
            syntax = self._objects.syntax(held)
            if not fits(wanted, syntax) and not (may_be_explicit(wanted) and can_decode(syntax)):
                message = f"{held.file.instance} is held in transfer syntax {syntax}; ask for that, or for *"
                raise Failure(406, message)

    def _part(self, held: Held, wanted: Accepted) -> Part:
        if wanted.type == accept.ANYTHING and not wanted.multipart:
            wanted = ANY
        syntax = self._objects.syntax(held)
        if fits(wanted, syntax):
            kind = f"{DICOM}; transfer-syntax={syntax}"
            return Part(kind, self._objects.url(held), self._objects.stored(held), held.file.size)
        content = self._objects.explicit(held)
        return Part(f"{DICOM}; transfer-syntax={EXPLICIT}", self._objects.url(held), lambda: [content], len(content))

    def _zip(self, objects: Sequence[Held], wanted: Accepted) -> Response:
        """As stored unless another transfer syntax is asked for, a folder for each series."""
        chosen = ANY if not wanted.syntax else wanted
        self._agree(objects, chosen)
        name = objects[0].file.series if len({held.file.series for held in objects}) == 1 else "study"
        return zipped(self._entries(objects, chosen), str(name))

    def _entries(
        self, objects: Iterable[Held], wanted: Accepted
    ) -> Iterator[tuple[str, int, Callable[[], Iterable[bytes]]]]:
        for held in objects:
            part = self._part(held, wanted)
            yield f"{held.file.series}/{held.file.instance}.dcm", part.size or 0, part.content
