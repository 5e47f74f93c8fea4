"""Frames, large values and pictures of objects (PS3.18 8.7.3, 8.7.4, 10.4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import anyio.to_thread
from starlette.responses import Response

from adapters.catalog.held import Held
from adapters.dicom.frames import MEDIA
from adapters.dicom.layout import Layout
from adapters.dicom.pictures import View
from node.delivery import CACHE
from node.dicomweb import accept
from node.dicomweb.accept import EXPLICIT, OCTETS, Accepted
from node.dicomweb.content import Content, Made, Stored
from node.dicomweb.objects import Objects, fits, may_be_explicit
from node.dicomweb.parts import Part, related
from web.errors import Failure

NUMBERS = re.compile(r"[1-9]\d{0,8}(,[1-9]\d{0,8}){0,999}")
TAG = re.compile(r"[0-9A-Fa-f]{8}")
NATIVE = f"{OCTETS}; transfer-syntax={EXPLICIT}"
SMALL = (128, 128)  # pixels of a thumbnail at most
LARGEST_VIEWPORT = 4096


class Pixels:
    """Answers with pixel data."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def frames(self, numbers: str, objects: Sequence[Held], wanted: Sequence[Accepted]) -> Response:
        """Frames by number, from 1 on, each a part: as they are compressed, or native."""
        (held,) = objects
        layout, chosen = await self._objects.layout(held), _numbers(numbers)
        for number in chosen:
            layout.check(number)
        return await self._frames(held, layout, chosen, wanted)

    async def _frames(self, held: Held, layout: Layout, chosen: list[int], wanted: Sequence[Accepted]) -> Response:
        media = MEDIA.get(layout.syntax) if layout.compressed else None
        for one in wanted:
            if media and one.takes(media) and (not one.syntax or fits(one, layout.syntax)):
                get = partial(self._objects.compressed, held, layout)
                return await self._made(f"{media}; transfer-syntax={layout.syntax}", held, chosen, get)
            if one.takes(OCTETS) and may_be_explicit(one):
                if layout.compressed:
                    return await self._made(NATIVE, held, chosen, partial(self._objects.decoded, held, layout))
                return await related([self._native(held, layout, frame) for frame in chosen], OCTETS)
        raise accept.refused([kind for kind in (OCTETS, media) if kind])

    async def bulk(self, tag: str, objects: Sequence[Held], wanted: Sequence[Accepted]) -> Response:
        """A value of the top level; of compressed pixel data, its frames."""
        (held,) = objects
        if not TAG.fullmatch(tag):
            raise Failure(404, f"there is no value {tag[:64]!r}")
        layout, number = await self._objects.layout(held), int(tag, 16)
        if layout.pixels is None or number != layout.pixels[0]:
            content: Content = Made(partial(self._value, held, number))
        elif layout.pixels[2] is None:
            return await self._frames(held, layout, list(range(1, layout.count + 1)), wanted)
        else:
            content = Stored(self._objects, held, layout.pixels[1], layout.pixels[2])
        if not any(one.takes(OCTETS) for one in wanted):
            raise accept.refused([OCTETS])
        return await related([Part(OCTETS, self._objects.url(held, f"/bulkdata/{tag}"), content)], OCTETS)

    def _value(self, held: Held, number: int) -> bytes:
        header = self._objects.header(held)
        value = header.data[number].value if number in header.data else None
        if not isinstance(value, bytes):
            raise Failure(404, f"{held.file.instance} has no bulk data {number:08X}")
        return value

    async def rendered(
        self, numbers: str, given: list[tuple[str, str]], objects: Sequence[Held], wanted: Sequence[Accepted]
    ) -> Response:
        """One frame as a picture."""
        (held,) = objects
        if not NUMBERS.fullmatch(numbers) or "," in numbers:
            raise Failure(400, f"frames: {numbers[:64]!r} is not one number; a picture shows one frame")
        return await self._picture(held, int(numbers), _view(dict(given), _format(wanted)))

    async def thumbnail(self, objects: Sequence[Held], wanted: Sequence[Accepted]) -> Response:
        """A small picture of the object in the middle, and of its frame in the middle."""
        return await self._picture(objects[len(objects) // 2], None, View(_format(wanted), viewport=SMALL))

    async def _picture(self, held: Held, frame: int | None, view: View) -> Response:
        content = await anyio.to_thread.run_sync(self._objects.picture, held, frame, view)
        return Response(content, media_type=f"image/{view.format}", headers={"Cache-Control": CACHE, "Vary": "Accept"})

    def _native(self, held: Held, layout: Layout, frame: int) -> Part:
        place = layout.native(frame)
        if place is None:
            raise Failure(406, f"{held.file.instance}: frame {frame} does not begin at a byte of its own")
        return Part(NATIVE, self._objects.url(held, f"/frames/{frame}"), Stored(self._objects, held, *place))

    async def _made(self, kind: str, held: Held, chosen: list[int], get: Callable[[int], bytes]) -> Response:
        """Frames made one after the other."""
        parts = [Part(kind, self._objects.url(held, f"/frames/{frame}"), Made(partial(get, frame))) for frame in chosen]
        return await related(parts, kind.split(";", 1)[0])


def _numbers(text: str) -> list[int]:
    if not NUMBERS.fullmatch(text):
        raise Failure(400, f"frames: {text[:64]!r} is no list of numbers from 1 on, divided by commas")
    return [int(number) for number in text.split(",")]


def _format(wanted: Sequence[Accepted]) -> Any:
    for one in wanted:
        for format in ("jpeg", "png"):
            if one.takes(f"image/{format}") and not one.multipart:
                return format
    raise accept.refused(["image/jpeg", "image/png"])


def _view(given: dict[str, str], format: Any) -> View:
    """The parameters of a picture (PS3.18 8.3.5)."""
    window = viewport = None
    if "window" in given:
        pieces = given["window"].split(",")
        try:
            window = float(pieces[0]), float(pieces[1])
        except (ValueError, IndexError):
            raise Failure(400, "window: centre and width in numbers, and the function, divided by commas") from None
        if len(pieces) > 3 or not window[1] > 0 or pieces[2:] not in ([], ["linear"], ["linear-exact"]):
            raise Failure(400, "window: a width above 0, and linear as function, are allowed")
    if "viewport" in given:
        pieces = given["viewport"].split(",")
        if len(pieces) != 2 or not all(p.isascii() and p.isdigit() and 0 < int(p) <= LARGEST_VIEWPORT for p in pieces):
            raise Failure(400, f"viewport: width and height from 1 to {LARGEST_VIEWPORT}, divided by a comma")
        viewport = int(pieces[0]), int(pieces[1])
    quality = given.get("quality", "90")
    if not (quality.isascii() and quality.isdigit() and 1 <= int(quality) <= 100):
        raise Failure(400, "quality: a whole number from 1 to 100")
    return View(format, window, viewport, int(quality))
