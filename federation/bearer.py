"""The Bearer token of a request to the gateway (RFC 6750 section 2.1)."""

from __future__ import annotations

import re

from web.errors import Failure

BEARER = re.compile(r"Bearer +([A-Za-z0-9._~+/=-]{1,8192})", re.IGNORECASE)


def bearer(authorization: str | None) -> str | None:
    """The token, or None when the header is absent.

    :raises Failure: 401 for any other header: a broken token is never read as "no token".
    """
    if authorization is None:
        return None
    found = BEARER.fullmatch(authorization)
    if found is None:
        raise Failure(
            401,
            "the Authorization header is not a Bearer token",
            headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
        )
    return found[1]
