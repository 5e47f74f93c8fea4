"""Refresh, exchange, UserInfo, introspection, revocation: what tokens are good for, and for nothing else."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import requests

from tests.auth.broker.running import (
    ACCESS,
    ASSERTION,
    CLI,
    EXCHANGE,
    FULL,
    PASSPORT,
    WEB,
    Browser,
    Member,
    Running,
)

Members = tuple[Member, Member]


def refresh(broker: Running, token: str, client_id: str = "cli", **more: str) -> requests.Response:
    """Use a refresh token."""
    return broker.post("token", grant_type="refresh_token", client_id=client_id, refresh_token=token, **more)


def exchange(broker: Running, token: str, **more: Any) -> requests.Response:
    """Exchange a token for a Passport as the command line; None leaves a parameter out."""
    fields = {
        "grant_type": EXCHANGE,
        "client_id": "cli",
        "requested_token_type": PASSPORT,
        "subject_token": token,
        "subject_token_type": ACCESS,
        **more,
    }
    return broker.post("token", **{name: value for name, value in fields.items() if value is not None})


def for_member(broker: Running, members: Members, token: str, **more: Any) -> requests.Response:
    """Exchange a token for one good at the first member, as the gateway."""
    fields = {
        "client_id": None,
        "requested_token_type": ACCESS,
        "audience": members[0].url,
        "client_assertion_type": ASSERTION,
        "client_assertion": members[0].assertion("gateway", f"{broker.url}/token"),
        **more,
    }
    return exchange(broker, token, **fields)


def test_row_54_refresh_rotates_and_keeps_the_scope(browser: Browser) -> None:
    broker, first = browser.broker, browser.tokens()
    second = refresh(broker, first["refresh_token"]).json()
    assert second["scope"] == FULL
    assert second["refresh_token"] != first["refresh_token"]
    assert broker.userinfo(second["access_token"]).status_code == 200
    assert broker.claims(second["id_token"], "jwt")["sub"] == broker.claims(first["access_token"])["sub"]


def test_row_54_reuse_revokes_the_family(browser: Browser) -> None:
    broker, first = browser.broker, browser.tokens()
    second = refresh(broker, first["refresh_token"]).json()
    assert refresh(broker, first["refresh_token"]).json()["error"] == "invalid_grant"
    assert refresh(broker, second["refresh_token"]).json()["error"] == "invalid_grant"
    assert broker.userinfo(second["access_token"]).status_code == 401


def test_row_54_reuse_is_noticed_whatever_else_is_wrong_with_the_request(browser: Browser) -> None:
    broker, first = browser.broker, browser.tokens(scope="openid offline_access")
    second = refresh(broker, first["refresh_token"]).json()
    assert refresh(broker, first["refresh_token"], scope="openid ga4gh_passport_v1").status_code == 400
    assert refresh(broker, second["refresh_token"]).json()["error"] == "invalid_grant"


def test_row_54_simultaneous_use_gives_one_answer_at_most(browser: Browser) -> None:
    broker, token = browser.broker, browser.tokens()["refresh_token"]
    answers: list[int] = []
    threads = [threading.Thread(target=lambda: answers.append(refresh(broker, token).status_code)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.count(200) <= 1
    assert set(answers) <= {200, 400}


def test_row_54_scope_cannot_grow_but_shrinks(browser: Browser) -> None:
    token = browser.tokens(scope="openid offline_access")["refresh_token"]
    wider = refresh(browser.broker, token, scope="openid ga4gh_passport_v1")
    assert wider.json()["error"] == "invalid_scope"
    assert refresh(browser.broker, token, scope="openid").json()["scope"] == "openid"


def test_row_54_refresh_token_of_another_client(browser: Browser) -> None:
    token = browser.tokens()["refresh_token"]
    assert refresh(browser.broker, token, "spa").json()["error"] == "invalid_grant"
    assert refresh(browser.broker, token).status_code == 200


def test_refresh_token_expires(browser: Browser) -> None:
    token = browser.tokens()["refresh_token"]
    browser.broker.clock.ahead = browser.broker.settings.lifetimes.refresh_token + 1
    assert refresh(browser.broker, token).json()["error"] == "invalid_grant"


def test_AAI_11_userinfo_gives_visas_of_all_issuers(browser: Browser, ming: str, members: Members) -> None:
    human, omix = members
    human.visas, omix.visas = [human.visa(ming)], [omix.visa(ming), omix.visa(ming)]
    answer = browser.broker.userinfo(browser.tokens()["access_token"])
    assert answer.json()["ga4gh_passport_v1"] == [*human.visas, *omix.visas]
    assert answer.json()["sub"] == ming
    assert "no-store" in answer.headers["Cache-Control"]
    assert all(asked.startswith("Bearer ey") for asked in (*human.asked, *omix.asked))


def test_row_47_no_visas_without_the_scope(browser: Browser, ming: str, members: Members) -> None:
    members[0].visas = [members[0].visa(ming)]
    answer = browser.broker.userinfo(browser.tokens(scope="openid profile")["access_token"]).json()
    assert answer == {"sub": ming, "name": "Ming Li", "preferred_username": "ming"}
    assert members[0].asked == []


def test_userinfo_leaves_out_what_was_not_asked_for(browser: Browser, ming: str, members: Members) -> None:
    human, omix = members
    good = human.visa(ming)
    human.visas = [good, human.visa("another"), omix.visa(ming), "x.y.z", 7, None]
    assert browser.broker.userinfo(browser.tokens()["access_token"]).json()["ga4gh_passport_v1"] == [good]


def test_one_slow_issuer_delays_nobody(browser: Browser, ming: str, members: Members) -> None:
    human, omix = members
    omix.slow = True
    human.visas = [human.visa(ming)]
    token = browser.tokens()["access_token"]
    first, second = browser.broker.userinfo(token), browser.broker.userinfo(token)
    omix.delay.set()
    omix.delay.clear()
    assert first.json()["ga4gh_passport_v1"] == second.json()["ga4gh_passport_v1"] == human.visas
    assert first.elapsed.total_seconds() < 10  # the issuer itself would take 30
    assert len(omix.asked) == 1  # left out of the second
    browser.broker.clock.ahead = 31
    omix.slow = False
    browser.broker.userinfo(token)
    assert len(omix.asked) == 2


@pytest.mark.parametrize("token", ["", "x", "a.b.c"])
def test_userinfo_without_a_token_of_ours(broker: Running, token: str) -> None:
    answer = broker.userinfo(token)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


def test_row_10_other_tokens_of_the_broker_are_no_access_tokens(browser: Browser) -> None:
    broker, tokens = browser.broker, browser.tokens()
    passport = exchange(broker, tokens["access_token"]).json()["access_token"]
    for token in (tokens["id_token"], passport, tokens["refresh_token"]):
        assert broker.userinfo(token).status_code == 401
        assert exchange(broker, token).json()["error"] == "invalid_request"


def test_access_token_ends_with_time_and_with_the_account(browser: Browser, ming: str) -> None:
    from sqlalchemy import update
    from sqlalchemy.orm import Session

    from auth.broker.tables import Account

    broker, tokens = browser.broker, browser.tokens()
    broker.clock.ahead = 901
    assert broker.userinfo(tokens["access_token"]).status_code == 401
    broker.clock.ahead = 0
    assert broker.userinfo(tokens["access_token"]).status_code == 200
    with Session(broker.engine) as db, db.begin():
        db.execute(update(Account).where(Account.sub == ming).values(disabled_at=1))
    assert broker.userinfo(tokens["access_token"]).status_code == 401
    assert refresh(broker, tokens["refresh_token"]).json()["error"] == "invalid_grant"


def test_AAI_12_AAI_02_exchange_gives_a_passport(browser: Browser, ming: str, members: Members) -> None:
    members[1].visas = [members[1].visa(ming)]
    response = exchange(browser.broker, browser.tokens()["access_token"])
    answer = response.json()
    assert (answer["issued_token_type"], answer["token_type"]) == (PASSPORT, "N_A")
    assert "refresh_token" not in answer
    assert "no-store" in response.headers["Cache-Control"]
    claims = browser.broker.claims(answer["access_token"], "vnd.ga4gh.passport+jwt")
    assert claims["ga4gh_passport_v1"] == members[1].visas
    assert claims["sub"] == ming
    assert 0 < claims["exp"] - claims["iat"] <= 3600


WRONG_EXCHANGES: dict[str, tuple[dict[str, str | None], str]] = {
    "no requested type": ({"requested_token_type": None}, "invalid_request"),
    "other requested type": ({"requested_token_type": "urn:ietf:params:oauth:token-type:jwt"}, "invalid_request"),
    "id_token type": ({"subject_token_type": "urn:ietf:params:oauth:token-type:id_token"}, "invalid_request"),
    "refresh type": ({"subject_token_type": "urn:ietf:params:oauth:token-type:refresh_token"}, "invalid_request"),
    "no subject type": ({"subject_token_type": None}, "invalid_request"),
    "no subject": ({"subject_token": None}, "invalid_request"),
    "garbage": ({"subject_token": "a.b.c"}, "invalid_request"),
    "other client": ({"client_id": "spa"}, "invalid_request"),
    "no client": ({"client_id": None}, "invalid_client"),
    "unknown client": ({"client_id": "nobody"}, "invalid_client"),
    "secret of a public client": ({"client_secret": "x"}, "invalid_client"),
    "confidential without secret": ({"client_id": "web"}, "invalid_client"),
    "actor": ({"actor_token": "a.b.c"}, "invalid_request"),
    "actor type": ({"actor_token_type": ACCESS}, "invalid_request"),
    "audience": ({"audience": "https://other.example"}, "invalid_target"),
    "resource": ({"resource": "https://other.example"}, "invalid_target"),
    "access token for nobody": ({"requested_token_type": ACCESS}, "invalid_target"),
}


@pytest.mark.parametrize("case", WRONG_EXCHANGES)
def test_row_46_wrong_exchanges(browser: Browser, case: str) -> None:
    more, error = WRONG_EXCHANGES[case]
    answer = exchange(browser.broker, browser.tokens()["access_token"], **more)
    assert answer.status_code in (400, 401)
    assert answer.json()["error"] == error


def test_row_46_subject_without_the_scope_expired_or_revoked(browser: Browser) -> None:
    broker = browser.broker
    plain = browser.tokens(scope="openid")["access_token"]
    assert exchange(broker, plain).json()["error"] == "invalid_request"
    token = browser.tokens()["access_token"]
    broker.clock.ahead = 901
    assert exchange(broker, token).json()["error"] == "invalid_request"
    broker.clock.ahead = 0
    assert exchange(broker, token).status_code == 200
    broker.post("revoke", client_id="cli", token=token)
    assert exchange(broker, token).json()["error"] == "invalid_request"


def test_gateway_gets_a_token_for_one_member(browser: Browser, ming: str, members: Members) -> None:
    human, omix = members
    human.visas, omix.visas = [human.visa(ming)], [omix.visa(ming)]
    broker, token = browser.broker, browser.tokens()["access_token"]
    answer = for_member(broker, members, token).json()
    assert (answer["token_type"], answer["issued_token_type"]) == ("Bearer", ACCESS)
    claims = broker.claims(answer["access_token"])
    assert claims["exp"] - claims["iat"] <= 300
    assert human.url in claims["aud"]
    assert claims["sub"] == ming
    assert "offline_access" not in claims["scope"]
    # Only visas of issuers that this member trusts (DESIGN section 2).
    assert broker.userinfo(answer["access_token"]).json()["ga4gh_passport_v1"] == human.visas


def test_token_for_a_member_cannot_be_exchanged_again(browser: Browser, members: Members) -> None:
    broker = browser.broker
    bound = for_member(broker, members, browser.tokens()["access_token"]).json()["access_token"]
    assert exchange(broker, bound).json()["error"] == "invalid_request"
    assert for_member(broker, members, bound).json()["error"] == "invalid_request"


def test_row_46_gateway_cannot_widen_audience_or_scope(browser: Browser, members: Members) -> None:
    broker, token = browser.broker, browser.tokens()["access_token"]
    assert for_member(broker, members, token, audience=members[1].url).json()["error"] == "invalid_target"
    assert for_member(broker, members, token, audience=None).json()["error"] == "invalid_target"
    narrow = browser.tokens(scope="openid ga4gh_passport_v1")["access_token"]
    assert for_member(broker, members, narrow, scope="openid profile").json()["error"] == "invalid_scope"
    assert for_member(broker, members, narrow, scope="openid").json()["scope"] == "openid"
    # The gateway asks for other people's tokens, so it may not turn them into Passports.
    assert for_member(broker, members, token, requested_token_type=PASSPORT).json()["error"] == "invalid_request"


def test_revoking_a_token_ends_what_came_from_it(browser: Browser, members: Members) -> None:
    broker, token = browser.broker, browser.tokens()["access_token"]
    bound = for_member(broker, members, token).json()["access_token"]
    assert broker.post("revoke", client_id="cli", token=token).status_code == 200
    assert broker.userinfo(token).status_code == 401
    assert broker.userinfo(bound).status_code == 401


def test_revoking_a_refresh_token_ends_the_family(browser: Browser) -> None:
    broker, tokens = browser.broker, browser.tokens()
    assert broker.post("revoke", client_id="cli", token=tokens["refresh_token"]).status_code == 200
    assert broker.userinfo(tokens["access_token"]).status_code == 401


def test_row_58_revocation_by_another_client_changes_nothing(browser: Browser) -> None:
    broker, tokens = browser.broker, browser.tokens()
    for token in (tokens["access_token"], tokens["refresh_token"]):
        assert broker.post("revoke", client_id="spa", token=token).status_code in (200, 400)
    assert broker.userinfo(tokens["access_token"]).status_code == 200
    assert broker.post("revoke", client_id="cli", token="unknown").status_code == 200
    assert broker.post("revoke", token=tokens["access_token"]).json()["error"] == "invalid_client"


def _introspect(broker: Running, member: Member, client_id: str, token: str) -> dict[str, Any]:
    assertion = member.assertion(client_id, broker.url)
    answer = broker.post("introspect", token=token, client_assertion_type=ASSERTION, client_assertion=assertion)
    assert answer.status_code == 200
    return dict(answer.json())


def test_row_58_introspection_tells_only_those_concerned(browser: Browser, ming: str, members: Members) -> None:
    human, omix = members
    broker, tokens = browser.broker, browser.tokens()
    bound = for_member(broker, members, tokens["access_token"]).json()["access_token"]
    told = _introspect(broker, human, human.url, bound)
    assert (told["active"], told["sub"], told["client_id"]) == (True, ming, "gateway")
    inactive = {"active": False}
    assert _introspect(broker, omix, omix.url, bound) == inactive
    assert _introspect(broker, human, human.url, tokens["access_token"]) == inactive
    assert _introspect(broker, human, human.url, tokens["refresh_token"]) == inactive
    assert _introspect(broker, human, human.url, human.visa(ming)) == inactive
    assert broker.post("introspect", client_id="cli", token=bound).json()["error"] == "invalid_client"


def test_confidential_client_exchanges_its_own_token(browser: Browser) -> None:
    tokens = browser.redeem(
        browser.code(client_id="web", redirect_uri=WEB)["code"], "web", WEB, client_secret="s3cret"
    ).json()
    own = exchange(browser.broker, tokens["access_token"], client_id="web", client_secret="s3cret")
    assert own.json()["token_type"] == "N_A"
    others = exchange(browser.broker, browser.tokens()["access_token"], client_id="web", client_secret="s3cret")
    assert others.json()["error"] == "invalid_request"


@pytest.mark.parametrize("grant", ["password", "client_credentials", "implicit", 'x"', ""])
def test_other_grants_are_refused(broker: Running, grant: str) -> None:
    answer = broker.post("token", grant_type=grant, client_id="cli", username="ming", password="x")
    assert answer.json()["error"] in ("unsupported_grant_type", "invalid_request")


def test_parameters_twice_at_the_token_endpoint(browser: Browser) -> None:
    body = f"grant_type=authorization_code&code={browser.code()['code']}&client_id=cli&client_id=web&redirect_uri={CLI}"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = requests.post(f"{browser.broker.url}/token", data=body, headers=headers, timeout=30)
    assert answer.json()["error"] == "invalid_request"
