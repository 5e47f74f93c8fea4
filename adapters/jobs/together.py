"""Which submitted files belong together, and are archived together or not at all: mates, and a file with its index."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from adapters.qc.layout import sets
from adapters.registration.formats import formats, from_name, indexed_names
from adapters.registration.plan import Claim


def together(claims: Sequence[Claim]) -> list[list[Claim]]:
    """Claims by set, in the order given."""
    by_key = {claim.key: claim for claim in claims}
    indexes = {claim.key: target for claim in claims if (target := _indexed(claim, by_key))}
    data = [claim for claim in claims if claim.key not in indexes]
    groups = [[by_key[str(path)] for path in one] for one in sets([Path(claim.key) for claim in data], "auto")]
    of = {claim.key: group for group in groups for claim in group}
    for claim in claims:
        if claim.key in indexes:
            of[indexes[claim.key]].append(claim)
    return groups


def _indexed(claim: Claim, by_key: dict[str, Claim]) -> str | None:
    """The key of the file among these that ``claim`` is the index of."""
    path = PurePosixPath(claim.key)
    format_ = claim.format.upper() if claim.format.upper() in formats() else from_name(path.name)
    names = indexed_names(path.name, format_) if format_ and formats()[format_].indexes else []
    keys = [claim.index_of] if claim.index_of else [str(path.with_name(name)) for name in names if name]
    for key in keys:
        target = by_key.get(key)
        if target is not None and target is not claim and not target.index_of:
            return key
    return None
