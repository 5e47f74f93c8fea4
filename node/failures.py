"""How the exceptions of ``auth`` become answers: part of the one table that ``node/app.py`` gives to the chassis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from auth import errors
from web.errors import Failure, Table

CHALLENGE = 'Bearer realm="gsanode"'


def _status(status: int) -> Callable[[Any], Failure]:
    return lambda error: Failure(status, str(error))


def _sign_in(error: Exception) -> Failure:
    return Failure(401, str(error), headers={"WWW-Authenticate": CHALLENGE})


def _invalid_token(error: Exception) -> Failure:
    return Failure(401, str(error), headers={"WWW-Authenticate": f'{CHALLENGE}, error="invalid_token"'})


def _unavailable(error: Exception) -> Failure:
    return Failure(503, str(error), headers={"Retry-After": "10"})


AUTH_FAILURES: Table = {
    errors.InvalidRequest: _status(400),
    errors.Unauthenticated: _sign_in,
    errors.InvalidToken: _invalid_token,
    errors.Forbidden: _status(403),
    errors.InvalidCapability: _status(403),
    errors.NotFound: _status(404),
    errors.Conflict: _status(409),
    errors.TokenTooLarge: _status(413),
    errors.IssuerUnavailable: _unavailable,
}
"""Subclasses follow their base unless listed (an expired signed URL is a 403)."""
