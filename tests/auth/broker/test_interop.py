"""Programs that others wrote: oidc-provider above the broker, openid-client, jose and PyJWT below it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin

import jwt
import pytest
import requests

from adapters.catalog.engine import connect
from auth.broker.settings import BrokerSettings
from tests.auth.broker.running import (
    CHEAP,
    CLI,
    DEVICE,
    WEB,
    Browser,
    Clock,
    Form,
    Member,
    Running,
    answer_of,
    broker_serving,
    tables,
)
from tests.auth.broker.test_tokens import Members, exchange
from tests.support import free_port, program

NPM = Path(__file__).parents[2] / "interop" / "npm"
LISTENS = "http://localhost:4242"  # oidc-agent wants a port of this name, though it does not need it here
SECRET = "a secret of the institution: 100 % + more"


def script(name: str, *arguments: str) -> subprocess.Popen[str]:
    """A running program of ``tests/interop/npm``; skipped, or failed under CI, where its packages are missing."""
    node = program("node")
    if not (NPM / "node_modules").exists():
        missing = "npm packages are not installed (tests/interop/install.sh)"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    return subprocess.Popen(
        [node, str(NPM / name), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def provider(url: str, callback: str) -> Iterator[None]:
    """oidc-provider at ``url``."""
    process = script("provider.mjs", url, callback, SECRET)
    assert process.stdout is not None
    try:
        while "listening" not in (line := process.stdout.readline()):
            assert line, process.communicate()[1]
        yield
    finally:
        process.terminate()
        process.communicate(timeout=20)


def through_its_pages(browser: requests.Session, url: str) -> str:
    """Fill in the provider's own pages until it sends the browser back; where to."""
    answer = browser.get(url, allow_redirects=False, timeout=20)
    for _ in range(12):
        if answer.is_redirect:
            target = urljoin(answer.url, answer.headers["Location"])
            if "/sign-in/" in target:
                return target
            answer = browser.get(target, allow_redirects=False, timeout=20)
            continue
        action = re.search(r'action="([^"]+)"', answer.text)[1]  # type: ignore[index]
        fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', answer.text))
        fields |= {"login": "zhang", "password": "x"} if 'name="login"' in answer.text else {}
        answer = browser.post(urljoin(answer.url, action), data=fields, allow_redirects=False, timeout=20)
    raise AssertionError("the provider's pages lead nowhere")


@pytest.mark.interop
def test_people_of_an_institution_on_oidc_provider_sign_in(tmp_path: Path) -> None:
    ports = free_port(), free_port()
    home, there = (f"http://127.0.0.1:{port}" for port in ports)
    engine = connect(f"sqlite:///{tmp_path}/broker.db")
    tables(engine)
    upstream = {"id": "inst", "name": "I", "issuer": there, "client_id": "gsa-broker", "client_secret": SECRET}
    settings = BrokerSettings.model_validate(
        {
            "public_url": home,
            "database": str(engine.url),
            "clients": [{"client_id": "cli", "name": "C", "kind": "public", "redirect_uris": [CLI]}],
            "upstreams": [upstream],
            "passwords": CHEAP.model_dump(),
        }
    )
    clock = Clock()
    with provider(there, f"{home}/sign-in/inst/callback"), broker_serving(settings, engine, clock):
        browser = Browser(Running(settings, engine, clock))
        page = browser.authorize()
        link = re.search(r'href="(/sign-in/inst\?[^"]*)"', page.text)[1]  # type: ignore[index]
        leaving = browser.get(link.replace("&amp;", "&"))
        back = browser.get(through_its_pages(requests.Session(), leaving.headers["Location"]))
        assert back.status_code == 303, back.text[-500:]
        consent = browser.get(back.headers["Location"])
        assert "Person zhang" in consent.text
        tokens = browser.redeem(answer_of(browser.submit(consent, decision="allow"))["code"]).json()
        assert browser.broker.userinfo(tokens["access_token"]).json()["name"] == "Person zhang"
        refused = browser.get(urljoin(home, "/sign-in/inst/callback?code=x&state=y"))
        assert refused.status_code == 502
    engine.dispose()


