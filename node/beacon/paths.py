"""The paths of entries: which entry type each operation of the contract asks for, and what its path says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from adapters.terms.vocabulary import DATASET
from node.beacon.answering import Restriction
from node.beacon.profile import entry_types


@dataclass(frozen=True)
class EntryPath:
    """A path: all entries of a type, the one of an id, or those that belong to an entry of another type.

    :param parent: entry type of the ``id`` in the path.
    """

    kind: str
    parent: str | None = None

    def where(self, id: str | None) -> Restriction:
        """What the path says with its ``id``."""
        if self.parent is None or id is None:
            return Restriction()
        # PostgreSQL refuses to compare with a NUL, which no id has: another character that none has says the same.
        id = id.replace("\0", "\ufffd")
        if self.parent == self.kind:
            return Restriction(entry=id)
        return Restriction(dataset=id) if self.parent == DATASET else Restriction(within=(self.parent, id))


def _paths() -> Mapping[str, EntryPath]:
    """By what follows ``get_`` or ``post_`` in the contract: ``runs``, ``run``, ``dataset_runs``."""
    found = {}
    for kind in entry_types():
        found[kind.path] = EntryPath(kind.id)
        found[kind.single] = EntryPath(kind.id, kind.id)
        found |= {f"{kind.single}_{path}": EntryPath(id, kind.id) for id, path in kind.related.items()}
    return found


PATHS = _paths()
