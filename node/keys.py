"""The key ring of a process, with the secret that its configuration gives."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from sqlalchemy import Engine

from auth.keys import KeyRing, clock
from auth.sealing import Seal, SealBroken
from web.settings import ProcessSettings, SettingsError

log = structlog.get_logger(__name__)


def seal(settings: ProcessSettings) -> Seal:
    """What keeps the secrets of a process from whoever reads its database."""
    return Seal(bytes.fromhex(settings.key_secret) if settings.key_secret else None)


def key_ring(settings: ProcessSettings, engine: Engine, now: Callable[[], int] = clock) -> KeyRing:
    """The ring, opened once so that a wrong secret is told when the process starts.

    :param now: epoch seconds.
    :raises SettingsError: the configured secret does not open the keys.
    """
    ring = KeyRing(engine, now, seal(settings))
    try:
        ring.public_jwks()
    except SealBroken as error:
        raise SettingsError(f"key 'key_secret': {error}") from error
    if settings.key_secret is None:
        log.warning("keys_not_sealed", kind=settings.kind)
    return ring
