"""How the exceptions of the layers below a Beacon become answers (for the one table in ``node/app.py``)."""

from __future__ import annotations

from adapters.terms.errors import FilterError
from adapters.variants.query import InvalidVariantQuery
from auth.budget import BudgetExhausted
from node.beacon.profile import UnknownEntryType
from web.errors import Failure, Table


def _bad_request(error: Exception) -> Failure:
    return Failure(400, str(error))


def _refused(error: BudgetExhausted) -> Failure:
    """Not 429: a budget does not come back by waiting."""
    return Failure(403, f"{error}; who has access to the records is not charged")


FAILURES: Table = {
    FilterError: _bad_request,
    InvalidVariantQuery: _bad_request,
    UnknownEntryType: _bad_request,
    BudgetExhausted: _refused,
}
