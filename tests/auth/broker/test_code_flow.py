"""Authorization code with PKCE: the flow that works, and every way in which it must not."""

from __future__ import annotations

import secrets

import pytest
import requests

from auth.login import BrokerClient, SignInFailed
from tests.auth.broker.running import (
    ASSERTION,
    CLI,
    FULL,
    PASSWORD,
    WEB,
    Browser,
    Form,
    Member,
    Running,
    answer_of,
)


def test_AAI_10_discovery_names_the_issuer_and_working_addresses(broker: Running) -> None:
    metadata = requests.get(f"{broker.url}/.well-known/openid-configuration", timeout=30).json()
    assert metadata["issuer"] == broker.url
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    keys = requests.get(metadata["jwks_uri"], timeout=30).json()["keys"]
    assert keys
    assert all(key["alg"] == "ES256" and "d" not in key for key in keys)
    posts = ("token_endpoint", "introspection_endpoint", "revocation_endpoint", "device_authorization_endpoint")
    for name in posts:
        assert requests.post(metadata[name], timeout=30).status_code in (400, 401)


def test_AAI_01_code_flow_gives_an_access_token_without_ga4gh_claims_row_45(browser: Browser, ming: str) -> None:
    answer = browser.code()
    assert answer["state"] == "st"
    assert answer["iss"] == browser.broker.url
    response = browser.redeem(answer["code"])
    tokens = response.json()
    claims = browser.broker.claims(tokens["access_token"])
    assert claims["sub"] == ming
    assert claims["iss"] == browser.broker.url
    assert claims["client_id"] == "cli"
    assert "cli" in claims["aud"]
    assert {"openid", "ga4gh_passport_v1"} <= set(claims["scope"].split())
    assert not [name for name in claims if name.startswith("ga4gh")]
    identity = browser.broker.claims(tokens["id_token"], "jwt")
    assert (identity["sub"], identity["aud"], identity["nonce"], identity["name"]) == (ming, "cli", "no", "Ming Li")
    assert response.headers["Cache-Control"] == "no-cache, no-store"  # AAI-13, row 61
    assert response.headers["Pragma"] == "no-cache"
    assert "Access-Control-Allow-Origin" not in response.headers


def test_command_line_signs_in_without_a_browser(broker: Running, ming: str) -> None:
    client = BrokerClient(broker.url, "cli", CLI)
    tokens = client.sign_in("ming", PASSWORD)
    assert broker.claims(tokens.access)["sub"] == ming
    assert broker.claims(client.passport(tokens.access), "vnd.ga4gh.passport+jwt")["sub"] == ming
    assert tokens.refresh is None


def test_command_line_says_that_the_password_is_wrong(broker: Running, ming: str) -> None:
    with pytest.raises(SignInFailed, match="wrong name or password"):
        BrokerClient(broker.url, "cli", CLI).sign_in("ming", "not the password")


CHALLENGE = {
    "missing": {"code_challenge": None, "code_challenge_method": None},
    "plain": {"code_challenge_method": "plain"},
    "no method": {"code_challenge_method": None},
    "short": {"code_challenge": "abc"},
}


@pytest.mark.parametrize("client", ["cli", "web"])
@pytest.mark.parametrize("case", CHALLENGE)
def test_row_48_pkce_s256_is_required_of_every_client(browser: Browser, client: str, case: str) -> None:
    redirect_uri = CLI if client == "cli" else WEB
    page = browser.authorize(client_id=client, redirect_uri=redirect_uri, **CHALLENGE[case])
    answer = answer_of(page)
    assert answer["error"] == "invalid_request"
    assert answer["iss"] == browser.broker.url
    assert answer["state"] == "st"
    assert page.headers["Location"].startswith(redirect_uri + "?")


@pytest.mark.parametrize("client", ["cli", "web"])
@pytest.mark.parametrize("verifier", ["", "x" * 43])
def test_row_48_wrong_verifier_is_refused_and_uses_the_code_up(browser: Browser, client: str, verifier: str) -> None:
    redirect_uri = CLI if client == "cli" else WEB
    secret = {"client_secret": "s3cret"} if client == "web" else {}
    code = browser.code(client_id=client, redirect_uri=redirect_uri)["code"]
    refused = browser.redeem(code, client, redirect_uri, code_verifier=verifier, **secret)
    assert (refused.status_code, refused.json()["error"]) in ((400, "invalid_grant"), (400, "invalid_request"))
    assert browser.redeem(code, client, redirect_uri, **secret).json()["error"] == "invalid_grant"


