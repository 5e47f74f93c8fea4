"""Configuration: one YAML file per process, ``${ENV}`` substituted, validated by pydantic when the process starts."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator

from web.body import LARGEST

VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")

Model = TypeVar("Model", bound=BaseModel)


class SettingsError(Exception):
    """A mistake in a configuration file; the message names the file, the key and what is allowed."""


def _safe_url(url: str) -> str:
    """Refuse a URL that is not https; plain http is allowed on this machine only."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    local = host in ("localhost", "127.0.0.1", "::1") or host.endswith(".localhost")
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        raise ValueError(f"{url!r} must be an https URL (http only on localhost)")
    if not host or parts.fragment or parts.username is not None:
        raise ValueError(f"{url!r} must be an absolute URL with no user name and no fragment")
    return url


def _no_trailing_slash(url: str) -> str:
    if url.endswith("/"):
        raise ValueError(f"{url!r} must not end with '/': it is compared as a whole string")
    return url


Url = Annotated[str, AfterValidator(_safe_url)]
Identity = Annotated[str, AfterValidator(_safe_url), AfterValidator(_no_trailing_slash)]


class Strict(BaseModel):
    """Base of every settings model: an unknown key is a mistake, not a wish for later."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Listen(Strict):
    """Where a process listens."""

    host: str = "127.0.0.1"
    port: int = Field(ge=1, le=65535)
    workers: int = Field(default=1, ge=1, le=64)  # processes that serve side by side


class OrganizationSettings(Strict):
    """Who runs the node; service-info and Beacon need all three."""

    id: str
    name: str
    url: str = Field(pattern=r"^https?://[^\s/]+(/\S*)?$")


class ProcessSettings(Strict):
    """What every kind of process has. ``public_url`` is how the world reaches it, without a trailing slash;
    ``body_bytes`` is the largest request body that its contracts and pages take; ``key_secret`` (hex, 32 bytes) seals
    private keys in the database, without it they are there in the clear."""

    kind: str
    public_url: str
    listen: Listen
    database: str
    organization: OrganizationSettings
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    grace_seconds: int = Field(default=20, ge=1, le=600)
    environment: Literal["prod", "test", "dev", "staging"] = "prod"
    body_bytes: int = Field(default=LARGEST, ge=1 << 10)
    key_secret: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")

    @field_validator("public_url")
    @classmethod
    def _bare_url(cls, value: str) -> str:
        if not re.fullmatch(r"https?://[^/?#\s]+(/[^?#\s]*[^/?#\s])?", value):
            raise ValueError("must be http(s)://host[:port][/path] without a trailing slash, query or fragment")
        return value


def read(path: Path) -> dict[str, Any]:
    """The YAML mapping in ``path`` with ``${NAME}`` and ``${NAME:-default}`` substituted in its strings.

    :raises SettingsError: if the file is missing, is not a YAML mapping, or names an unset variable.
    """
    try:
        loaded = yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise SettingsError(f"{path}: is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(loaded, dict):
        raise SettingsError(f"{path}: must be a mapping of keys to values")
    substituted = _substitute(loaded, path, "")
    assert isinstance(substituted, dict)
    return substituted


def _substitute(value: Any, path: Path, place: str) -> Any:
    if isinstance(value, dict):
        return {key: _substitute(item, path, f"{place}.{key}".lstrip(".")) for key, item in value.items()}
    if isinstance(value, list):
        return [_substitute(item, path, f"{place}.{number}") for number, item in enumerate(value)]
    if not isinstance(value, str):
        return value

    def replace(match: re.Match[str]) -> str:
        found = os.environ.get(match[1], match[2])
        if found is None:
            raise SettingsError(f"{path}: key {place!r}: environment variable {match[1]} is not set")
        return found

    return VARIABLE.sub(replace, value)


def validated(raw: Mapping[str, Any], model: type[Model], path: Path) -> Model:
    """``raw`` as a ``model``.

    :raises SettingsError: listing every mistake with its key, the value found and what is allowed.
    """
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise SettingsError("\n".join(_mistake(path, detail) for detail in error.errors())) from error


def _mistake(path: Path, detail: Any) -> str:
    key = ".".join(str(step) for step in detail["loc"]) or "(the file)"
    if detail["type"] == "extra_forbidden":
        return f"{path}: key {key!r}: is not known here"
    if detail["type"] == "missing":
        return f"{path}: key {key!r}: is required"
    shown = detail["input"] if isinstance(detail["input"], int | float | str | bool) else type(detail["input"]).__name__
    hidden = any(word in key for word in ("key", "secret", "password"))
    return f"{path}: key {key!r}: {'(hidden)' if hidden else repr(shown)}: {detail['msg']}"


def load(path: Path, kinds: Mapping[str, type[BaseModel]]) -> BaseModel:
    """The settings of a process; its ``kind`` chooses the model.

    :raises SettingsError: for any mistake.
    """
    raw = read(path)
    kind = raw.get("kind")
    if kind not in kinds:
        raise SettingsError(f"{path}: key 'kind': {kind!r} is not known; allowed: {', '.join(sorted(kinds))}")
    return validated(raw, kinds[str(kind)], path)
