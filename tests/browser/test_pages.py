"""What anybody sees without an account: the search over all archives, the archives' pages, the contracts."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
import requests
import yaml
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visits
from tests.interop.family import Family

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
MEMBERS = ("gsa", "gsa-human", "omix", "obia")
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
COMMON, RARE = "HP:0001626", "HP:0001644"  # of the demo's cohort: many people have the one, few the other


def search(page: Page) -> None:
    page.get_by_role("button", name="Search").click()


def figure(page: Page) -> str:
    """The joined answer, once it and all that belongs to it has come.

    Members of a machine that stalls may miss the gateway's deadline; a person would ask again too.
    """
    for _ in range(5):
        expect(page.get_by_role("heading", name="People who meet all of it")).to_be_visible()
        expect(page.locator("[data-part], [data-cells]")).to_have_count(0, timeout=30_000)
        late = page.locator("#answer").get_by_text(re.compile("no answer:|timed out|unreachable"))
        if page.locator(".figure").count() and not late.count():
            break
        page.reload()
    return page.locator(".figure").inner_text()


def choose(page: Page, label: str, typed: str, name: str) -> None:
    """Type, and take the suggestion of that name."""
    page.get_by_label(label).fill(typed)
    page.get_by_role("option", name=name).first.click()
    expect(page.get_by_role("button", name=f"Remove {name}")).to_be_visible()


def test_a_phenotype_and_a_scan_are_counted_together(family: Family, visits: Visits) -> None:
    visitor = visits()
    page = visitor.page
    visitor.open(family.url("gateway"))
    expect(page.locator("[data-part]")).to_have_count(0)
    visitor.look("front")
    choose(page, "Phenotype, disease or origin", "cardiovascular", "Abnormality of the cardiovascular system")
    page.get_by_label("Modality").select_option("CT")
    page.get_by_label("Body part").select_option("CHEST")
    search(page)
    joined = int(figure(page).replace(",", ""))
    alone = [
        row.inner_text() for row in page.locator("section", has_text="Each condition alone").get_by_role("row").all()
    ]
    people = [int(re.findall(r"(\d+)\s+\d+ ms", row)[0]) for row in alone[1:]]
    assert len(people) == 2
    floor = family.facts.get("floor", {"minimum": 10, "round_to": 5})
    assert floor["minimum"] <= joined <= min(people)
    assert joined % floor["round_to"] == 0
    assert "Rounded down" in page.locator("#answer").inner_text()
    by_sex = page.get_by_role("table", name="By sex").get_by_role("row")
    counts = [int(text) for text in by_sex.locator(".num").all_inner_texts()]
    assert all(floor["minimum"] <= count <= joined for count in counts)
    page.get_by_text("What each member did, and what left it").click()
    page.get_by_text("The same question for a program").click()
    visitor.look("front-joined")
    body = page.locator("#answer pre").inner_text()
    url = f"{family.url('gateway')}/federation/v1/search"
    told = requests.post(url, data=body, headers={"Content-Type": "application/json"}, timeout=30).json()
    assert told["count"] == joined


def test_without_scripts_the_page_answers_the_same(family: Family, visits: Visits) -> None:
    asked = f"{family.url('gateway')}/?term={COMMON}&modality=CT&body=CHEST"
    plain, quick = visits(scripts=False), visits()
    plain.open(asked)
    quick.open(f"{asked}&live=1")
    assert figure(plain.page) == figure(quick.page)
    for page in (plain.page, quick.page):
        assert page.get_by_role("table", name="By age at imaging").get_by_role("row").count() > 3
    plain.page.get_by_role("button", name="Remove Abnormality of the cardiovascular system").click()
    expect(plain.page.get_by_role("button", name=re.compile("^Remove"))).to_have_count(0)
    expect(plain.page.get_by_label("Body part")).to_have_value("CHEST")
    plain.look("front-plain")


def test_terms_are_chosen_with_the_keyboard_alone(family: Family, visits: Visits) -> None:
    visitor = visits()
    page = visitor.page
    visitor.open(family.url("gateway"))
    field = page.get_by_label("Phenotype, disease or origin")
    visitor.type_into(field, "hypertroph")
    expect(page.get_by_role("listbox").get_by_role("option")).to_have_count(1)
    expect(field).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("ArrowDown")
    chosen = page.get_by_role("option", name="Hypertrophic cardiomyopathy")
    expect(chosen).to_have_attribute("aria-selected", "true")
    expect(field).to_have_attribute("aria-activedescendant", str(chosen.get_attribute("id")))
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Remove Hypertrophic cardiomyopathy")).to_be_visible()
    expect(field).to_have_value("")
    page.keyboard.type("no such term")
    expect(page.get_by_text("No term fits.")).to_be_visible()
    page.keyboard.press("Escape")
    expect(field).to_have_attribute("aria-expanded", "false")
    field.fill("")
    page.keyboard.press("Backspace")
    expect(page.get_by_role("button", name=re.compile("^Remove"))).to_have_count(0)


def test_a_number_too_small_to_tell_is_explained(family: Family, visits: Visits) -> None:
    visitor = visits()
    visitor.open(family.url("gateway"))
    visitor.page.get_by_label("Phenotype, disease or origin").fill(RARE)
    visitor.page.get_by_label("Modality").select_option("CT")
    search(visitor.page)
    assert figure(visitor.page) == "fewer than 10"
    expect(visitor.page.get_by_text("Small numbers, and none at all, are not told")).to_be_visible()
    visitor.look("front-rare")


def test_a_variant_is_understood_while_it_is_typed_and_who_carries_it_needs_a_sign_in(
    family: Family, visits: Visits
) -> None:
    visitor = visits()
    page = visitor.page
    visitor.open(family.url("gateway"))
    box = page.get_by_label("Variant, place or gene")
    box.fill("rs429358")
    expect(page.locator("#variant-said")).to_contain_text("is a name in dbSNP")
    expect(box).to_have_attribute("aria-invalid", "true")
    box.fill("NC_000019.9:g.45411941T>C")
    expect(page.locator("#variant-said")).to_have_text("T → C at chromosome 19, 45,411,941 (GRCh37)")
    expect(page.get_by_label("Assembly")).to_have_value("GRCh37")
    page.get_by_label("Assembly").select_option("GRCh38")
    box.fill("chr19-44908684-T-C")
    expect(page.locator("#variant-said")).to_have_text("T → C at chromosome 19, 44,908,684 (GRCh38)")
    search(page)
    expect(page.get_by_text("GSA-Human: seen in people here")).to_be_visible()
    expect(page.get_by_text("is told only to people who signed in")).to_be_visible()
    expect(page.get_by_role("row", name="19-44908684-T-C (GRCh38)")).to_be_visible()
    visitor.look("front-variant")


@pytest.mark.parametrize(
    ("label", "typed", "told"),
    [
        ("Variant, place or gene", "1-55051215-G-G", "Both alleles are G: nothing changes."),
        ("Variant, place or gene", "<script>alert(1)</script>", "“<script>alert(1)</script>” is not understood."),
        ("Phenotype, disease or origin", "no such thing", "No member uses the term “no such thing”."),
        ("And not", "nor this", "No member uses the term “nor this”."),
    ],
)
def test_bad_input_is_answered_with_what_is_allowed(
    family: Family, visits: Visits, label: str, typed: str, told: str
) -> None:
    visitor = visits()
    visitor.open(family.url("gateway"))
    visitor.page.get_by_label(label).fill(typed)
    search(visitor.page)
    expect(visitor.page.get_by_role("alert")).to_contain_text(told)
    expect(visitor.page.get_by_label(label)).to_have_attribute("aria-invalid", "true")
    expect(visitor.page.get_by_label(label)).to_have_value(typed)
    visitor.was_refused()
    visitor.look("front-bad")


def test_the_language_is_chosen_once_and_kept(family: Family, visits: Visits) -> None:
    visitor = visits()
    page = visitor.page
    visitor.open(f"{family.url('gateway')}/?term={COMMON}")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.get_by_role("link", name="中文").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    expect(page.get_by_role("heading", level=1)).to_have_text("一个问题，查遍所有归档库")
    expect(page.get_by_role("button", name="移除心血管系统异常")).to_be_visible()
    visitor.look("zh-front")
    visitor.open(family.url("gateway"))
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    page.get_by_role("link", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("One question over all archives")


@pytest.mark.parametrize("member", MEMBERS)
def test_a_member_is_reached_from_the_front_page(family: Family, visits: Visits, member: str) -> None:
    visitor = visits()
    visitor.open(family.url("gateway"))
    visitor.page.locator(f'a[href="{family.url(member)}/"]').click()
    expect(visitor.page).to_have_url(f"{family.url(member)}/")
    visitor.look(f"home-{member}")
    dataset = family.dataset(member, "open")
    visitor.page.get_by_role("link", name=dataset).click()
    expect(visitor.page).to_have_url(f"{family.url(member)}/datasets/{dataset}")
    visitor.look(f"dataset-{member}")


def test_what_is_not_published_has_no_page(family: Family, visits: Visits) -> None:
    visitor = visits()
    for dataset in family.facts["datasets"]:
        if dataset["state"] != "released":
            visitor.open(f"{family.url(dataset['member'])}/datasets/{dataset['accession']}")
            expect(visitor.page.get_by_role("heading", level=1)).to_have_text("Not Found")
            assert dataset["title"] not in visitor.page.content()
    visitor.look("not-found")
    visitor.was_refused()


@pytest.mark.parametrize("process", ["gateway", "broker", *MEMBERS])
def test_every_stop_of_the_tab_key_shows_the_focus(family: Family, visits: Visits, process: str) -> None:
    visitor = visits()
    visitor.open(f"{family.url(process)}/")
    stops = visitor.stops()
    assert len(stops) >= 4
    assert any(stop.endswith("Skip to content") for stop in stops)
    assert [stop for stop in stops if stop.startswith("!")] == []


@pytest.mark.parametrize("process", ["gateway", *MEMBERS])
def test_docs_show_every_contract_without_leaving_this_machine(family: Family, visits: Visits, process: str) -> None:
    visitor = visits()
    page = visitor.page
    visitor.open(f"{family.url(process)}/docs")
    chooser = page.get_by_label("Select a definition")
    expect(chooser).to_be_visible()
    names = [option.inner_text() for option in chooser.get_by_role("option").all()]
    assert names
    for name in names:
        contract = yaml.safe_load(requests.get(f"{family.url(process)}/docs/contracts/{name}.yaml", timeout=10).text)
        chooser.select_option(label=name)
        expect(page.locator(".info .title")).to_contain_text(contract["info"]["title"])
        operations = sum(method in METHODS for path in contract["paths"].values() for method in path)
        expect(page.locator(".opblock")).to_have_count(operations)
        assert page.locator(".errors-wrapper").count() == 0
        visitor.look(f"docs-{process}-{name}")


def test_docs_try_an_operation_out(family: Family, visits: Visits) -> None:
    visitor = visits()
    page = visitor.page
    visitor.open(f"{family.url('gsa-human')}/docs")
    operation = page.locator(".opblock", has_text="/service-info").first
    operation.click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    shown = operation.locator(".responses-table.live-responses-table")
    expect(shown).to_contain_text("org.ga4gh")
    expect(shown.locator(".response-col_status").last).to_contain_text("200")
    assert urlsplit(operation.locator(".request-url pre").inner_text().strip()).path == "/ga4gh/drs/v1/service-info"
