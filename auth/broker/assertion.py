"""Clients that prove themselves with a key: private_key_jwt (RFC 7523 3, OpenID Connect 9)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import requests
import structlog
from authlib.oauth2.rfc6749 import InvalidClientError
from sqlalchemy import Engine, delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from auth import jose, strictjson
from auth.broker.clients import Client
from auth.broker.tables import SeenAssertion
from auth.database import writing
from auth.errors import InvalidToken
from auth.keyset import KeySet

log = structlog.get_logger(__name__)

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TYPES = ("client-authentication+jwt", "jwt", "")  # what client libraries send; the key is the client's own
LONGEST_LIFE = 300  # seconds between now and exp of an assertion
KEYS_FRESH = 300.0  # seconds a fetched key set is used without asking again
KEYS_STALE = 3600.0  # seconds a key set is used while its address does not answer
REFETCH = 5.0  # seconds between two fetches of one address, whatever is asked
MAX_KEYS_BYTES = 512 * 1024


class ClientKeys:
    """Key sets of clients, from the configuration or fetched: bounded in size, time and frequency."""

    def __init__(self, timeout: float = 3.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._timeout = timeout
        self._clock = clock
        self._lock = threading.Lock()
        self._sets: dict[str, tuple[float, KeySet]] = {}
        self._asked: dict[str, float] = {}
        self._turns: dict[str, threading.Lock] = {}  # one fetch of an address at a time; who needs it waits for it

    def of(self, client: Client, kid: str, alg: str) -> KeySet:
        """Keys of a client; an unknown ``kid`` asks its address once more.

        :raises InvalidToken: the key set cannot be had.
        """
        if client.settings.jwks is not None:
            return KeySet.load(client.settings.jwks)
        url = str(client.settings.jwks_uri)
        age, known = self._held(url)
        if age < KEYS_FRESH and known.find(kid, alg) is not None:
            return known
        with self._lock:
            turn = self._turns.setdefault(url, threading.Lock())
        with turn:
            age, known = self._held(url)
            usable = known if age < KEYS_STALE else KeySet({})
            if age < KEYS_FRESH and known.find(kid, alg) is not None:
                return known
            if self._clock() - self._asked.get(url, float("-inf")) < REFETCH:
                return usable
            self._asked[url] = self._clock()
            return self._renew(url, usable)

    def _held(self, url: str) -> tuple[float, KeySet]:
        """Age in seconds of the key set held for an address, and the set."""
        with self._lock:
            fetched, known = self._sets.get(url, (float("-inf"), KeySet({})))
        return self._clock() - fetched, known

    def _renew(self, url: str, known: KeySet) -> KeySet:
        try:
            found = KeySet.load(_fetch(url, self._timeout))
        except (requests.RequestException, strictjson.InvalidJson, InvalidToken) as error:
            log.warning("client_keys_unavailable", url=url, reason=type(error).__name__)
            return known
        with self._lock:
            self._sets[url] = (self._clock(), found)
        return found


def _fetch(url: str, timeout: float) -> Mapping[str, Any]:
    with requests.get(url, timeout=timeout, allow_redirects=False, stream=True) as answer:
        if answer.status_code != 200:
            raise requests.HTTPError(f"status {answer.status_code}")
        content = b""
        for chunk in answer.iter_content(16384):
            content += chunk
            if len(content) > MAX_KEYS_BYTES:
                raise requests.RequestException("key set too large")
    return strictjson.loads(content)


class AssertionAuthentication:
    """Authlib client authentication method ``private_key_jwt``.

    :param audiences: what ``aud`` may be: the issuer and the token endpoint.
    """

    def __init__(self, engine: Engine, keys: ClientKeys, audiences: frozenset[str], clock: Callable[[], int]) -> None:
        self._engine = engine
        self._keys = keys
        self._audiences = audiences
        self._clock = clock

    def __call__(self, query_client: Callable[[str], Client | None], request: Any) -> Client | None:
        """The client that signed the assertion, or None where the request has none."""
        assertion = request.form.get("client_assertion")
        if not assertion or request.form.get("client_assertion_type") != ASSERTION_TYPE:
            return None
        try:
            parsed = jose.unverified(assertion, max_bytes=8192)
            client_id = jose.text(parsed.claims, "sub", longest=255)
            client = query_client(client_id)
            if client is None or client.settings.kind == "public":
                raise InvalidToken("no such client")
            given = request.form.get("client_id")
            if given is not None and given != client_id:
                raise InvalidToken("client_id is another client's")
            keys = self._keys.of(client, str(parsed.header["kid"]), str(parsed.header["alg"]))
            claims = jose.check(parsed, keys, typ=TYPES, now=self._clock()).claims
            self._accept(client_id, claims)
        except InvalidToken as error:
            log.info("client_assertion_refused", reason=str(error))
            raise InvalidClientError(status_code=401, description="The client assertion is not valid.") from error
        return client

    def _accept(self, client_id: str, claims: Mapping[str, Any]) -> None:
        audience = claims.get("aud")
        named = audience if isinstance(audience, list) else [audience]
        if claims.get("iss") != client_id:
            raise InvalidToken("iss is not the client")
        if len(named) != 1 or named[0] not in self._audiences:
            raise InvalidToken("aud is not this broker alone")
        expires = jose.numeric(claims, "exp")
        if expires > self._clock() + LONGEST_LIFE:
            raise InvalidToken(f"exp is more than {LONGEST_LIFE} seconds ahead")
        self._once(client_id, jose.text(claims, "jti", longest=255), expires)

    def _once(self, client_id: str, jti: str, expires: int) -> None:
        try:
            with Session(writing(self._engine)) as db, db.begin():
                db.execute(delete(SeenAssertion).where(SeenAssertion.expires_at < self._clock()))
                db.add(SeenAssertion(client_id=client_id, jti=jti, expires_at=expires))
        except IntegrityError as error:
            raise InvalidToken("the assertion was used before") from error
