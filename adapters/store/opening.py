"""The stores of a configuration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adapters.store.local import LocalStore
from adapters.store.protocol import ArchiveStore

KEYS = {"local": {"root"}, "s3": {"endpoint", "bucket", "region", "access_key", "secret_key"}}


class InvalidStore(ValueError):
    """The settings of a store are wrong; the message names the store, the key and what is allowed."""


def open_stores(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, ArchiveStore]:
    """Open every store of ``{name: {kind: local, root}}``, or kind s3 with endpoint, bucket, region and the two keys.

    :raises InvalidStore: for an unknown kind, a missing or unknown key, or a root that is no folder.
    """
    return {name: _open(name, values) for name, values in settings.items()}


def _open(name: str, values: Mapping[str, Any]) -> ArchiveStore:
    kind = values.get("kind")
    if kind not in KEYS:
        raise InvalidStore(f"stores.{name}.kind is {kind!r}; allowed: {', '.join(KEYS)}")
    given, wanted = set(values) - {"kind"}, KEYS[kind]
    if given != wanted:
        wrong = ", ".join(sorted(given ^ wanted))
        raise InvalidStore(
            f"stores.{name}: missing or unknown: {wrong}; allowed for {kind}: {', '.join(sorted(wanted))}"
        )
    return _local(name, values) if kind == "local" else _s3(name, values)


def _local(name: str, values: Mapping[str, Any]) -> ArchiveStore:
    root = Path(values["root"])
    if not root.is_dir():
        raise InvalidStore(f"stores.{name}.root: {root} is no folder")
    return LocalStore(name, root)


def _s3(name: str, values: Mapping[str, Any]) -> ArchiveStore:
    from adapters.store.s3 import S3Store  # here, because most nodes have no such store and need not load its library

    return S3Store(name, **{key: str(values[key]) for key in KEYS["s3"]})
