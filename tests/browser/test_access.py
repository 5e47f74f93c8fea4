"""A controlled data set on the pages: asked for, granted with one click, fetched by the command line, revoked."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visits
from tests.browser.visitor import PHONE, Visitor
from tests.interop.family import Family

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
PURPOSE = "Penetrance of variants of MYH7; two people, encrypted disks."
APPLICANT = "Rui Researcher"  # as the demo's broker calls its researcher


def download(family: Family, member: str, file: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Fetch a file as its reader does: a fresh Passport, then ``gsanode download``, which compares checksums."""
    host = next(host for host, url in family.facts["drs_hosts"].items() if url == family.url(member))
    environment = {
        **os.environ,
        "PASSPORT": family.token("researcher", "--passport"),
        "GSANODE_CLIENT": family.facts["client"],
    }
    command = [sys.executable, "-m", "node.cli", "download", f"drs://{host}/{file}"]
    command += ["--out", str(folder), "--passport-env", "PASSPORT"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def assert_fetched(family: Family, member: str, format: str, folder: Path) -> None:
    file = family.file(member, "controlled", format)
    done = download(family, member, file["id"], folder)
    assert done.returncode == 0, done.stderr
    assert (folder / file["name"]).read_bytes() == family.stored(member, file["name"]).read_bytes()


def assert_refused(family: Family, member: str, format: str, folder: Path) -> None:
    done = download(family, member, family.file(member, "controlled", format)["id"], folder)
    assert done.returncode == 1
    assert "HTTP 403" in done.stderr or "HTTP 401" in done.stderr, done.stderr
    assert not folder.exists() or not list(folder.iterdir())


def ask(researcher: Visitor, family: Family, dataset: str) -> None:
    """From the page of the data set to a request that waits."""
    page = researcher.page
    researcher.open(f"{family.url('gsa-human')}/datasets/{dataset}")
    researcher.look("dataset")
    page.get_by_role("link", name="Request access").click()
    expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
    researcher.look("sign-in")
    researcher.sign_in(family.user("researcher"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Allow GSA-Human to know this about you?")
    researcher.look("consent")
    page.get_by_role("button", name="Allow", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Request access")
    researcher.look("request")
    page.get_by_label("What do you need it for?").fill(PURPOSE)
    page.get_by_label("E-mail for the decision (optional)").fill("rui@example.org")
    page.get_by_role("button", name="Send to the committee").click()
    expect(page.get_by_role("status")).to_have_text("The request was sent to the committee.")
    expect(page.get_by_role("row").filter(has_text=dataset).get_by_text("Waiting for decision")).to_be_visible()
    researcher.look("requests")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()


def test_a_data_set_is_asked_for_granted_fetched_and_revoked(family: Family, visits: Visits, tmp_path: Path) -> None:
    dataset = family.dataset("gsa-human", "controlled")
    researcher, committee = visits(), visits()
    assert_refused(family, "gsa-human", "BAM", tmp_path / "before")
    ask(researcher, family, dataset)

    desk = committee.page
    committee.open(f"{family.url('gsa-human')}/dac")
    committee.sign_in(family.user("DAC member"))
    desk.get_by_role("button", name="Allow", exact=True).click()
    waiting = desk.get_by_role("article").filter(has_text=dataset)
    expect(waiting).to_contain_text(APPLICANT)
    expect(waiting).to_contain_text(PURPOSE)
    committee.look("desk")
    waiting.get_by_role("button", name="Approve for one year").click()
    expect(desk.get_by_role("status")).to_have_text("Approved. The applicant has access from now on.")
    expect(desk.get_by_role("article")).to_have_count(0)
    committee.look("desk-after")

    page = researcher.page
    page.get_by_role("link", name="My requests").click()
    expect(page.get_by_role("row").filter(has_text=dataset).first.get_by_text("Approved")).to_be_visible()
    researcher.look("requests-approved")
    assert_fetched(family, "gsa-human", "BAM", tmp_path / "granted")

    desk.get_by_role("row").filter(has_text=dataset).first.get_by_role("link").click()
    expect(desk.get_by_role("button", name="Revoke access")).to_be_visible()
    committee.look("request-approved")
    desk.get_by_role("button", name="Revoke access").click()
    expect(desk.get_by_role("status")).to_have_text("Revoked. Access has ended.")
    assert_refused(family, "gsa-human", "BAM", tmp_path / "after")
    page.reload()
    expect(page.get_by_role("row").filter(has_text=dataset).first.get_by_text("Revoked")).to_be_visible()


def test_another_persons_request_is_no_page(family: Family, visits: Visits) -> None:
    operator = visits()
    operator.open(f"{family.url('gsa-human')}/dac")
    operator.sign_in(family.user("operator"))
    operator.page.get_by_role("button", name="Allow", exact=True).click()
    expect(operator.page.get_by_text("Nothing waits for your decision.")).to_be_visible()
    operator.look("desk-of-nobody")
    operator.open(f"{family.url('gsa-human')}/requests")
    expect(operator.page.get_by_text("You have not asked for any controlled data set yet.")).to_be_visible()
    operator.look("requests-none")


def test_who_does_not_consent_is_told_so_and_stays_out(family: Family, visits: Visits) -> None:
    operator = visits()
    operator.open(f"{family.url('obia')}/requests")
    operator.sign_in(family.user("operator"))
    operator.page.get_by_role("button", name="Do not allow").click()
    expect(operator.page.get_by_role("heading", level=1)).to_have_text("Sign-in did not work")
    expect(operator.page.get_by_text("You did not allow it.")).to_be_visible()
    operator.was_refused()
    operator.look("not-allowed")


def test_in_chinese_on_a_phone_by_keyboard_alone(family: Family, visits: Visits, tmp_path: Path) -> None:
    dataset = family.dataset("omix", "controlled")
    researcher, committee = (visits("zh-CN", **PHONE) for _ in range(2))
    page = researcher.page

    researcher.open(f"{family.url('omix')}/")
    expect(page.get_by_role("heading", level=1)).to_have_text("多元组学数据归档库")
    researcher.type_into(page.get_by_label("搜索数据集"), dataset)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"[?&]q="))
    researcher.look("zh-home")
    researcher.press(page.get_by_role("link", name=dataset))
    expect(page.get_by_role("link", name="申请访问")).to_be_visible()
    researcher.look("zh-dataset")
    researcher.press(page.get_by_role("link", name="申请访问"))
    _sign_in_by_keyboard(researcher, family.user("researcher"))
    researcher.type_into(page.get_by_label("您需要这些数据做什么？"), "研究心肌病的蛋白标志物")
    researcher.look("zh-request")
    researcher.press(page.get_by_role("button", name="提交给委员会"))
    expect(page.get_by_role("status")).to_have_text("申请已提交给委员会。")
    expect(page.get_by_role("row").filter(has_text=dataset).get_by_text("待审批")).to_be_visible()
    researcher.look("zh-requests")

    desk = committee.page
    committee.open(f"{family.url('omix')}/dac")
    _sign_in_by_keyboard(committee, family.user("DAC member"))
    expect(desk.get_by_role("article").filter(has_text=dataset)).to_contain_text(APPLICANT)
    committee.look("zh-desk")
    committee.press(desk.get_by_role("button", name="批准一年"))
    expect(desk.get_by_role("status")).to_have_text("已批准，申请人即刻起可以访问。")

    page.reload()
    expect(page.get_by_role("row").filter(has_text=dataset).first.get_by_text("已批准")).to_be_visible()
    assert_fetched(family, "omix", "CSV", tmp_path / "granted")
    committee.press(desk.get_by_role("row").filter(has_text=dataset).first.get_by_role("link"))
    revoke = desk.get_by_role("button", name="撤销访问")
    expect(revoke).to_be_visible()  # the page of the request, not the desk that led to it
    committee.look("zh-request-approved")
    committee.press(revoke)
    expect(desk.get_by_role("status")).to_have_text("已撤销，访问已终止。")
    assert_refused(family, "omix", "CSV", tmp_path / "after")
    researcher.press(page.get_by_role("button", name="退出登录"))
    expect(page.get_by_role("link", name="登录")).to_be_visible()


def _sign_in_by_keyboard(visitor: Visitor, user: dict[str, str]) -> None:
    """The name has the focus when the page opens."""
    expect(visitor.page.get_by_label("用户名")).to_be_focused()
    visitor.page.keyboard.type(user["name"])
    visitor.type_into(visitor.page.get_by_label("密码"), user["password"])
    visitor.page.keyboard.press("Enter")
    allow = visitor.page.get_by_role("button", name="允许", exact=True)
    visitor.tab_to(allow)
    visitor.look("zh-consent")
    visitor.page.keyboard.press("Enter")
