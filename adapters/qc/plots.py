"""Plots of a profile as SVG, coloured by the page they stand on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, Final

WIDTH: Final = 560
HEIGHT: Final = 250
LEFT, RIGHT, TOP, BOTTOM = 54, 12, 12, 40
Points = Sequence[tuple[float, float]]


@dataclass(slots=True)
class Axes:
    """A plot from ``x0…x1`` and ``y0…y1``; what is drawn is kept as SVG."""

    x0: float
    x1: float
    y0: float
    y1: float
    logarithmic: bool = False
    drawn: list[str] = field(default_factory=list)

    def x(self, value: float) -> float:
        """Place of a value from the left."""
        scale: Callable[[float], float] = math.log10 if self.logarithmic else float
        low, high = scale(self.x0), scale(self.x1)
        return LEFT + (WIDTH - LEFT - RIGHT) * (scale(value) - low) / ((high - low) or 1)

    def y(self, value: float) -> float:
        """Place of a value from the top."""
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - self.y0) / ((self.y1 - self.y0) or 1)

    def path(self, points: Points) -> str:
        """The way through points."""
        return "M" + "L".join(f"{self.x(x):.1f} {self.y(y):.1f}" for x, y in points)

    def line(self, points: Points, style: str) -> None:
        """Draw a line."""
        if points:
            self.drawn.append(f'<path class="line {style}" d="{self.path(points)}"/>')

    def band(self, low: Points, high: Points, style: str) -> None:
        """Fill between two lines."""
        if low:
            self.drawn.append(f'<path class="{style}" d="{self.path([*low, *reversed(high)])}Z"/>')

    def bar(self, start: float, end: float, value: float, style: str, title: str) -> None:
        """Draw a bar with a title that is shown when it is pointed at."""
        left, right, top = self.x(start), self.x(end), self.y(value)
        width = max(0.8, right - left - (1 if right - left > 3 else 0))
        self.drawn.append(
            f'<rect class="{style}" x="{left:.1f}" y="{top:.1f}" width="{width:.1f}"'
            f' height="{max(0.0, self.y(self.y0) - top):.1f}"><title>{escape(title)}</title></rect>'
        )

    def svg(self, x_name: str, y_name: str, label: str, x_ticks: Sequence[float], write: Callable[[float], str]) -> str:
        """The plot with axes. ``write`` says the values of the upright axis."""
        parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">']
        for value in ticks(self.y0, self.y1):
            at = self.y(value)
            parts.append(f'<path class="grid" d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}"/>')
            parts.append(f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{write(value)}</text>')
        parts += [
            f'<text x="{self.x(value):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{short(value)}</text>'
            for value in x_ticks
        ]
        parts += self.drawn
        middle = (LEFT + WIDTH - RIGHT) / 2
        parts.append(f'<text class="name" x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">{escape(x_name)}</text>')
        down = (TOP + HEIGHT - BOTTOM) / 2
        parts.append(
            f'<text class="name" transform="translate(11 {down}) rotate(-90)" text-anchor="middle">'
            f"{escape(y_name)}</text>"
        )
        return "".join([*parts, "</svg>"])


def short(value: float) -> str:
    """A number as an axis says it: 1.5k, 2M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


