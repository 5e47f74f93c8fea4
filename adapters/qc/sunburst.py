"""A sunburst: the tree of organisms as rings, each arc as wide as its share."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

SIZE: Final = 360
INNER: Final = 34
RINGS: Final = 8
LEAST: Final = 0.004
"""Share below which nothing is drawn."""
HUES: Final = (190, 265, 35, 140, 330, 60, 225, 10, 95, 300)


def sunburst(tree: Mapping[str, Any], label: str) -> str:
    """The tree as SVG; arcs say who they are when they are pointed at. Single steps of equal share are left out."""
    rings = list(_arcs(tree))
    deepest = max((depth for depth, *_ in rings), default=0) + 1
    width = (SIZE / 2 - INNER - 4) / deepest
    parts = [f'<svg class="sunburst" viewBox="0 0 {SIZE} {SIZE}" role="img" aria-label="{escape(label)}">']
    for depth, start, share, node, hue in rings:
        inner = INNER + depth * width
        lightness = 46 + 5 * depth
        title = f"{node['name']} ({node['rank']}): {node['share']:.2%}" if node["rank"] else node["name"]
        parts.append(
            f'<path d="{_arc(start, start + share, inner, inner + width - 1)}" fill="hsl({hue} 45% {lightness}%)">'
            f"<title>{escape(title)}</title></path>"
        )
    parts.append(
        f'<text class="name" x="{SIZE / 2}" y="{SIZE / 2 + 4}" text-anchor="middle">{tree["share"]:.1%}</text>'
    )
    return "".join([*parts, "</svg>"])


def _arcs(tree: Mapping[str, Any]) -> Iterator[tuple[int, float, float, Mapping[str, Any], int]]:
    """(ring, start, share, node, hue) of everything that is drawn."""
    at = 0.0
    for number, child in enumerate(tree["children"]):
        yield from _branch(child, 0, at, HUES[number % len(HUES)])
        at += child["share"]


def _branch(
    node: Mapping[str, Any], depth: int, start: float, hue: int
) -> Iterator[tuple[int, float, float, Mapping[str, Any], int]]:
    while len(node["children"]) == 1 and node["children"][0]["share"] >= 0.999 * node["share"]:
        if not node["children"][0]["children"]:
            break
        node = node["children"][0]
    if node["share"] < LEAST or depth >= RINGS:
        return
    yield depth, start, node["share"], node, hue
    for number, child in enumerate(node["children"]):
        yield from _branch(child, depth + 1, start, (hue + 18 * number) % 360)
        start += child["share"]


def _arc(start: float, end: float, inner: float, outer: float) -> str:
    """The outline of a part of a ring; ``start`` and ``end`` are shares of the circle, from the top on."""
    end = min(end, start + 0.9999)
    large = 1 if end - start > 0.5 else 0

    def at(share: float, radius: float) -> str:
        angle = 2 * math.pi * share - math.pi / 2
        return f"{SIZE / 2 + radius * math.cos(angle):.2f} {SIZE / 2 + radius * math.sin(angle):.2f}"

    return (
        f"M{at(start, outer)}A{outer:.2f} {outer:.2f} 0 {large} 1 {at(end, outer)}"
        f"L{at(end, inner)}A{inner:.2f} {inner:.2f} 0 {large} 0 {at(start, inner)}Z"
    )
