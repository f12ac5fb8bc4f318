"""From the marketplace to the Products tab: cart, review, order, task."""

import re

from playwright.sync_api import Page, expect
from tests import running
from tests.browser.portal import Portal, unique


def _add(demo: running.Demo, page: Page, *, customer: str, name: str, quantity: str = "3") -> None:
    """Put a product into the customer's cart as a person does."""
    page.goto(f"{demo.url}/marketplace/?customer={customer}&q={name}")
    page.locator(".market-card h2 a, .market-table th a").first.click()
    page.get_by_label("Quantity", exact=True).fill(quantity)
    page.get_by_role("button", name="Add to cart", exact=True).click()
    expect(page.locator("#toasts")).to_contain_text("is in the cart")


def test_coro_and_msp_hub_from_cart_to_products_tab(demo: running.Demo, owner: Portal, owner_page: Page) -> None:
    page = owner_page
    name = f"{unique('Orders')} Inc."
    customer = owner.create_customer(name=name)
    page.goto(f"{demo.url}/customers/{customer}/cart/")
    expect(page.get_by_text("The cart is empty")).to_be_visible()
    _add(demo, page, customer=customer, name="Coro")
    _add(demo, page, customer=customer, name="MSP Hub", quantity="2")

    page.goto(f"{demo.url}/customers/{customer}/products/")
    page.get_by_role("link", name="Cart (2)", exact=True).click()
    expect(page.locator("li.order-line")).to_have_count(2)
    quantity = page.get_by_label("Quantity", exact=True).first
    quantity.fill("0")
    quantity.press("Enter")
    expect(page.get_by_text("Enter a whole number of units, 1 or more.")).to_be_visible()
    quantity = page.get_by_label("Quantity", exact=True).first
    quantity.fill("4")
    quantity.press("Tab")
    expect(page.get_by_text("Enter a whole number of units, 1 or more.")).to_have_count(0)
    expect(page.get_by_label("Quantity", exact=True).first).to_have_value("4")
    page.get_by_role("link", name="Review", exact=True).click()

    expect(page.locator(".order-review")).to_have_count(2)
    expect(page.locator(".order-summary")).to_contain_text("Today's charge")
    page.get_by_role("button", name="Purchase now", exact=True).dblclick()
    page.wait_for_url(re.compile(r"/orders/[0-9a-f-]{36}/$"))
    order = page.url
    expect(page.locator(".page-name")).to_contain_text("Pending")
    expect(page.get_by_text("This order waits for information")).to_be_visible()
    page.goto(f"{demo.url}/customers/{customer}/orders/")
    expect(page.locator("tbody tr")).to_have_count(1)  # clicked twice, ordered once

    page.locator("#menu").get_by_role("link", name="Task System", exact=True).click()
    page.get_by_role("searchbox", name="Search name or customer").fill(name)
    page.get_by_role("searchbox", name="Search name or customer").press("Enter")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Complete Task").click()
    dialog = page.locator("#dialog")
    expect(dialog.get_by_label("Company Name", exact=True)).to_have_value(name)
    dialog.get_by_label("Domain", exact=True).fill("")
    dialog.get_by_role("button", name="Complete Task", exact=True).click()
    expect(dialog.locator(".field-errors")).to_have_count(1)
    dialog.get_by_label("Domain", exact=True).fill("orders.example")
    dialog.get_by_label("Admin E-mail", exact=True).fill("ann@orders.example")
    dialog.get_by_role("button", name="Complete Task", exact=True).click()
    page.wait_for_url(order)
    # The page follows by itself.
    expect(page.locator(".page-name")).to_contain_text("Completed")
    expect(page.locator("#order-items-grid tbody tr")).to_have_count(2)

    page.goto(f"{demo.url}/customers/{customer}/products/")
    expect(page.locator("thead th")).to_have_text(
        ["Status", "Product Name", "Category", "Billing Frequency", "Purchase Quantity", "Purchase Date"]
    )
    expect(page.locator("tbody tr")).to_have_count(2)
    page.locator("tbody th a").first.click()
    expect(page.get_by_text("What held on each day")).to_be_visible()


def test_schedule_now_shows_the_prices_of_that_day(demo: running.Demo, owner: Portal, owner_page: Page) -> None:
    page = owner_page
    customer = owner.create_customer()
    _add(demo, page, customer=customer, name="MSP Hub")
    page.goto(f"{demo.url}/customers/{customer}/cart/review/")
    day = page.locator("#scheduled-on").get_attribute("min") or ""
    page.get_by_label("Or on a day to come", exact=True).fill(day)
    page.get_by_label("Or on a day to come", exact=True).press("Tab")
    expect(page.locator(".order-summary")).to_contain_text("Charge on that day")
    page.get_by_role("button", name="Schedule now", exact=True).click()
    page.wait_for_url(re.compile(r"/orders/[0-9a-f-]{36}/$"))
    expect(page.locator(".page-name")).to_contain_text("Scheduled")
    page.get_by_role("link", name="Cancel order", exact=True).click()
    page.locator("#dialog").get_by_label("Reason", exact=True).fill("A test")
    page.locator("#dialog").get_by_role("button", name=re.compile("^Cancel SO")).click()
    expect(page.locator(".page-name")).to_contain_text("Cancelled")
    expect(page.get_by_text("A test")).to_be_visible()
