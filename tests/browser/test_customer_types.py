"""Customer types as people make them: rows by script, a credit term made on the way, and back with it chosen."""

import re

from playwright.sync_api import Page, expect
from tests import running
from tests.browser.portal import unique


def test_a_type_is_made_with_a_term_made_on_the_way(demo: running.Demo, owner_page: Page) -> None:
    page, name, term = owner_page, unique("Schools"), unique("Net 21 ")
    page.goto(f"{demo.url}/customer-types/")
    page.get_by_role("link", name="Create", exact=True).click()
    page.get_by_label("Name", exact=True).fill(name)
    first = page.locator(".type-entry").first
    first.get_by_label("Country", exact=True).select_option("US")
    expect(first.get_by_label("Credit Term", exact=True)).to_contain_text("America net 30")
    first.get_by_label("Credit Term", exact=True).select_option("America net 30")
    page.get_by_role("button", name="Add a country", exact=True).click()
    expect(page.locator(".type-entry")).to_have_count(2)
    expect(page.get_by_label("Name", exact=True)).to_have_value(name)
    second = page.locator(".type-entry").nth(1)
    second.get_by_label("Country", exact=True).select_option("ES")
    expect(second).to_contain_text("There is no credit term for this country yet.")
    second.get_by_role("button", name=re.compile("Create a credit term")).click()

    page.wait_for_url("**/credit-terms/new/**")
    expect(page.get_by_label("Country", exact=True)).to_have_value("ES")
    expect(page.get_by_label("Currency", exact=True)).to_have_value("EUR")
    page.get_by_label("Name", exact=True).fill(term)
    page.get_by_label("Credit Limit", exact=True).fill("5,000")
    page.get_by_label("Due Period", exact=True).fill("21")
    page.get_by_role("button", name="Create", exact=True).click()

    page.wait_for_url("**/customer-types/new/**")
    expect(page.get_by_label("Name", exact=True)).to_have_value(name)
    chosen = page.locator(".type-entry").nth(1).get_by_label("Credit Term", exact=True).locator("option:checked")
    expect(chosen).to_have_text(term)
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
    expect(page.get_by_role("rowheader", name="Spain", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name=term, exact=True)).to_be_visible()


def test_the_country_presets_the_currency_and_keeps_what_was_typed(demo: running.Demo, owner_page: Page) -> None:
    owner_page.goto(f"{demo.url}/credit-terms/new/")
    owner_page.get_by_label("Credit Limit", exact=True).fill("1,000")
    owner_page.get_by_label("Country", exact=True).select_option("JP")
    expect(owner_page.get_by_label("Currency", exact=True)).to_have_value("JPY")
    expect(owner_page.get_by_label("Credit Limit", exact=True)).to_have_value("1,000")
