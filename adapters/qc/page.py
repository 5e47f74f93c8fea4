"""The report as one HTML page that needs nothing else."""

from __future__ import annotations

from importlib.resources import files
from typing import Any, Literal

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from adapters.qc.findings import Place
from adapters.qc.plots import PLOTS
from adapters.qc.report import FileReport, Report
from adapters.qc.sunburst import sunburst

Language = Literal["en", "zh"]


def page(report: Report, language: Language) -> str:
    """The whole report."""
    words = yaml.safe_load((files("config") / "qc" / "words.yaml").read_text())[language]
    environment = Environment(
        loader=PackageLoader("adapters.qc"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["size"] = size

    def plots(file: FileReport) -> list[tuple[str, Markup]]:
        drawn = [(name, draw(file.profile, words)) for name, draw in PLOTS] if file.reads and file.profile else []
        return [(name, Markup(svg)) for name, svg in drawn if svg]

    def burst(tree: dict[str, Any], label: str) -> Markup:
        return Markup(sunburst(tree, label))

    def where(place: Place) -> str:
        numbers = [(name, getattr(place, name)) for name in ("record", "line", "column", "byte")]
        said = [f"{words[name]} {number:,}" for name, number in numbers if number is not None]
        return " · ".join([*said, place.detail] if place.detail else said)

    return environment.get_template("report.html").render(
        report=report, words=words, language=language, plots=plots, share=share, where=where, sunburst=burst
    )


def share(value: Any) -> str:
    """A share in percent, or a dash."""
    return "–" if value is None else f"{100 * value:.2f} %"


def size(bytes_: int) -> str:
    """A size as a person reads it."""
    number = float(bytes_)
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} TB"
