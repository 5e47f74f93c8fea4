"""Text in pixels, found by the detector of ``rapidocr-onnxruntime`` (its models are in the wheel; extra ``pixels``).

Heavy: for commands and workers, never for a serving process.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from adapters.deid.errors import Reason, Refused
from adapters.deid.facts import Facts
from adapters.deid.redaction import Box
from adapters.quiet import unwarned

FAST_SIDE, WHOLE_SIDE, DOUBLED_SIDE = 960, 2048, 1024  # pixels of the longest side
ENLARGED = 1.5  # at most: below 12 pixels, faint letters are found only when they are larger
FOUND, BOX_FOUND = 0.2, 0.35  # thresholds of the detector: lower than its own, for a miss is worse than a blank
MARGIN = 0.25  # of the height of a box, added on every side
UNREADABLE = (AttributeError, RuntimeError, ValueError, NotImplementedError, KeyError, TypeError, OSError)


class Scale(StrEnum):
    """How closely to look: once, small images enlarged; or as it is, enlarged, and with its contrasts evened out."""

    FAST = "fast"
    THOROUGH = "thorough"


class NoDetector(Exception):
    """The extra ``pixels`` is not installed."""


class TextDetection:
    """Looks for text; one core.

    :raises NoDetector: if ``rapidocr-onnxruntime`` is not installed.
    """

    def __init__(self, scale: Scale) -> None:
        self._scale = scale
        try:
            import rapidocr_onnxruntime
            from rapidocr_onnxruntime.ch_ppocr_det import TextDetector
            from rapidocr_onnxruntime.ch_ppocr_det.utils import DetPreProcess
        except ImportError as error:
            raise NoDetector("rapidocr-onnxruntime is not installed (extra 'pixels')") from error
        root = Path(rapidocr_onnxruntime.__file__).parent
        settings: dict[str, Any] = yaml.safe_load((root / "config.yaml").read_text(encoding="utf-8"))["Det"]
        settings |= {"model_path": str(root / settings["model_path"]), "thresh": FOUND, "box_thresh": BOX_FOUND}
        settings |= {"intra_op_num_threads": 1, "inter_op_num_threads": 1}
        self._detector = TextDetector(settings)
        # Its own choice of sizes enlarges small images nearly fourfold; sizes are chosen here.
        self._detector.get_preprocess = lambda side: DetPreProcess(side, "max", self._detector.mean, self._detector.std)

    def look(self, path: Path, facts: Facts) -> Sequence[Box]:
        """Boxes around the text in an object; see :data:`adapters.deid.objects.Look`.

        :raises Refused: if its pixels cannot be decoded.
        """
        boxes: list[Box] = []
        for image in distinct_frames(path, int(facts["frames"] or 1)):
            boxes += self.boxes(image)
        return boxes

    def boxes(self, image: NDArray[np.uint8]) -> list[Box]:
        """Boxes around the text in an image of 8 bits: (rows, columns) or (rows, columns, 3)."""
        colours = np.stack([image] * 3, axis=-1) if image.ndim == 2 else image
        found = [box for view in self._views(colours) for box in self._found(view, colours.shape)]
        return [box for box in found if box.left < box.right and box.top < box.bottom]

    def _views(self, image: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
        longest = max(image.shape[:2])
        if self._scale is Scale.FAST:
            yield _resized(image, min(ENLARGED, FAST_SIDE / longest))
            return
        yield _resized(image, min(1.0, WHOLE_SIDE / longest))
        if longest <= DOUBLED_SIDE:
            yield _resized(image, 2.0)
        yield _evened(_resized(image, min(1.0, WHOLE_SIDE / longest)))

    def _found(self, view: NDArray[np.uint8], shape: tuple[int, ...]) -> Iterator[Box]:
        corners, _ = self._detector(view)
        across, down = shape[1] / view.shape[1], shape[0] / view.shape[0]
        for box in corners if corners is not None else ():
            (left, top), (right, bottom) = box.min(axis=0), box.max(axis=0)
            margin = 1 + MARGIN * min(right - left, bottom - top)
            yield Box(
                max(0, int((left - margin) * across)),
                max(0, int((top - margin) * down)),
                min(shape[1], int((right + margin) * across) + 1),
                min(shape[0], int((bottom + margin) * down) + 1),
            )


def _resized(image: NDArray[np.uint8], factor: float) -> NDArray[np.uint8]:
    import cv2

    if factor == 1.0:
        return image
    size = (max(32, round(image.shape[1] * factor)), max(32, round(image.shape[0] * factor)))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size, interpolation=how), np.uint8)


def _evened(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Smoothed, and every neighbourhood stretched to the same contrast: faint text stands out."""
    import cv2

    grey = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (0, 0), 1.0)
    evened = cv2.createCLAHE(clipLimit=4.0, tileGridSize=(8, 8)).apply(grey)
    return np.asarray(cv2.cvtColor(evened, cv2.COLOR_GRAY2RGB), np.uint8)


def distinct_frames(path: Path, frames: int) -> Iterator[NDArray[np.uint8]]:
    """Every frame of an object in 8 bits, since text may stand in one alone; one that equals the frame before it is
    left out.

    :raises Refused: at the first frame that cannot be decoded.
    """
    from pydicom.pixels.utils import pixel_array

    source = _inflated(path)
    last: NDArray[Any] | None = None
    for frame in range(frames):
        try:
            with unwarned:
                pixels = pixel_array(source, index=frame)
        except UNREADABLE as error:
            detail = f"frame {frame + 1} cannot be decoded, so nobody can look at it ({type(error).__name__})"
            raise Refused(Reason.PIXELS_NOT_LOOKED_AT, detail) from error
        if last is None or not np.array_equal(pixels, last):
            yield _eight_bits(pixels)
        last = pixels


def _inflated(path: Path) -> Any:
    """What pydicom reads frames from: the file, or its data set if that is deflated."""
    from pydicom import dcmread
    from pydicom.filereader import read_file_meta_info

    try:
        with unwarned:
            deflated = read_file_meta_info(path).TransferSyntaxUID.is_deflated
            return dcmread(path) if deflated else path
    except UNREADABLE as error:
        detail = f"cannot be read, so nobody can look at it ({type(error).__name__})"
        raise Refused(Reason.PIXELS_NOT_LOOKED_AT, detail) from error


def _eight_bits(array: NDArray[Any]) -> NDArray[np.uint8]:
    if array.dtype == np.uint8:
        return array
    low, high = float(array.min()), float(array.max())
    return np.asarray((array.astype(np.float64) - low) * (255.0 / (high - low or 1.0)), np.uint8)