def percent(value: float) -> str:
    """A share as an axis says it."""
    return f"{100 * value:.3g}%"


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Round values between two."""
    span = (high - low) or 1
    step = 10.0 ** math.floor(math.log10(span / wanted))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= wanted)
    first = math.ceil(low / step)
    return [round(n * step, 10) for n in range(first, math.floor(high / step + 1e-9) + 1)]


def decades(low: float, high: float) -> list[float]:
    """Powers of ten between two values, with 2 and 5 where they are few."""
    all_ = [
        factor * 10.0**n
        for n in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        for factor in (1, 2, 5)
    ]
    inside = [value for value in all_ if low <= value <= high]
    return inside if len(inside) <= 8 else [value for value in inside if math.log10(value).is_integer()]


def _cycle_axes(cycles: list[dict[str, Any]], low: float, high: float) -> tuple[Axes, list[float]]:
    last = cycles[-1]["cycle"]
    wide = last > 1024
    axes = Axes(1, max(2, last), low, high, logarithmic=wide)
    return axes, decades(1, last) if wide else [1, *[tick for tick in ticks(1, max(2, last), 8) if tick > 1]]


def quality_by_cycle(profile: dict[str, Any], words: dict[str, str]) -> str:
    """Mean and spread of the quality at each cycle."""
    cycles = [row for row in profile["cycles"] if row["quantiles"]]
    if not cycles:
        return ""
    axes, x_ticks = _cycle_axes(cycles, 0, max(42, max(row["quantiles"][4] for row in cycles)))

    def edge(which: int) -> list[tuple[float, float]]:
        return [(row["cycle"], row["quantiles"][which]) for row in cycles]

    axes.band(edge(0), edge(4), "light")
    axes.band(edge(1), edge(3), "dark")
    axes.line([(row["cycle"], row["mean"]) for row in cycles], "mean")
    return axes.svg(words["cycle"], words["quality"], words["quality_title"], x_ticks, short)


def bases_by_cycle(profile: dict[str, Any], words: dict[str, str]) -> str:
    """Share of each base at each cycle."""
    cycles = [row for row in profile["cycles"] if any(row["acgtn"])]
    if not cycles:
        return ""
    highest = max(max(row["acgtn"]) for row in cycles)
    axes, x_ticks = _cycle_axes(cycles, 0, min(1.0, math.ceil(highest * 10 + 0.5) / 10))
    for place, base in enumerate("acgtn"):
        axes.line([(row["cycle"], row["acgtn"][place]) for row in cycles], f"base-{base}")
    legend = "".join(
        f'<path class="line base-{base}" d="M{LEFT + 12 + 44 * n} {TOP + 8}h14"/>'
        f'<text x="{LEFT + 31 + 44 * n}" y="{TOP + 12}">{base.upper()}</text>'
        for n, base in enumerate("acgtn")
    )
    axes.drawn.append(legend)
    return axes.svg(words["cycle"], words["share"], words["bases_title"], x_ticks, percent)


def mean_qualities(profile: dict[str, Any], words: dict[str, str]) -> str:
    """Reads by mean quality."""
    rows = profile["mean_quality"]
    if not rows:
        return ""
    axes = Axes(min(0, rows[0][0]), max(42, rows[-1][0] + 1), 0, max(count for _, count in rows) * 1.05)
    for value, count in rows:
        axes.bar(value, value + 1, count, "bar", f"Q{value}: {count:,}")
    return axes.svg(words["quality"], words["reads"], words["means_title"], ticks(axes.x0, axes.x1, 8), short)


def gc_content(profile: dict[str, Any], words: dict[str, str]) -> str:
    """Reads by GC content, and the normal distribution they might follow."""
    rows = profile["gc"]
    if not rows:
        return ""
    whole = sum(count for _, count in rows)
    mean = sum(value * count for value, count in rows) / whole
    spread = math.sqrt(sum(count * (value - mean) ** 2 for value, count in rows) / whole) or 1
    curve = [
        (value, whole / (spread * math.sqrt(2 * math.pi)) * math.exp(-((value - mean) ** 2) / (2 * spread**2)))
        for value in range(101)
    ]
    axes = Axes(0, 101, 0, 1.05 * max(max(count for _, count in rows), max(y for _, y in curve)))
    for value, count in rows:
        axes.bar(value, value + 1, count, "bar", f"{value}%: {count:,}")
    axes.line([(value + 0.5, y) for value, y in curve], "expected")
    return axes.svg(f"{words['gc']} (%)", words["reads"], words["gc_title"], ticks(0, 100, 10), short)


def lengths(profile: dict[str, Any], words: dict[str, str]) -> str:
    """Reads by length; in about 60 classes where lengths differ much."""
    rows = [(length, count) for length, count in profile["lengths"] if length]
    if not rows:
        return ""
    first, last = rows[0][0], rows[-1][0]
    wide = last / first > 8
    low, high = (first, last * 1.1) if wide else (max(0, first - 5), last + 6)
    axes = Axes(low, high, 0, 1.0, logarithmic=wide)
    classes: dict[int, int] = {}
    for length, count in rows:
        slot = int((axes.x(length) - LEFT) / (WIDTH - LEFT - RIGHT) * 60) if wide or last - first > 60 else length
        classes[slot] = classes.get(slot, 0) + count
    axes.y1 = 1.05 * max(classes.values())
    for slot, count in classes.items():
        begin, end = (
            (slot, slot + 1.0) if not (wide or last - first > 60) else (_value(axes, slot), _value(axes, slot + 1))
        )
        axes.bar(begin, end, count, "bar", f"{short(begin)}: {count:,}")
    x_ticks = decades(low, high) if wide else ticks(low, high, 8)
    return axes.svg(words["length"], words["reads"], words["lengths_title"], x_ticks, short)


def _value(axes: Axes, slot: int) -> float:
    """Length at which a class of 60 begins."""
    if axes.logarithmic:
        return float(axes.x0 * (axes.x1 / axes.x0) ** (slot / 60))
    return axes.x0 + (axes.x1 - axes.x0) * slot / 60


def duplication(profile: dict[str, Any], words: dict[str, str]) -> str:
    """Share of reads by how often their sequence occurs."""
    levels = profile["duplication"]["levels"]
    if not profile["duplication"]["followed"]:
        return ""
    axes = Axes(0, len(levels), 0, 1)
    for place, level in enumerate(levels):
        share, said = level["reads_share"], _level(level)
        axes.bar(place + 0.1, place + 0.95, share, "bar", f"{said}: {share:.2%}")
        axes.drawn.append(
            f'<text x="{axes.x(place + 0.5):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{said}</text>'
        )
    return axes.svg(words["times"], words["share"], words["duplication_title"], [], percent)


def _level(level: dict[str, Any]) -> str:
    if level["to"] is None:
        return f"≥{level['from']}"
    return str(level["from"]) if level["from"] == level["to"] else f"{level['from']}–{level['to']}"


PLOTS: Final = (
    ("quality", quality_by_cycle),
    ("bases", bases_by_cycle),
    ("means", mean_qualities),
    ("gc", gc_content),
    ("lengths", lengths),
    ("duplication", duplication),
)
