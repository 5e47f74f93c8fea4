"""Text of DICOM elements: character sets of (0008,0005) (PS3.3 C.12.1.1.2)."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.quiet import unwarned

CODECS = {
    "": "ascii",
    "ISO_IR 6": "ascii",
    "ISO_IR 100": "latin-1",
    "ISO_IR 101": "iso8859-2",
    "ISO_IR 109": "iso8859-3",
    "ISO_IR 110": "iso8859-4",
    "ISO_IR 144": "iso8859-5",
    "ISO_IR 127": "iso8859-6",
    "ISO_IR 126": "iso8859-7",
    "ISO_IR 138": "iso8859-8",
    "ISO_IR 148": "iso8859-9",
    "ISO_IR 203": "iso8859-15",
    "ISO_IR 13": "shift_jis",
    "ISO_IR 166": "tis-620",
    "ISO_IR 192": "utf-8",
    "GB18030": "gb18030",
    "GBK": "gbk",
}
DELIMITERS = b"\\^=\r\n\f\t"  # back to the first character set (PS3.5 6.1.2.5.3)
GUESSES = ("utf-8", "gb18030")  # of text that is not what it says it is


class Charset:
    """How the text of a data set is written; ``terms`` are the values of (0008,0005)."""

    def __init__(self, terms: Sequence[str] = ()) -> None:
        self.terms = tuple(term.strip() for term in terms)
        first = self.terms[0] if self.terms else ""
        self._codec = CODECS.get(first) if len(self.terms) <= 1 else None

    def decode(self, raw: bytes) -> tuple[str, str]:
        """The text, and the codec that writes it back; bytes that are no text become U+FFFD."""
        if raw.isascii() and b"\x1b" not in raw:
            return raw.decode("ascii"), self._codec or "ascii"
        if self._codec is None:
            return self._extended(raw), ""
        codecs = (self._codec, *GUESSES) if self._codec == "ascii" else (self._codec,)
        for codec in codecs:
            try:
                return raw.decode(codec), codec
            except UnicodeDecodeError:
                continue
        return raw.decode(codecs[0], errors="replace"), codecs[0]

    def encode(self, text: str, codec: str) -> bytes:
        """The bytes of a text that was decoded with ``codec``."""
        if codec:
            return text.encode(codec, errors="replace")
        from pydicom.charset import encode_string

        return bytes(encode_string(text, self._encodings()))

    def _extended(self, raw: bytes) -> str:
        """Code extensions by escape sequences (PS3.5 6.1.2.5)."""
        from pydicom.charset import decode_bytes

        try:
            return str(decode_bytes(raw, self._encodings(), set(DELIMITERS)))
        except (LookupError, UnicodeError):
            return "\ufffd"

    def _encodings(self) -> list[str]:
        from pydicom.charset import convert_encodings

        with unwarned:  # terms that are none: the first character set is taken
            return list(convert_encodings(list(self.terms)))
