"""C-STORE from known application entities; floods and liars are bounded."""

from __future__ import annotations

import datetime as dt
import gc
import socket
import ssl
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pydicom
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import ValidationError
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.sop_class import CTImageStorage, Verification

from adapters.images.listening import Entity, Listener, Place, tls
from adapters.registration.accessions import Accessions
from node.reception import intake, reception
from node.settings import ImageSettings, Listening, profile
from tests.adapters.images.made import COLLECTION, KEY, Archive, image, opened

LARGEST = 1 << 20
# The library leaves sockets of failed handshakes to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with opened(tmp_path / "m") as made:
        yield made


@contextmanager
def listening(archive: Archive, *, quota: int = 1 << 30, most: int = 2, context: Any = None) -> Iterator[int]:
    settings = ImageSettings(
        quarantine=archive.folder / "quarantine", store="disk", key=KEY, settle_seconds=0, quota_bytes=quota
    )
    patterns, into = Accessions(profile("obia").accessions.model_dump()), intake(settings, archive.engine)
    taken = {
        title: Entity(title, reception(settings, into, patterns, COLLECTION, title), address)
        for title, address in (("SCANNER", None), ("ELSEWHERE", "192.0.2.1"))
    }
    listener = Listener(Place("127.0.0.1", 0, "GSANODE", most, context), taken, archive.quarantine, LARGEST)
    port = listener.start()
    try:
        yield port
    finally:
        listener.stop()
        let_go()


def let_go() -> None:
    """The library leaves the sockets of broken associations to the garbage collector: not to that of another test."""
    for thread in threading.enumerate():
        if isinstance(thread, Association):
            thread.join(40)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def associated(port: int, title: str = "SCANNER", called: str = "GSANODE", **given: Any) -> Any:
    entity = AE(ae_title=title)
    entity.add_requested_context(CTImageStorage, [pydicom.uid.ExplicitVRLittleEndian])
    entity.add_requested_context(Verification)
    return entity.associate("127.0.0.1", port, ae_title=called, **given)


def send(port: int, *paths: Path) -> list[int]:
    association = associated(port)
    assert association.is_established
    try:
        return [association.send_c_store(path).get("Status", -1) for path in paths]
    finally:
        association.release()


def test_what_a_scanner_sends_is_archived(archive: Archive, tmp_path: Path) -> None:
    files = [image(tmp_path / f"{n}.dcm", number=n) for n in (1, 2, 3)]
    with listening(archive) as port:
        assert send(port, *files) == [0, 0, 0]
        assert send(port, files[0]) == [0]  # again
    assert archive.command("jobs", "run")[0] == 0
    assert len(archive.archived()) == 3
    assert archive.states() == ["Archived"] * 3
    assert archive.originals() == []
    archive.expect_clean()


def test_refusals_have_the_status_of_the_standard(archive: Archive, tmp_path: Path) -> None:
    good = image(tmp_path / "good.dcm")
    twin = image(tmp_path / "twin.dcm", StudyDescription="other bytes, the same UID")
    nobody = image(tmp_path / "nobody.dcm", number=3, PatientID="")
    large = image(tmp_path / "large.dcm", number=4, PatientComments="x" * LARGEST)
    with listening(archive) as port:
        assert send(port, good, twin, nobody, large) == [0, 0x0111, 0xC000, 0xA700]
    assert len(archive.originals()) == 1


@pytest.mark.parametrize(("title", "called"), [("STRANGER", "GSANODE"), ("SCANNER", "OTHER"), ("ELSEWHERE", "GSANODE")])
def test_strangers_are_not_let_in(archive: Archive, title: str, called: str) -> None:
    with listening(archive) as port:
        association = associated(port, title, called)
        if association.is_alive():  # one from a wrong address is let go of as soon as that is seen
            association.join(30)
        assert not association.is_established


def test_a_collection_that_is_full_takes_no_more(archive: Archive, tmp_path: Path) -> None:
    files = [image(tmp_path / f"{n}.dcm", number=n) for n in (1, 2, 3, 4)]
    with listening(archive, quota=2 * files[0].stat().st_size) as port:
        statuses = send(port, *files)
        assert statuses[0] == 0
        assert statuses[-1] == 0xA700
        taken = statuses.count(0)
        assert set(send(port, *files[taken:])) == {0xA700}
        assert archive.command("jobs", "run")[0] == 0
        assert set(send(port, *files[taken : taken + 1])) == {0}  # there is room again


def test_floods_of_associations_and_of_silent_connections_are_bounded(archive: Archive, tmp_path: Path) -> None:
    with listening(archive, most=2) as port:
        others = set(threading.enumerate())  # of listeners before this one
        held = [associated(port) for _ in range(2)]
        assert all(one.is_established for one in held)
        third = associated(port)
        assert third.is_rejected
        silent = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(40)]
        threads = [one for one in set(threading.enumerate()) - others if "AcceptorThread" in one.name]
        assert len(threads) <= 4
        for one in held:
            one.release()
        deadline = time.monotonic() + 60
        while not (again := associated(port)).is_established:  # when the silent ones' time is over
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert again.send_c_store(image(tmp_path / "a.dcm")).Status == 0
        again.release()
        for connection in silent:
            connection.close()


def certificate(folder: Path, name: str, issuer: tuple[Any, Any] | None = None) -> tuple[Any, Any]:
    """A key and a certificate in PEM files, of an authority if one is given."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[1].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .sign(issuer[0] if issuer else key, hashes.SHA256())
    )
    (folder / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return key, made


def test_with_tls_only_certified_senders_are_let_in_and_one_who_waits_stops_nobody(
    archive: Archive, tmp_path: Path
) -> None:
    authority = certificate(tmp_path, "authority")
    for name in ("node", "scanner"):
        certificate(tmp_path, name, authority)
    certificate(tmp_path, "stranger")
    server = tls(tmp_path / "node.pem", tmp_path / "node.key", tmp_path / "authority.pem")

    def client(name: str) -> tuple[ssl.SSLContext, None]:
        context = ssl.create_default_context(cafile=str(tmp_path / "authority.pem"))
        context.check_hostname = False
        context.load_cert_chain(tmp_path / f"{name}.pem", tmp_path / f"{name}.key")
        return context, None

    with listening(archive, most=4, context=server) as port, closing(socket.create_connection(("127.0.0.1", port))):
        association = associated(port, tls_args=client("scanner"))
        assert association.is_established
        assert association.send_c_store(image(tmp_path / "a.dcm")).Status == 0
        association.release()
        assert not associated(port, tls_args=client("stranger")).is_established
        assert not associated(port).is_established


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "::"])
def test_without_tls_it_listens_on_loopback_only(host: str) -> None:
    with pytest.raises(ValidationError, match="loopback"):
        Listening.model_validate({"host": host, "senders": [{"ae_title": "A", "collection": COLLECTION}]})


def test_it_is_off_by_default(archive: Archive) -> None:
    code, said = archive.command("images", "listen")
    assert code == 2
    assert "images.listen" in said
