"""Claimed files become rows: present, inside the root, with the checksum that was given, with an id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from adapters.catalog.models import Checksum, Dataset, File, Location, Organism
from adapters.registration.accessions import Accessions, NoAccession, last_number
from adapters.registration.digests import Digest, Digests, Progress
from adapters.registration.formats import HEAD, TELLING, formats, from_content, from_name, media_type
from adapters.registration.plan import Claim, Plan, ProblemKind, Row
from adapters.store import ArchiveStore, ChangedObject, InvalidKey, KeyOutsideRoot, NoSuchObject, Stat, StoreError

CHUNK = 500
OUTSIDE_STORE = "ftp"


@dataclass(slots=True)
class Settlement:
    """Turns the claims of one plan into rows of files, checksums and locations."""

    engine: Engine
    stores: Mapping[str, ArchiveStore]
    accessions: Accessions
    plan: Plan
    progress: Progress
    ids: dict[tuple[str, str], str] = field(default_factory=dict)  # ids of files by (store, key)
    numbers: dict[str, int] = field(default_factory=dict)  # last number used, by what the id begins with

    def settle(self) -> list[Claim]:
        """Check every claim against its store and plan its rows; the claims that hold. Problems go to the plan."""
        present = self._present()
        self._find_known_ids([claim for claim, _ in present])
        digests = Digests(self.engine, self.progress, sum(stat.size for _, stat in present))
        settled = [claim for claim, stat in present if self._file(claim, stat, digests)]
        digests.flush()
        return settled

    def _present(self) -> list[tuple[Claim, Stat]]:
        seen: dict[tuple[str, str], Claim] = {}
        found: list[tuple[Claim, Stat]] = []
        for claim in self.plan.claims:
            first = seen.setdefault(claim.place, claim)
            if first is not claim:
                self._problem(claim, ProblemKind.DUPLICATE, f"{claim.key!r} occurs before, at {first.origin}")
            elif (stat := self._stat(claim)) is not None:
                found.append((claim, stat))
        return found

    def _stat(self, claim: Claim) -> Stat | None:
        try:
            stat = self.stores[claim.store].head(claim.key)
        except KeyOutsideRoot as error:
            self._problem(claim, ProblemKind.OUTSIDE_ROOT, str(error))
        except InvalidKey as error:
            self._problem(claim, ProblemKind.BAD_VALUE, str(error))
        except NoSuchObject as error:
            self._problem(claim, ProblemKind.MISSING_FILE, str(error))
        except StoreError as error:
            self._problem(claim, ProblemKind.UNREADABLE, str(error))
        else:
            if claim.size in (None, stat.size):
                return stat
            message = f"{claim.key!r} has {stat.size} bytes, the input says {claim.size}"
            self._problem(claim, ProblemKind.CHECKSUM, message)
        return None

    def _find_known_ids(self, claims: list[Claim]) -> None:
        """Ids of files that are registered already, by where they are and (DICOM) by what they are."""
        with Session(self.engine) as session:
            for start in range(0, len(claims), CHUNK):
                part = claims[start : start + CHUNK]
                keys, instances = [c.key for c in part], [c.instance for c in part if c.instance]
                located = select(Location.store, Location.key, Location.file).where(Location.key.in_(keys))
                self.ids.update({(store, key): file for store, key, file in session.execute(located)})
                imaged = select(File.instance, File.id).where(File.instance.in_(instances))
                known = {str(instance): file for instance, file in session.execute(imaged)}
                self.ids.update({c.place: known[c.instance] for c in part if c.instance in known})

    def _file(self, claim: Claim, stat: Stat, digests: Digests) -> bool:
        store = self.stores[claim.store]
        try:
            head = store.read(claim.key, 0, HEAD)
            digest = digests.of(claim.store, store, claim.key, stat)
        except ChangedObject as error:
            self._problem(claim, ProblemKind.CHECKSUM, str(error))
            return False
        except StoreError as error:
            self._problem(claim, ProblemKind.UNREADABLE, str(error))
            return False
        if claim.md5 not in (None, digest.md5):
            message = f"{claim.key!r} has md5 {digest.md5}, the input says {claim.md5}"
            self._problem(claim, ProblemKind.CHECKSUM, message)
        claim.format = self._format(claim, head)
        claim.id = self._id(claim)
        if claim.id is None or self._is_taken(claim, claim.id):
            return False
        self._rows(claim, claim.id, stat.size, media_type(claim.format, head), digest)
        return True

    def _format(self, claim: Claim, head: bytes) -> str:
        """What the content proves, else what the input says, else what the name suggests."""
        declared, proven = claim.format.upper(), from_content(head)
        if declared and declared not in formats():
            self._problem(
                claim, ProblemKind.BAD_VALUE, f"type {claim.format!r} is not known; allowed: {', '.join(formats())}"
            )
            declared = ""
        if declared in TELLING and declared != proven:
            is_what = f"is {proven}" if proven else f"does not begin as {declared} does"
            self._problem(claim, ProblemKind.BAD_VALUE, f"{claim.key!r} is declared {declared} but {is_what}")
        return declared or proven or from_name(claim.key) or "OTHER"

    def _id(self, claim: Claim) -> str | None:
        if claim.broken or (Dataset, claim.dataset) in self.plan.refused:
            return None
        known = self.ids.get(claim.place)
        if claim.id is not None:
            objection = self.accessions.objection("file", claim.id)
            if objection:
                self._problem(claim, ProblemKind.BAD_ACCESSION, objection)
                return None
            if known not in (None, claim.id):
                self._problem(claim, ProblemKind.CONFLICT, f"{claim.key!r} is registered already, as {known}")
                return None
        file = claim.id or known or self._next_id(claim)
        if file is not None:
            self.ids[claim.place] = file
        return file

    def _is_taken(self, claim: Claim, file: str) -> bool:
        first = self.plan.rows.get(File, {}).get((file,))
        if first is None:
            return False
        self._problem(claim, ProblemKind.DUPLICATE, f"file {file} occurs before, at {first.origin}")
        return True

    def _next_id(self, claim: Claim) -> str | None:
        try:
            parent = self.accessions.file_parent(claim.run, claim.dataset)
            start = f"{parent}-" if parent else self.accessions.prefix("file") or ""
            if start not in self.numbers:
                self.numbers[start] = self._last_number(start)
            self.numbers[start] += 1
            return self.accessions.file(parent, self.numbers[start])
        except NoAccession as error:
            self._problem(claim, ProblemKind.MISSING_VALUE, str(error))
            return None

    def _last_number(self, start: str) -> int:
        """The highest number behind ``start`` in the catalog and among the ids that the input gives."""
        given = [c.id[len(start) :] for c in self.plan.claims if c.id and c.id.startswith(start)]
        with Session(self.engine) as session:
            return max(last_number(session, File.id, start), *(int(n) for n in given if n.isdecimal()), 0)

    def _rows(self, claim: Claim, file: str, size: int, mime_type: str, digest: Digest) -> None:
        values = {
            "id": file,
            "dataset": claim.dataset,
            "run": claim.run,
            "series": claim.series,
            "instance": claim.instance,
            "organism": claim.organism,  # its name, until the writer knows the row
            "name": claim.name or f"{file}.dcm",
            "title": claim.title,
            "format": claim.format,
            "mime_type": mime_type,
            "size": size,
            "assembly": claim.assembly,
            "index_of": None,
        }
        self.plan.add(Row(File, values, claim.origin))
        for kind, value in (("md5", digest.md5), ("sha-256", digest.sha256)):
            self.plan.add(Row(Checksum, {"file": file, "type": kind, "value": value}, claim.origin))
        self.plan.add(Row(Location, {"file": file, "store": claim.store, "key": claim.key}, claim.origin))
        if claim.outside is not None:
            self.plan.add(Row(Location, {"file": file, "store": OUTSIDE_STORE, "key": claim.outside}, claim.origin))
        if claim.organism is not None:
            self.plan.add(Row(Organism, {"dataset": claim.dataset, "name": claim.organism}, claim.origin, shared=True))

    def _problem(self, claim: Claim, kind: ProblemKind, message: str) -> None:
        self.plan.problem(claim.origin, kind, message)
