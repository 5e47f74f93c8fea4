from __future__ import annotations

from pathlib import Path

import pytest

from auth.policy import REGISTERED_ACCESS
from node.settings import MemberSettings, Profile, profile
from web.settings import SettingsError, load, read

GOOD = """
kind: member
member: gsa
public_url: http://127.0.0.1:8082
listen: {port: 8082}
database: sqlite:////tmp/x.db
organization: {id: cncb, name: CNCB, url: https://example.org}
drs_host: gsa.localhost
stores:
  archive: {kind: local, root: /tmp}
broker: {issuer: http://127.0.0.1:8081, client_id: gsa}
trust: []
url_key: abababababababababababababababababababababababababababababababab
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "node.yaml"
    path.write_text(text)
    return path


def loaded(path: Path) -> MemberSettings:
    found = load(path, {"member": MemberSettings})
    assert isinstance(found, MemberSettings)
    return found


def test_environment_overrides_and_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NODE_PORT", "9000")
    monkeypatch.delenv("NODE_HOST", raising=False)
    found = loaded(written(tmp_path, GOOD.replace("{port: 8082}", '{port: "${NODE_PORT}", host: "${NODE_HOST:-::1}"}')))
    assert (found.listen.port, found.listen.host) == (9000, "::1")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("kind: member", "kind: membr"), "key 'kind': 'membr' is not known; allowed: member"),
        (("port: 8082", "port: 99999"), "key 'listen.port': 99999: Input should be less than or equal to 65535"),
        (("drs_host: gsa.localhost\n", ""), "key 'drs_host': is required"),
        (("drs_host:", "drs_hots: x\ndrs_host:"), "key 'drs_hots': is not known here"),
        (("kind: local", "kind: locl"), "key 'stores.archive': "),
        (("http://127.0.0.1:8082", "http://127.0.0.1:8082/"), "without a trailing slash"),
        (("member: gsa\n", "member: ${NOT_SET}\n"), "key 'member': environment variable NOT_SET is not set"),
        (("kind: member", "kind: [member"), "is not YAML"),
        ((GOOD, "- a\n- b\n"), "must be a mapping"),
    ],
)
def test_a_mistake_names_file_key_and_what_is_allowed(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    path = written(tmp_path, GOOD.replace(*change))
    with pytest.raises(SettingsError) as caught:
        loaded(path)
    assert str(path) in str(caught.value)
    assert says in str(caught.value)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        loaded(written(tmp_path, GOOD.replace("drs_host: gsa.localhost\n", "").replace("port: 8082", "port: 0")))
    assert len(str(caught.value).splitlines()) == 2


def test_a_secret_that_is_wrong_is_not_shown(tmp_path: Path) -> None:
    text = GOOD + "partners:\n- {member: obia, key: 5ecre7}\n"
    with pytest.raises(SettingsError) as caught:
        loaded(written(tmp_path, text))
    assert "partners.0.key" in str(caught.value)
    assert "5ecre7" not in str(caught.value)


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        read(tmp_path / "absent.yaml")


@pytest.mark.parametrize("name", ["gsa", "gsa-human", "omix", "obia"])
def test_every_member_has_a_valid_profile(name: str) -> None:
    assert profile(name).name == name


def test_an_unknown_member_names_those_that_exist() -> None:
    with pytest.raises(SettingsError, match="allowed: gsa, gsa-human, obia, omix"):
        profile("gsb")


def test_VIS_05_gsa_human_offers_the_terms_that_registered_access_asks_for() -> None:
    (offered,) = profile("gsa-human").terms
    assert offered.url == REGISTERED_ACCESS
    assert len(offered.text) == len(offered.text_zh)


@pytest.mark.parametrize(
    ("standards", "urls", "problem"),
    [
        (["visas"], ["https://terms.example/1"], "dac and visas"),
        (["dac"], ["https://terms.example/1"], "dac and visas"),
        (["dac", "visas"], ["https://terms.example/1"] * 2, "given twice"),
        (["dac", "visas"], ["terms/1"], "url"),
        (["dac", "visas"], ["https://terms.example/" + "x" * 240], "at most 255"),
    ],
)
def test_terms_that_nobody_could_accept_are_refused(standards: list[str], urls: list[str], problem: str) -> None:
    whole = profile("gsa-human").model_dump()
    terms = [{**whole["terms"][0], "url": url} for url in urls]
    with pytest.raises(ValueError, match=problem):
        Profile.model_validate({**whole, "standards": standards, "terms": terms})
