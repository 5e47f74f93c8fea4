"""Who is told of what: mails about a request, put into the outbox with the change they tell of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from auth import links, outbox
from auth.access_request import Role
from auth.standing import deciders
from auth.tables import AccessRequest, CoMember

TO_COMMITTEE = frozenset({"submit", "close", "note"})
TO_APPLICANT = frozenset({"return", "approve", "reject", "revoke", "expire", "join", "leave"})
NEWS: Mapping[str, tuple[str, str]] = {
    "comment": ("has a new comment", "有新的意见"),
    "note": ("has a new internal note of the committee", "有新的委员会内部备注"),
    "join": ("has a new co-member", "有新的共同使用人"),
    "leave": ("has one co-member less", "有一位共同使用人退出"),
}
STATES = {
    "submitted": "已提交，待审批",
    "returned": "已退回",
    "approved": "已批准",
    "rejected": "已拒绝",
    "revoked": "已撤销",
    "closed": "已关闭",
    "expired": "已到期",
}


@dataclass(frozen=True, slots=True)
class Announcer:
    """Writes the mails of one member.

    :param public_url: named in links.
    :param one_click: whether the committee's mails carry a link whose page approves with one click.
    """

    public_url: str
    one_click: bool = False

    def announce(self, session: Session, row: AccessRequest, action: str, role: Role, actor: str, now: int) -> None:
        """Tell the others of a change that ``actor`` made in ``role``."""
        news, zh = NEWS.get(action, (f"is now {row.state}", STATES.get(row.state, row.state)))
        for subject, mail in self._recipients(session, row, action, role, now).items():
            if subject == actor:
                continue
            body = (
                f"The request {row.id} for the data set {row.dataset} {news}.\n"
                f"数据集 {row.dataset} 的访问申请 {row.id} {zh}。\n\n"
                f"Open it at 请打开: {self.public_url}/dac/requests/{row.id}\n"
            )
            if self.one_click and action == "submit" and mail:
                secret = links.make(session, "approve", row, now, subject=subject)
                body += (
                    f"\nApprove with one click 登录后一键批准: {self.public_url}/dac/approve/{secret}\n"
                    f"Sign in first. The link is yours alone, works once, and until {links.DAYS} days from now. "
                    f"此链接仅供您本人使用一次，{links.DAYS} 天内有效。\n"
                )
            title = f"{row.dataset}: access request {row.state if action not in NEWS else news}"
            outbox.put(session, recipient=subject, address=mail, subject=title, body=body, now=now)

    def invite(self, session: Session, row: AccessRequest, mail: str, secret: str, now: int) -> str:
        """Mail an invitation to share ``row``; the link in it."""
        link = f"{self.public_url}/requests/join/{secret}"
        who = row.applicant_name or row.applicant
        body = (
            f"{who} asks for the data set {row.dataset} and names you as one who shall use it too.\n"
            f"{who} 申请数据集 {row.dataset}，并邀请您成为共同使用人。\n\n"
            f"Sign in and accept within {links.DAYS} days 请在 {links.DAYS} 天内登录并接受: {link}\n"
        )
        if mail:
            title = f"{row.dataset}: invitation to an access request"
            outbox.put(session, recipient="", address=mail, subject=title, body=body, now=now)
        return link

    def _recipients(self, session: Session, row: AccessRequest, action: str, role: Role, now: int) -> Mapping[str, str]:
        """Address by subject: decisions go to those who asked, what they do to the committee."""
        if row.submitted_at is None and action != "join":
            return {}
        members = {
            member.subject: member.mail
            for member in session.scalars(select(CoMember).where(CoMember.request == row.id))
        }
        if action in TO_APPLICANT or (action == "comment" and role == "committee"):
            return {row.applicant: row.applicant_mail, **members}
        if action in TO_COMMITTEE or action == "comment":
            found = deciders(session, row.committee, now)
            return {who: mail for who, mail in found.items() if who != row.applicant and who not in members}
        return {}
