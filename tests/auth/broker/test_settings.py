"""The broker's configuration: mistakes name the key and what is allowed."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from auth.broker.settings import BrokerSettings

GOOD: dict[str, Any] = {"client_id": "a", "name": "A", "kind": "public", "redirect_uris": ["https://a.example/cb"]}
MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "http": ({"public_url": "http://broker.example"}, "must be an https URL"),
    "slash": ({"public_url": "https://broker.example/"}, "must not end with '/'"),
    "unknown key": ({"colour": "red"}, "colour"),
    "client twice": ({"clients": [GOOD, GOOD]}, "given twice: a"),
    "public with secret": ({"clients": [{**GOOD, "client_secret": "x"}]}, "remove client_secret"),
    "confidential without": ({"clients": [{**GOOD, "kind": "confidential"}]}, "exactly one of"),
    "redirect with fragment": ({"clients": [{**GOOD, "redirect_uris": ["https://a.example/#x"]}]}, "no fragment"),
    "redirect with user": ({"clients": [{**GOOD, "redirect_uris": ["https://a@b.example/"]}]}, "no user name"),
    "redirect plain http": ({"clients": [{**GOOD, "redirect_uris": ["http://a.example/"]}]}, "https"),
    "audience unknown": (
        {"clients": [{**GOOD, "kind": "confidential", "client_secret": "x", "audiences": ["https://m.example"]}]},
        "audiences unknown",
    ),
    "issuer of audience": ({"audiences": {"https://m.example": ["https://i.example"]}}, "not among issuers"),
    "life of a token": ({"lifetimes": {"audience_token": 301}}, "less than or equal to 300"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_named(case: str) -> None:
    change, message = MISTAKES[case]
    with pytest.raises(ValidationError, match=message):
        BrokerSettings.model_validate({"public_url": "https://broker.example", "database": "x", **change})


def test_defaults() -> None:
    settings = BrokerSettings.model_validate(
        {"public_url": "https://b.example", "database": "x", "issuers": [{"issuer": "https://m.example"}]}
    )
    assert settings.issuers[0].visas_url == "https://m.example/visas/v1/subjects/"
    assert settings.lifetimes.passport <= 3600
