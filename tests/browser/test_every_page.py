"""Every page of the portal: clean for axe-core in both themes, and no wider than the screen at 390 px."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from tests import looks, running
from tests.browser.microsoft import Microsoft
from tests.browser.portal import Portal, eventually, unique

NEW_ACCOUNT = {
    "account": "new",
    "new_company_name": "Looks Inc.",
    "new_qualification": "commercial",
    "new_first_name": "Ann",
    "new_last_name": "Archer",
    "new_address_line1": "1 Microsoft Way",
    "new_city": "Redmond",
    "new_state": "WA",
    "new_postal_code": "98052",
    "new_country": "US",
    "new_phone": "425-555-0101",
    "new_email": "ann@looks.example",
}
CHANGES, OWN = "/marketplace/catalogue/changes/", "/marketplace/catalogue/products/"
TABS = ["products", "orders", "invoices", "subscriptions", "csp-accounts", "audit-logs", "users", "profile"]


@pytest.fixture
def looker(browser: Browser, demo: running.Demo) -> Iterator[Callable[[Portal], Page]]:
    """Call it with a session for a page without motion, whose theme and size the test changes."""
    contexts = []

    def of(session: Portal) -> Page:
        context = browser.new_context(base_url=demo.url, reduced_motion="reduce", locale="en-US")
        context.set_default_timeout(60_000)
        context.add_cookies(session.cookies)  # type: ignore[arg-type]
        contexts.append(context)
        return context.new_page()

    yield of
    for context in contexts:
        context.close()


def problems(page: Page, address: str = "") -> list[Any]:
    """Look at a page in both themes and sizes; without an address at the open one. A theme changes colours only."""
    found = []
    page.set_viewport_size({"width": 1440, "height": 900})
    page.emulate_media(color_scheme="light")
    if address:
        page.goto(address)
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "light")
    looks.settle(page)
    found += [("light", one) for one in looks.violations(page)]
    if over := looks.beyond_frame(page):
        found.append(("1440 px", f"a list is {over} px wider than its frame"))
    page.set_viewport_size({"width": 390, "height": 844})
    found += [("390 px", one) for one in looks.violations(page, rules=["target-size"])]
    if over := looks.overflow(page):
        found.append(("390 px", f"scrolls sideways by {over} px"))
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    if address:
        page.reload()
    looks.settle(page)
    found += [("dark", one) for one in looks.violations(page, rules=["color-contrast"])]
    return found


def check(page: Page, addresses: list[str]) -> None:
    assert {address: wrong for address in addresses if (wrong := problems(page, address))} == {}


def test_ways_in(demo: running.Demo, looker: Callable[[Portal], Page], owner: Portal) -> None:
    login = f"{unique('ann')}@looks.example"
    owner.create_customer(login=login)
    welcome = owner.welcome_link(recipient=f"mail.{login}").removeprefix(demo.url)
    page = looker(Portal(demo.url))
    check(
        page, ["/accounts/login/", "/accounts/password/forgotten/", welcome, "/welcome/no-such-link/", "/nothing-here/"]
    )
    page.goto(welcome)
    page.get_by_role("button", name="Choose password and sign in").click()
    page.locator(".field-errors").first.wait_for()
    assert problems(page) == []


def test_list_drafts_and_pages_of_the_account(
    looker: Callable[[Portal], Page], owner: Portal, at_step: Callable[[str], str]
) -> None:
    at_step("contacts")
    owner.create_customer()
    mail = eventually(owner.mails)[0][1]
    page = looker(owner)
    check(
        page,
        [
            "/customers/",
            "/customers/?q=nothing-has-this-name",
            "/mail/",
            mail,
            "/account/microsoft/",
            "/audit/",
            "/accounts/2fa/",
            "/accounts/2fa/webauthn/",
            "/accounts/password/change/",
            "/accounts/reauthenticate/",
            "/accounts/logout/",
            "/customers/00000000-0000-0000-0000-000000000000/products/",
        ],
    )
    page.goto("/customers/")
    page.get_by_text(re.compile("unfinished draft")).click()
    page.locator("tbody .tick input").first.check()
    assert problems(page) == []
    # Over a list, the open menu covers links in part: it is judged where nothing is below it.
    page.goto("/accounts/password/change/")
    page.locator(".profile-button").click()
    assert problems(page) == []


def test_customer_types_and_credit_terms(looker: Callable[[Portal], Page], owner: Portal) -> None:
    page = looker(owner)
    kinds, terms = owner.get("/customer-types/"), owner.get("/credit-terms/")
    kind = re.search(r'"(/customer-types/[0-9a-f-]{36}/)"', kinds)
    term = re.search(r'"(/credit-terms/[0-9a-f-]{36}/)"', terms)
    assert kind is not None
    assert term is not None
    check(page, ["/customer-types/", kind[1], f"{kind[1]}edit/", "/customer-types/new/?country=US"])
    check(
        page, ["/credit-terms/", term[1], f"{term[1]}edit/", "/credit-terms/new/", "/credit-terms/?q=nothing-like-it"]
    )
    page.goto("/customer-types/new/")
    page.get_by_role("button", name="Create", exact=True).click()
    page.locator(".field-errors").first.wait_for()
    assert problems(page) == []
    page.goto(f"{kind[1]}edit/")
    page.get_by_label("Name", exact=True).fill(unique("Type"))
    page.get_by_role("button", name="Continue", exact=True).click()
    page.get_by_role("button", name="Save", exact=True).wait_for()
    assert problems(page) == []
    page.goto(f"{term[1]}edit/")
    page.get_by_label("Due Period", exact=True).fill("77")
    page.get_by_role("button", name="Continue", exact=True).click()
    page.get_by_role("button", name="Save", exact=True).wait_for()
    assert problems(page) == []


def test_billing_profiles_and_subscriptions(looker: Callable[[Portal], Page], owner: Portal) -> None:
    page = looker(owner)
    profiles, subscriptions = "/account/billing-profiles/", "/account/subscriptions/"
    profile = re.search(rf'"({profiles}[0-9a-f-]{{36}}/)"', owner.get(profiles))
    subscription = re.search(rf'"({subscriptions}[0-9a-f-]{{36}}/)"[^>]*>Americas<', owner.get(subscriptions))
    assert profile is not None
    assert subscription is not None
    check(page, [profiles, f"{profiles}?q=nothing-like-it", profile[1], f"{profiles}new/?country=JP"])
    check(page, [subscriptions, f"{subscriptions}?q=nothing-like-it", subscription[1], f"{subscriptions}new/"])
    page.goto(f"{subscriptions}new/?country=US")
    page.get_by_role("button", name="Create", exact=True).click()
    page.locator(".field-errors").first.wait_for()
    assert problems(page) == []
    page.goto(subscriptions)
    page.get_by_role("link", name="Make inactive: Americas", exact=True).click()
    page.locator("#dialog").get_by_role("button", name="Make inactive", exact=True).click()
    page.locator("#dialog").get_by_text("charged under it").wait_for()
    assert problems(page) == []


def test_discounts(looker: Callable[[Portal], Page], owner: Portal) -> None:
    page = looker(owner)
    listed = owner.get("/discounts/")
    found = {
        name: re.search(rf'href="(/discounts/[^"]+/)"[^>]*>{name}<', listed)
        for name in ("Licences America", "Volume America", "Microsoft 365 campaign")
    }
    addresses = [match[1] for match in found.values() if match]
    assert len(addresses) == 3
    check(page, ["/discounts/", "/discounts/?q=nothing-has-this-name", "/discounts/new/", *addresses])
    check(page, [f"{one}versions/new/" for one in addresses])
    page.goto(f"{addresses[1]}versions/new/")
    page.get_by_label("To quantity, band 1").fill("many")
    page.get_by_role("button", name="Save").click()
    page.locator(".field-errors").first.wait_for()
    assert problems(page) == []
    page.goto(f"{addresses[2]}versions/new/")
    page.get_by_label("Search products").press_sequentially("exchange")
    page.locator(".pick-list").wait_for()
    page.get_by_text("Paste from a spreadsheet or import").click()
    page.get_by_label("Paste from a spreadsheet", exact=True).fill("NO-SUCH-PRODUCT\t\t5")
    page.get_by_role("button", name="Add pasted rows").click()
    page.get_by_text("is no product of this vendor").wait_for()
    assert problems(page) == []
    page.goto(addresses[0])
    page.get_by_role("link", name="Rename", exact=True).click()
    page.locator("#dialog input[name=name]").wait_for()
    assert problems(page) == []


def test_orders_from_cart_to_product(looker: Callable[[Portal], Page], owner: Portal) -> None:
    customer = owner.create_customer()
    page = looker(owner)
    check(page, [f"/customers/{customer}/cart/", "/orders/?q=nothing-has-this-name", "/tasks/?q=nothing-like-it"])
    for name in ("Coro", "MSP Hub"):
        page.set_viewport_size({"width": 1440, "height": 900})
        page.goto(f"/marketplace/?customer={customer}&q={name}")
        page.locator(".market-card h2 a, .market-table th a").first.click()
        page.get_by_role("button", name="Add to cart", exact=True).click()
        page.locator("#toasts").get_by_text("is in the cart").wait_for()
    check(page, [f"/customers/{customer}/cart/", f"/customers/{customer}/cart/review/"])
    page.goto(f"/customers/{customer}/cart/")
    page.get_by_label("Quantity", exact=True).first.fill("none")
    page.get_by_label("Quantity", exact=True).first.press("Enter")
    page.get_by_text("Enter a whole number of units, 1 or more.").wait_for()
    assert problems(page) == []
    page.goto(f"/customers/{customer}/cart/review/")
    page.get_by_role("button", name="Schedule now", exact=True).click()
    page.get_by_text("Choose the day.").wait_for()
    assert problems(page) == []
    page.get_by_role("button", name="Purchase now", exact=True).click()
    page.get_by_text("This order waits for information").wait_for()
    order = page.url
    assert problems(page) == []
    check(page, ["/orders/", f"/customers/{customer}/orders/", "/tasks/"])
    page.goto(order)
    page.get_by_role("link", name=re.compile("^Set up ")).click()
    page.locator("#dialog").get_by_label("Domain", exact=True).wait_for()
    assert problems(page) == []
    page.locator("#dialog").get_by_role("button", name="Complete Task", exact=True).click()
    page.locator(".page-name").get_by_text("Completed").wait_for()
    assert problems(page) == []
    check(page, [f"/customers/{customer}/products/"])
    page.locator("tbody th a").first.click()
    page.get_by_text("What held on each day").wait_for()
    assert problems(page) == []
    page.goto(f"/customers/{customer}/products/")
    page.get_by_role("link", name="Suspend", exact=True).click()
    page.locator("#dialog").get_by_text("keep running and being billed").first.wait_for()
    assert problems(page) == []


def test_wizard_empty_and_with_errors(
    looker: Callable[[Portal], Page], owner: Portal, at_step: Callable[[str], str]
) -> None:
    page = looker(owner)
    draft = at_step("additional").removesuffix("additional/")
    fresh = at_step("company").removesuffix("company/")
    check(page, [f"{fresh}company/", f"{fresh}company/?check=1"])
    check(page, [f"{draft}{step}/" for step in ("company", "contacts", "microsoft", "additional")])
    half = at_step("contacts").removesuffix("contacts/").removeprefix(owner.url)
    check(page, [f"{half}contacts/?check=1"])
    ways = [
        {"account": "existing", "existing_country": "US", "existing_domain": "contoso.com", "go": "search"},
        {"account": "existing", "existing_country": "US", "existing_domain": "nobody-has-this.example", "go": "search"},
        {"account": "new", "new_country": "CA", "new_qualification": "education", "agreement": "on", "go": "continue"},
    ]
    for values in ways:
        owner.post(f"{half}microsoft/", values)
        check(page, [f"{half}microsoft/", f"{half}microsoft/?check=1"])


def test_details_and_dialogs(demo: running.Demo, looker: Callable[[Portal], Page], owner: Portal) -> None:
    linked = owner.create_customer(microsoft=NEW_ACCOUNT | {"new_domain": unique("looks")})
    eventually(lambda: "Linked" in owner.get(f"/customers/{linked}/csp-accounts/"))
    emulator = Microsoft(demo.emulator_url)
    emulator.refuse_next_customer(code="2038", text="The address is not valid.")
    failed = owner.create_customer(microsoft=NEW_ACCOUNT | {"new_domain": unique("looks")})
    correct = eventually(
        lambda: re.search(r'"(/csp-accounts/[^"]+/correct/)"', owner.get(f"/customers/{failed}/csp-accounts/"))
    )
    tenant = emulator.free_tenant(partner=demo.content["microsoft"]["tenant_id"])
    waiting = owner.create_customer(
        microsoft={"account": "existing", "existing_country": "US", "existing_domain": tenant["default_domain"]}
    )
    eventually(lambda: "Invitation at Microsoft" in owner.get(f"/customers/{waiting}/csp-accounts/"))
    page = looker(owner)
    check(page, [f"/customers/{linked}/{tab}/" for tab in TABS])
    check(page, [f"/customers/{one}/csp-accounts/" for one in (failed, waiting)])
    check(page, [correct[1], f"/customers/{linked}/profile/modify/", f"/customers/{linked}/status/suspend/"])
    page.goto(f"/customers/{linked}/products/")
    page.get_by_role("link", name="Suspend", exact=True).click()
    page.locator("#dialog textarea").wait_for()
    assert problems(page) == []
    page.goto(f"/customers/{linked}/csp-accounts/")
    page.get_by_role("link", name="Add agreement", exact=True).click()
    page.locator("#dialog input[type=date]").wait_for()
    assert problems(page) == []


def test_customers_users_pages(
    demo: running.Demo, looker: Callable[[Portal], Page], portal: Callable[[str], Portal]
) -> None:
    session = portal("customer admin")
    own = session.client.get("/").url.path.removesuffix("products/")
    page = looker(session)
    check(page, [*[f"{own}{tab}/" for tab in TABS], f"{own}profile/modify/", "/customers/", "/tasks/", f"{own}cart/"])


def test_readers_pages(demo: running.Demo, looker: Callable[[Portal], Page], portal: Callable[[str], Portal]) -> None:
    check(looker(portal("read-only")), ["/customers/", "/discounts/", "/account/microsoft/", "/customers/new/"])


@pytest.mark.parametrize("width", [390, 1440])
def test_menu_is_reached_by_keyboard(demo: running.Demo, owner_page: Page, width: int) -> None:
    owner_page.set_viewport_size({"width": width, "height": 844})
    owner_page.goto(f"{demo.url}/customers/")
    if width == 390:
        owner_page.locator("[data-menu-toggle]").focus()
        owner_page.keyboard.press("Enter")
    owner_page.locator("#menu").get_by_role("link", name="Audit Logs", exact=True).focus()
    owner_page.keyboard.press("Enter")
    owner_page.wait_for_url("**/audit/")


def test_marketplace_and_catalogue(looker: Callable[[Portal], Page], owner: Portal) -> None:
    customer = owner.create_customer()
    eventually(lambda: "Microsoft 365" in owner.get("/marketplace/?vendor=microsoft&q=microsoft+365"), seconds=120)
    page = looker(owner)
    listed = owner.get("/marketplace/?vendor=coro")
    product = re.search(r'href="(/marketplace/[0-9a-f-]{36}/)', listed)
    assert product
    change = re.search(r'href="(/marketplace/catalogue/changes/[^"/]+/coming/)"', owner.get(f"{CHANGES}?show=all"))
    own = re.search(r'href="(/marketplace/catalogue/products/[0-9a-f-]{36}/)"', owner.get(OWN))
    assert change
    assert own
    check(
        page,
        [
            "/marketplace/",
            f"/marketplace/?customer={customer}&vendor=microsoft&view=list",
            "/marketplace/?tab=favorite",
            "/marketplace/?q=nothing-has-this-name",
            product[1],
            f"{product[1]}?customer={customer}",
            "/marketplace/for/",
            f"/customers/{customer}/purchase/",
            "/marketplace/catalogue/",
            CHANGES,
            f"{CHANGES}?show=all",
            change[1],
            OWN,
            own[1],
            f"{OWN}new/",
            f"{OWN}import/",
        ],
    )
