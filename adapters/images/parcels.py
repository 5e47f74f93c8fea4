"""What a submitter hands in: a folder, a DICOMDIR with the files that it names, or a ZIP."""

from __future__ import annotations

import os
import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, Protocol

from adapters.dicom.reading import UNREADABLE
from adapters.quiet import unwarned

PIECE: Final = 1 << 20
DIRECTORY: Final = "DICOMDIR"
MOST_ENTRIES: Final = 1_000_000
RATIO: Final = 200
"""A ZIP that unpacks to more than so many times its bytes holds no images."""


class BadParcel(Exception):
    """The parcel cannot be taken in at all; the message names it and says what is allowed."""


class BadEntry(Exception):
    """One file of it is refused; the message says why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a parcel: its path there, its size in bytes, and how it is read."""

    name: str
    size: int
    source: Opens

    def pieces(self) -> Iterator[bytes]:
        """Its bytes.

        :raises BadEntry: if it is refused or damaged.
        """
        return self.source.pieces(self.name)


class Opens(Protocol):
    """Reads files of a parcel."""

    def pieces(self, name: str) -> Iterator[bytes]:
        """The bytes of a file."""


class Parcel(Opens, Protocol):
    """Something handed in."""

    def entries(self) -> Iterator[Entry]:
        """Its files, in the order of their names."""


def opened(path: Path, roots: Sequence[Path]) -> Parcel:
    """The parcel at a path inside one of ``roots``.

    :raises BadParcel: if it lies elsewhere, or is none.
    """
    real = Path(os.path.realpath(path))
    if not any(real.is_relative_to(Path(os.path.realpath(root))) for root in roots):
        allowed = ", ".join(map(str, roots)) or "none is configured (images.incoming)"
        raise BadParcel(f"{path} is in none of the folders that images come from: {allowed}")
    if real.is_dir():
        return Folder(real)
    if real.is_file() and real.name == DIRECTORY:
        return Directory(real)
    if real.is_file() and zipfile.is_zipfile(real):
        return Zip(real)
    raise BadParcel(f"{path} is neither a folder nor a DICOMDIR nor a ZIP")


class Folder:
    """The regular files below a folder; links are not entered."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def entries(self) -> Iterator[Entry]:
        """See :class:`Parcel`; what is no regular file is an entry too, and refused when it is read."""
        waiting = [""]
        while waiting:
            prefix = waiting.pop()
            with os.scandir(self._folder / prefix) as found:
                entries = sorted(found, key=lambda entry: entry.name)
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(f"{prefix}{entry.name}/")
                else:
                    yield Entry(f"{prefix}{entry.name}", entry.stat(follow_symlinks=False).st_size, self)

    def pieces(self, name: str) -> Iterator[bytes]:
        """See :class:`Opens`."""
        try:
            descriptor = os.open(self._folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            linked = (self._folder / name).is_symlink()
            raise BadEntry("is a link" if linked else f"cannot be read: {error.strerror}") from error
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise BadEntry("is no file with bytes in it")
            while piece := os.read(descriptor, PIECE):
                yield piece
        finally:
            os.close(descriptor)


class Directory:
    """The files that a DICOMDIR names (PS3.10 section 8), inside its folder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._folder = Folder(path.parent)

    def entries(self) -> Iterator[Entry]:
        """See :class:`Parcel`.

        :raises BadParcel: if it is no DICOMDIR.
        """
        for name in dict.fromkeys(self._named()):
            path = self._path.parent / name
            yield Entry(name, path.lstat().st_size if path.is_file() else 0, self)

    def _named(self) -> Iterable[str]:
        from pydicom import dcmread

        try:
            with unwarned:
                records = dcmread(self._path).get("DirectoryRecordSequence") or []
                found = [record.get("ReferencedFileID") for record in records]
        except (*UNREADABLE, TypeError, OSError) as error:
            raise BadParcel(f"{self._path} is no DICOMDIR ({type(error).__name__})") from error
        return ["/".join([one] if isinstance(one, str) else map(str, one)) for one in found if one]

    def pieces(self, name: str) -> Iterator[bytes]:
        """See :class:`Opens`."""
        real = Path(os.path.realpath(self._path.parent / name))
        if not _is_plain(name) or real != self._path.parent / name:
            raise BadEntry("leads out of the folder of the DICOMDIR, or through a link")
        return self._folder.pieces(name)


class Zip:
    """The files in a ZIP; nothing is ever unpacked to where the ZIP says."""

    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError) as error:
            raise BadParcel(f"{path} is a damaged ZIP: {error}") from error
        found = self._zip.infolist()
        if len(found) > MOST_ENTRIES:
            raise BadParcel(f"{path} has {len(found):,} entries; allowed are {MOST_ENTRIES:,}")
        if len({info.filename for info in found}) < len(found):
            raise BadParcel(f"{path} has two entries of one name")
        if sum(info.file_size for info in found) > RATIO * path.stat().st_size:
            raise BadParcel(f"{path} unpacks to more than {RATIO} times its bytes")

    def entries(self) -> Iterator[Entry]:
        """See :class:`Parcel`."""
        files = (info for info in self._zip.infolist() if not info.is_dir())
        for info in sorted(files, key=lambda info: info.filename):
            yield Entry(info.filename, info.file_size, self)

    def pieces(self, name: str) -> Iterator[bytes]:
        """See :class:`Opens`."""
        info = self._zip.getinfo(name)
        if not _is_plain(name):
            raise BadEntry("has a name that leads out of the ZIP")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise BadEntry("is a link")
        if info.flag_bits & 1:
            raise BadEntry("is encrypted")
        try:
            with self._zip.open(info) as file:
                while piece := file.read(PIECE):  # never more than the size that the ZIP tells
                    yield piece
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError, RuntimeError) as error:
            raise BadEntry(f"is damaged ({error})") from error


def _is_plain(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return bool(parts) and not name.startswith("/") and ".." not in parts and "\\" not in name and "\0" not in name
