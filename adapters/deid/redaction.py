"""Pixels with text blanked: the bytes of the boxes are replaced where they stand, all others are copied through."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from adapters.deid.errors import Reason, Refused
from adapters.deid.facts import HALVED, Facts
from adapters.deid.rewrite import Piece

MOST_RUNS = 4_000_000  # stretches of one object that are replaced


class Box(NamedTuple):
    """A rectangle of pixels of every frame: columns ``left`` to before ``right``, rows ``top`` to before ``bottom``."""

    left: int
    top: int
    right: int
    bottom: int


class Geometry(NamedTuple):
    """How pixel data lies when it is not compressed: ``samples`` of ``size`` bytes a pixel, by pixel or by plane."""

    rows: int
    columns: int
    frames: int
    samples: int
    size: int
    planar: bool
    fill: bytes  # one pixel

    @property
    def planes(self) -> int:
        """Planes of a frame."""
        return self.samples if self.planar else 1

    @property
    def pixel(self) -> int:
        """Bytes of a pixel in a plane."""
        return self.size if self.planar else self.size * self.samples


def geometry(facts: Facts) -> Geometry:
    """How the pixel data of an object lies.

    :raises Refused: if text cannot be blanked in it.
    """
    bits, samples = int(facts["bits"]), int(facts["samples"] or 1)
    if facts["photometric"] in HALVED or bits % 8:
        raise Refused(Reason.TEXT_IN_PIXELS, "text in pixels that share their bytes")
    size = bits // 8
    black = b"\0" * size * samples
    if facts["photometric"].startswith("YBR"):
        middle = (1 << (bits - 1)).to_bytes(size, "little")
        black = b"\0" * size + middle * (samples - 1)
    shape = (int(facts["rows"]), int(facts["columns"]), int(facts["frames"] or 1))
    return Geometry(*shape, samples, size, facts["planar"] == "1" and samples > 1, black)


def replaced(pieces: Sequence[Piece], start: int, end: int, new: bytes) -> list[Piece]:
    """The pieces of an object with other bytes in the place of ``start`` to ``end``, which lie in one of them."""
    out: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, tuple) and piece[0] <= start and end <= piece[1]:
            out += [(piece[0], start), new, (end, piece[1])]
        else:
            out.append(piece)
    return [piece for piece in out if isinstance(piece, bytes) or piece[0] < piece[1]]


def blanked(pieces: Sequence[Piece], start: int, end: int, shape: Geometry, boxes: Sequence[Box]) -> list[Piece]:
    """The pieces of an object with the boxes blanked in its pixel data, whose value is bytes ``start`` to ``end``."""
    out: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, tuple) and piece[0] <= start and end <= piece[1]:
            at = piece[0]
            for first, new in _runs(start, shape, boxes):
                out += [(at, first), new]
                at = first + len(new)
            out.append((at, piece[1]))
        else:
            out.append(piece)
    return [piece for piece in out if isinstance(piece, bytes) or piece[0] < piece[1]]


def _runs(start: int, shape: Geometry, boxes: Sequence[Box]) -> Iterator[tuple[int, bytes]]:
    """Place and new bytes of every run, in order."""
    rows = [(row, _spans(row, shape, boxes)) for row in range(shape.rows)]
    rows = [(row, spans) for row, spans in rows if spans]
    if sum(len(spans) for _, spans in rows) * shape.frames * shape.planes > MOST_RUNS:
        raise Refused(Reason.TOO_LARGE, "too many pixels to blank")
    line = shape.columns * shape.pixel
    for plane in range(shape.frames * shape.planes):
        sample = plane % shape.planes * shape.size
        fill = shape.fill[sample : sample + shape.size] if shape.planar else shape.fill
        for row, spans in rows:
            at = start + (plane * shape.rows + row) * line
            for left, right in spans:
                yield at + left * shape.pixel, fill * (right - left)


def _spans(row: int, shape: Geometry, boxes: Sequence[Box]) -> list[tuple[int, int]]:
    """Columns to blank in a row: joined, in order, inside the image."""
    spans: list[tuple[int, int]] = []
    for box in sorted(box for box in boxes if box.top <= row < box.bottom):
        left, right = max(0, box.left), min(shape.columns, box.right)
        if spans and left <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], right))
        elif left < right:
            spans.append((left, right))
    return spans
