"""Tokens under attack: rows 1 to 12, 35, 42, 56 and 57 of the attack table."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, RSAKey

from auth import jose
from auth.errors import InvalidToken, TokenTooLarge
from auth.keyset import KeySet, SigningKey
from tests.auth.world import NOW, b64, sign, signed

KEY = SigningKey.generate()
OTHER = SigningKey.generate()
KEYS = KeySet.of(KEY)
CLAIMS = {"iss": "https://i.example", "sub": "alice", "iat": NOW - 5, "exp": NOW + 60}


def raw(header: str, claims: str) -> str:
    return signed(header, claims, KEY)


def hmac_with(secret: bytes, alg: str = "HS256") -> str:
    signing_input = f"{b64(json.dumps({'alg': alg, 'kid': KEY.kid, 'typ': 'at+jwt'}))}.{b64(json.dumps(CLAIMS))}"
    return f"{signing_input}.{b64(hmac.digest(secret, signing_input.encode(), 'sha256'))}"


def token(claims: dict[str, Any] | None = None, **header: Any) -> str:
    return sign({**CLAIMS, **(claims or {})}, KEY, {"typ": "at+jwt", **header})


def changed(text: str, position: int) -> str:
    return text[:position] + ("A" if text[position] != "A" else "B") + text[position + 1 :]


def other_algorithm(alg: str, key: Any) -> str:
    registry = jws.JWSRegistry(algorithms=[alg])
    header = {"alg": alg, "kid": KEY.kid, "typ": "at+jwt"}
    return jws.serialize_compact(header, json.dumps(CLAIMS), key, registry=registry)


HEADER = json.dumps({"alg": "ES256", "kid": KEY.kid, "typ": "at+jwt"})
GOOD = token()
HEAD, BODY, SIGNATURE = GOOD.split(".")
PUBLIC_PEM = KEY.key.as_pem(private=False)
PUBLIC_JSON = json.dumps(KEY.public_jwk()).encode()

ATTACKS = {
    "01 alg none": f"{b64(json.dumps({'alg': 'none', 'kid': KEY.kid, 'typ': 'at+jwt'}))}.{BODY}.",
    "01 alg nOnE": f"{b64(json.dumps({'alg': 'nOnE', 'kid': KEY.kid, 'typ': 'at+jwt'}))}.{BODY}.AA",
    "01 empty signature": f"{HEAD}.{BODY}.",
    "01 no alg": raw(json.dumps({"kid": KEY.kid, "typ": "at+jwt"}), json.dumps(CLAIMS)),
    "02 HS256 with the public PEM": hmac_with(PUBLIC_PEM),
    "03 HS256 with the JWK as text": hmac_with(PUBLIC_JSON),
    "03 HS256 body, ES256 named": hmac_with(PUBLIC_PEM, "ES256"),
    "04 PS256": other_algorithm("PS256", RSAKey.generate_key(2048)),
    "04 RS384": other_algorithm("RS384", RSAKey.generate_key(2048)),
    "04 ES384": other_algorithm("ES384", ECKey.generate_key("P-384")),
    "04 ES256K": other_algorithm("ES256K", ECKey.generate_key("secp256k1")),
    "04 HS512": other_algorithm("HS512", OctKey.generate_key(512)),
    "04 alg as list": raw(json.dumps({"alg": ["ES256"], "kid": KEY.kid, "typ": "at+jwt"}), json.dumps(CLAIMS)),
    "05 own key in jwk": sign(CLAIMS, OTHER, {"typ": "at+jwt", "kid": KEY.kid, "jwk": OTHER.public_jwk()}),
    "05 true key in jwk": token(jwk=KEY.public_jwk()),
    "05 x5u": token(x5u="https://evil.example/c.pem"),
    "05 x5c": token(x5c=["AAAA"]),
    "06 no kid": raw(json.dumps({"alg": "ES256", "typ": "at+jwt"}), json.dumps(CLAIMS)),
    "06 unknown kid": token(kid="other"),
    "06 kid as path": token(kid="../../dev/null"),
    "06 kid as SQL": token(kid="' OR 1=1 --"),
    "06 kid as number": raw(json.dumps({"alg": "ES256", "kid": 1, "typ": "at+jwt"}), json.dumps(CLAIMS)),
    "06 kid empty": token(kid=""),
    "06 kid of 1 MB": raw(json.dumps({"alg": "ES256", "kid": "k" * 1_000_000, "typ": "at+jwt"}), json.dumps(CLAIMS)),
    "06 key of somebody else": sign(CLAIMS, OTHER, {"typ": "at+jwt", "kid": KEY.kid}),
    "07 crit unknown": raw(HEADER[:-1] + ', "crit": ["x"], "x": 1}', json.dumps(CLAIMS)),
    "07 crit empty": raw(HEADER[:-1] + ', "crit": []}', json.dumps(CLAIMS)),
    "07 crit of exp": raw(HEADER[:-1] + ', "crit": ["exp"], "exp": 1}', json.dumps(CLAIMS)),
    "07 b64 false": raw(HEADER[:-1] + ', "b64": false}', json.dumps(CLAIMS)),
    "08 alg twice": raw('{"alg": "none", ' + HEADER[1:], json.dumps(CLAIMS)),
    "08 kid twice": raw('{"kid": "x", ' + HEADER[1:], json.dumps(CLAIMS)),
    "08 sub twice": raw(HEADER, '{"sub": "root", ' + json.dumps(CLAIMS)[1:]),
    "08 exp twice": raw(HEADER, json.dumps(CLAIMS)[:-1] + ', "exp": 99999999999}'),
    "08 name twice below": raw(HEADER, json.dumps(CLAIMS)[:-1] + ', "a": {"b": 1, "b": 2}}'),
    "09 JSON serialisation": json.dumps({"protected": HEAD, "payload": BODY, "signature": SIGNATURE}),
    "09 four segments": f"{GOOD}.{SIGNATURE}",
    "09 two segments": f"{HEAD}.{BODY}",
    "09 padding": f"{HEAD}.{BODY}.{SIGNATURE}==",
    "09 space": f" {GOOD}",
    "09 newline": f"{GOOD}\n",
    "09 trailing bits": GOOD[:-1] + chr(ord(GOOD[-1]) + 1),
    "09 standard alphabet": f"{HEAD}.{BODY}.{SIGNATURE[:-1]}+",
    "09 non-ASCII digit": f"{HEAD}.{BODY}.{SIGNATURE[:-1]}\u0661",
    "09 lone surrogate": f"{HEAD}.{BODY}.\ud800",
    "09 NaN is not JSON": raw(HEADER, json.dumps(CLAIMS)[:-1] + ', "a": NaN}'),
    "09 Infinity is not JSON": raw(HEADER, json.dumps(CLAIMS)[:-1] + ', "a": -Infinity}'),
    "09 body is a list": raw(HEADER, "[1]"),
    "09 body is not JSON": raw(HEADER, "{"),
    "09 body is not UTF-8": f"{HEAD}.{b64(bytes([0xFF, 0xFE]))}.{SIGNATURE}",
    "09 header is a list": raw('["ES256"]', json.dumps(CLAIMS)),
    "09 DER signature": f"{HEAD}.{BODY}.{b64(bytes.fromhex('3006020101020101'))}",
    "09 short signature": f"{HEAD}.{BODY}.{SIGNATURE[:40]}",
    "10 id token": token(typ="JWT"),
    "10 visa": token(typ="vnd.ga4gh.visa+jwt"),
    "10 passport": token(typ="vnd.ga4gh.passport+jwt"),
    "10 no typ": token(typ=None),
    "10 typ as list": raw(json.dumps({"alg": "ES256", "kid": KEY.kid, "typ": ["at+jwt"]}), json.dumps(CLAIMS)),
    "11 exp past": token({"exp": NOW}),
    "11 exp text": token({"exp": str(NOW + 60)}),
    "11 exp true": token({"exp": True}),
    "11 iat true": token({"iat": True}),
    "11 exp null": token({"exp": None}),
    "11 exp 1e999": raw(HEADER, json.dumps(CLAIMS).replace(str(NOW + 60), "1e999")),
    "11 exp NaN": raw(HEADER, json.dumps(CLAIMS).replace(str(NOW + 60), "NaN")),
    "11 exp of 400 digits": raw(HEADER, json.dumps(CLAIMS).replace(str(NOW + 60), "9" * 400)),
    "11 exp of 9000 digits": raw(HEADER, json.dumps(CLAIMS).replace(str(NOW + 60), "9" * 9000)),
    "11 exp absent": raw(HEADER, json.dumps({k: v for k, v in CLAIMS.items() if k != "exp"})),
    "11 iat absent": raw(HEADER, json.dumps({k: v for k, v in CLAIMS.items() if k != "iat"})),
    "11 iat future": token({"iat": NOW + jose.SKEW + 1}),
    "11 nbf future": token({"nbf": NOW + jose.SKEW + 1}),
    "11 nbf text": token({"nbf": "0"}),
    "35 milliseconds for seconds": token({"exp": (NOW + 60) * 1000, "iat": (NOW - 5) * 1000}),
    "-- first character of the header changed": changed(GOOD, 0),
    "-- body changed": changed(GOOD, len(HEAD) + 5),
    "-- signature changed": changed(GOOD, len(HEAD) + len(BODY) + 6),
    "-- signature of another token": f"{HEAD}.{BODY}.{token({'sub': 'bob'}).split('.')[2]}",
    "42 nested 100,000 deep": raw(HEADER, json.dumps(CLAIMS)[:-1] + ', "a": ' + "[" * 20_000 + "]" * 20_000 + "}"),
    "42 header of 1 MB": raw(HEADER[:-1] + ', "x": "' + "y" * 1_000_000 + '"}', json.dumps(CLAIMS)),
    "42 header of 5 KB": raw(HEADER[:-1] + ', "x": "' + "y" * 5000 + '"}', json.dumps(CLAIMS)),
    "42 body of 5 MB": token({"a": "b" * 5_000_000}),
    "56 bound to a key (jkt)": token({"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}),
    "56 bound to a key (jwk)": token({"cnf": {"jwk": KEY.public_jwk()}}),
    "57 bound to a certificate": token({"cnf": {"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}}),
    "57 cnf of nothing": token({"cnf": None}),
    "-- empty": "",
    "-- dots": "..",
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_ATTACKS_1_to_12_refused(attack: str) -> None:
    with pytest.raises(InvalidToken):
        jose.verify(attack, KEYS, typ={"at+jwt"}, now=NOW)


def test_the_untouched_token_is_accepted() -> None:
    assert jose.verify(GOOD, KEYS, typ={"at+jwt"}, now=NOW).claims == CLAIMS
    assert jose.verify(token(typ="application/AT+JWT"), KEYS, typ={"at+jwt"}, now=NOW).claims["sub"] == "alice"
    assert jose.verify(token({"iat": NOW + jose.SKEW}), KEYS, typ={"at+jwt"}, now=NOW).claims["sub"] == "alice"


def test_AAI_05_RS256_accepted_from_2048_bits(rsa: RSAKey) -> None:
    jwk = {**rsa.as_dict(private=False), "kid": "r", "use": "sig"}
    registry = jws.JWSRegistry(algorithms=["RS256"])
    made = jws.serialize_compact(
        {"alg": "RS256", "kid": "r", "typ": "at+jwt"}, json.dumps(CLAIMS), rsa, registry=registry
    )
    assert jose.verify(made, KeySet.load({"keys": [jwk]}), typ={"at+jwt"}, now=NOW).claims["sub"] == "alice"


def test_ATTACKS_4_algorithm_of_the_token_must_be_that_of_the_key(rsa: RSAKey) -> None:
    """ES256 named in the header while the key of that kid is RSA, and the reverse."""
    keys = KeySet.load({"keys": [{**rsa.as_dict(private=False), "kid": KEY.kid}]})
    with pytest.raises(InvalidToken):
        jose.verify(GOOD, keys, typ={"at+jwt"}, now=NOW)


@pytest.mark.parametrize("value", ["", "a\nb", "a\x00", "\u2028", "x" * 1025, 7, None, ["a"]])
def test_text_of_a_claim_is_short_and_printable(value: Any) -> None:
    assert jose.text({"sub": "李明"}, "sub") == "李明"
    with pytest.raises(InvalidToken, match="sub"):
        jose.text({"sub": value}, "sub")


def test_a_key_is_found_for_its_own_algorithm_only() -> None:
    assert KEYS.find(KEY.kid, "ES256") is not None
    assert KEYS.find(KEY.kid, "RS256") is None


def test_ATTACKS_6_a_kid_that_is_a_number_names_no_key() -> None:
    """Not even the key whose name reads the same."""
    keys = KeySet.load({"keys": [{**KEY.public_jwk(), "kid": "1"}]})
    assert jose.verify(token(kid="1"), keys, typ={"at+jwt"}, now=NOW)
    with pytest.raises(InvalidToken):
        jose.verify(token(kid=1), keys, typ={"at+jwt"}, now=NOW)


def test_ATTACKS_9_trailing_bits_are_refused_before_the_signature_is_looked_at() -> None:
    """One token has one spelling: caches and replay lists go by it."""
    with pytest.raises(InvalidToken, match="canonical"):
        jose.unverified(GOOD[:-1] + chr(ord(GOOD[-1]) + 1))


def test_ATTACKS_42_size_is_checked_before_anything_is_read() -> None:
    with pytest.raises(TokenTooLarge):
        jose.unverified("A" * (jose.MAX_BYTES + 1))


def _weak_keys() -> dict[str, dict[str, Any]]:
    private = KEY.private_jwk()
    return {
        "18 private half published": private,
        "18 use enc": {**KEY.public_jwk(), "use": "enc"},
        "18 alg of another kind": {**KEY.public_jwk(), "alg": "RS256"},
        "04 P-384": {**ECKey.generate_key("P-384").as_dict(private=False), "kid": KEY.kid},
        "04 RSA of 1024 bits": {"kty": "RSA", "kid": KEY.kid, "e": "AQAB", "n": b64(hashlib.sha512(b"x").digest() * 2)},
        "18 oct": {"kty": "oct", "k": b64("secret"), "kid": KEY.kid},
        "18 no kid": {k: v for k, v in KEY.public_jwk().items() if k != "kid"},
        "18 point not on the curve": {**KEY.public_jwk(), "y": KEY.public_jwk()["x"]},
        "18 kty a list": {**KEY.public_jwk(), "kty": ["EC"]},
        "18 x missing": {k: v for k, v in KEY.public_jwk().items() if k != "x"},
    }


@pytest.mark.parametrize("jwk", _weak_keys().values(), ids=_weak_keys().keys())
def test_ATTACKS_18_unusable_keys_are_left_out(jwk: dict[str, Any]) -> None:
    good = OTHER.public_jwk()
    assert set(KeySet.load({"keys": [jwk, good]}).keys) == {OTHER.kid}


def test_ATTACKS_18_a_kid_that_occurs_twice_names_no_key() -> None:
    twin = {**OTHER.public_jwk(), "kid": KEY.kid}
    assert KeySet.load({"keys": [KEY.public_jwk(), twin]}).find(KEY.kid, "ES256") is None


@pytest.mark.parametrize("document", [{}, {"keys": {}}, {"keys": [{}] * 101}], ids=["no keys", "object", "101 keys"])
def test_ATTACKS_18_not_a_key_set(document: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken):
        KeySet.load(document)
