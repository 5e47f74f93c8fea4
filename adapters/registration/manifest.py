"""A manifest of files of any kind: a tab-separated table with one line per file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from adapters.registration.plan import Claim, Origin, Plan, ProblemKind
from adapters.registration.registration import Reading
from adapters.registration.text import required_value, table

REQUIRED = ("path", "md5", "title", "type")
OPTIONAL = ("id", "run", "individuals", "index_of", "assembly", "organism", "size", "url")
FROM_HEADER = "header"  # in column individuals: whoever the header of the file names


@dataclass(frozen=True, slots=True)
class Manifest:
    """Files listed in ``path``; their paths are keys of ``store``, below ``folder`` if that is not empty.

    ``type`` is a format of ``config/registration/file_formats.tsv``, or empty to have it detected; ``individuals`` are
    accessions separated by commas, or ``header``; ``index_of`` is the path of the file that this one indexes, needed
    only where the names do not tell; ``size`` is in bytes.
    """

    path: Path
    store: str
    folder: str = ""

    def read(self, reading: Reading) -> None:
        """See :class:`~adapters.registration.registration.Source`."""
        for origin, values in table(self.path, reading.plan, REQUIRED, OPTIONAL):
            path = required_value(values, "path", origin, reading.plan)
            if path is not None:
                reading.plan.claims.append(self._claim(path, values, origin, reading))

    def _claim(self, path: str, values: Mapping[str, str], origin: Origin, reading: Reading) -> Claim:
        individuals, run = values.get("individuals", ""), _accession(values, "run", origin, reading)
        return Claim(
            key=self._key(path),
            origin=origin,
            store=self.store,
            dataset=reading.dataset,
            id=values.get("id") or None,
            name=PurePosixPath(path).name,
            title=values["title"],
            format=values["type"],
            md5=checked_md5(values["md5"], origin.at("md5"), reading.plan),
            size=_size(values.get("size", ""), origin.at("size"), reading.plan),
            run=run,
            organism=values.get("organism") or None,
            assembly=values.get("assembly") or None,
            index_of=self._key(values["index_of"]) if values.get("index_of") else None,
            individuals=() if individuals == FROM_HEADER else _individuals(individuals, origin, reading),
            from_header=individuals == FROM_HEADER,
            outside=values.get("url") or None,
            broken=run is None and bool(values.get("run")),
        )

    def _key(self, path: str) -> str:
        return f"{self.folder}/{path}" if self.folder else path


def checked_md5(value: str, origin: Origin, plan: Plan) -> str | None:
    """An MD5 in lower case; None (and a problem) if it is not 32 hexadecimal digits."""
    if re.fullmatch(r"[0-9a-fA-F]{32}", value):
        return value.lower()
    kind = ProblemKind.BAD_VALUE if value else ProblemKind.MISSING_VALUE
    plan.problem(origin, kind, f"{value!r} is no MD5; allowed: 32 hexadecimal digits")
    return None


def _size(value: str, origin: Origin, plan: Plan) -> int | None:
    if value and not value.isdecimal():
        plan.problem(origin, ProblemKind.BAD_VALUE, f"{value!r} is no size in bytes")
        return None
    return int(value) if value else None


def _accession(values: Mapping[str, str], entity: str, origin: Origin, reading: Reading) -> str | None:
    value = values.get(entity)
    if not value:
        return None
    objection = reading.archive.accessions.objection(entity, value)
    if objection:
        reading.plan.problem(origin.at(entity), ProblemKind.BAD_ACCESSION, objection)
        return None
    return value


def _individuals(value: str, origin: Origin, reading: Reading) -> tuple[str, ...]:
    found = [part.strip() for part in value.split(",") if part.strip()]
    for accession in found:
        objection = reading.archive.accessions.objection("individual", accession)
        if objection:
            reading.plan.problem(origin.at("individuals"), ProblemKind.BAD_ACCESSION, objection)
    return tuple(a for a in found if reading.archive.accessions.matches("individual", a))
