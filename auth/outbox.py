"""E-mail leaves through an outbox: written with the change that causes it, sent afterwards, at least once."""

from __future__ import annotations

import os
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from threading import Event
from typing import Protocol

import structlog
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from auth.database import writing
from auth.keys import clock
from auth.tables import OutboxMail

log = structlog.get_logger(__name__)

BATCH = 50
LEASE = 60
"""Seconds for which a mail being sent is left alone by other processes."""

FIRST_RETRY = 30
LAST_RETRY = 3600


class Transport(Protocol):
    """Takes a message away; raises OSError (also smtplib's errors are) if it cannot."""

    def send(self, key: int, message: EmailMessage) -> None:
        """Deliver ``message``; ``key`` is the same at every attempt for the same mail."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A local sink: each mail becomes one file ``{key}.eml``."""

    path: Path

    def send(self, key: int, message: EmailMessage) -> None:
        """Write the message atomically; a second attempt replaces the first."""
        self.path.mkdir(parents=True, exist_ok=True)
        unfinished = self.path / f".{key}.{os.getpid()}.tmp"
        with unfinished.open("wb") as file:
            file.write(message.as_bytes())
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self.path / f"{key}.eml")


@dataclass(frozen=True, slots=True)
class Smtp:
    """A mail server.

    :param tls: ``starttls``, ``tls`` from the start, or ``none`` (only for a server on this machine). The server's
        certificate is verified.
    """

    host: str
    port: int = 25
    tls: str = "starttls"
    user: str = ""
    password: str = ""
    timeout: float = 20.0

    def send(self, key: int, message: EmailMessage) -> None:
        """Hand the message to the server; without an address there is nowhere to send it."""
        if "To" not in message:
            log.warning("mail_without_address", mail=key)
            return
        with self._connect() as server:
            if self.tls == "starttls":
                server.starttls(context=ssl.create_default_context())
            if self.user:
                server.login(self.user, self.password)
            server.send_message(message)

    def _connect(self) -> smtplib.SMTP:
        if self.tls == "tls":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(self.host, self.port, timeout=self.timeout, context=context)
        return smtplib.SMTP(self.host, self.port, timeout=self.timeout)


def put(session: Session, *, recipient: str, address: str, subject: str, body: str, now: int) -> None:
    """Write a mail in the caller's transaction.

    :param recipient: subject of the person, for the record.
    :param address: e-mail address; empty if none is known (the mail then reaches a local sink only).
    """
    session.add(
        OutboxMail(
            recipient=recipient, address=address, subject=subject, body=body, created_at=now, due_at=now, sent_at=None
        )
    )


def deliver(engine: Engine, transport: Transport, sender: str, now: Callable[[], int] = clock) -> int:
    """Send what is due, once; returns how many mails were sent.

    A mail is leased, sent, then marked: a crash between the two sends it again, never loses it.
    """
    sent = 0
    for mail in _lease(engine, now()):
        try:
            transport.send(mail.id, _message(mail, sender))
        except (OSError, ValueError) as error:  # ValueError: a header that would not be one line
            log.warning("mail_not_sent", mail=mail.id, attempts=mail.attempts, reason=type(error).__name__)
            _mark(engine, mail.id, due_at=now() + min(LAST_RETRY, FIRST_RETRY * 2 ** min(mail.attempts, 10)))
        else:
            _mark(engine, mail.id, sent_at=now())
            sent += 1
    return sent


def run(
    engine: Engine,
    transport: Transport,
    sender: str,
    stop: Event,
    *,
    interval: float = 1.0,
    now: Callable[[], int] = clock,
) -> None:
    """Deliver until ``stop`` is set, looking every ``interval`` seconds; a process runs this in a thread of its own."""
    while not stop.is_set():
        if not deliver(engine, transport, sender, now):
            stop.wait(interval)


def _lease(engine: Engine, now: int) -> list[OutboxMail]:
    with Session(writing(engine), expire_on_commit=False) as session, session.begin():
        due = select(OutboxMail).where(OutboxMail.sent_at.is_(None), OutboxMail.due_at <= now)
        mails = list(session.scalars(due.order_by(OutboxMail.id).limit(BATCH).with_for_update(skip_locked=True)))
        for mail in mails:
            mail.due_at, mail.attempts = now + LEASE, mail.attempts + 1
    return mails


def _mark(engine: Engine, key: int, **values: int) -> None:
    with Session(writing(engine)) as session, session.begin():
        session.execute(update(OutboxMail).where(OutboxMail.id == key).values(**values))


def _message(mail: OutboxMail, sender: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = sender
    if mail.address:
        message["To"] = mail.address
    message["Subject"] = mail.subject
    message["Message-ID"] = f"<{mail.created_at}.{mail.id}@{sender.rpartition('@')[2]}>"  # a repetition is recognised
    message.set_content(mail.body)
    return message
