"""The way of a purchase: cart icon, dialog, two Microsoft products and one of Coro, task, Products tab."""

import datetime

from playwright.sync_api import Page, expect
from tests import running
from tests.browser.portal import Portal, eventually, unique
from tests.browser.test_every_page import NEW_ACCOUNT

AGREEMENT = {
    "agreement": "on",
    "agreement_first_name": "Ann",
    "agreement_last_name": "Archer",
    "agreement_email": "ann@looks.example",
    "agreement_phone": "425-555-0101",
    "agreement_date": (datetime.datetime.now(tz=datetime.UTC) - datetime.timedelta(days=2)).date().isoformat(),
}
MICROSOFT = ("Microsoft 365 Business Basic", "Microsoft 365 Business Premium")


def _add(page: Page, *, name: str, quantity: str) -> None:
    """Find a product on the purchase page that is open, and put it into the cart."""
    search = page.get_by_label("Search products", exact=True)
    search.fill(name)
    search.press("Enter")
    page.get_by_role("link", name=name, exact=True).first.click()
    page.get_by_label("Quantity", exact=True).fill(quantity)
    page.get_by_role("button", name="Add to cart", exact=True).click()
    expect(page.locator("#toasts")).to_contain_text("is in the cart")


def test_from_the_cart_icon_to_the_products_tab(demo: running.Demo, owner: Portal, owner_page: Page) -> None:
    page = owner_page
    name = f"{unique('Purchase')} Inc."
    customer = owner.create_customer(name=name, microsoft=NEW_ACCOUNT | AGREEMENT | {"new_domain": unique("purchase")})
    eventually(lambda: "Linked" in owner.get(f"/customers/{customer}/csp-accounts/"))
    # The demo reads Microsoft's price sheet when it starts; prices may still be on their way.
    eventually(lambda: MICROSOFT[1] in owner.get(f"/marketplace/?customer={customer}&vendor=microsoft&q=Premium"))

    page.goto(f"{demo.url}/customers/?q={name.split(maxsplit=1)[0]}")
    page.get_by_role("link", name=f"Purchase for {name}", exact=True).or_(
        page.get_by_role("button", name=f"Purchase for {name}", exact=True)
    ).click()
    dialog = page.locator("#dialog")
    expect(dialog.get_by_role("heading", name="CSP Accounts", exact=True)).to_be_visible()
    selects = dialog.locator("select")
    expect(selects).to_have_count(2)
    for number in range(2):
        selects.nth(number).select_option(index=1)
    dialog.locator("button[type=submit]").click()
    page.wait_for_url("**/marketplace/**")
    shop = page.url
    for product in MICROSOFT:
        page.goto(shop)
        _add(page, name=product, quantity="3")
    page.goto(shop)
    _add(page, name="Coro Essentials", quantity="3")

    page.goto(f"{demo.url}/customers/{customer}/cart/")
    expect(page.locator("li.order-line")).to_have_count(3)
    page.get_by_role("link", name="Review", exact=True).click()
    page.get_by_role("button", name="Purchase now", exact=True).click()
    expect(page.get_by_text("This order waits for information")).to_be_visible()
    page.goto(f"{demo.url}/tasks/?q={name.split(maxsplit=1)[0]}")
    page.get_by_role("link", name="Complete Task").click()
    dialog.get_by_label("Domain", exact=True).fill("purchase.example")
    dialog.get_by_label("Admin E-mail", exact=True).fill("ann@purchase.example")
    dialog.get_by_role("button", name="Complete Task", exact=True).click()
    # Microsoft provides two of them; the page follows by itself.
    expect(page.locator(".page-name")).to_contain_text("Completed")

    page.goto(f"{demo.url}/customers/{customer}/products/")
    expect(page.locator("tbody tr")).to_have_count(3)
    for product in (*MICROSOFT, "Coro Essentials"):
        expect(page.locator("tbody")).to_contain_text(product)
    expect(page.locator("tbody").get_by_text("Active", exact=True)).to_have_count(3)
