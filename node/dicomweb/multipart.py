"""A request of several parts (RFC 2387), taken apart while it comes in."""

from __future__ import annotations

import re
from collections.abc import Callable
from email.message import Message
from typing import Final, Protocol

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser

from node.dicomweb.accept import DICOM, PARTS
from web.errors import Failure

BOUNDARY: Final = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")  # RFC 2046 5.1.1
MOST_PARTS: Final = 10_000


class Sink(Protocol):
    """Takes the content of a part."""

    def write(self, piece: memoryview) -> None:
        """Take a piece."""

    def end(self) -> None:
        """The part is whole."""


class Parts:
    """Feeds the parts of a body to sinks.

    :param begin: makes the sink of a part of a media type.
    :raises Failure: 415 for another media type, 400 without a boundary.
    """

    def __init__(self, content_type: str | None, begin: Callable[[str], Sink]) -> None:
        self._begin = begin
        self._sink: Sink | None = None
        self._count = 0
        self._name, self._value = b"", b""
        self._headers: dict[str, str] = {}
        self._ended = False
        self._parser = MultipartParser(
            _boundary(content_type),
            {
                "on_part_begin": self._headers.clear,
                "on_header_field": self._on_name,
                "on_header_value": self._on_value,
                "on_header_end": self._on_header,
                "on_headers_finished": self._on_headers,
                "on_part_data": self._on_data,
                "on_part_end": self._on_end,
                "on_end": self._on_last,
            },
        )

    def feed(self, piece: bytes) -> None:
        """Take a piece of the body.

        :raises Failure: 400 if it is malformed, 413 for too many parts.
        """
        try:
            self._parser.write(piece)
        except MultipartParseError as error:
            raise Failure(400, f"the body is no multipart/related body of its boundary: {error}") from error

    def finish(self) -> None:
        """The body has ended.

        :raises Failure: 400 if that is before its closing boundary, or without a part.
        """
        if not self._ended or not self._count:
            raise Failure(400, "the body ends before its closing boundary, or has no part")

    def _on_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header(self) -> None:
        self._headers[self._name.decode("latin-1").lower()] = self._value.decode("latin-1")
        self._name, self._value = b"", b""

    def _on_headers(self) -> None:
        self._count += 1
        if self._count > MOST_PARTS:
            raise Failure(413, f"a request may have {MOST_PARTS:,} parts")
        self._sink = self._begin(self._headers.get("content-type", DICOM).split(";")[0].strip().lower())

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        assert self._sink
        self._sink.write(memoryview(data)[start:end])

    def _on_end(self) -> None:
        assert self._sink
        self._sink.end()
        self._sink = None

    def _on_last(self) -> None:
        self._ended = True


def _boundary(content_type: str | None) -> str:
    message = Message()
    message["Content-Type"] = content_type or ""
    given = {name.lower(): str(value) for name, value in message.get_params(failobj=[])}
    if next(iter(given), "") != PARTS or given.get("type", DICOM).lower() != DICOM:
        raise Failure(415, f'Content-Type: allowed is {PARTS}; type="{DICOM}"; boundary=…')
    if not BOUNDARY.fullmatch(given.get("boundary", "")):
        raise Failure(400, "Content-Type: needs a boundary of 1 to 70 characters (RFC 2046 5.1.1)")
    return given["boundary"]
