"""What a DRS id names: a file, a bundle or a manifest, if it exists."""

from __future__ import annotations

from collections.abc import Iterable

from adapters.catalog.bundles import BundleRecord, Bundles
from adapters.catalog.catalog import Catalog, FileRecord
from node.drs.manifests import Manifests

Named = FileRecord | BundleRecord


class Shelf:
    """Finds objects by id; all methods ask the database and are to be called from a thread."""

    def __init__(self, catalog: Catalog, bundles: Bundles, manifests: Manifests) -> None:
        self._catalog = catalog
        self._bundles = bundles
        self._manifests = manifests

    def find(self, ids: Iterable[str]) -> dict[str, Named]:
        """The objects of ``ids`` that exist, by id: a handful of statements for any number."""
        wanted = [id for id in ids if "\0" not in id]
        found: dict[str, Named] = dict(self._catalog.files(wanted))
        found.update(self.collections(id for id in wanted if id not in found))
        return found

    def collections(self, ids: Iterable[str]) -> dict[str, Named]:
        """Those of ``ids`` that are bundles or manifests."""
        wanted = list(ids)
        if not wanted:
            return {}
        found: dict[str, Named] = dict(self._bundles.find(wanted))
        manifests = self._manifests.many(id for id in wanted if id not in found)
        found.update((id, manifest.file) for id, manifest in manifests.items())
        return found
