"""Images with text burned in, Latin and Chinese, of every size and contrast, and how much of it was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from adapters.deid.redaction import Box

SIDE = 512
LATIN = ["VANDERSLOOT M", "MRN 0048213", "19-Jan-2004", "St. Mary Hospital", "DOB 1951/03/12", "Acc 55120987"]
CHINESE = ["王小明", "检查号 00482", "上海第一医院", "住院号 55120", "李医生 2004-01-19"]
FONTS = {
    "latin": "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "chinese": "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
}
GROUNDS = ("black", "smooth", "tissue", "speckle")
HIDDEN = 0.95  # share of the ink of a text that must be covered


@dataclass(frozen=True)
class Burned:
    """An image, where the ink of its text is, and a box around it."""

    image: NDArray[np.uint8]
    ink: NDArray[np.bool_]
    around: Box


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
    return np.clip(ground, 0, 255)