def test_row_49_replayed_code_revokes_the_tokens_made_from_it(browser: Browser) -> None:
    code = browser.code()["code"]
    tokens = browser.redeem(code).json()
    assert browser.broker.userinfo(tokens["access_token"]).status_code == 200
    assert browser.redeem(code).json()["error"] == "invalid_grant"
    assert browser.broker.userinfo(tokens["access_token"]).status_code == 401
    refresh = {"client_id": "cli", "grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert browser.broker.post("token", **refresh).json()["error"] == "invalid_grant"


def test_row_49_code_of_another_client_is_refused_and_dead(browser: Browser) -> None:
    code = browser.code()["code"]
    assert browser.redeem(code, "spa", CLI).json()["error"] == "invalid_grant"
    assert browser.redeem(code).json()["error"] == "invalid_grant"


def test_row_49_redirect_uri_must_be_the_same_at_the_token_endpoint(browser: Browser) -> None:
    code = browser.code()["code"]
    assert browser.redeem(code, redirect_uri=WEB).json()["error"] == "invalid_grant"


def test_expired_code_is_refused(browser: Browser) -> None:
    code = browser.code()["code"]
    browser.broker.clock.ahead = 61
    assert browser.redeem(code).json()["error"] == "invalid_grant"


ADDRESSES = [
    CLI + "/",
    CLI + "x",
    CLI + "?a=1",
    CLI + "#f",
    CLI + "/../evil",
    CLI.upper(),
    "http://127.0.0.1:80@evil.example/gsanode",
    "http://user@127.0.0.1/gsanode",
    "https://evil.example/",
    "javascript:alert(1)",
    'http://127.0.0.1/gsanode"><script>',
    "http://127.0.0.1/gsan\u00f6de",
    "",
]


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("more", [{}, {"response_type": "token"}, {"scope": "x"}, {"code_challenge": None}])
def test_row_50_never_redirects_to_an_address_that_is_not_registered(
    browser: Browser, address: str, more: dict[str, str | None]
) -> None:
    page = browser.authorize(redirect_uri=address, **more)
    assert page.status_code == 400
    assert "Location" not in page.headers
    assert "<script" not in page.text
    assert page.headers["Content-Type"].startswith("text/html")  # the person is told, who has no client to go back to


BAD = {
    "response type": ({"response_type": "token"}, "unsupported_response_type"),
    "hybrid": ({"response_type": "code id_token"}, "unsupported_response_type"),
    "scope": ({"scope": "profile"}, "invalid_scope"),
    "fragment": ({"response_mode": "fragment"}, "invalid_request"),
    "request": ({"request": "eyJ"}, "request_not_supported"),
    "request_uri": ({"request_uri": "https://evil.example"}, "request_uri_not_supported"),
    "prompt none": ({"prompt": "none"}, "login_required"),
}


@pytest.mark.parametrize("case", BAD)
def test_errors_go_to_the_client_with_state_and_iss_row_51(browser: Browser, case: str) -> None:
    more, error = BAD[case]
    answer = answer_of(browser.authorize(**more))
    assert (answer["error"], answer["state"], answer["iss"]) == (error, "st", browser.broker.url)


@pytest.mark.parametrize("name", ["client_id", "redirect_uri", "scope", "state", "code_challenge"])
def test_repeated_parameters_are_refused(browser: Browser, name: str) -> None:
    given = browser.parameters()
    page = browser.get("/authorize", params=[*given.items(), (name, given[name])])
    assert page.status_code == 400
    assert "Location" not in page.headers


def test_unknown_client_is_told_to_the_person_only(browser: Browser) -> None:
    assert browser.authorize(client_id="nobody").status_code == 400


def test_request_by_post_becomes_one_by_get(browser: Browser) -> None:
    answer = requests.post(
        f"{browser.broker.url}/authorize", data=browser.parameters(), timeout=30, allow_redirects=False
    )
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/authorize?response_type=code&")


AUTHENTICATION = {
    "none": {},
    "wrong secret": {"client_secret": "wrong"},
    "empty secret": {"client_secret": ""},
    "assertion instead": {"client_assertion_type": ASSERTION, "client_assertion": "a.b.c"},
}


@pytest.mark.parametrize("case", AUTHENTICATION)
def test_confidential_client_must_authenticate(browser: Browser, case: str) -> None:
    code = browser.code(client_id="web", redirect_uri=WEB)["code"]
    refused = browser.redeem(code, "web", WEB, **AUTHENTICATION[case])
    assert refused.status_code in (400, 401)
    assert refused.json()["error"] == "invalid_client"


def test_secret_by_basic_and_not_in_two_ways(browser: Browser) -> None:
    code = browser.code(client_id="web", redirect_uri=WEB)["code"]
    data = {"grant_type": "authorization_code", "code": code, "redirect_uri": WEB, "code_verifier": browser.verifier}
    url = f"{browser.broker.url}/token"
    twice = requests.post(url, data={**data, "client_secret": "s3cret"}, auth=("web", "s3cret"), timeout=30)
    assert twice.json()["error"] == "invalid_request"
    wrong = requests.post(url, data=data, auth=("web", "wrong"), timeout=30)
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    assert wrong.headers["WWW-Authenticate"].startswith("Basic ")
    assert "access_token" in requests.post(url, data=data, auth=("web", "s3cret"), timeout=30).json()


def _by_key(browser: Browser, member: Member, **claims: object) -> requests.Response:
    callback = f"{member.url}/callback"
    code = browser.code(client_id=member.url, redirect_uri=callback)["code"]
    assertion = member.assertion(member.url, browser.broker.url, **claims)
    fields = {"client_assertion_type": ASSERTION, "client_assertion": assertion}
    return browser.redeem(code, member.url, callback, **fields)


def test_member_proves_itself_with_its_key(browser: Browser, members: tuple[Member, Member]) -> None:
    assert "id_token" in _by_key(browser, members[0]).json()


WRONG_ASSERTIONS: dict[str, dict[str, object]] = {
    "other audience": {"aud": "https://other.example"},
    "two audiences": {"aud": ["https://other.example", "x"]},
    "expired": {"exp": 1},
    "no exp": {"exp": None},
    "lives too long": {"exp": 10**10},
    "no jti": {"jti": None},
    "other iss": {"iss": "web"},
    "other client": {"sub": "web", "iss": "web"},
    "no such client": {"sub": "nobody", "iss": "nobody"},
    "sub a list": {"sub": ["web"]},
}


@pytest.mark.parametrize("case", WRONG_ASSERTIONS)
def test_wrong_client_assertions_are_refused(browser: Browser, members: tuple[Member, Member], case: str) -> None:
    refused = _by_key(browser, members[0], **WRONG_ASSERTIONS[case])
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")


def test_client_assertion_is_accepted_once(browser: Browser, members: tuple[Member, Member]) -> None:
    jti = secrets.token_hex(8)
    assert _by_key(browser, members[0], jti=jti).status_code == 200
    assert _by_key(browser, members[0], jti=jti).json()["error"] == "invalid_client"


def test_client_assertion_by_another_key_is_refused(browser: Browser, members: tuple[Member, Member]) -> None:
    human, omix = members
    callback = f"{human.url}/callback"
    code = browser.code(client_id=human.url, redirect_uri=callback)["code"]
    fields = {"client_assertion_type": ASSERTION, "client_assertion": omix.assertion(human.url, browser.broker.url)}
    assert browser.redeem(code, human.url, callback, **fields).json()["error"] == "invalid_client"


def test_row_60_secrets_in_the_query_are_refused(browser: Browser) -> None:
    code = browser.code()["code"]
    fields = {"client_id": "cli", "grant_type": "authorization_code", "code": code, "redirect_uri": CLI}
    url = f"{browser.broker.url}/token"
    answer = requests.post(url, params={**fields, "code_verifier": browser.verifier}, timeout=30)
    assert answer.json()["error"] == "invalid_request"
    token = browser.redeem(code).json()["access_token"]
    in_query = requests.get(f"{browser.broker.url}/userinfo", params={"access_token": token}, timeout=30)
    assert (in_query.status_code, in_query.json()["error"]) == (400, "invalid_request")


def test_scope_of_unknown_names_is_ignored_and_consent_shows_the_rest(browser: Browser) -> None:
    page = browser.sign_in(browser.authorize(scope=FULL + " admin"))
    assert "admin" not in Form(page.text).fields.values()
    answer = answer_of(browser.submit(page, decision="allow"))
    assert browser.redeem(answer["code"]).json()["scope"] == FULL
