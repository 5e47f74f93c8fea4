"""Refusals as status codes of the store service (PS3.7 annex C, PS3.4 B.2.3, PS3.18 annex I)."""

from __future__ import annotations

from typing import Final

from adapters.deid.errors import Reason

CANNOT_UNDERSTAND: Final = 0xC000
NO_RESOURCES: Final = 0xA700
OTHER_STUDY: Final = 0xA900
NOT_AUTHORIZED: Final = 0x0124
REASONS: Final = {
    Reason.OBJECT_CLASS: 0x0122,
    Reason.TRANSFER_SYNTAX: 0xC122,
    Reason.DUPLICATE: 0x0111,
    Reason.UNKNOWN_PATIENT: NOT_AUTHORIZED,
    Reason.WITHDRAWN: NOT_AUTHORIZED,
    Reason.TOO_LARGE: NO_RESOURCES,
}


def status_of(reason: Reason) -> int:
    """The status of a refusal."""
    return REASONS.get(reason, CANNOT_UNDERSTAND)
