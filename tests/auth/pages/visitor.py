"""A person with a browser, at a member and its broker on real sockets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

import pytest
import requests

from tests.auth.broker.running import PASSWORD, Form
from tests.auth.pages.conftest import Site

PURPOSE = "Which variants of ABCA4?\n<img src=x onerror=alert(1)>"


class Visitor:
    """A person with a browser."""

    def __init__(self, site: Site, name: str) -> None:
        self.http = requests.Session()
        self.site = site
        self.name = name

    def get(self, path: str) -> requests.Response:
        """Open a page; sign in and agree where asked."""
        page = self.http.get(urljoin(self.site.url, path), timeout=20)
        if page.url.startswith(self.site.broker):
            page = self.submit(page, name=self.name, password=PASSWORD)
        if page.url.startswith(self.site.broker) and "decision" in page.text:
            page = self.submit(page, decision="allow")
        return page

    def submit(self, page: requests.Response, **answers: str) -> requests.Response:
        """Submit the first form of a page, as a browser does."""
        form = Form(page.text)
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(page.url))
        return self.http.post(
            urljoin(page.url, form.action), data={**form.fields, **answers}, headers={"Origin": origin}, timeout=20
        )

    def post(self, path: str, **fields: str) -> requests.Response:
        """POST with the session's form token."""
        token = Form(self.get("/requests/new?dataset=HRA000128").text).fields["csrf"]
        data = {"csrf": token, **fields}
        return self.http.post(self.site.url + path, data=data, timeout=20, allow_redirects=False)

    def upload(self, path: str, name: str, content: bytes) -> requests.Response:
        """POST a file, and follow to the page that tells how it went."""
        token = Form(self.get("/requests/new?dataset=HRA000128").text).fields["csrf"]
        return self.http.post(self.site.url + path, data={"csrf": token}, files={"file": (name, content)}, timeout=20)

    def draft(self, dataset: str = "HRA000128", **answers: str) -> str:
        """Save a draft; its id."""
        page = self.submit(self.get(f"/requests/new?dataset={dataset}"), purpose=PURPOSE, draft="1", **answers)
        return page.url.rpartition("/")[2]

    def ask(self, dataset: str = "HRA000128") -> str:
        """Request access; the id of the request."""
        before = self.requests(self.get("/requests"))
        page = self.submit(self.get(f"/requests/new?dataset={dataset}"), purpose=PURPOSE)
        (made,) = self.requests(page) - before
        return made

    def requests(self, page: requests.Response) -> set[str]:
        """Ids of the requests that a page links to."""
        return set(re.findall(r"/dac/requests/([\w-]+)", page.text))


@pytest.fixture
def ming(site: Site) -> Iterator[Visitor]:
    """The applicant."""
    site.clock.ahead = 0
    yield Visitor(site, "ming")
    site.clock.ahead = 0


@pytest.fixture
def wang(site: Site) -> Visitor:
    """A committee member."""
    return Visitor(site, "wang")
