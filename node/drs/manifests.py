"""Manifests: the files of a bundle as a table, an object of its own (CHECKLIST DRS-23).

The id of a manifest holds a digest of its bytes: another list has another id, and the id of a list that no longer holds
names nothing (DRS-24).
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import quote

from adapters.catalog.bundles import BundleRecord
from adapters.catalog.catalog import FileRecord

ID = re.compile(r"(.{1,200})\.manifest-([0-9a-f]{16})")
COLUMNS = ("drs_uri", "name", "size", "sha-256", "md5", "run", "series")
MEDIA_TYPE = "text/tab-separated-values"
BREAKS = re.compile(r"[\t\r\n]")


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest as a file of the catalog that is in no store, and its bytes."""

    file: FileRecord
    content: bytes


class Manifests:
    """Makes manifests.

    :param find: bundles that exist, by id.
    :param drs_host: host of the ``drs://`` URIs in them.
    """

    def __init__(self, find: Callable[[Iterable[str]], dict[str, BundleRecord]], drs_host: str) -> None:
        self._find = find
        self._host = drs_host

    def of(self, bundle: BundleRecord) -> Manifest:
        """The manifest of a bundle. It is as open as the records that it lists."""
        content = self._written(bundle.files)
        sha256 = hashlib.sha256(content).hexdigest()
        dataset = bundle.dataset
        if dataset.records == "public":
            dataset = dataclasses.replace(dataset, tier="open")
        file = FileRecord(
            id=f"{bundle.id}.manifest-{sha256[:16]}",
            dataset=dataset,
            name=f"{bundle.id}.manifest.tsv",
            title=f"The files of {bundle.id}",
            format="TSV",
            mime_type=MEDIA_TYPE,
            size=len(content),
            assembly=None,
            created_at=max(file.created_at for file in bundle.files),
            available=True,
            run=None,
            series=None,
            instance=None,
            index_of=None,
            index=None,
            checksums={"md5": hashlib.md5(content, usedforsecurity=False).hexdigest(), "sha-256": sha256},
            locations=(),
        )
        return Manifest(file, content)

    def one(self, id: str) -> Manifest | None:
        """The manifest of that id, None unless it is the list that holds now."""
        return self.many([id]).get(id)

    def many(self, ids: Iterable[str]) -> dict[str, Manifest]:
        """The manifests of ``ids`` that hold now, by id."""
        wanted = {id: match[1] for id in ids if (match := ID.fullmatch(id))}
        if not wanted:
            return {}
        made = {id: self.of(bundle) for id, bundle in self._find(wanted.values()).items()}
        return {id: made[of] for id, of in wanted.items() if of in made and made[of].file.id == id}

    def _written(self, files: Iterable[FileRecord]) -> bytes:
        """A line per file in the order of ids, after the line of column names; nothing in it but what never changes."""
        lines = ["\t".join(COLUMNS)]
        for file in sorted(files, key=lambda file: file.id):
            uri = f"drs://{self._host}/{quote(file.id, safe='')}"
            sums = (file.checksums.get("sha-256", ""), file.checksums.get("md5", ""))
            row = (uri, file.name, str(file.size), *sums, file.run or "", file.series or "")
            lines.append("\t".join(BREAKS.sub(" ", cell) for cell in row))
        return ("\n".join(lines) + "\n").encode()
