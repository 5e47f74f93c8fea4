"""Images with text burned in, Latin and Chinese, of every size and contrast, and how much of it is found."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from adapters.deid.redaction import Box
from adapters.deid.text_detection import NoDetector, Scale, TextDetection
from bench.figure import Figure, PeerAbsent

SIDE = 512
LATIN = ["VANDERSLOOT M", "MRN 0048213", "19-Jan-2004", "St. Mary Hospital", "DOB 1951/03/12", "Acc 55120987"]
CHINESE = ["王小明", "检查号 00482", "上海第一医院", "住院号 55120", "李医生 2004-01-19"]
FONTS = {
    "latin": "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "chinese": "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
}
GROUNDS = ("black", "smooth", "tissue", "speckle")
SIZES, CONTRASTS = (10, 12, 16, 24, 32), (80, 120, 160, 230)  # pixels; grey levels
QUICK_CONTRASTS = (80, 160)
TIMES = 3  # images of each size, contrast, script and ground
HIDDEN = 0.95  # share of the ink of a text that must be covered


@dataclass(frozen=True)
class Burned:
    """An image, where the ink of its text is, and a box around it."""

    image: NDArray[np.uint8]
    ink: NDArray[np.bool_]
    around: Box


@dataclass(frozen=True, slots=True)
class Seen:
    """One image that was looked at: whether all of its text was found, and the share of the rest that was too."""

    size: int
    contrast: int
    script: str
    found: bool
    outside: float
    seconds: float


@dataclass
class Recall:
    """All images that were looked at on one scale."""

    scale: Scale
    seen: list[Seen] = field(default_factory=list)

    def share(self, of: Callable[[Seen], bool] = lambda _: True) -> float:
        """Share of texts found, of those that are meant."""
        return float(np.mean([one.found for one in self.seen if of(one)]))

    @property
    def outside(self) -> float:
        """Mean share of an image that was blanked beside its text."""
        return float(np.mean([one.outside for one in self.seen]))

    @property
    def seconds(self) -> float:
        """Median time of an image."""
        return median(one.seconds for one in self.seen)

    def table(self) -> str:
        """Share of texts found by size (rows, pixels) and contrast (columns, grey levels) for each script."""
        contrasts = sorted({one.contrast for one in self.seen})
        lines = []
        for script in FONTS:
            lines.append(f"{self.scale:>8} {script:>8}  " + "".join(f"{contrast:>7}" for contrast in contrasts))
            for size in SIZES:
                cells = (
                    self.share(lambda one, a=(size, c, script): (one.size, one.contrast, one.script) == a)  # type: ignore[misc]
                    for c in contrasts
                )
                lines.append(f"{size:>17}  " + "".join(f"{cell:7.3f}" for cell in cells))
        return "\n".join(lines)


def look(scale: Scale, *, quick: bool, seed: int) -> Recall:
    """Look at text of every size and contrast, on one core.

    :raises PeerAbsent: if the detector or a font is not installed.
    """
    if absent_fonts():
        raise PeerAbsent(f"fonts are not installed: {', '.join(absent_fonts())}")
    try:
        eye = TextDetection(scale)
    except NoDetector as absent:
        raise PeerAbsent(str(absent)) from absent
    chance, recall = np.random.default_rng(seed), Recall(scale)
    cases = product(SIZES, QUICK_CONTRASTS if quick else CONTRASTS, FONTS, GROUNDS, range(1 if quick else TIMES))
    for size, contrast, script, ground, _ in cases:
        image = burned(chance, script, ground, size, contrast)
        begun = time.perf_counter()
        boxes = eye.boxes(image.image)
        seconds = time.perf_counter() - begun
        recall.seen.append(Seen(size, contrast, script, *hidden(image, boxes), seconds))
    return recall


def figures(*, quick: bool, seed: int) -> list[Figure]:
    """Recall, in all and by size, contrast and script; area outside; time. The table goes to standard error.

    :raises PeerAbsent: if the detector or a font is not installed.
    """
    found: list[Figure] = []
    for scale in [Scale.FAST] if quick else list(Scale):
        recall = look(scale, quick=quick, seed=seed)
        print(recall.table(), file=sys.stderr)  # noqa: T201
        name = f"imaging.burned_in.{scale}"
        shares = {"recall": recall.share()}
        shares |= {f"recall.{s}px": recall.share(lambda one, s=s: one.size == s) for s in SIZES}  # type: ignore[misc]
        contrasts = sorted({one.contrast for one in recall.seen})
        shares |= {f"recall.contrast_{c}": recall.share(lambda one, c=c: one.contrast == c) for c in contrasts}  # type: ignore[misc]
        shares |= {f"recall.{f}": recall.share(lambda one, f=f: one.script == f) for f in FONTS}  # type: ignore[misc]
        found += [Figure(f"{name}.{row}", share, "of texts", ">= 0.97") for row, share in shares.items()]
        found.append(Figure(f"{name}.outside", recall.outside, "of area", "<= 0.03"))
        if scale is Scale.FAST:
            found.append(Figure(f"{name}.median", recall.seconds * 1000, "ms", "<= 350"))
    return found


def absent_fonts() -> list[str]:
    """Fonts that are not installed (Debian fonts-dejavu-core, fonts-wqy-zenhei)."""
    return [path for path in FONTS.values() if not Path(path).exists()]


def burned(chance: np.random.Generator, script: str, ground: str, size: int, contrast: int) -> Burned:
    """One text of ``size`` pixels, ``contrast`` grey levels lighter or darker than what is around it, or as many as
    there are."""
    base = _ground(chance, ground)
    text = str(chance.choice(LATIN if script == "latin" else CHINESE))
    font = ImageFont.truetype(FONTS[script], size)
    mask = Image.new("L", (SIDE, SIDE), 0)
    pen = ImageDraw.Draw(mask)
    width = int(pen.textlength(text, font)) + 1
    left, top = int(chance.integers(4, max(5, SIDE - 4 - width))), int(chance.integers(4, SIDE - 4 - 2 * size))
    pen.text((left, top), text, 255, font=font)
    cover = np.asarray(mask).astype(np.float64) / 255
    rows, columns = np.nonzero(cover)
    around = Box(int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
    level = float(base[around.top : around.bottom, around.left : around.right].mean())
    colour = min(255.0, level + contrast) if level < 128 else max(0.0, level - contrast)
    shown = base * (1 - cover) + colour * cover
    return Burned(np.clip(shown, 0, 255).astype(np.uint8), cover > 0.3, around)


def hidden(image: Burned, boxes: Sequence[Box]) -> tuple[bool, float]:
    """Whether the text is covered, and which share of the image outside of it (and a margin of 8 pixels) is too."""
    covered = np.zeros_like(image.ink)
    for box in boxes:
        covered[box.top : box.bottom, box.left : box.right] = True
    text = bool(covered[image.ink].mean() >= HIDDEN)
    near = image.around
    covered[max(0, near.top - 8) : near.bottom + 8, max(0, near.left - 8) : near.right + 8] = False
    return text, float(covered.mean())


def _ground(chance: np.random.Generator, kind: str) -> NDArray[Any]:
    rows, columns = np.mgrid[:SIDE, :SIDE] / SIDE - 0.5
    ground: NDArray[Any] = np.zeros((SIDE, SIDE))
    if kind == "smooth":
        ground = 60 + 60 * columns + chance.normal(0, 4, (SIDE, SIDE))
    elif kind == "tissue":
        body = np.hypot(columns * 1.2, rows) < 0.42
        ground = body * 110 + 20 + chance.normal(0, 8, (SIDE, SIDE))
    elif kind == "speckle":
        ground = chance.rayleigh(25, (SIDE, SIDE)) * (np.hypot(columns, rows + 0.5) < 0.9)
    return np.asarray(np.clip(ground, 0, 255))