@pytest.mark.interop
def test_openid_client_signs_in_and_jose_verifies_every_token(browser: Browser, ming: str, members: Members) -> None:
    human, _ = members
    human.visas = [human.visa(ming)]
    process = script("client.mjs", browser.broker.url, "web", "s3cret", WEB)
    assert process.stdout is not None
    asked = process.stdout.readline().strip()
    assert asked, process.communicate()[1]
    page = browser.get(asked)
    if "password" in Form(page.text).fields:
        page = browser.sign_in(page)
    answer = browser.submit(page, decision="allow")
    said, mistakes = process.communicate(answer.headers["Location"] + "\n", timeout=60)
    assert process.returncode == 0, mistakes
    told = json.loads(said)
    assert (told["sub"], told["name"], told["active"]) == (ming, "Ming Li", False)
    types = {name: token["typ"] for name, token in told["verified"].items()}
    assert types == {
        "access": "at+jwt",
        "identity": "JWT",
        "passport": "vnd.ga4gh.passport+jwt",
        "visa": "vnd.ga4gh.visa+jwt",
    }
    assert {token["sub"] for token in told["verified"].values()} == {ming}


APACHE = """
ServerName 127.0.0.1
ServerRoot {folder}
PidFile {folder}/pid
ErrorLog {folder}/error.log
Listen 127.0.0.1:{port}
User www-data
{modules}
DocumentRoot {folder}/www
OIDCProviderMetadataURL {broker}/.well-known/openid-configuration
OIDCClientID apache
OIDCClientSecret s3cret
OIDCRedirectURI http://127.0.0.1:{port}/callback
OIDCCryptoPassphrase interop
OIDCPKCEMethod S256
OIDCScope "openid profile ga4gh_passport_v1"
<Location />
  AuthType openid-connect
  Require valid-user
  Header set X-Name "%{{OIDC_CLAIM_name}}e"
  Header set X-Sub "%{{OIDC_CLAIM_sub}}e"
</Location>
"""
MODULES = ("mpm_event", "authn_core", "authz_core", "authz_user", "headers", "auth_openidc")


@contextmanager
def apache(folder: Path, port: int, broker: str) -> Iterator[str]:
    """Debian's Apache with mod_auth_openidc before a page; its URL."""
    command = program("apache2")
    where = "/usr/lib/apache2/modules"
    modules = "\n".join(f"LoadModule {name}_module {where}/mod_{name}.so" for name in MODULES)
    (folder / "www").mkdir()
    (folder / "www" / "page.txt").write_text("for members only\n")
    for path in (folder, *folder.parents[:3]):
        path.chmod(0o755)
    config = folder / "apache.conf"
    config.write_text(APACHE.format(folder=folder, port=port, broker=broker, modules=modules))
    process = subprocess.Popen([command, "-f", str(config), "-DFOREGROUND"], stderr=subprocess.PIPE, text=True)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            with contextlib.suppress(requests.ConnectionError):
                requests.get(url, timeout=30, allow_redirects=False)
                break
            assert process.poll() is None, process.communicate()[1]
            threading.Event().wait(0.1)  # nothing to await: the socket of another process
        yield url
    finally:
        process.terminate()
        process.communicate(timeout=20)


@pytest.mark.interop
def test_mod_auth_openidc_lets_people_in_after_they_signed_in(tmp_path: Path) -> None:
    ports = free_port(), free_port()
    url = f"http://127.0.0.1:{ports[0]}"
    engine = connect(f"sqlite:///{tmp_path}/broker.db")
    tables(engine)
    callback = f"http://127.0.0.1:{ports[1]}/callback"
    client = {"client_id": "apache", "name": "Web server", "client_secret": "s3cret", "redirect_uris": [callback]}
    given = {"public_url": url, "database": str(engine.url), "clients": [client], "passwords": CHEAP.model_dump()}
    settings, clock = BrokerSettings.model_validate(given), Clock()
    folder = tmp_path / "apache"
    folder.mkdir()
    with broker_serving(settings, engine, clock), apache(folder, ports[1], url) as site:
        browser = Browser(Running(settings, engine, clock))
        sub = browser.broker.account()
        leaving = browser.http.get(f"{site}/page.txt", allow_redirects=False, timeout=20)
        assert leaving.headers["Location"].startswith(f"{url}/authorize?")
        page = browser.sign_in(browser.get(leaving.headers["Location"]))
        back = browser.submit(page, decision="allow")
        let_in = browser.http.get(back.headers["Location"], timeout=20)
        assert (let_in.status_code, let_in.text) == (200, "for members only\n"), (folder / "error.log").read_text()
        assert (let_in.headers["X-Sub"], let_in.headers["X-Name"]) == (sub, "Ming Li")
    engine.dispose()


