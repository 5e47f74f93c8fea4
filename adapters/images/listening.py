"""C-STORE (PS3.4 annex B): known application entities send objects into quarantine, a few at a time."""

from __future__ import annotations

import errno
import logging
import ssl
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog
from sqlalchemy.exc import OperationalError

from adapters.deid.errors import Refused
from adapters.images.intake import Reception
from adapters.images.quarantine import INCOMING, Quarantine, TooLarge
from adapters.images.reasons import CANNOT_UNDERSTAND, NO_RESOURCES, NOT_AUTHORIZED, status_of
from adapters.images.receiving import NoCollection

log = structlog.get_logger(__name__)

PIECE: Final = 1 << 20
SUCCESS: Final = 0x0000
FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
ASKING, SILENT, ANSWERING = 5.0, 30.0, 60.0
"""Seconds in which an association must be asked for, may say nothing, and must answer."""


class NoNetwork(Exception):
    """The library for the DICOM network protocol is not installed."""


@dataclass(frozen=True, slots=True)
class Entity:
    """Who may send: its title, the reception that takes its objects, and the only address it may send from."""

    title: str
    reception: Reception
    address: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where to listen, as whom, with how many associations at a time, and how TLS is spoken (None: not at all)."""

    host: str
    port: int
    title: str
    associations: int
    tls: ssl.SSLContext | None


@dataclass(slots=True)
class _Sending:
    """One association: its sender, and bytes that came in."""

    entity: Entity
    room: int
    bytes: int = 0


class Listener:
    """Takes associations until it is stopped.

    :param most: bytes that one object may have.
    :raises NoNetwork: if pynetdicom is not installed.
    """

    def __init__(self, place: Place, entities: Mapping[str, Entity], quarantine: Quarantine, most: int) -> None:
        try:
            import pynetdicom
        except ImportError as error:
            raise NoNetwork("pynetdicom is not installed (extra 'dimse')") from error
        self._place = place
        self._entities = entities
        self._most = most
        self._sending: dict[int, _Sending] = {}
        self._lock = threading.Lock()
        # Objects go to disk piece by piece, into quarantine, where what is left behind is swept.
        pynetdicom._config.STORE_RECV_CHUNKED_DATASET = True
        pynetdicom._config.LOG_HANDLER_LEVEL = "none"
        logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)  # its lines repeat what senders say
        self._before, tempfile.tempdir = tempfile.tempdir, str(quarantine.folder / INCOMING)
        self._server: Any = None

    def start(self) -> int:
        """Begin to listen; the TCP port."""
        from pynetdicom import AE, AllStoragePresentationContexts, evt
        from pynetdicom.sop_class import Verification  # type: ignore[attr-defined, unused-ignore]

        entity = AE(ae_title=self._place.title)
        entity.maximum_associations = self._place.associations
        entity.acse_timeout, entity.network_timeout, entity.dimse_timeout = ASKING, SILENT, ANSWERING
        entity.require_calling_aet = list(self._entities)
        entity.require_called_aet = True
        for context in AllStoragePresentationContexts:
            entity.add_supported_context(str(context.abstract_syntax), list(_syntaxes()))
        entity.add_supported_context(Verification)
        handlers: list[Any] = [
            (evt.EVT_ACCEPTED, self._accepted),
            (evt.EVT_DATA_RECV, self._received),
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_CONN_CLOSE, self._closed),
        ]
        address = (self._place.host, self._place.port)
        self._server = entity.start_server(address, block=False, evt_handlers=handlers, ssl_context=_later(self._place))
        self._server.verify_request = self._takes
        # One after the other: in threads of their own, many would pass before the first of them is counted.
        self._server.process_request = self._server.process_request_thread
        self._server.handle_error = lambda *_: log.info("association_refused")
        return int(self._server.server_address[1])

    def stop(self) -> None:
        """Stop; objects that are whole are received."""
        self._server.shutdown()
        tempfile.tempdir = self._before

    def _takes(self, _request: object, address: tuple[Any, ...]) -> bool:
        """Whether a connection is looked at at all: those that ask for nothing count too, until their time is over."""
        if len(self._server.active_associations) < 2 * self._place.associations:
            return True
        log.warning("associations_too_many", address=address[0])
        return False

    def _accepted(self, event: Any) -> None:
        association = event.assoc
        title = association.requestor.ae_title.strip()
        entity = self._entities[title]
        if entity.address not in (None, association.requestor.address):
            log.warning("sender_elsewhere", sender=title, address=association.requestor.address)
            association.abort()
            return
        sending = _Sending(entity, entity.reception.room())
        with self._lock:
            self._sending[id(association)] = sending

    def _received(self, event: Any) -> None:
        """Bytes came in: an association that sends more than there is room for ends."""
        sending = self._sending.get(id(event.assoc))
        if sending is None:
            return
        sending.bytes += len(event.data)
        if sending.bytes > sending.room + self._most:
            log.warning("quota_exceeded", sender=sending.entity.title)
            event.assoc.abort()

    def _closed(self, event: Any) -> None:
        with self._lock:
            self._sending.pop(id(event.assoc), None)
        # The library removes the file of an object when that is whole; of one that was broken off it forgets it.
        message = event.assoc.dimse.message
        if message is not None and message._data_set_file is not None:
            message._data_set_file.close()
            Path(message._data_set_file.name).unlink(missing_ok=True)

    def _store(self, event: Any) -> int:
        sending = self._sending.get(id(event.assoc))
        path = Path(event.dataset_path)
        if sending is None:
            return NOT_AUTHORIZED
        if sending.bytes > sending.room:
            return NO_RESOURCES
        try:
            return self._take(sending, path)
        except Refused as refused:
            return status_of(refused.reason)
        except TooLarge:
            return NO_RESOURCES
        except NoCollection:
            return NOT_AUTHORIZED
        except OperationalError as error:
            log.error("database_unavailable", reason=str(error).splitlines()[0])
            return NO_RESOURCES
        except OSError as error:
            log.error("object_not_stored", reason=error.strerror)
            return NO_RESOURCES if error.errno in FULL else CANNOT_UNDERSTAND

    def _take(self, sending: _Sending, path: Path) -> int:
        reception = sending.entity.reception
        taken = reception.intake.quarantine.take(reception.dataset, _pieces(path), self._most)
        try:
            seen = reception.look(taken)
        except Refused:
            reception.intake.drop(taken.key)
            raise
        (received,) = reception.receive([seen])
        if received.refused:
            raise received.refused
        return SUCCESS


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece


def _syntaxes() -> Iterator[str]:
    from pydicom.uid import AllTransferSyntaxes

    return (uid for uid in AllTransferSyntaxes if not uid.is_private)


def _later(place: Place) -> Any:
    """TLS that shakes hands in the association's own thread: in that of the server, one who waits would stop all."""
    return None if place.tls is None else _Later(place.tls)


class _Later:
    """An ``ssl.SSLContext`` whose sockets shake hands when they are first read."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context

    def wrap_socket(self, socket: Any, **given: Any) -> ssl.SSLSocket:
        """See :meth:`ssl.SSLContext.wrap_socket`."""
        socket.settimeout(ASKING)
        return self._context.wrap_socket(socket, **given, do_handshake_on_connect=False)


def tls(certificate: Path, key: Path, clients: Path) -> ssl.SSLContext:
    """TLS 1.2 or later that lets in only those with a certificate of ``clients``.

    :raises OSError: if a file cannot be read, :class:`ssl.SSLError` among them if it is none of its kind.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(clients))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(certificate, key)
    return context
