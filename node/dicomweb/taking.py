"""The parts of a store request, taken into quarantine one after the other (PS3.18 10.5)."""

from __future__ import annotations

from dataclasses import dataclass, field

from adapters.deid.errors import Refused
from adapters.images.first_look import sop_of
from adapters.images.intake import Reception
from adapters.images.quarantine import Incoming, Taken, TooLarge
from adapters.images.reasons import CANNOT_UNDERSTAND, NO_RESOURCES, OTHER_STUDY, status_of
from adapters.images.receiving import Seen
from node.dicomweb.accept import DICOM

Sop = tuple[str, str]  # class and instance


@dataclass(slots=True)
class Stored:
    """What came in with one request; of what failed, the status and, if it could be read, the SOP."""

    seen: list[tuple[Sop, Seen]] = field(default_factory=list)
    failed: list[tuple[Sop | None, int]] = field(default_factory=list)


class Taking:
    """Takes parts into quarantine; calls come one after the other, from threads.

    :param most: bytes that one object may have.
    :param study: the only Study Instance UID that is taken, if one is given.
    """

    def __init__(self, reception: Reception, most: int, study: str | None) -> None:
        self.stored = Stored()
        self._reception = reception
        self._most = most
        self._study = study
        self._open: Incoming | None = None

    def begin(self, media_type: str) -> Taking:
        """A part begins."""
        self._open = None
        if media_type == DICOM:
            self._open = Incoming(self._reception.intake.quarantine, self._reception.dataset, self._most)
        else:
            self.stored.failed.append((None, CANNOT_UNDERSTAND))
        return self

    def write(self, piece: memoryview) -> None:
        """See :class:`node.dicomweb.multipart.Sink`."""
        if self._open is None:
            return
        try:
            self._open.write(piece)
        except TooLarge:
            self._close()
            self.stored.failed.append((None, NO_RESOURCES))

    def end(self) -> None:
        """See :class:`node.dicomweb.multipart.Sink`."""
        if self._open is None:
            return
        if not self._open.is_dicom:
            self._close()
            self.stored.failed.append((None, CANNOT_UNDERSTAND))
            return
        taken = self._open.keep()
        self._close()
        self._look(taken)

    def _look(self, taken: Taken) -> None:
        try:
            seen = self._reception.look(taken)
        except Refused as refused:
            sop = sop_of(self._reception.intake.quarantine.path(taken.key))
            self._fail(taken, sop, status_of(refused.reason))
            return
        sop = (seen.facts["sop_class"], seen.facts["sop_instance"])
        if self._study in (None, seen.facts["study"]):
            self.stored.seen.append((sop, seen))
        else:
            self._fail(taken, sop, OTHER_STUDY)

    def _fail(self, taken: Taken, sop: Sop | None, status: int) -> None:
        self._reception.intake.drop(taken.key)
        self.stored.failed.append((sop, status))

    def give_up(self) -> None:
        """The request is not answered: nothing of it stays."""
        self._close()
        for _, seen in self.stored.seen:
            self._reception.intake.drop(seen.taken.key)

    def _close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None
