"""From a question to the files: asked anonymously, signed in, records joined, manifest taken, everything fetched."""

from __future__ import annotations

import csv
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visits
from tests.browser.test_pages import figure
from tests.browser.visitor import Visitor
from tests.interop.family import Family

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
ROLE = "colleague"  # the researcher's grants are other tests' subject
SETS = (("gsa-human", "controlled"), ("obia", "controlled"))
QUESTION = "term=HP:0001626&modality=CT&body=CHEST"


@pytest.fixture(scope="module")
def granted(family: Family) -> Iterator[None]:
    """The colleague may see the controlled sets of both archives, until these tests end."""
    deciding, made = family.token("DAC member"), []
    for member, tier in SETS:
        asking, base = family.token(ROLE), f"{family.url(member)}/dac/v1/requests"
        wanted = {"dataset": family.dataset(member, tier), "purpose": "Scans of hearts."}
        one = f"{base}/{post(base, asking, wanted)['id']}"
        post(f"{one}/submit", asking)
        post(f"{one}/approve", deciding)
        made.append(one)
    yield
    for one in made:
        post(f"{one}/close", family.token(ROLE))


def post(url: str, token: str, body: object = None) -> dict[str, str]:
    answer = requests.post(url, json=body or {}, headers={"Authorization": f"Bearer {token}"}, timeout=60)
    answer.raise_for_status()
    return dict(answer.json())


def sign_in(visitor: Visitor, family: Family) -> None:
    """Through the broker, with consent where it was not given before; back to the same question."""
    page = visitor.page
    asked = page.url
    page.get_by_role("link", name="Sign in").first.click()
    visitor.sign_in(family.user(ROLE))
    allow = page.get_by_role("button", name="Allow", exact=True)
    expect(allow.or_(page.get_by_role("button", name="Sign out"))).to_be_visible()
    if allow.is_visible():
        visitor.look("gateway-consent")
        allow.click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    assert sorted(re.split("[?&]", page.url.replace("%3A", ":"))) == sorted(re.split("[?&]", asked))


def people(page: Page) -> int:
    """How many people's records are shown to this visitor."""
    return int(re.findall(r"(\d+) people", page.locator("#people").inner_text())[0])


def take(page: Page, format: str, folder: Path) -> Path:
    """Download the manifest."""
    page.get_by_label("Form of the manifest").select_option(format)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download manifest").click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_from_a_question_to_the_files(family: Family, visits: Visits, granted: None, tmp_path: Path) -> None:
    visitor = visits()
    page = visitor.page
    visitor.open(f"{family.url('gateway')}/?{QUESTION}&live=1")
    rounded, open_people = int(figure(page)), people(page)
    access = page.locator(".sets li", has_text=family.dataset("gsa-human", "controlled"))
    expect(access).to_contain_text("numbers only")
    request = access.get_by_role("link", name="Request access").get_attribute("href")
    assert request == f"{family.url('gsa-human')}/requests/new?dataset={family.dataset('gsa-human', 'controlled')}"
    first = page.locator("table.people tbody tr").first
    for service, count in (("htsget", 2), ("DICOMweb", 1)):
        first.get_by_text(re.compile(rf"{service} \(\d+\)")).click()
        links = first.locator("details[open] li").all_inner_texts()[-count:]
        assert links[0].startswith((f"{family.url('gsa-human')}/ga4gh/htsget", f"{family.url('obia')}/dicom-web"))
        suffix = "/metadata" if service == "DICOMweb" else ""
        assert requests.get(links[0] + suffix, timeout=60).status_code == 200
    anonymous = take(page, "tsv", tmp_path)
    assert {row["dataset"] for row in rows(anonymous)} == {
        family.dataset("gsa-human", "open"),
        family.dataset("obia", "open"),
    }

    sign_in(visitor, family)
    exact = int(figure(page))
    assert rounded <= exact < rounded + 5
    assert people(page) == exact > open_people
    expect(page.get_by_text("The exact number")).to_be_visible()
    expect(access).to_contain_text("you see its records")
    linked = {(pair["gsa-human"], pair["obia"]) for pair in family.facts["linked"]}
    for row in page.locator("table.people tbody tr").all():
        human, scanned = re.findall(r"\b(?:HRI|OBII)\d+", row.locator("td").first.inner_text())
        assert (human, scanned) in linked
    visitor.look("search-records")
    page.get_by_role("link", name="Next").click()
    figure(page)
    expect(page.get_by_text(f"11 to 20 of {exact}")).to_be_visible()

    manifest = take(page, "tsv", tmp_path / "signed-in")
    listed = rows(manifest)
    named = {name for row in listed for name in row["person"].split(",")}
    assert len(named) == exact
    assert named <= {human for human, _ in linked}
    out = tmp_path / "data"
    fetched = download(family, manifest, out)
    assert fetched.returncode == 0, fetched.stderr
    assert sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()) == sorted(
        row["path"] for row in listed
    )
    for row in listed:
        content = (out / row["path"]).read_bytes()
        assert (hashlib.sha256(content).hexdigest(), str(len(content))) == (row["sha-256"], row["size"])
        if row["node"] == "gsa-human":
            assert content == family.stored("gsa-human", row["name"]).read_bytes()
    again = download(family, anonymous, tmp_path / "open", signed_in=False)
    assert again.returncode == 0, again.stderr

    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    visitor.open(f"{family.url('gateway')}/?{QUESTION}&live=1")
    assert (int(figure(page)), people(page)) == (rounded, open_people)


