"""The search for secrets in the output of tests finds what it must, and nothing else."""

from __future__ import annotations

import secrets

import pytest

from auth import jose
from auth.keyset import SigningKey
from auth.signed import Capability, Signer
from tests.scrub import PASSWORDS, Scrub, logs_of_family

pytest_plugins = ["pytester"]


@pytest.fixture
def scrub(request: pytest.FixtureRequest) -> Scrub:
    found = request.config.pluginmanager.get_plugin("scrub")
    assert isinstance(found, Scrub)
    return found


def test_every_kind_of_secret_is_found(scrub: Scrub) -> None:
    token = jose.sign({"iss": "i"}, SigningKey.generate(), typ="at+jwt")
    url = Signer(b"k" * 32).sign(Capability("f", "GET", 1))
    from authlib.oauth2.rfc6749.grants import authorization_code

    code = authorization_code.generate_token(48)
    for secret in (token, secrets.token_urlsafe(32), secrets.token_urlsafe(24), code, url):
        assert scrub.leaks(f'{{"event": "x", "url": "/callback?code={secret}&state=y"}}') == [f"{secret[:6]}…"]
    assert scrub.leaks(f"tried {PASSWORDS[0]}") == [PASSWORDS[0]]


def test_what_identifies_is_no_secret(scrub: Scrub) -> None:
    subject, jti = secrets.token_urlsafe(16), secrets.token_hex(16)
    assert scrub.leaks(f"sub={subject} jti={jti} HRA000001 {'0123456789abcdef' * 4}") == []


def test_a_test_that_tells_a_secret_fails(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        conftest="""
        import pytest
        from tests.scrub import Scrub
        def pytest_configure(config):
            scrub = Scrub(); scrub.minted.add("s" * 43); config.pluginmanager.register(scrub, "scrub")
        """,
        test_it="""
        import logging, os
        def test_quiet(): print("nothing")
        def test_says(): print("s" * 43)
        def test_logs(): logging.getLogger("x").warning("code=%s", "s" * 43)
        def test_child(): os.system("echo " + "s" * 43)
        """,
    )
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function")
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, failed=3)


def test_the_logs_of_a_family_are_searched(tmp_path: pytest.TempPathFactory) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path))
    (folder / "logs").mkdir()
    (folder / "config").mkdir()
    (folder / "family.json").write_text('{"users": [{"password": "hunter2hunter2"}]}')
    (folder / "config" / "m.yaml").write_text(f"url_key: {'ab' * 32}\n")
    log = folder / "logs" / "m.log"
    log.write_text("all is well\n")
    assert logs_of_family(folder) == []
    token = jose.sign({"iss": "i"}, SigningKey.generate(), typ="at+jwt")
    for secret in ("hunter2hunter2", "ab" * 32, token):
        log.write_text(f"x {secret} y\n")
        assert logs_of_family(folder) == [f"m.log: {secret[:4]}…"]
