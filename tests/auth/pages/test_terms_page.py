"""The page where terms are accepted and withdrawn (VIS-03), with real sign-in."""

from __future__ import annotations

from auth import jose
from auth.keys import KeyRing
from auth.policy import REGISTERED_ACCESS
from auth.visas import VisaIssuer
from tests.auth.pages.conftest import Site
from tests.auth.pages.visitor import Visitor
from tests.auth.pages.visitor import ming as ming


def said(site: Site) -> list[str]:
    """Values of ming's visas of accepted terms."""
    issuer = VisaIssuer(site.url, site.engine, KeyRing(site.engine, site.clock), site.clock)
    visas = [jose.unverified(one).claims["ga4gh_visa_v1"] for one in issuer.for_subject(site.subjects["ming"])]
    return [visa["value"] for visa in visas if visa["type"] == "AcceptedTermsAndPolicies" and visa["by"] == "self"]


def test_VIS_03_read_accept_and_withdraw(site: Site, ming: Visitor) -> None:
    page = ming.get("/terms")
    assert page.url == f"{site.url}/terms"
    assert "Research &lt;b&gt;only&lt;/b&gt;." in page.text
    assert REGISTERED_ACCESS in page.text
    assert said(site) == []
    forms = page.text.split("<main")[1]
    assert forms.count("<form") == 1
    accepted = ming.post("/terms/accept", terms=REGISTERED_ACCESS)
    assert (accepted.status_code, accepted.headers["Location"]) == (303, "/terms")
    assert said(site) == [REGISTERED_ACCESS]
    page = ming.get("/terms")
    assert "Accepted on " in page.text
    assert "/terms/accept" not in page.text
    assert "注册访问" in ming.get("/terms?lang=zh").text
    assert ming.post("/terms/withdraw", terms=REGISTERED_ACCESS).status_code == 303
    assert said(site) == []
    assert "/terms/accept" in ming.get("/terms?lang=en").text


def test_row_65_opening_an_address_or_a_foreign_form_accepts_nothing(site: Site, ming: Visitor) -> None:
    ming.get("/terms")
    assert ming.get("/terms/accept").status_code == 405
    data = {"terms": REGISTERED_ACCESS}
    assert ming.http.post(f"{site.url}/terms/accept", data=data, timeout=20).status_code == 403
    assert ming.post("/terms/accept", terms="https://terms.example/1").status_code == 400
    stranger = Visitor(site, "ming")
    assert stranger.http.post(f"{site.url}/terms/accept", data=data, timeout=20).status_code == 403
    assert said(site) == []