def rows(path: Path) -> list[dict[str, str]]:
    lines = [line for line in path.read_text().splitlines(keepends=True) if not line.startswith("#")]
    return list(csv.DictReader(lines, delimiter="\t"))


def download(family: Family, manifest: Path, out: Path, *, signed_in: bool = True) -> subprocess.CompletedProcess[str]:
    user = family.user(ROLE)
    environment = {**os.environ, "SECRET": user["password"], "GSANODE_CLIENT": family.facts["client"]}
    command = [sys.executable, "-m", "node.cli", "download", "--manifest", str(manifest), "--out", str(out)]
    command += ["--user", user["name"], "--password-env", "SECRET"] if signed_in else []
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)


def test_the_cookie_holds_no_token_and_scripts_cannot_read_it(family: Family, visits: Visits, granted: None) -> None:
    visitor = visits()
    visitor.open(f"{family.url('gateway')}/?term=HP:0001626&live=1")
    figure(visitor.page)
    sign_in(visitor, family)
    port = family.url("gateway").rpartition(":")[2]
    held = [cookie for cookie in visitor.context.cookies() if cookie["name"].startswith("gsa_")]
    assert held
    assert all(cookie["httpOnly"] and cookie["sameSite"] == "Lax" and len(cookie["value"]) < 64 for cookie in held)
    assert "gsa_" not in visitor.page.evaluate("document.cookie")
    database = next((family.folder / "databases").glob("gateway*")).read_bytes()
    assert b"eyJ" not in re.sub(rb'"sealed": "eyJ[^"]+"', b"", database), f"no token in the clear at {port}"


def test_a_form_of_another_session_is_refused(family: Family, visits: Visits) -> None:
    visitor = visits()
    visitor.open(f"{family.url('gateway')}/?{QUESTION}&live=1")
    figure(visitor.page)
    visitor.context.clear_cookies()
    visitor.page.get_by_role("button", name="Download manifest").click()
    expect(visitor.page.get_by_text("This form is out of date")).to_be_visible()
    assert [one for one in visitor.problems if "403" not in one] == []
    visitor.problems.clear()


OPENED = re.compile(r"Open (\S+) and check that it shows the code (\S+)")


def test_a_command_signs_in_by_the_browser(family: Family, visits: Visits, granted: None, tmp_path: Path) -> None:
    """Device flow (RFC 8628): the command says where to go, a person decides there, controlled files come."""
    file = family.file("gsa-human", "controlled", "BAM")["id"]
    visitor, (command, address, code) = visits(), begin_device_login(family, file, tmp_path)
    with command:
        visitor.open(address)
        visitor.sign_in(family.user(ROLE))
        expect(visitor.page.get_by_text(code)).to_be_visible()
        visitor.look("device-consent")
        visitor.page.get_by_role("button", name="Allow", exact=True).click()
        expect(visitor.page.get_by_role("heading", level=1)).to_have_text("Connected")
        assert command.wait(240) == 0
    (fetched,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert fetched.read_bytes() == family.stored("gsa-human", fetched.name).read_bytes()


def test_a_command_that_is_refused_in_the_browser_fetches_nothing(
    family: Family, visits: Visits, tmp_path: Path
) -> None:
    visitor, (command, address, code) = visits(), begin_device_login(family, "any", tmp_path)
    with command:
        visitor.open(address)
        visitor.sign_in(family.user(ROLE))
        expect(visitor.page.get_by_text(code)).to_be_visible()
        visitor.page.get_by_role("button", name="Do not allow", exact=True).click()
        assert command.wait(240) == 1
    assert list(tmp_path.iterdir()) == []


def begin_device_login(family: Family, file: str, out: Path) -> tuple[subprocess.Popen[str], str, str]:
    """The running command, the address it tells and the code to be compared."""
    environment = {**os.environ, "GSANODE_CLIENT": family.facts["client"]}
    command = [sys.executable, "-m", "node.cli", "download", f"drs://gsa-human.localhost/{file}"]
    process = subprocess.Popen(
        [*command, "--login", "--out", str(out)], env=environment, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr
    told = OPENED.fullmatch(process.stderr.readline().strip())
    assert told
    return process, told[1], told[2]
