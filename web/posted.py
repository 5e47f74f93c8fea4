"""JSON bodies of known size, read before it is decided who answers: whoever does can read them again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
from starlette.types import Message, Receive, Scope

JSON = b"application/json"
SAID = (b"content-type", b"content-length", b"content-encoding", b"transfer-encoding", b"expect")
ABSENT = object()


def is_plain(scope: Scope, most: int) -> bool:
    """Whether a request says that it has a JSON body of 1 to ``most`` bytes, and nothing else about it."""
    said = [(name, value) for name, value in scope["headers"] if name in SAID]
    types = [value for name, value in said if name == b"content-type"]
    lengths = [value for name, value in said if name == b"content-length"]
    if len(said) != 2 or types != [JSON] or len(lengths) != 1:
        return False
    return lengths[0].isdigit() and len(lengths[0]) < 10 and 0 < int(lengths[0]) <= most


async def read(receive: Receive) -> tuple[Any, Receive]:
    """The body's value, or :data:`ABSENT` if it is no JSON, and what gives the same messages again."""
    messages: list[Message] = []
    more = True
    while more:
        messages.append(await receive())
        more = messages[-1]["type"] == "http.request" and messages[-1].get("more_body", False)
    try:
        value = orjson.loads(b"".join(message.get("body", b"") for message in messages))
    except orjson.JSONDecodeError:
        value = ABSENT
    return value, _again(iter(messages), receive)


def _again(messages: Iterator[Message], receive: Receive) -> Receive:
    async def again() -> Message:
        return next(messages, None) or await receive()

    return again
