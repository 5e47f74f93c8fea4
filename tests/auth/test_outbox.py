"""The outbox: nothing is lost, whatever fails; headers cannot be injected."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from auth import outbox
from auth.database import writing
from auth.tables import OutboxMail
from tests.auth.world import NOW, Clock
from tests.support import free_port


def put(engine: Engine, count: int, address: str = "a@b.example") -> None:
    with Session(writing(engine)) as session, session.begin():
        for number in range(count):
            outbox.put(session, recipient="alice", address=address, subject=f"s{number}", body="b", now=NOW)


class Flaky:
    """Fails as often as told, then takes mails."""

    def __init__(self, failures: int) -> None:
        self.failures, self.sent, self.lock = failures, list[int](), threading.Lock()
        self.two = threading.Event()

    def send(self, key: int, message: EmailMessage) -> None:
        with self.lock:
            if self.failures:
                self.failures -= 1
                raise OSError("connection refused")
            self.sent.append(key)
            if len(self.sent) == 2:
                self.two.set()


def test_mails_reach_the_folder_as_messages(auth_engine: Engine, tmp_path: Path, clock: Clock) -> None:
    put(auth_engine, 3)
    put(auth_engine, 1, address="")
    assert outbox.deliver(auth_engine, outbox.Folder(tmp_path / "mail"), "node@x.example", clock) == 4
    assert outbox.deliver(auth_engine, outbox.Folder(tmp_path / "mail"), "node@x.example", clock) == 0
    files = sorted((tmp_path / "mail").iterdir())
    first = BytesParser().parsebytes(files[0].read_bytes())
    assert (first["From"], first["To"], first["Subject"]) == ("node@x.example", "a@b.example", "s0")
    assert len(files) == 4


def test_a_failed_mail_is_tried_again_later_and_later(auth_engine: Engine, clock: Clock) -> None:
    put(auth_engine, 1)
    server = Flaky(3)
    waits = []
    for _ in range(4):
        while not outbox.deliver(auth_engine, server, "n@x", clock):
            with Session(auth_engine) as session:
                due = session.scalars(select(OutboxMail.due_at)).one()
            waits.append(due - clock())
            clock.seconds = due
        break
    assert waits == [60, 120, 240]
    assert len(server.sent) == 1


def test_a_crash_between_sending_and_marking_sends_again(
    auth_engine: Engine, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At least once: the same mail, with the same Message-ID."""
    put(auth_engine, 1)
    server = Flaky(0)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(outbox, "_mark", killed)
        with pytest.raises(KeyboardInterrupt):
            outbox.deliver(auth_engine, server, "n@x", clock)
    assert outbox.deliver(auth_engine, server, "n@x", clock) == 0  # leased
    clock.seconds += outbox.LEASE
    assert outbox.deliver(auth_engine, server, "n@x", clock) == 1
    assert server.sent[0] == server.sent[1]


def test_two_deliverers_do_not_send_the_same_mail(auth_engine: Engine, clock: Clock) -> None:
    put(auth_engine, 60)
    server = Flaky(0)
    threads = [threading.Thread(target=outbox.deliver, args=(auth_engine, server, "n@x", clock)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(server.sent) == sorted(set(server.sent))
    assert len(server.sent) == 60


def test_ATTACKS_65_a_line_feed_cannot_add_a_header(small_engine: Engine, clock: Clock, tmp_path: Path) -> None:
    put(small_engine, 1, address="a@b.example\nBcc: c@d.example")
    put(small_engine, 1)
    assert outbox.deliver(small_engine, outbox.Folder(tmp_path / "mail"), "n@x", clock) == 1
    (sent,) = (tmp_path / "mail").iterdir()
    assert b"Bcc" not in sent.read_bytes()


class MailServer(socketserver.StreamRequestHandler):
    """Speaks as much SMTP as a delivery needs; the server counts connections and keeps messages."""

    def handle(self) -> None:
        server: Any = self.server
        server.connections += 1
        self.wfile.write(b"220 mail.example\r\n")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                server.messages.append(b"".join(iter(self.rfile.readline, b".\r\n")))
            self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")


@pytest.fixture
def mail_server() -> Iterator[Any]:
    server: Any = socketserver.ThreadingTCPServer(("127.0.0.1", 0), MailServer)
    server.connections, server.messages = 0, []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(10)


def test_smtp_sends_what_has_an_address_and_connects_for_nothing_else(
    small_engine: Engine, clock: Clock, mail_server: Any
) -> None:
    transport = outbox.Smtp("127.0.0.1", mail_server.server_address[1], tls="none")
    put(small_engine, 2, address="")
    assert outbox.deliver(small_engine, transport, "node@x.example", clock) == 2
    assert mail_server.connections == 0
    put(small_engine, 1, address="a@b.example")
    assert outbox.deliver(small_engine, transport, "node@x.example", clock) == 1
    assert mail_server.connections == 1
    (message,) = mail_server.messages
    assert b"To: a@b.example\r\n" in message
    assert b"Subject: s0\r\n" in message


def test_a_mail_server_that_is_away_is_tried_again(small_engine: Engine, clock: Clock, mail_server: Any) -> None:
    """Nothing is lost between the two: the mail waits in the outbox."""
    put(small_engine, 1)
    away = outbox.Smtp("127.0.0.1", free_port(), tls="none", timeout=1)
    assert outbox.deliver(small_engine, away, "node@x.example", clock) == 0
    clock.seconds += 2 * outbox.FIRST_RETRY
    here = outbox.Smtp("127.0.0.1", mail_server.server_address[1], tls="none")
    assert outbox.deliver(small_engine, here, "node@x.example", clock) == 1
    assert len(mail_server.messages) == 1


def test_the_loop_stops_when_told(small_engine: Engine, clock: Clock) -> None:
    stop, server = threading.Event(), Flaky(0)
    put(small_engine, 2)
    settings = {"interval": 0.01, "now": clock}
    thread = threading.Thread(target=outbox.run, args=(small_engine, server, "n@x", stop), kwargs=settings, daemon=True)
    thread.start()
    assert server.two.wait(10)
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
