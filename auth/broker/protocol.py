"""The endpoints that programs use: discovery, /token, /userinfo, /introspect, /revoke, /device_authorization."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error
from flask import Flask, Response, jsonify, request

from auth.broker import device, exchange
from auth.broker.clients import ALL_METHODS, CONFIDENTIAL_METHODS
from auth.broker.identity import profile
from auth.broker.server import NO_STORE, SECRETS, BrokerServer, check_parameters
from auth.broker.settings import PASSPORT_SCOPE, SCOPES, BrokerSettings
from auth.jose import ALGORITHMS
from web.pages import cookieless


def register(app: Flask, server: BrokerServer) -> None:
    """Add the endpoints to the application."""
    metadata = discovery(server.settings)
    app.add_url_rule("/.well-known/openid-configuration", "discovery", lambda: jsonify(metadata))
    posts: dict[str, Callable[[], Any]] = {
        "token": server.create_token_response,
        "introspect": lambda: server.create_endpoint_response("introspection"),
        "revoke": lambda: server.create_endpoint_response("revocation"),
        "device_authorization": lambda: server.create_endpoint_response("device_authorization"),
    }
    for name, answer in posts.items():
        app.add_url_rule(f"/{name}", name, _protocol(server, answer), methods=["POST"])
    app.add_url_rule("/userinfo", "userinfo", cookieless(lambda: _userinfo(server)), methods=["GET", "POST"])


def discovery(settings: BrokerSettings) -> dict[str, Any]:
    """Provider metadata (OpenID Connect Discovery 1.0 3, RFC 8414, RFC 8628 4, RFC 9207 3)."""
    url = settings.public_url
    return {
        "issuer": url,
        "authorization_endpoint": f"{url}/authorize",
        "token_endpoint": f"{url}/token",
        "userinfo_endpoint": f"{url}/userinfo",
        "jwks_uri": f"{url}/.well-known/jwks.json",
        "introspection_endpoint": f"{url}/introspect",
        "revocation_endpoint": f"{url}/revoke",
        "device_authorization_endpoint": f"{url}/device_authorization",
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", device.GRANT_TYPE, exchange.GRANT_TYPE],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "token_endpoint_auth_methods_supported": list(ALL_METHODS),
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "introspection_endpoint_auth_methods_supported": list(CONFIDENTIAL_METHODS),
        "introspection_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "revocation_endpoint_auth_methods_supported": list(ALL_METHODS),
        "revocation_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": ["none", "login", "consent"],
        "ui_locales_supported": ["en", "zh"],
        "claims_supported": ["sub", "name", "preferred_username", "auth_time", PASSPORT_SCOPE],
        "authorization_response_iss_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }


def _protocol(server: BrokerServer, answer: Callable[[], Any]) -> Callable[[], Any]:
    """Check the parameters first; errors wear the shape of RFC 6749 5.2."""

    @cookieless
    @wraps(answer)
    def view() -> Any:
        try:
            check_parameters(request.form)
            if request.args:
                raise InvalidRequestError("Parameters belong in the body of the request.")
            _one_authentication()
            if "DPoP" in request.headers:
                raise InvalidRequestError("DPoP is not supported: a token that is not bound is not what was asked for.")
            return answer()
        except OAuth2Error as error:
            return server.handle_error_response(None, error)

    return view


def _one_authentication() -> None:
    """A client authenticates in one way only (RFC 6749 2.3)."""
    shown = [name for name in ("client_secret", "client_assertion") if name in request.form]
    if len(shown) + ("Authorization" in request.headers) > 1:
        raise InvalidRequestError("The client authenticates in more than one way.")


def _userinfo(server: BrokerServer) -> Response:
    """UserInfo (OpenID Connect Core 5.3, AAI 1.2.1): visas only with the scope ``ga4gh_passport_v1``."""
    if SECRETS & set(request.args):
        return _refusal(400, "invalid_request", "A token does not belong in an address.")
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        return _refusal(401, None, "")
    standing = server.tokens.access(token.strip())
    if standing is None:
        return _refusal(401, "invalid_token", "The access token is not in force.")
    scopes = standing.scope.split()
    if "openid" not in scopes:
        return _refusal(403, "insufficient_scope", "The access token has no scope openid.")
    claims: dict[str, Any] = dict(profile(server.engine, standing.sub, standing.scope))
    if PASSPORT_SCOPE in scopes:
        claims[PASSPORT_SCOPE] = server.collector.collect(standing.sub, standing.audience)
    answer = jsonify(claims)
    answer.headers.update(NO_STORE)
    return answer


def _refusal(status: int, error: str | None, description: str) -> Response:
    """RFC 6750 3; without credentials no error code is given (3.1)."""
    challenge = 'Bearer realm="broker"'
    if error is not None:
        challenge += f', error="{error}", error_description="{description}"'
    answer = jsonify({"error": error, "error_description": description} if error else {})
    answer.status_code = status
    answer.headers.update(NO_STORE, **{"WWW-Authenticate": challenge})
    return answer
