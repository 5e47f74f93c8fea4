"""The archive store: where the bytes are, registered in place and never copied to be served."""

from __future__ import annotations

from adapters.store.opening import InvalidStore, open_stores
from adapters.store.protocol import (
    ArchiveStore,
    ChangedObject,
    InvalidKey,
    KeyOutsideRoot,
    NoSuchObject,
    Stat,
    StoreError,
    StoreUnavailable,
    WouldWait,
)
from adapters.store.source import ByteSource, Resident

__all__ = [
    "ArchiveStore",
    "ByteSource",
    "ChangedObject",
    "InvalidKey",
    "InvalidStore",
    "KeyOutsideRoot",
    "NoSuchObject",
    "Resident",
    "Stat",
    "StoreError",
    "StoreUnavailable",
    "WouldWait",
    "open_stores",
]
