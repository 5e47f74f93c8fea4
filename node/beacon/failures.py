"""How the exceptions of the layers below a Beacon become answers (for the one table in ``node/app.py``)."""

from __future__ import annotations

from adapters.terms.errors import FilterError
from adapters.variants.query import InvalidVariantQuery
from node.beacon.profile import UnknownEntryType
from web.errors import Failure, Table


def _bad_request(error: Exception) -> Failure:
    return Failure(400, str(error))


FAILURES: Table = {FilterError: _bad_request, InvalidVariantQuery: _bad_request, UnknownEntryType: _bad_request}
