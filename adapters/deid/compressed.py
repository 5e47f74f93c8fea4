"""Text blanked in compressed pixels by codecs that lose nothing: decoded, blanked and encoded anew, frame by frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapters.deid.errors import Reason, Refused
from adapters.deid.facts import Facts
from adapters.deid.meta import RLE
from adapters.deid.redaction import Box, Geometry, geometry
from adapters.quiet import unwarned

if TYPE_CHECKING:
    from numpy.typing import NDArray

JPEG_2000 = frozenset({"1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"})
# Colours that come out of a JPEG 2000 decoder as RGB, and whether the codestream turns them (PS3.5 8.2.4).
TURNED = {"RGB": 0, "YBR_RCT": 1}
DELIMITER = b"\xfe\xff\xdd\xe0\0\0\0\0"
UNREADABLE = (AttributeError, RuntimeError, ValueError, NotImplementedError, KeyError, TypeError, OSError)


def redrawn(path: Path, syntax: str, facts: Facts, boxes: Sequence[Box]) -> bytes:
    """The value of the pixel data of an object in its own transfer syntax, with boxes blanked in every frame: a basic
    offset table, the frames, and the delimiter (PS3.5 A.4).

    :raises Refused: if there is no codec that keeps all other pixels.
    """
    from pydicom.encaps import encapsulate
    from pydicom.pixels.utils import iter_pixels

    if syntax != RLE and syntax not in JPEG_2000:
        raise Refused(Reason.TEXT_IN_PIXELS, f"text in pixel data of {syntax}, which would lose or cannot be written")
    shape = geometry(facts)
    encode = _codec(syntax, facts, shape)
    fill = _fill(shape, syntax)
    try:
        with unwarned:
            frames = [encode(_blank(frame, fill, boxes)) for frame in iter_pixels(path, raw=True)]
            return bytes(encapsulate(frames)) + DELIMITER
    except UNREADABLE as error:
        detail = f"text in compressed pixel data that cannot be written anew ({type(error).__name__})"
        raise Refused(Reason.TEXT_IN_PIXELS, detail) from error


def _codec(syntax: str, facts: Facts, shape: Geometry) -> Callable[[NDArray[Any]], bytes]:
    if facts["offsets"]:
        raise Refused(Reason.TEXT_IN_PIXELS, "text in compressed pixel data with an extended offset table")
    if syntax == RLE:
        return lambda frame: _run_lengths(frame, shape, facts["photometric"])
    if shape.size != 1 or facts["stored"] != "8" or facts["signed"] == "1":
        raise Refused(Reason.TEXT_IN_PIXELS, "text in JPEG 2000 pixel data of other than 8 unsigned bits")
    if shape.samples != 1 and facts["photometric"] not in TURNED:
        raise Refused(Reason.TEXT_IN_PIXELS, "text in JPEG 2000 pixel data whose colours were rounded")
    return lambda frame: _wavelets(frame, TURNED.get(facts["photometric"], 0))


def _fill(shape: Geometry, syntax: str) -> NDArray[Any]:
    import numpy as np

    if syntax in JPEG_2000:
        return np.zeros(shape.samples, np.uint8)
    return np.frombuffer(shape.fill, f"<u{shape.size}")


def _blank(frame: NDArray[Any], fill: NDArray[Any], boxes: Sequence[Box]) -> NDArray[Any]:
    out = frame.view(fill.dtype).copy()
    rows, columns = out.shape[:2]
    for box in boxes:
        top, bottom = max(0, box.top), min(rows, max(0, box.bottom))
        left, right = max(0, box.left), min(columns, max(0, box.right))
        out[top:bottom, left:right] = fill if out.ndim == 3 else fill[0]
    return out


def _run_lengths(frame: NDArray[Any], shape: Geometry, photometric: str) -> bytes:
    from pydicom.pixels.encoders.base import get_encoder

    return bytes(
        get_encoder(RLE).encode(
            frame,
            rows=shape.rows,
            columns=shape.columns,
            samples_per_pixel=shape.samples,
            number_of_frames=1,
            bits_allocated=8 * shape.size,
            bits_stored=8 * shape.size,
            pixel_representation=0,
            photometric_interpretation=photometric,
            planar_configuration=0,
        )
    )


def _wavelets(frame: NDArray[Any], turned: int) -> bytes:
    """A reversible codestream; what it decodes to is compared, for a codec may round."""
    import numpy as np
    from PIL import Image

    stream = BytesIO()
    Image.fromarray(frame).save(stream, "JPEG2000", no_jp2=True, irreversible=False, mct=turned)
    with Image.open(BytesIO(stream.getvalue())) as read:
        if not np.array_equal(np.asarray(read), frame):
            raise ValueError("the codec lost something")
    return stream.getvalue() + b"\0" * (stream.tell() % 2)
