"""JSON bodies are validated by jsonschema-rs and orjson: connexion's own validators cost more than the handlers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import Any

import jsonschema_rs
import orjson
from connexion.exceptions import BadRequestProblem, NonConformingResponseBody
from connexion.jsonifier import Jsonifier
from connexion.validators import MediaTypeDict, ParameterValidator
from connexion.validators.json import JSONRequestBodyValidator, JSONResponseBodyValidator

Schema = dict[str, Any]

# Connexion resolves every reference and then hangs all components on each schema: compiling them again is waste.
ANNOTATIONS = frozenset({"nullable", "example", "components"})

_compiled: dict[int, tuple[Schema, Any]] = {}


def _draft4(schema: Any) -> Any:
    """OpenAPI 3.0 says ``nullable`` where JSON Schema says a second type."""
    if isinstance(schema, list):
        return [_draft4(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    translated = {key: _draft4(value) for key, value in schema.items() if key not in ANNOTATIONS}
    if schema.get("nullable"):
        return {"anyOf": [translated, {"type": "null"}]}
    return translated


def compiled(schema: Schema) -> Any:
    """The compiled validator of ``schema``; schemas live as long as the process, so identity is a safe key."""
    known = _compiled.get(id(schema))
    if known is None or known[0] is not schema:
        known = _compiled[id(schema)] = (schema, jsonschema_rs.Draft4Validator(_draft4(schema)))
    return known[1]


def complaint(schema: Schema, value: Any, whole: str = "the body") -> str | None:
    """What is wrong with ``value`` and where, or None; ``whole`` is what the value as a whole is called."""
    error = next(compiled(schema).iter_errors(value), None)
    if error is None:
        return None
    place = "/".join(str(step) for step in error.instance_path) or whole
    return f"{place}: {error.message[:300]}"


class Parameters(ParameterValidator):
    """Validates path, query, header and cookie parameters; connexion's own compiles a schema for each value."""

    @staticmethod
    def validate_parameter(
        parameter_type: str,
        value: Any,
        param: Schema,
        param_name: str | None = None,  # noqa: ARG004 - connexion's signature
    ) -> str | None:
        """What is wrong with the value of one parameter, or None."""
        named = f"{parameter_type} parameter {param['name']!r}"
        if value is None:
            return f"{named} is required" if param.get("required") else None
        return complaint(param.get("schema", param), value, named)


class RequestBody(JSONRequestBodyValidator):
    """Validates a JSON request body (400 with the place and the rule)."""

    async def _parse(self, stream: AsyncGenerator[bytes, None], scope: Any) -> Any:  # noqa: ARG002 - connexion's signature
        content = b"".join([chunk async for chunk in stream])
        if not content:
            return None
        try:
            return orjson.loads(content)
        except orjson.JSONDecodeError as error:
            raise BadRequestProblem(detail=f"the body is not JSON: {error}") from error

    def _validate(self, body: Any) -> None:
        if body is None and not self._nullable:
            raise BadRequestProblem(detail="the request body must not be empty")
        wrong = complaint(self._schema, body)
        if wrong:
            raise BadRequestProblem(detail=wrong)


class ResponseBody(JSONResponseBodyValidator):
    """Validates a JSON response body: an answer that breaks its contract is our defect, a 500."""

    def _parse(self, stream: Generator[bytes, None, None]) -> Any:
        content = b"".join(stream)
        try:
            return orjson.loads(content) if content else None
        except orjson.JSONDecodeError as error:
            raise NonConformingResponseBody(str(error)) from error

    def _validate(self, body: Any) -> None:
        wrong = complaint(self._schema, body)
        if wrong:
            raise NonConformingResponseBody(message=wrong)


class _Orjson:
    """The two functions that connexion's Jsonifier wants of a JSON module."""

    @staticmethod
    def dumps(value: Any, **_: Any) -> str:
        return orjson.dumps(value).decode()

    @staticmethod
    def loads(content: str | bytes, **_: Any) -> Any:
        return orjson.loads(content)


VALIDATORS = {
    "parameter": Parameters,
    "body": MediaTypeDict({"*/*json": RequestBody}),
    "response": MediaTypeDict({"application/json": ResponseBody, "*/*+json": ResponseBody}),  # and no lines of JSON
}
JSONIFIER = Jsonifier(json_=_Orjson)
