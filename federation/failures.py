"""How the gateway's own exceptions become answers; handed to the application's one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from federation.tokens import BrokerUnavailable, ExchangeRefused, TokenRefused
from web.errors import Failure

FAILURES: Mapping[type[Exception], Callable[[Exception], Failure]] = {
    TokenRefused: lambda error: Failure(401, str(error), headers={"WWW-Authenticate": 'Bearer error="invalid_token"'}),
    ExchangeRefused: lambda error: Failure(403, str(error)),
    BrokerUnavailable: lambda error: Failure(503, str(error), headers={"Retry-After": "5"}),
}
