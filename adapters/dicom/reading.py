"""An object of the archive: its header, and where its pixel data is."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from pydicom import FileDataset, config, dcmread
from pydicom.errors import BytesLengthException, InvalidDicomError

from adapters.quiet import Shared, unwarned
from adapters.store.source import ByteSource

PIXELS = (0x7FE00008, 0x7FE00009, 0x7FE00010)  # float, double, and integer pixel data
UNDEFINED = 0xFFFFFFFF
DEFLATED = "1.2.840.10008.1.2.1.99"
IMPLICIT = "1.2.840.10008.1.2"
UNREADABLE = (
    InvalidDicomError,
    BytesLengthException,
    AttributeError,
    EOFError,
    KeyError,
    NotImplementedError,
    ValueError,
    struct.error,
)


class Unreadable(Exception):
    """The bytes are no DICOM object, or a damaged one."""


@dataclass(frozen=True, slots=True)
class Header:
    """The data set before its pixel data.

    :ivar pixels: tag, first byte of the value (0-based, in the file) and its length; None as length: encapsulated.
    """

    data: FileDataset
    syntax: str
    pixels: tuple[int, int, int | None] | None

    def number(self, keyword: str, default: int) -> int:
        """An attribute as a number; ``default`` where it is absent or empty."""
        value = self.data.get(keyword)
        return default if value in (None, "") else int(value)


@contextmanager
def _unvalidated() -> Iterator[None]:
    before = config.settings.reading_validation_mode
    config.settings.reading_validation_mode = config.IGNORE
    try:
        yield
    finally:
        config.settings.reading_validation_mode = before


_as_they_are = Shared(_unvalidated)


@contextmanager
def quietly() -> Iterator[None]:
    """Let pydicom take values as they are, and say nothing of them."""
    with unwarned, _as_they_are:
        yield


def header(source: ByteSource) -> Header:
    """The header of an object, read no further than to its pixels.

    :raises Unreadable: if it is none.
    """
    try:
        with source.open() as file, quietly():
            data = dcmread(file, stop_before_pixels=True)
            syntax = str(data.file_meta.TransferSyntaxUID)
            pixels = None if syntax == DEFLATED else _pixels(file, implicit=syntax == IMPLICIT)
            return Header(data, syntax, pixels)
    except UNREADABLE as error:
        raise Unreadable(type(error).__name__) from error


def whole(source: ByteSource) -> FileDataset:
    """The whole object, pixel data read.

    :raises Unreadable: if it is none.
    """
    try:
        with source.open() as file, quietly():
            data = dcmread(file)
            _ = data.file_meta.TransferSyntaxUID
            return data
    except UNREADABLE as error:
        raise Unreadable(type(error).__name__) from error


def _pixels(file: BinaryIO, *, implicit: bool) -> tuple[int, int, int | None] | None:
    start = file.tell()
    head = file.read(12)
    if len(head) < 12:
        return None
    group, element = struct.unpack_from("<HH", head)
    tag = group << 16 | element
    if tag not in PIXELS:
        return None
    value, place = (start + 8, 4) if implicit else (start + 12, 8)
    length = struct.unpack_from("<I", head, place)[0]
    return tag, value, None if length == UNDEFINED else length
