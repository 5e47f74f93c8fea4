"""One table from failures to answers, in each standard's own shape.

A handler raises :class:`Failure`; deeper layers raise their own exceptions, which a process maps to failures in one
table (``node/app.py``). The route prefix decides the shape of the body, so that errors made by the framework
(404, 405, 415, a body that fails its schema) wear it too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
import structlog
from connexion.exceptions import ProblemException
from connexion.lifecycle import ConnexionRequest, ConnexionResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

log = structlog.get_logger(__name__)


class Failure(Exception):
    """An answer that is an error, before it has a shape.

    :param status: HTTP status code, 400 or above.
    :param message: what is wrong, where, and what is allowed; never a token or a personal value.
    :param kind: error type for standards that name theirs (htsget: ``InvalidRange`` …).
    :param headers: extra response headers such as ``WWW-Authenticate``.
    """

    def __init__(
        self, status: int, message: str, *, kind: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.headers = dict(headers or {})


Shape = Callable[[Failure], dict[str, Any]]
Table = Mapping[type[Exception], Callable[[Any], Failure]]


def problem_shape(failure: Failure) -> dict[str, Any]:
    """Error body of the service registry 1.0.0 and of this project's own contracts (CHECKLIST REG-05)."""
    return {"status": failure.status, "title": HTTPStatus(failure.status).phrase, "detail": failure.message}


def drs_shape(failure: Failure) -> dict[str, Any]:
    """Error body of DRS 1.5.0 (DRS-28)."""
    return {"msg": failure.message, "status_code": failure.status}


class Errors:
    """Turns any exception of a request into an answer.

    :param shapes: (route prefix, shape) pairs; the longest matching prefix wins, :func:`problem_shape` elsewhere.
    :param table: exception classes of deeper layers and how each becomes a :class:`Failure`.
    """

    def __init__(self, shapes: Sequence[tuple[str, Shape]], table: Table) -> None:
        self._shapes = sorted(shapes, key=lambda pair: -len(pair[0]))
        self._table = table

    def failure(self, error: Exception) -> Failure:
        """The failure that ``error`` is; an unforeseen exception is a 500 that says nothing of its inside."""
        if isinstance(error, Failure):
            return error
        for kind in type(error).__mro__:
            if kind in self._table:
                return self._table[kind](error)
        if isinstance(error, HTTPException):
            detail = error.detail or HTTPStatus(error.status_code).phrase
            return Failure(error.status_code, str(detail), headers=error.headers)
        log.error("unforeseen_exception", error=type(error).__name__, exc_info=error)
        return Failure(500, "internal error; the operator's log has the details")

    def body(self, path: str, failure: Failure) -> bytes:
        """The JSON body of ``failure`` for a request to ``path``."""
        for prefix, shape in self._shapes:
            if path == prefix or path.startswith(prefix + "/"):
                return orjson.dumps(shape(failure))
        return orjson.dumps(problem_shape(failure))

    def starlette(self, request: Request, error: Exception) -> Response:
        """Exception handler in Starlette's form."""
        failure = self.failure(error)
        content = self.body(request.url.path, failure)
        return Response(content, failure.status, media_type="application/json", headers=failure.headers)

    def connexion(self, request: ConnexionRequest, error: Exception) -> ConnexionResponse:
        """Exception handler in connexion's form."""
        failure = self.failure(error)
        return ConnexionResponse(
            status_code=failure.status,
            body=self.body(request.url.path, failure),
            mimetype="application/json",
            content_type="application/json",
            headers=failure.headers,
        )


FRAMEWORK_ERRORS: tuple[type[Exception], ...] = (Failure, ProblemException, HTTPException, Exception)
