"""Which individuals exist, told to the members that link to them (``specs/links.yaml``); and asked of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from itertools import islice
from typing import Any, Final

import anyio.to_thread
import connexion
import requests

from auth import client_assertion
from auth.client_assertion import Assertions
from auth.keys import KeyRing, clock

PATH: Final = "/links/v1"
MOST: Final = 1000  # accessions of one question
SECONDS: Final = 30


class Unanswered(Exception):
    """The partner does not answer as it should; the message says how."""


class Links:
    """Handler of the contract.

    :param existing: those of some accessions that exist.
    :param assertions: verifies the partner's client assertion.
    """

    def __init__(self, existing: Callable[[Collection[str]], set[str]], assertions: Assertions) -> None:
        self._existing = existing
        self._assertions = assertions

    async def which_exist(self, body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
        """Those of the accessions that exist."""
        await self._assertions.verify(connexion.request.headers.get("Authorization"))
        found = await anyio.to_thread.run_sync(self._existing, body["accessions"])
        return {"existing": sorted(found)}, 200, {"Cache-Control": "no-store"}


def existing(url: str, own_url: str, ring: KeyRing, accessions: Iterable[str]) -> set[str]:
    """Those of the accessions that exist at the member at ``url``.

    :param own_url: who asks.
    :raises Unanswered: if it does not answer, or refuses.
    """
    found: set[str] = set()
    rest = iter(accessions)
    while some := list(islice(rest, MOST)):
        token = client_assertion.make(own_url, url, ring.current(), clock())
        headers = {"Authorization": f"Bearer {token}"}
        try:
            answer = requests.post(
                f"{url}{PATH}/individuals", json={"accessions": some}, headers=headers, timeout=SECONDS
            )
            answer.raise_for_status()
            found.update(str(one) for one in answer.json()["existing"])
        except (requests.RequestException, ValueError, KeyError) as error:
            raise Unanswered(f"{url} does not say which individuals it has: {error}") from error
    return found
