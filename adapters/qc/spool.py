"""Files on disk for what would not fit into memory. They have no name: nothing remains of them, however a run ends."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from adapters.qc.errors import SpoolFailed
from adapters.qc.tally import Keys

CHUNK: Final = 1 << 17
"""Items read at a time."""


PARTS: Final = 256
"""Most files that a spool is split into at once."""
LEVELS: Final = 3
KEY: Final = np.dtype(np.uint64)


class Spool:
    """Rows of one dtype, written at the end and read from the beginning."""

    def __init__(self, folder: Path | None, dtype: np.dtype[Any] = KEY) -> None:
        """Write into ``folder``, or where the system keeps temporary files."""
        self.dtype = dtype
        self.folder = Path(folder or tempfile.gettempdir())
        self.rows = 0
        try:
            self.file: IO[bytes] = tempfile.TemporaryFile(dir=self.folder, buffering=0)  # noqa: SIM115
        except OSError as error:
            raise self._failed(error) from error

    def write(self, rows: NDArray[Any]) -> None:
        """Append rows.

        :raises SpoolFailed: if the disk is full.
        """
        data = memoryview(np.ascontiguousarray(rows).tobytes())
        try:
            while data:
                data = data[self.file.write(data) :]
        except OSError as error:
            self.close()
            raise self._failed(error) from error
        self.rows += len(rows)

    def read(self, chunk: int = CHUNK) -> Iterator[NDArray[Any]]:
        """All rows from the beginning, ``chunk`` at a time."""
        self.file.seek(0)
        wanted = chunk * self.dtype.itemsize
        while data := _exactly(self.file, wanted):
            yield np.frombuffer(data, self.dtype.base).reshape(-1, *self.dtype.shape)

    def take(self, bytes_: int) -> bytes:
        """The next ``bytes_`` bytes from where the file stands."""
        return _exactly(self.file, bytes_)

    def close(self) -> None:
        """Give the disk back."""
        self.file.close()

    def _failed(self, error: OSError) -> SpoolFailed:
        return SpoolFailed(f"names of reads cannot be kept in {self.folder}: {error.strerror}; give another with --tmp")


def _exactly(file: IO[bytes], wanted: int) -> bytes:
    """``wanted`` bytes, fewer only at the end of the file."""
    data = file.read(wanted)
    while 0 < len(data) < wanted:
        more = file.read(wanted - len(data))
        if not more:
            break
        data += more
    return data


def in_parts(spool: Spool, bytes_: int, folder: Path | None, level: int = 0) -> Iterator[Spool]:
    """A spool of keys as spools of about ``bytes_`` each, so that equal keys are in one; each is closed after use."""
    wanted = -(-spool.rows * KEY.itemsize // bytes_)
    if wanted <= 1 or level == LEVELS:
        yield spool
        return
    parts = min(PARTS, 1 << (wanted - 1).bit_length())
    made = [Spool(folder) for _ in range(parts)]
    for keys in spool.read():
        of = part_of(keys, parts, level)
        order = np.argsort(of, kind="stable")
        ends = np.searchsorted(of[order], np.arange(parts + 1))
        for part in range(parts):
            if ends[part] < ends[part + 1]:
                made[part].write(keys[order[ends[part] : ends[part + 1]]])
    for one in made:
        yield from in_parts(one, bytes_, folder, level + 1)
        one.close()


def part_of(keys: Keys, parts: int, level: int = 0) -> NDArray[np.int64]:
    """Part of each key, by eight of its bits for each level; ``parts`` is a power of two up to :data:`PARTS`."""
    return (keys >> np.uint64(56 - 8 * level)).astype(np.int64) & (PARTS - 1) & (parts - 1)
