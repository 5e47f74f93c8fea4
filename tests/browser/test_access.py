"""A controlled data set on the pages: asked for, granted with one click, fetched by the command line, revoked."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visits
from tests.browser.visitor import PHONE, Visitor
from tests.interop.family import Family

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
PURPOSE = "Penetrance of variants of MYH7; two people, encrypted disks."
APPLICANT = "Rui Researcher"  # as the demo's broker calls its researcher
PLAN = b"%PDF-1.7 how the data are kept"


def download(
    family: Family, member: str, file: str, folder: Path, role: str = "researcher"
) -> subprocess.CompletedProcess[str]:
    """Fetch a file as its reader does: a fresh Passport, then ``gsanode download``, which compares checksums."""
    host = next(host for host, url in family.facts["drs_hosts"].items() if url == family.url(member))
    environment = {
        **os.environ,
        "PASSPORT": family.token(role, "--passport"),
        "GSANODE_CLIENT": family.facts["client"],
    }
    command = [sys.executable, "-m", "node.cli", "download", f"drs://{host}/{file}"]
    command += ["--out", str(folder), "--passport-env", "PASSPORT"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def assert_fetched(family: Family, member: str, format: str, folder: Path, role: str = "researcher") -> None:
    file = family.file(member, "controlled", format)
    done = download(family, member, file["id"], folder, role)
    assert done.returncode == 0, done.stderr
    assert (folder / file["name"]).read_bytes() == family.stored(member, file["name"]).read_bytes()


def assert_refused(family: Family, member: str, format: str, folder: Path, role: str = "researcher") -> None:
    done = download(family, member, family.file(member, "controlled", format)["id"], folder, role)
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
    sign_in(committee, family, "DAC member")
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


def sign_in(visitor: Visitor, family: Family, role: str) -> None:
    """At the broker, with consent where it was not given before."""
    visitor.sign_in(family.user(role))
    allow = visitor.page.get_by_role("button", name="Allow", exact=True)
    expect(allow.or_(visitor.page.get_by_role("button", name="Sign out"))).to_be_visible()
    if allow.is_visible():
        allow.click()


def mailed_link(family: Family, member: str, path: str, after: int) -> str:
    """The newest link of that kind in the mails that left after the first ``after``; mails leave within seconds."""
    folder, deadline = family.folder / "mail" / member, time.monotonic() + 30
    while time.monotonic() < deadline:
        for mail in sorted(folder.glob("*.eml"), key=lambda file: int(file.stem), reverse=True):
            body = message_from_bytes(mail.read_bytes(), policy=policy.default).get_content()
            found = re.search(rf"https?://\S+{path}\S+", body)
            if found and int(mail.stem) > after:
                return found[0]
        time.sleep(0.2)
    raise AssertionError(f"no mail of {member} holds a link to {path}")


def newest_mail(family: Family, member: str) -> int:
    return max((int(file.stem) for file in (family.folder / "mail" / member).glob("*.eml")), default=0)


def test_another_persons_request_is_no_page(family: Family, visits: Visits) -> None:
    operator = visits()
    operator.open(f"{family.url('gsa-human')}/dac")
    sign_in(operator, family, "operator")
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


def test_gsa_human_from_draft_to_download_and_revocation(family: Family, visits: Visits, tmp_path: Path) -> None:
    """A draft with a document and a co-member, a question and its answer, an approval for two, a renewal, the end."""
    dataset, member = family.dataset("gsa-human", "controlled"), "gsa-human"
    researcher, colleague, committee = visits(), visits(), visits()
    page, desk, other = researcher.page, committee.page, colleague.page
    before = newest_mail(family, member)
    researcher.open(f"{family.url(member)}/requests/new?dataset={dataset}")
    sign_in(researcher, family, "researcher")
    page.get_by_label("What do you need it for?").fill(PURPOSE)
    page.get_by_label("Health or medical research").check()
    page.get_by_label("Population history or ancestry").check()
    page.get_by_label("Ethics approval is in place").select_option("Yes")
    researcher.look("form")
    page.get_by_role("button", name="Save as draft").click()
    expect(page.get_by_role("status")).to_have_text("Saved. Only you can see it until you send it.")
    page.get_by_label("Attach a document").set_input_files(
        {"name": "plan.pdf", "mimeType": "application/pdf", "buffer": PLAN}
    )
    page.get_by_role("button", name="Attach", exact=True).click()
    expect(page.get_by_role("link", name="plan.pdf")).to_be_visible()
    page.get_by_label("E-mail of somebody who shall use the data too").fill("kai@demo.example")
    page.get_by_role("button", name="Invite").click()
    expect(page.get_by_role("status")).to_contain_text("/requests/join/")
    researcher.look("draft")
    number = page.url.rpartition("/")[2]

    colleague.open(mailed_link(family, member, "/requests/join/", before))
    sign_in(colleague, family, "colleague")
    expect(other.get_by_text(APPLICANT)).to_be_visible()
    colleague.look("invitation")
    other.get_by_role("button", name="Accept").click()
    expect(other.get_by_role("status")).to_contain_text("You take part.")
    colleague.open(f"{family.url(member)}/dac/requests/{number}")
    expect(other.get_by_text("No such request.")).to_be_visible()
    colleague.was_refused()

    page.reload()
    page.get_by_role("button", name="Send to the committee").click()
    expect(page.get_by_role("status")).to_have_text("The request was sent to the committee.")
    committee.open(f"{family.url(member)}/dac/requests/{number}")
    sign_in(committee, family, "DAC member")
    expect(desk.get_by_role("row").filter(has_text="DUO:0000006")).to_contain_text("Conflicts")
    expect(desk.get_by_role("row").filter(has_text="DUO:0000021")).to_contain_text("Fits")
    expect(desk.get_by_text("Kai Colleague").first).to_be_visible()
    with desk.expect_download() as saved:
        desk.get_by_role("link", name="plan.pdf").click()
    assert saved.value.suggested_filename == "plan.pdf"
    assert Path(saved.value.path()).read_bytes() == PLAN
    committee.look("request-to-decide")
    desk.get_by_label("Add a comment").fill("I know this group.")
    desk.get_by_label("For the committee alone").check()
    desk.get_by_role("button", name="Add the comment").click()
    expect(desk.get_by_text("I know this group.")).to_be_visible()
    desk.get_by_label("Comment for the applicant").first.fill("Please leave ancestry out.")
    desk.get_by_role("button", name="Return to the applicant").click()
    expect(desk.get_by_role("status")).to_have_text("Returned to the applicant.")

    page.reload()
    expect(page.get_by_text("Please leave ancestry out.")).to_be_visible()
    expect(page.get_by_text("I know this group.")).to_have_count(0)
    researcher.look("returned")
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Population history or ancestry").uncheck()
    page.get_by_role("button", name="Save").click()
    page.get_by_label("Add a comment").fill("It is out now.")
    page.get_by_role("button", name="Add the comment").click()
    page.get_by_role("button", name="Send to the committee").click()
    expect(page.get_by_role("status")).to_have_text("The request was sent to the committee.")

    desk.reload()
    expect(desk.get_by_role("row").filter(has_text="DUO:0000006")).to_contain_text("Fits")
    expect(desk.get_by_text("It is out now.")).to_be_visible()
    desk.get_by_label("Access for").select_option("30 days")
    desk.get_by_role("button", name="Approve", exact=True).click()
    expect(desk.get_by_role("status")).to_have_text("Approved. The applicant has access from now on.")
    desk.get_by_text("History").click()
    committee.look("request-history")
    for role in ("researcher", "colleague"):
        assert_fetched(family, member, "BAM", tmp_path / role, role)

    other.get_by_role("link", name="My requests").click()
    other.get_by_role("link", name=dataset).first.click()
    other.get_by_role("button", name="Leave the request").click()
    expect(other.get_by_role("status")).to_have_text("You have left the request.")
    assert_refused(family, member, "BAM", tmp_path / "left", "colleague")
    assert_fetched(family, member, "BAM", tmp_path / "stays")

    page.reload()
    page.get_by_role("button", name="Draft a renewal").click()
    page.get_by_role("button", name="Send to the committee").click()
    expect(page.get_by_role("status")).to_have_text("The request was sent to the committee.")
    committee.open(f"{family.url(member)}/dac")
    committee.page.get_by_role("article").filter(has_text=dataset).get_by_role("button").click()
    expect(desk.get_by_role("status")).to_have_text("Approved. The applicant has access from now on.")
    assert_fetched(family, member, "BAM", tmp_path / "renewed")
    desk.get_by_role("row").filter(has_text=dataset).first.get_by_role("link").click()
    desk.get_by_role("button", name="Revoke access").click()
    expect(desk.get_by_role("status")).to_have_text("Revoked. Access has ended.")
    assert_refused(family, member, "BAM", tmp_path / "revoked")


def test_omix_one_click_from_the_mail(family: Family, visits: Visits, tmp_path: Path) -> None:
    """ATTACKS 64: opening the link decides nothing, one click by the right person does, a second does not."""
    dataset, member = family.dataset("omix", "controlled"), "omix"
    researcher, committee, operator = visits(), visits(), visits()
    before = newest_mail(family, member)
    researcher.open(f"{family.url(member)}/requests/new?dataset={dataset}")
    sign_in(researcher, family, "researcher")
    researcher.page.get_by_label("What do you need it for?").fill(PURPOSE)
    researcher.page.get_by_role("button", name="Send to the committee").click()
    expect(researcher.page.get_by_role("status")).to_have_text("The request was sent to the committee.")
    link = mailed_link(family, member, "/dac/approve/", before)

    operator.open(link)
    sign_in(operator, family, "operator")
    expect(operator.page.get_by_text("No such request.")).to_be_visible()
    operator.was_refused()

    desk = committee.page
    committee.open(link)
    sign_in(committee, family, "DAC member")
    expect(desk.get_by_text(APPLICANT)).to_be_visible()
    committee.look("one-click")
    assert_refused(family, member, "CSV", tmp_path / "opened")
    desk.get_by_role("button", name="Approve for one year").click()
    expect(desk.get_by_role("status")).to_have_text("Approved. The applicant has access from now on.")
    assert_fetched(family, member, "CSV", tmp_path / "granted")

    committee.open(link)
    expect(desk.get_by_role("heading", level=1)).to_have_text("This link does nothing any more")
    committee.was_refused()
    committee.look("one-click-used")
    desk.get_by_role("link", name="Committee desk").first.click()
    desk.get_by_role("link", name="My committees").click()
    committee.look("committees")
    committee.open(f"{family.url(member)}/dac")
    desk.get_by_role("row").filter(has_text=dataset).first.get_by_role("link").click()
    desk.get_by_role("button", name="Revoke access").click()
    expect(desk.get_by_role("status")).to_have_text("Revoked. Access has ended.")
    assert_refused(family, member, "CSV", tmp_path / "revoked")