@contextmanager
def agent(folder: Path) -> Iterator[dict[str, str]]:
    """A running oidc-agent with a home of its own; the environment of its clients."""
    command = program("oidc-agent")
    (folder / "oidc").mkdir(mode=0o700)
    environment = {**os.environ, "HOME": str(folder), "OIDC_CONFIG_DIR": str(folder / "oidc")}
    said = subprocess.run([command], env=environment, capture_output=True, text=True, timeout=20, check=True).stdout
    socket, process = re.search(r"OIDC_SOCK=([^;]+)", said), re.search(r"OIDCD_PID=(\d+)", said)
    assert socket is not None
    assert process is not None
    yield {**environment, "OIDC_SOCK": socket[1]}
    os.kill(int(process[1]), signal.SIGTERM)


@pytest.mark.interop
def test_oidc_agent_gets_tokens_by_the_device_flow(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    engine = connect(f"sqlite:///{tmp_path}/broker.db")
    tables(engine)
    client = {"client_id": "agent", "name": "oidc-agent", "client_secret": "s3cret", "redirect_uris": [LISTENS]}
    given = {
        "public_url": url,
        "database": str(engine.url),
        "clients": [{**client, "grant_types": ["authorization_code", "refresh_token", DEVICE]}],
        "passwords": CHEAP.model_dump(),
        "lifetimes": {"poll_interval": 1},
    }
    settings, clock = BrokerSettings.model_validate(given), Clock()
    with broker_serving(settings, engine, clock), agent(tmp_path) as environment:
        running = Running(settings, engine, clock)
        sub = running.account()
        asked = ["--issuer", url, "--client-id", "agent", "--client-secret", "s3cret", "--redirect-uri", LISTENS]
        quiet = ["--pw-cmd", "echo secret", "--prompt=none", "--confirm-yes", "--no-url-call"]
        scope = ["--scope", "openid profile ga4gh_passport_v1 offline_access"]
        command = [program("oidc-gen"), "ming", "--flow=device", *asked, *scope, *quiet]
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        said = ""
        while (found := re.search(r"\b([A-Z]{4}-[A-Z]{4})\b", said)) is None:
            line = process.stdout.readline()
            assert line, said[-300:]
            said += line
        browser = Browser(running)
        page = browser.sign_in(browser.get("/device", params={"user_code": found[1]}))
        assert "oidc-agent" in page.text
        assert browser.submit(page, decision="allow").status_code == 200
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 0, said[-300:]
        token = subprocess.run(
            [program("oidc-token"), "ming"], env=environment, capture_output=True, text=True, timeout=20, check=True
        )
        assert running.userinfo(token.stdout.strip()).json()["sub"] == sub
    engine.dispose()


def test_pyjwt_verifies_every_token(browser: Browser, ming: str, members: Members) -> None:
    human, _ = members
    human.visas = [human.visa(ming)]
    broker, tokens = browser.broker, browser.tokens()
    passport = exchange(broker, tokens["access_token"]).json()["access_token"]
    keys = jwt.PyJWKClient(f"{broker.url}/.well-known/jwks.json")
    for token, audience in ((tokens["access_token"], "cli"), (tokens["id_token"], "cli"), (passport, None)):
        key = keys.get_signing_key_from_jwt(token).key
        claims = jwt.decode(token, key, algorithms=["ES256"], audience=audience, issuer=broker.url)
        assert claims["sub"] == ming
    (visa,) = jwt.decode(passport, options={"verify_signature": False})["ga4gh_passport_v1"]
    key = jwt.PyJWKClient(_jku(visa, human)).get_signing_key_from_jwt(visa).key
    assert jwt.decode(visa, key, algorithms=["ES256"], issuer=human.url)["sub"] == ming


def _jku(visa: str, member: Member) -> str:
    jku = jwt.get_unverified_header(visa)["jku"]
    assert jku.startswith(member.url)
    return str(jku)
