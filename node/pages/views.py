"""The front page of a member and the page of a data set, which refusals and visas name by its URL."""

from __future__ import annotations

from pathlib import Path

import yaml
from flask import Blueprint, Flask, abort, render_template, request

from adapters.catalog.catalog import Catalog
from web.pages import add_words

HERE = Path(__file__).parent
SHOWN = 200


class MemberPages:
    """Pages of what a member holds.

    :param facts: title and description of the member in English and Chinese, from its profile.
    :param requestable: the member has committees that grant access.
    """

    def __init__(self, catalog: Catalog, facts: dict[str, str], *, requestable: bool) -> None:
        self._catalog = catalog
        self._facts = facts
        self._requestable = requestable

    def register(self, app: Flask) -> None:
        """Add the pages to the member's application."""
        pages = Blueprint("member", __name__, template_folder="templates")
        pages.add_url_rule("/", "home", self.home)
        pages.add_url_rule("/datasets/<accession>", "dataset", self.dataset)
        app.register_blueprint(pages)
        add_words(app, yaml.safe_load((HERE / "words.yaml").read_text(encoding="utf-8")))

    def home(self) -> str:
        """What the member is and which data sets it has."""
        wanted = request.args.get("q", "").strip().casefold()
        found = [d for d in self._catalog.datasets() if wanted in f"{d.accession} {d.title}".casefold()]
        files, size = self._catalog.totals()
        return render_template(
            "node/home.html",
            facts=self._facts,
            datasets=found[:SHOWN],
            found=len(found),
            files=files,
            size=_shown(size),
        )

    def dataset(self, accession: str) -> str:
        """One data set and its files."""
        found = self._catalog.dataset(accession)
        if found is None:
            abort(404)
        files = self._catalog.dataset_files(accession) if found.records == "public" else []
        return render_template(
            "node/dataset.html",
            dataset=found,
            files=[(file, _shown(file.size)) for file in files[:SHOWN]],
            count=len(files),
            requestable=self._requestable and found.tier == "controlled",
        )


def _shown(size: int) -> str:
    """Bytes in the unit that reads best."""
    value = float(size)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} PB"
