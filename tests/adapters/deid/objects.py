"""Objects for tests: pydicom's packaged files, and a subject to rewrite them for."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pydicom
import pydicom.data
from pydicom.dataset import Dataset

from adapters.deid.identity import Keyed
from adapters.deid.known import Known
from adapters.deid.objects import Order
from adapters.deid.output import Bytes, Digest, Output
from adapters.deid.rules import Profile, load
from adapters.deid.text import Cleaner
from adapters.deid.values import Subject

KEY = bytes(range(32))
ACCESSION = "OBII000042"


@cache
def profile() -> Profile:
    return load()


def subject(known: Known) -> Subject:
    return Subject(profile(), Keyed(KEY, "OBIA000001"), ACCESSION, Cleaner(known))


class AtOnce(Output):
    """Every file has its name as soon as it is written."""

    def written(self, target: str, body: Iterable[Bytes], claim: Callable[[Digest], None]) -> str | None:
        digest = super().written(target, body, claim)
        self.settle()
        return digest


def order(out: Path) -> Order:
    return Order(AtOnce(out), lambda instance, digest: None, lambda path, facts: ())


def packaged() -> list[Path]:
    """Every file that comes with pydicom."""
    root = Path(pydicom.data.__file__).parent
    return sorted(path for path in root.rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc"})


def reread(path: Path) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(path)


def flat(data: Dataset, at: str = "") -> Iterator[tuple[str, Any]]:
    """Place and value of every element, sequences entered; values as they are written."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for tag in sorted(data.keys()):
            place = f"{at}/{tag:08x}"
            raw = data.get_item(tag)
            vr = raw.VR
            if vr == "SQ" or (vr in {None, "UN"} and data[tag].VR == "SQ"):
                for number, item in enumerate(data[tag].value or []):
                    yield from flat(item, f"{place}[{number}]")
                yield place, len(data[tag].value or [])
            else:
                value = raw.value
                if isinstance(value, bytes):
                    value = value.rstrip(b" \0")
                yield place, value or b""
