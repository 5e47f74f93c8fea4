"""Fetch one file of a DRS: what is there is kept, what is half there goes on, checksums are compared."""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import requests

from node.commands.client import Client
from node.commands.manifest import Wanted
from node.commands.passports import Passports

CHUNK = 1 << 20
TIMEOUT = (10, 60)  # seconds to connect, and between two pieces of an answer
ATTEMPTS = 5
PAUSE = 2.0  # seconds before the second attempt; doubled before each further one
HASHES = {"sha-256": "sha256", "sha-512": "sha512", "md5": "md5", "sha1": "sha1"}
Outcome = Literal["fetched", "kept"]


class Refused(ValueError):
    """A file that cannot be had, now or later, or is not what it should be; trying again would not help."""


class Stopped(Exception):
    """The person does not want to wait any more; what was fetched is kept for the next time."""


class Bar(Protocol):
    """Shows how far a file is, in bytes."""

    def __call__(self, done: int, size: int) -> None:
        """``done`` of ``size`` bytes are there."""
        ...


@dataclass(frozen=True)
class Fetcher:
    """Fetches files into ``out``. Safe to call from several threads.

    :param stop: is set when everything shall end.
    :param pause: waits that many seconds, or until ``stop``.
    """

    client: Client
    passports: Passports
    out: Path
    stop: threading.Event
    pause: Callable[[float], object]

    def __call__(self, wanted: Wanted, bar: Bar) -> tuple[Path, Outcome]:
        """Fetch one file.

        :raises Refused: it cannot be had, or its bytes are not those of the record.
        :raises OSError: the node cannot be reached (``requests``), or the disk refuses.
        :raises Stopped: ``stop`` was set.
        """
        with requests.Session() as session:
            if wanted.path is not None and wanted.size is not None:
                target = self.out / wanted.path
                if _whole(target, wanted.size, wanted.checksums):
                    bar(wanted.size, wanted.size)
                    return target, "kept"
            record = self._record(session, wanted)
            target = self.out / (wanted.path or Path(record.get("name") or record["id"]).name)
            if _whole(target, record["size"], _sums(record)):
                bar(record["size"], record["size"])
                return target, "kept"
            target.parent.mkdir(parents=True, exist_ok=True)
            self._fill(session, wanted.uri, record, target, bar)
            return target, "fetched"

    def _record(self, session: requests.Session, wanted: Wanted) -> dict[str, Any]:
        """The record of the file, which must be what the manifest promised."""
        try:
            objects = self.client.objects(wanted.uri)
        except ValueError as error:
            raise Refused(str(error)) from error
        record: dict[str, Any] = self._tried(lambda: self._asked(session, objects))
        sums = _sums(record)
        if not sums.keys() & HASHES.keys():
            raise Refused("has no checksum of a kind that can be verified")
        differs = {kind for kind, value in wanted.checksums.items() if sums.get(kind, value).lower() != value.lower()}
        if differs or wanted.size not in (None, record["size"]):
            raise Refused("the record is not what the manifest says; make a new manifest")
        return record

    def _fill(self, session: requests.Session, uri: str, record: Mapping[str, Any], target: Path, bar: Bar) -> None:
        """Bring the bytes of ``target`` together under another name, and give them theirs when they are verified."""
        part = target.with_name(target.name + ".part")
        with part.open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Refused(f"{part} is being written by another process") from error
            try:
                fault = self._filled(session, uri, record, file, bar)
            finally:
                if file.seek(0, os.SEEK_END) == 0 < record["size"]:
                    part.unlink()  # nothing came: nothing is left behind
            if fault:
                part.unlink()
                raise Refused(fault)
            os.fsync(file.fileno())
            part.replace(target)

    def _filled(
        self, session: requests.Session, uri: str, record: Mapping[str, Any], file: Any, bar: Bar
    ) -> str | None:
        """Fetch what ``file`` lacks; answers what is wrong with it then."""
        part, resumed = Path(file.name), file.tell() > 0
        self._tried(lambda: self._append(session, uri, record, file, bar))
        fault = _fault(part, record["size"], _sums(record))
        if fault and resumed:  # what was there before may have been something else: once more from the beginning
            file.truncate(0)
            self._tried(lambda: self._append(session, uri, record, file, bar))
            fault = _fault(part, record["size"], _sums(record))
        return fault

    def _append(self, session: requests.Session, uri: str, record: Mapping[str, Any], file: Any, bar: Bar) -> None:
        """Fetch what ``file`` still lacks."""
        size = record["size"]
        have = file.seek(0, os.SEEK_END)
        if have > size:
            have = file.truncate(0)
        bar(have, size)
        if have == size:
            return
        url, headers = self._address(session, uri, record), {"Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        with session.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
            answer.raise_for_status()
            if have and answer.status_code != 206:
                have = file.truncate(0)
            for piece in answer.iter_content(CHUNK):
                if self.stop.is_set():
                    raise Stopped
                file.write(piece)
                have += len(piece)
                bar(have, size)
                if have > size:
                    raise Refused(f"more bytes came than the {size} of the record")
        file.flush()
        if have < size:
            raise requests.ConnectionError(f"the answer ended after {have} of {size} bytes")

    def _address(self, session: requests.Session, uri: str, record: Mapping[str, Any]) -> str:
        method = next((m["access_id"] for m in record["access_methods"] if m.get("access_id")), None)
        if method is not None:
            return str(self._asked(session, f"{self.client.objects(uri)}/access/{method}")["url"])
        for method in record["access_methods"]:
            url = str((method.get("access_url") or {}).get("url", ""))
            if method.get("type") == "https" and url.startswith(("https://", "http://")):
                return url
        raise Refused("the object has no access method that this command knows")

    def _asked(self, session: requests.Session, url: str) -> Any:
        """The answer of a DRS operation."""
        passports = self.passports(url.partition("/ga4gh/")[0])
        if passports:
            answer = session.post(url, json={"passports": passports}, timeout=TIMEOUT, allow_redirects=False)
        else:
            answer = session.get(url, timeout=TIMEOUT)
        if answer.status_code == 202:
            raise Refused(f"the bytes come from tape; ask again in {answer.headers.get('Retry-After', '?')} seconds")
        if answer.status_code >= 500 or answer.status_code == 429:
            raise requests.HTTPError(f"HTTP {answer.status_code}", response=answer)
        if answer.status_code != 200:
            raise Refused(f"HTTP {answer.status_code} {_said(answer)}".rstrip())
        return answer.json()

    def _tried(self, work: Callable[[], Any]) -> Any:
        """What ``work`` answers, tried again where the network or the node failed; each attempt goes on where the one
        before ended."""
        for attempt in range(ATTEMPTS):
            if self.stop.is_set():
                raise Stopped
            try:
                return work()
            except requests.RequestException:
                if attempt == ATTEMPTS - 1:
                    raise
                self.pause(PAUSE * 2**attempt)
        raise AssertionError("unreachable")


def _said(answer: requests.Response) -> str:
    try:
        return str(answer.json().get("msg", ""))
    except (ValueError, AttributeError):
        return ""


def _sums(record: Mapping[str, Any]) -> dict[str, str]:
    return {str(one["type"]): str(one["checksum"]) for one in record["checksums"]}


def _whole(path: Path, size: int, sums: Mapping[str, str]) -> bool:
    return path.is_file() and bool(sums.keys() & HASHES.keys()) and _fault(path, size, sums) is None


def _fault(path: Path, size: int, sums: Mapping[str, str]) -> str | None:
    """What is wrong with the bytes, or None."""
    if path.stat().st_size != size:
        return f"has {path.stat().st_size} bytes, the record says {size}"
    kind = next(kind for kind in HASHES if kind in sums)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, HASHES[kind]).hexdigest()
    return None if digest == sums[kind].lower() else f"{kind} differs from the record's"
