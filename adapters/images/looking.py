"""Who looks at the pixels of an object: a person who has, or a program, or nobody."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from adapters.deid.errors import Reason, Refused
from adapters.deid.facts import Facts
from adapters.deid.redaction import Box
from adapters.dicom.pictures import NoCodec, uncompressed
from adapters.dicom.reading import Unreadable, header
from adapters.store.local import LocalStore
from adapters.store.source import ByteSource


class Looking:
    """Says where text is in an object (:data:`adapters.deid.objects.Look`).

    :param scale: how closely a program looks; None: none does.
    :ivar reviewed: what a person wants blanked in the object at hand; None if nobody has looked.
    :ivar found: where the program found text in the object at hand.
    """

    def __init__(self, scale: str | None) -> None:
        self.reviewed: Sequence[Box] | None = None
        self.found: Sequence[Box] = ()
        self._look = None
        if scale is not None:
            from adapters.deid.text_detection import Scale, TextDetection

            self._look = TextDetection(Scale(scale)).look

    def __call__(self, path: Path, facts: Facts) -> Sequence[Box]:
        """Where text is.

        :raises Refused: if nobody looks.
        """
        self.found = ()
        if self.reviewed is not None:
            return self.reviewed
        if self._look is None:
            raise Refused(Reason.PIXELS_NOT_LOOKED_AT, "its pixels may carry text, and nobody has looked")
        self.found = self._look(path, facts)
        return self.found


def decoded(path: Path, native: Path) -> Path:
    """The object with pixels in which something can be blanked: itself, or written without compression to ``native``.

    :raises Refused: if it cannot be decoded.
    """
    with ByteSource(LocalStore("original", path.parent), path.name) as source:
        try:
            read = header(source)
            if read.pixels is None or read.pixels[2] is not None:
                return path
            native.parent.mkdir(parents=True, exist_ok=True)
            native.write_bytes(uncompressed(source))
        except (NoCodec, Unreadable) as error:
            raise Refused(Reason.TEXT_IN_PIXELS, f"text in pixel data that cannot be blanked: {error}") from error
    return native
