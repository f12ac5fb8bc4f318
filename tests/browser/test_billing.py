"""Billing profiles and subscriptions as people make them, also on the way through a form, and what stays typed."""

import re
import uuid
from collections.abc import Callable

from playwright.sync_api import Page, expect
from tests import running
from tests.browser.portal import Portal, unique


def letters(word: str) -> str:
    """Return a name that no other test uses, of letters only, as names of subscriptions are."""
    return word + "".join(chr(ord("a") + int(one, 16)) for one in uuid.uuid4().hex[:8])


def test_a_subscription_is_made_with_a_profile_made_on_the_way(demo: running.Demo, owner_page: Page) -> None:
    page, name, profile = owner_page, letters("Iberia_"), unique("Iberia ")
    page.goto(f"{demo.url}/customers/")
    page.locator(".profile-button").click()
    page.get_by_role("link", name="Subscription", exact=True).click()
    page.get_by_role("link", name="Create", exact=True).first.click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Country", exact=True).select_option("ES")
    expect(page.get_by_label("Currency", exact=True)).to_have_value("EUR")
    expect(page.get_by_label("Name", exact=True)).to_have_value(name)
    page.get_by_label("Province", exact=True).select_option(label="Madrid")
    page.get_by_label("Tax registration", exact=True).fill("ES B58378431")
    page.get_by_label("Time zone", exact=True).select_option("Europe/Madrid")
    page.get_by_role("button", name=re.compile("Create a billing profile")).click()

    page.wait_for_url("**/billing-profiles/new/**")
    page.get_by_label("Billing Profile Name", exact=True).fill(profile)
    page.get_by_label("Bill To", exact=True).fill("Cascade Iberia S.L.")
    page.get_by_label("Country", exact=True).select_option("ES")
    expect(page.get_by_label("Province", exact=True)).to_contain_text("Madrid")
    page.get_by_label("Address Line 1", exact=True).fill("Gran Vía 28")
    page.get_by_label("City", exact=True).fill("Madrid")
    page.get_by_label("Province", exact=True).select_option(label="Madrid")
    page.get_by_label("Postcode", exact=True).fill("28013")
    page.get_by_role("button", name="Create", exact=True).click()

    page.wait_for_url("**/subscriptions/new/**")
    expect(page.get_by_label("Name", exact=True)).to_have_value(name)
    expect(page.get_by_label("Tax registration", exact=True)).to_have_value("ES B58378431")
    expect(page.get_by_label("Time zone", exact=True)).to_have_value("Europe/Madrid")
    chosen = page.get_by_label("Billing profile", exact=True).locator("option:checked")
    expect(chosen).to_contain_text(profile)
    page.get_by_role("button", name="Create", exact=True).dblclick()
    row = page.locator("tbody tr", has_text=name)
    expect(row).to_have_count(1)
    expect(row).to_contain_text("Spain")

    row.get_by_role("link", name=name, exact=True).click()
    page.get_by_label("Payment instructions", exact=True).fill("Pay by SEPA transfer.")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#toasts")).to_contain_text(f"The subscription “{name}” has been saved.")
    page.goto(f"{demo.url}/audit/")
    changed = page.get_by_role("row", name=re.compile(f"changed the subscription {name}", re.IGNORECASE))
    expect(changed.first).to_be_visible()


def test_inactive_is_asked_and_refused_while_customers_are_charged_under_it(
    demo: running.Demo, owner_page: Page
) -> None:
    page = owner_page
    page.goto(f"{demo.url}/account/subscriptions/?q=Americas")
    page.get_by_role("link", name="Make inactive: Americas", exact=True).click()
    dialog = page.locator("#dialog")
    dialog.get_by_role("button", name="Make inactive", exact=True).click()
    expect(dialog).to_contain_text("customers are charged under it")
    dialog.get_by_role("link", name="Show these customers", exact=True).click()
    page.wait_for_url("**/customers/?subscription=*")
    expect(page.locator("tbody tr").first).to_be_visible()


def test_a_customers_own_subscription(demo: running.Demo, owner: Portal, page_of: Callable[[Portal], Page]) -> None:
    login = f"{unique('ann')}@works.example"
    customer = owner.create_customer(login=login)
    with Portal(demo.url) as person:
        person.choose_password(owner.welcome_link(recipient=f"mail.{login}"))
        page = page_of(person)
        page.goto(f"{demo.url}/customers/{customer}/subscriptions/")
        page.get_by_role("link", name="Create", exact=True).first.click()
        page.get_by_label("Name", exact=True).fill("Branch 2")
        page.get_by_label("Country", exact=True).select_option("US")
        expect(page.get_by_label("State", exact=True)).to_contain_text("Washington")
        page.get_by_label("State", exact=True).select_option("WA")
        page.get_by_label("Billing profile", exact=True).select_option(index=1)
        page.get_by_role("button", name="Create", exact=True).click()
        expect(page.get_by_text("Use letters, spaces and underscores only.", exact=True)).to_be_visible()
        page.get_by_label("Name", exact=True).fill("Branch")
        page.get_by_role("button", name="Create", exact=True).click()
        expect(page.locator("tbody tr", has_text="Branch")).to_have_count(1)
        expect(page.get_by_text("Currency")).to_have_count(0)
