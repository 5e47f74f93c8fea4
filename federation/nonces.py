"""A member answers a nonce once: a second answer under it would let the gateway compare two questions' people."""

from __future__ import annotations

from sqlalchemy import Engine, delete, insert
from sqlalchemy.exc import IntegrityError

from auth.turns import Turns
from federation.pseudonyms import InvalidNonce, made_at
from federation.tables import SeenNonce

MAX_AGE_SECONDS = 60
MAX_AHEAD_SECONDS = 30


class Nonces:
    """Nonces seen by this member, in its database, so that all its processes know them.

    :param engine: engine of the member's database; it should take the write lock when a transaction begins.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._turns = Turns(engine)

    def spend(self, nonce: bytes, partner: str, now: float) -> None:
        """Use ``nonce`` up, durably, before anything is answered under it.

        :raises InvalidNonce: if it is older than 60 s, more than 30 s ahead, or was used before.
        """
        made = made_at(nonce)
        if not -MAX_AHEAD_SECONDS <= now - made <= MAX_AGE_SECONDS:
            raise InvalidNonce(f"nonce: made {int(now - made)} s ago; at most {MAX_AGE_SECONDS} s are accepted")
        try:
            with self._turns.turn(), self._engine.begin() as connection:
                connection.execute(delete(SeenNonce).where(SeenNonce.made_at < int(now) - MAX_AGE_SECONDS - 1))
                connection.execute(insert(SeenNonce).values(nonce=nonce, partner=partner, made_at=made))
        except IntegrityError as error:
            raise InvalidNonce("nonce: it was used before") from error
