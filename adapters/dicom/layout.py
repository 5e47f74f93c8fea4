"""Where the frames of an object lie in its file."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.dicom.reading import Header

HALVED = frozenset({"YBR_FULL_422", "YBR_PARTIAL_422"})  # two samples a pixel where they are not compressed


class NoSuchFrame(LookupError):
    """The object has no frame of that number, or no pixel data at all."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What is known of an object's pixel data without reading them.

    :ivar pixels: tag, first byte of the value (0-based, in the file) and its length; None as length: encapsulated.
    :ivar count: frames; 0 without pixel data.
    :ivar size: pixels of a frame.
    :ivar samples: of a pixel.
    :ivar halved: colours are held for every second pixel.
    :ivar allocated: bits of a sample.
    """

    syntax: str
    pixels: tuple[int, int, int | None] | None
    count: int
    size: int
    samples: int
    halved: bool
    allocated: int

    @property
    def compressed(self) -> bool:
        """Whether frames are compressed."""
        return self.pixels is not None and self.pixels[2] is None

    def check(self, frame: int) -> None:
        """Whether there is a frame (1-based).

        :raises NoSuchFrame: if not.
        """
        if not 1 <= frame <= self.count:
            raise NoSuchFrame(f"there is no frame {frame}: the object has {self.count}")

    def native(self, frame: int) -> tuple[int, int] | None:
        """First byte (0-based, in the file) and length of a frame; None if it is not whole bytes of the file.

        :param frame: 1-based.
        :raises NoSuchFrame: if there is none.
        """
        self.check(frame)
        assert self.pixels is not None
        _, start, length = self.pixels
        bits = self.size * (2 if self.halved else self.samples) * self.allocated
        size = bits // 8
        if length is None or bits % 8 or size * frame > length:
            return None
        return start + size * (frame - 1), size

    def decoded(self, frames: int) -> int:
        """Bytes of so many frames when they are decoded."""
        return self.size * frames * self.samples * self.allocated // 8


def count(header: Header) -> int:
    """Frames of an object; 0 without pixel data."""
    return 0 if header.pixels is None else header.number("NumberOfFrames", 1)


def layout(header: Header) -> Layout:
    """The layout of an object."""
    return Layout(
        header.syntax,
        header.pixels,
        count(header),
        header.number("Rows", 0) * header.number("Columns", 0),
        header.number("SamplesPerPixel", 1),
        header.data.get("PhotometricInterpretation") in HALVED,
        header.number("BitsAllocated", 8),
    )
