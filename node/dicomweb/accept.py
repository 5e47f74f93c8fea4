"""What a client of DICOMweb accepts: media types with their transfer syntaxes (PS3.18 8.7)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.message import Message
from functools import lru_cache

from web.errors import Failure

EXPLICIT = "1.2.840.10008.1.2.1"
DICOM = "application/dicom"
JSON = "application/dicom+json"
OCTETS = "application/octet-stream"
PARTS = "multipart/related"
ZIP = "application/zip"
RANGES = re.compile(r'((?:[^,"]|"[^"]*")+)')
ANYTHING = "*/*"
LONGEST_KNOWN = 512  # characters of what is taken apart once


@dataclass(frozen=True, slots=True)
class Accepted:
    """One media range.

    :ivar type: of the content; of the parts where ``multipart``.
    :ivar syntax: transfer syntax UID; ``*``: as it is stored; empty: not said.
    """

    type: str
    multipart: bool
    syntax: str
    quality: float

    def takes(self, media_type: str) -> bool:
        """Whether content of ``media_type`` is accepted."""
        return self.type in (ANYTHING, media_type, media_type.split("/", 1)[0] + "/*")


def accepted(header: str | None, parameter: Sequence[str]) -> Sequence[Accepted]:
    """The media ranges of a request, the best first; the query parameter ``accept`` overrides the header.

    :raises Failure: 400 if one cannot be read.
    """
    text = ",".join(parameter) or header or ANYTHING
    return _known(text) if len(text) <= LONGEST_KNOWN else _ranges(text)


def _ranges(text: str) -> Sequence[Accepted]:
    found = [_range(piece) for piece in RANGES.findall(text) if piece.strip()]
    return tuple(sorted((one for one in found if one.quality > 0), key=lambda one: -one.quality))


_known = lru_cache(1000)(_ranges)  # clients ask for the same again and again


def _range(text: str) -> Accepted:
    message = Message()
    message["Content-Type"] = text.strip()
    given = {name.lower(): str(value) for name, value in message.get_params(failobj=[])}
    whole = next(iter(given), "").lower()
    try:
        quality = float(given.get("q", "1"))
    except ValueError:
        raise Failure(400, f"Accept: {text.strip()[:100]!r} is no media range") from None
    syntax = given.get("transfer-syntax", "")
    if whole == PARTS:
        return Accepted(given.get("type", ANYTHING).lower(), True, syntax, quality)
    return Accepted(whole, False, syntax, quality)


def as_json(wanted: Sequence[Accepted]) -> None:
    """See that JSON is accepted.

    :raises Failure: 406 if not.
    """
    if not any(one.takes(JSON) or one.takes("application/json") for one in wanted if not one.multipart):
        raise refused([JSON])


def refused(offered: Iterator[str] | Sequence[str]) -> Failure:
    """406, naming what could be had."""
    return Failure(406, f"nothing of what the request accepts can be given; there is: {', '.join(offered)}")
