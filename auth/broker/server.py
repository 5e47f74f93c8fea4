"""Authlib's authorization server over the broker's tables, with what its framework leaves open closed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Payload, OAuth2Request
from flask import Response, json
from flask import request as flask_request
from sqlalchemy import Engine
from werkzeug.datastructures import MultiDict

from auth.broker.assertion import AssertionAuthentication, ClientKeys
from auth.broker.clients import KEY_METHOD, Client
from auth.broker.collector import Collector
from auth.broker.second_factor import SecondFactors
from auth.broker.settings import BrokerSettings
from auth.broker.tokens import Tokens
from auth.broker.upstream import upstreams
from auth.keys import KeyRing
from auth.sealing import Seal

NO_STORE = {"Cache-Control": "no-cache, no-store", "Pragma": "no-cache"}
SECRETS = frozenset({"client_secret", "client_assertion", "access_token", "refresh_token", "subject_token"})
AUTHORIZATION = ("/authorize", "/consent")
_QUOTED = frozenset('"\\')


class Payload(OAuth2Payload):  # type: ignore[misc]  # Authlib has no types
    """Parameters of one place only (query at /authorize, body elsewhere): nothing is mixed in from the other."""

    def __init__(self, values: MultiDict[str, str]) -> None:
        self._values = values

    @property
    def data(self) -> MultiDict[str, str]:
        """First value of each parameter."""
        return self._values

    @property
    def datalist(self) -> dict[str, list[str]]:
        """All values of each parameter."""
        return dict(self._values.lists())


class BrokerRequest(OAuth2Request):  # type: ignore[misc]
    """A request whose address is the configured one, whatever its Host header says."""

    def __init__(self, uri: str, values: MultiDict[str, str]) -> None:
        super().__init__(method=flask_request.method, uri=uri, headers=flask_request.headers)
        self.payload = Payload(values)
        self.family: Any = None

    @property
    def args(self) -> MultiDict[str, str]:
        """Query parameters."""
        return flask_request.args

    @property
    def form(self) -> MultiDict[str, str]:
        """Body parameters."""
        return flask_request.form


def check_parameters(values: MultiDict[str, str]) -> None:
    """Refuse repeated parameters (RFC 6749 3.1, 3.2) and characters that no value may have (RFC 6749 A).

    :raises InvalidRequestError: naming the parameter.
    """
    for name, given in values.lists():
        if len(given) > 1:
            raise InvalidRequestError("A parameter is given more than once.")
        value = given[0]
        if not all(" " <= character <= "~" for character in name + value):
            raise InvalidRequestError("A parameter has characters outside printable ASCII.")
        if name not in ("state", "nonce") and _QUOTED & set(value):
            raise InvalidRequestError("A parameter has a quotation mark or a backslash.")


class BrokerServer(AuthorizationServer):  # type: ignore[misc]
    """The framework's server, holding what its grants need.

    :param clock: epoch seconds.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        engine: Engine,
        keys: KeyRing,
        collector: Collector,
        clock: Callable[[], int],
        seal: Seal,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.engine = engine
        self.keys = keys
        self.collector = collector
        self.clock = clock
        self.tokens = Tokens(settings, engine, keys, clock)
        self.factors = SecondFactors(engine, seal, settings.passwords)
        self.upstreams = upstreams(settings, keys, clock)
        self._clients = {client.client_id: Client(client) for client in settings.clients}
        audiences = frozenset({settings.public_url, f"{settings.public_url}/token"})
        self.register_client_auth_method(KEY_METHOD, AssertionAuthentication(engine, ClientKeys(), audiences, clock))

    def query_client(self, client_id: str) -> Client | None:
        """The registered client of that id."""
        return self._clients.get(client_id)

    def create_oauth2_request(self, request: Any) -> BrokerRequest:  # noqa: ARG002 - the framework's signature
        """Parameters from the query of an authorization request, from the body elsewhere."""
        values = flask_request.args if flask_request.path in AUTHORIZATION else flask_request.form
        return BrokerRequest(f"{self.settings.public_url}{flask_request.path}", values)

    def handle_response(self, status: int, body: Any, headers: Any) -> Response:
        """An answer that nobody may keep (AAI 1.2.1)."""
        content = json.dumps(body) if isinstance(body, Mapping) else body
        response = Response(content, status=status, headers=dict(headers or {}))
        response.headers.update(NO_STORE)
        return response

    def save_token(self, token: Mapping[str, Any], request: Any) -> None:
        """Nothing: tokens are stored when they are made, so that none exists unrecorded."""

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """No one listens to the framework's signals."""
