"""Whole objects: one, those of a series or of a study (PS3.18 10.4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from starlette.responses import Response

from adapters.catalog.held import Held
from adapters.dicom.pictures import can_decode
from node.dicomweb import accept
from node.dicomweb.accept import DICOM, EXPLICIT, PARTS, ZIP, Accepted
from node.dicomweb.content import Content, Made, Stored
from node.dicomweb.objects import Objects, fits, may_be_explicit
from node.dicomweb.parts import Part, alone, related, zipped
from web.errors import Failure

OFFERED = (f'{PARTS}; type="{DICOM}"', ZIP)
ANY = Accepted(DICOM, True, "*", 1.0)


class Retrieval:
    """Answers with objects."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def objects(self, objects: Sequence[Held], wanted: Sequence[Accepted]) -> Response:
        """All objects, as parts or as a ZIP."""
        for one in wanted:
            if one.type == ZIP and not one.multipart:
                return await self._zip(objects, one)
            if one.takes(DICOM) and (one.multipart or one.type == accept.ANYTHING):
                return await related(await self._parts(objects, one), DICOM)
        raise accept.refused(OFFERED)

    async def one(self, objects: Sequence[Held], wanted: Sequence[Accepted]) -> Response:
        """One object, as the only part or as it is."""
        for one in wanted:
            if one.takes(DICOM):
                (part,) = await self._parts(objects, one)
                if one.multipart or one.type == accept.ANYTHING:
                    return await related([part], DICOM)
                as_stored = isinstance(part.content, Stored)
                given = await self._objects.handed_over(objects[0], part.media_type) if as_stored else None
                return given or await alone(part)
        raise accept.refused([*OFFERED[:1], DICOM])

    async def _parts(self, objects: Sequence[Held], wanted: Accepted) -> list[Part]:
        """The parts; what can be refused is refused here, not in the middle of the answer."""
        if wanted.type == accept.ANYTHING and not wanted.multipart:
            wanted = ANY
        return [self._part(held, await self._objects.syntax(held), wanted) for held in objects]

    def _part(self, held: Held, syntax: str, wanted: Accepted) -> Part:
        location = self._objects.url(held)
        if fits(wanted, syntax):
            return Part(f"{DICOM}; transfer-syntax={syntax}", location, Stored(self._objects, held))
        if not (may_be_explicit(wanted) and can_decode(syntax)):
            message = f"{held.file.instance} is held in transfer syntax {syntax}; ask for that, or for *"
            raise Failure(406, message)
        content = Made(partial(self._objects.explicit, held))
        return Part(f"{DICOM}; transfer-syntax={EXPLICIT}", location, content)

    async def _zip(self, objects: Sequence[Held], wanted: Accepted) -> Response:
        """As stored unless another transfer syntax is asked for, a folder for each series."""
        parts = await self._parts(objects, wanted if wanted.syntax else ANY)
        name = objects[0].file.series if len({held.file.series for held in objects}) == 1 else "study"
        return await zipped(_entries(objects, parts), str(name))


def _entries(objects: Sequence[Held], parts: Sequence[Part]) -> Iterator[tuple[str, Content]]:
    for held, part in zip(objects, parts, strict=True):
        yield f"{held.file.series}/{held.file.instance}.dcm", part.content
