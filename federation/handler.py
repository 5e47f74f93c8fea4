"""The operations of ``specs/federation.yaml``, each by the room that answers it."""

from __future__ import annotations

from federation.joining import Joining
from federation.manifest import Manifests
from federation.search import Search


class Federation:
    """Handler of ``specs/federation.yaml``."""

    def __init__(self, search: Search, manifests: Manifests, joining: Joining) -> None:
        self.list_nodes = search.list_nodes
        self.search = search.search
        self.make_manifest = manifests.make_manifest
        self.join_node = joining.join_node
        self.leave_node = joining.leave_node
