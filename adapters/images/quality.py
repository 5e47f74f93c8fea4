"""The check of images: every object is read and its pixels decoded, every series is looked at as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any, Final

import yaml

from adapters.dicom.pictures import LARGEST, UNDECODABLE, can_decode
from adapters.dicom.reading import Header, Unreadable, header, quietly
from adapters.store.protocol import ArchiveStore
from adapters.store.source import ByteSource

REFUSE: Final = "refuse"
PLANAR: Final = frozenset({"CT", "MR", "PT"})
APART: Final = 0.05
"""Of the usual distance between slices, by how much one may differ."""
STRAIGHT: Final = 1e-3


@dataclass(frozen=True, slots=True)
class Remark:
    """Something found: what kind it is of (``config/images/checks.yaml``), in words."""

    kind: str
    message: str

    @property
    def refuses(self) -> bool:
        """Whether the object is not archived."""
        return rules()[self.kind] == REFUSE


@dataclass(slots=True)
class Checked:
    """One object: its place in the series, and what was found."""

    id: int
    series: str = ""
    modality: str = ""
    number: int | None = None
    position: tuple[float, ...] = ()
    orientation: tuple[float, ...] = ()
    matrix: tuple[Any, ...] = ()
    remarks: list[Remark] = field(default_factory=list)


@cache
def rules() -> Mapping[str, str]:
    """What is said of each kind of finding."""
    return dict(yaml.safe_load((files("config") / "images" / "checks.yaml").read_text(encoding="utf-8")))


def check_object(id: int, store: ArchiveStore, key: str) -> Checked:
    """Read one object and decode its pixels, a frame at a time."""
    found = Checked(id)
    with ByteSource(store, key) as source:
        try:
            read = header(source)
        except Unreadable as error:
            found.remarks.append(Remark("undecodable", f"cannot be read ({error})"))
            return found
        _place(found, read)
        if read.pixels is not None:
            found.remarks += _pixels(source, read)
    return found


def _place(found: Checked, read: Header) -> None:
    data = read.data
    found.series = str(data.get("SeriesInstanceUID", ""))
    found.modality = str(data.get("Modality", ""))
    found.number = read.number("InstanceNumber", -1) if data.get("InstanceNumber") not in (None, "") else None
    if found.modality in PLANAR and "NumberOfFrames" not in data:
        found.position = _numbers_of(data.get("ImagePositionPatient"))
        found.orientation = _numbers_of(data.get("ImageOrientationPatient"))
        found.matrix = (read.number("Rows", 0), read.number("Columns", 0), *_numbers_of(data.get("PixelSpacing")))


def _numbers_of(values: Any) -> tuple[float, ...]:
    """The values of an element; none where one is no number."""
    try:
        return tuple(float(value) for value in values or ())
    except (TypeError, ValueError):
        return ()


def _pixels(source: ByteSource, read: Header) -> Iterator[Remark]:
    from pydicom.pixels.utils import iter_pixels

    if not can_decode(read.syntax):
        yield Remark("not-decoded", f"there is no codec for transfer syntax {read.syntax} here")
        return
    frame = read.number("Rows", 0) * read.number("Columns", 0) * read.number("SamplesPerPixel", 1)
    if frame * read.number("BitsAllocated", 8) // 8 > LARGEST:
        yield Remark("not-decoded", "a frame is too large to be decoded at once")
        return
    decoded = 0
    try:
        with source.open() as file, quietly():
            for _ in iter_pixels(file, raw=True):
                decoded += 1
    except UNDECODABLE as error:
        yield Remark("undecodable", f"frame {decoded + 1} cannot be decoded ({type(error).__name__})")


def check_series(objects: Sequence[Checked]) -> None:
    """Look at the objects of one series together; what is found is said of each."""
    remarks = [*_numbers(objects), *_geometry([one for one in objects if one.position and one.orientation])]
    modalities = {one.modality for one in objects}
    if len(modalities) > 1:
        remarks.append(Remark("mixed-series", f"its series has objects of {', '.join(sorted(modalities))}"))
    for one in objects:
        one.remarks += remarks


def _numbers(objects: Sequence[Checked]) -> Iterator[Remark]:
    numbers = sorted(one.number for one in objects if one.number is not None)
    missing = sum(second - first - 1 for first, second in pairwise(sorted(set(numbers))))
    if missing > 0:
        yield Remark("missing-numbers", f"instance numbers of its series {numbers[0]} to {numbers[-1]} lack {missing}")
    if len(set(numbers)) < len(numbers):
        yield Remark("same-number", f"{len(numbers) - len(set(numbers))} objects of its series repeat a number")


def _geometry(slices: Sequence[Checked]) -> Iterator[Remark]:
    if len(slices) < 2:
        return
    if len({one.matrix for one in slices}) > 1:
        yield Remark("matrix", "slices of its series differ in rows, columns or pixel spacing")
    first = slices[0].orientation
    if any(_differs(one.orientation, first) for one in slices):
        yield Remark("orientation", "slices of its series do not lie in one direction")
        return
    if len(first) != 6 or any(len(one.position) != 3 for one in slices):
        return
    (a, b, c), (d, e, f) = first[:3], first[3:]
    normal = (b * f - c * e, c * d - a * f, a * e - b * d)
    along = sorted(sum(x * n for x, n in zip(one.position, normal, strict=True)) for one in slices)
    gaps = sorted(second - first for first, second in pairwise(along))
    usual = gaps[len(gaps) // 2]
    if usual > 0 and any(abs(gap - usual) > APART * usual for gap in gaps):
        yield Remark("spacing", f"slices of its series are {gaps[0]:.2f} to {gaps[-1]:.2f} mm apart")


def _differs(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return len(one) != len(other) or any(abs(x - y) > STRAIGHT for x, y in zip(one, other, strict=True))
