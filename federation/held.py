"""Large sides of a join: the member keeps its pseudonyms for a minute and answers about them, so that not all of them
travel (semi-join). The exact answer is the same.

The smaller side gives a Bloom filter of its pseudonyms, the larger one the few of its own that pass it, and the smaller
one says which of those it has. A filter tells the member that gets it which of its own people are probably in the other
side; so each member says towards whom that is allowed, and where it is not, all pseudonyms go to the gateway.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sqlalchemy import Engine, delete, insert, select

from auth.turns import Turns
from federation.bloom import Blocks, Bloom
from federation.nonces import MAX_AGE_SECONDS
from federation.pseudonyms import PSEUDONYM_BYTES, pack, rows, unpack_in_order
from federation.tables import HeldSide
from web.errors import Failure

LARGE = 20_000
SHORT_BYTES = 12
"""Of a candidate, so much travels: two of a million people are alike in 96 bits once in 10^17 questions."""


class Held:
    """Large sides, in the member's database, so that all its processes know them; at most for a minute.

    :param engine: as for :class:`federation.nonces.Nonces`.
    :param large: sides of more people are held.
    """

    def __init__(self, engine: Engine, large: int = LARGE) -> None:
        self._engine = engine
        self._turns = Turns(engine)
        self.large = large

    def keep(self, nonce: bytes, made: Blocks, now: float) -> None:
        """Keep the pseudonyms of a question."""
        row = {"nonce": nonce, "pseudonyms": made.tobytes(), "made_at": int(now)}
        with self._turns.turn(), self._engine.begin() as connection:
            connection.execute(delete(HeldSide).where(HeldSide.made_at < int(now) - MAX_AGE_SECONDS))
            connection.execute(insert(HeldSide).values(row))

    def answer(self, nonce: bytes, body: Mapping[str, Any], now: float) -> dict[str, Any]:
        """One step of a semi-join (``specs/join.yaml``, ``/side/held``); after the last one nothing is kept.

        :raises Failure: 404 if nothing is held under this nonce (any more), 400 for what cannot be read.
        """
        wanted: Mapping[str, Callable[[Blocks, Mapping[str, Any]], dict[str, Any]]] = {
            "filter": _filter,
            "candidates": _candidates,
            "confirm": _confirm,
            "pseudonyms": _pseudonyms,
        }
        found = HeldSide.nonce == nonce, HeldSide.made_at >= int(now) - MAX_AGE_SECONDS
        with self._turns.turn(), self._engine.begin() as connection:
            packed = connection.scalar(select(HeldSide.pseudonyms).where(*found))
            if body["want"] != "filter":
                connection.execute(delete(HeldSide).where(HeldSide.nonce == nonce))
        if packed is None:
            raise Failure(404, "nonce: nothing is held under it, or no longer")
        try:
            return wanted[body["want"]](np.frombuffer(packed, np.uint8).reshape(-1, PSEUDONYM_BYTES), body)
        except ValueError as error:
            raise Failure(400, f"{body['want']}: {error}") from error


def _filter(made: Blocks, _body: Mapping[str, Any]) -> dict[str, Any]:
    return {"filter": base64.b64encode(Bloom.of(made).packed).decode()}


def _candidates(made: Blocks, body: Mapping[str, Any]) -> dict[str, Any]:
    passing = Bloom(base64.b64decode(body.get("filter", ""), validate=True)).passing(made)
    return {"candidates": pack(sorted(rows(passing, SHORT_BYTES)))}


def _confirm(made: Blocks, body: Mapping[str, Any]) -> dict[str, Any]:
    here = frozenset(rows(made, SHORT_BYTES))
    asked = unpack_in_order(body.get("candidates"), SHORT_BYTES)
    bits = np.packbits(np.fromiter((one in here for one in asked), bool, len(asked)))
    return {"confirmed": base64.b64encode(bits.tobytes()).decode()}


def _pseudonyms(made: Blocks, _body: Mapping[str, Any]) -> dict[str, Any]:
    return {"pseudonyms": pack(sorted(rows(made)))}
