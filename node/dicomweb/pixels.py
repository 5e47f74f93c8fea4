"""Frames, large values and pictures of objects (PS3.18 8.7.3, 8.7.4, 10.4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from typing import Any

from starlette.responses import Response

from adapters.catalog.images import Held
from adapters.dicom.frames import MEDIA, NoSuchFrame, count, native
from adapters.dicom.pictures import View
from adapters.dicom.reading import Header
from node.delivery import CACHE
from node.dicomweb import accept
from node.dicomweb.accept import EXPLICIT, OCTETS, Accepted
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

    def frames(self, numbers: str, objects: Sequence[Held], wanted: list[Accepted]) -> Response:
        """Frames by number, from 1 on, each a part: as they are compressed, or native."""
        (held,) = objects
        header = self._objects.header(held)
        return self._frames(held, header, [_existing(header, number) for number in _numbers(numbers)], wanted)

    def _frames(self, held: Held, header: Header, chosen: list[int], wanted: list[Accepted]) -> Response:
        compressed = header.pixels is not None and header.pixels[2] is None
        media = MEDIA.get(header.syntax) if compressed else None
        for one in wanted:
            if media and one.takes(media) and (not one.syntax or fits(one, header.syntax)):
                get = partial(self._objects.compressed, held, header)
                return self._made(f"{media}; transfer-syntax={header.syntax}", held, chosen, get)
            if one.takes(OCTETS) and may_be_explicit(one):
                if compressed:
                    return self._made(NATIVE, held, chosen, partial(self._objects.decoded, held, header))
                return related([self._native(held, header, frame) for frame in chosen], OCTETS)
        raise accept.refused([kind for kind in (OCTETS, media) if kind])

    def bulk(self, tag: str, objects: Sequence[Held], wanted: list[Accepted]) -> Response:
        """A value of the top level; of compressed pixel data, its frames."""
        (held,) = objects
        if not TAG.fullmatch(tag):
            raise Failure(404, f"there is no value {tag[:64]!r}")
        header, number = self._objects.header(held), int(tag, 16)
        location = self._objects.url(held, f"/bulkdata/{tag}")
        if header.pixels is not None and number == header.pixels[0]:
            _, start, length = header.pixels
            if length is None:
                return self._frames(held, header, list(range(1, count(header) + 1)), wanted)
            part = Part(OCTETS, location, self._objects.stored(held, start, length), length)
        else:
            value = header.data[number].value if number in header.data else None
            if not isinstance(value, bytes):
                raise Failure(404, f"{held.file.instance} has no bulk data {tag}")
            part = Part(OCTETS, location, lambda: [value], len(value))
        if not any(one.takes(OCTETS) for one in wanted):
            raise accept.refused([OCTETS])
        return related((), OCTETS, only=part)

    def rendered(
        self, numbers: str, given: list[tuple[str, str]], objects: Sequence[Held], wanted: list[Accepted]
    ) -> Response:
        """One frame as a picture."""
        (held,) = objects
        if not NUMBERS.fullmatch(numbers) or "," in numbers:
            raise Failure(400, f"frames: {numbers[:64]!r} is not one number; a picture shows one frame")
        return self._picture(held, int(numbers), _view(dict(given), _format(wanted)))

    def thumbnail(self, objects: Sequence[Held], wanted: list[Accepted]) -> Response:
        """A small picture of the object in the middle, and of its frame in the middle."""
        held = objects[len(objects) // 2]
        return self._picture(held, None, View(_format(wanted), viewport=SMALL))

    def _picture(self, held: Held, frame: int | None, view: View) -> Response:
        header = self._objects.header(held)
        frame = _existing(header, frame or (count(header) + 1) // 2)
        content = self._objects.picture(held, header, frame, view)
        return Response(content, media_type=f"image/{view.format}", headers={"Cache-Control": CACHE, "Vary": "Accept"})

    def _native(self, held: Held, header: Header, frame: int) -> Part:
        place = native(header, frame)
        if place is None:
            raise Failure(406, f"{held.file.instance}: frame {frame} does not begin at a byte of its own")
        content = self._objects.stored(held, *place)
        return Part(NATIVE, self._objects.url(held, f"/frames/{frame}"), content, place[1])

    def _made(self, kind: str, held: Held, chosen: list[int], get: Callable[[int], bytes]) -> Response:
        """Frames made one after the other; the first before the answer begins, so that a failure can still be told."""

        def part(frame: int) -> Part:
            content = get(frame)
            return Part(kind, self._objects.url(held, f"/frames/{frame}"), lambda: [content], len(content))

        first = part(chosen[0])
        return related(chain([first], map(part, chosen[1:])), kind.split(";", 1)[0])


def _existing(header: Header, frame: int) -> int:
    if not 1 <= frame <= count(header):
        raise NoSuchFrame(f"there is no frame {frame}: the object has {count(header)}")
    return frame


def _numbers(text: str) -> list[int]:
    if not NUMBERS.fullmatch(text):
        raise Failure(400, f"frames: {text[:64]!r} is no list of numbers from 1 on, divided by commas")
    return [int(number) for number in text.split(",")]


def _format(wanted: list[Accepted]) -> Any:
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
