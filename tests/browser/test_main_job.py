"""The main job from end to end: a partner creates a customer, Microsoft gets the tenant, the customer signs in."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect
from tests import running
from tests.browser.microsoft import Microsoft
from tests.browser.portal import PASSWORD, unique
from tests.browser.wizard import Wizard

TABS = ["Products", "Orders", "Invoices", "Subscriptions", "CSP Accounts", "Audit Logs", "Users", "Profile"]


def sign_in(page: Page, email: str, password: str) -> None:
    page.get_by_label("Email", exact=True).fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_customer_created_in_four_steps_gets_its_microsoft_tenant_and_signs_in(
    demo: running.Demo, open_page: Callable[[], Page], page_problems: list[str]
) -> None:
    word = unique("wingtip")
    name, login, domain = f"{word} Toys Inc.", f"ann@{word}.example", f"{word}.onmicrosoft.com"
    page = open_page()

    page.goto(demo.url)
    sign_in(page, *demo.user("owner"))
    page.wait_for_url("**/customers/")
    page.get_by_role("link", name="Create", exact=True).click()
    wizard = Wizard(page, demo.url)
    wizard.expect_step("company")
    wizard.fill_company(name=name)
    wizard.proceed()
    wizard.expect_step("contacts")
    wizard.fill_contacts(login=login)
    wizard.proceed()
    wizard.expect_step("microsoft")
    wizard.fill_new_account(domain=word)
    wizard.proceed()
    wizard.expect_step("additional")
    wizard.proceed()

    # The work at Microsoft goes on in the background; the page shows its end by itself.
    page.wait_for_url(re.compile(r"/customers/[0-9a-f-]{36}/csp-accounts/$"))
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    expect(page.get_by_role("navigation", name="Sections").get_by_role("link")).to_have_text(TABS)
    expect(page.locator(".panel-head .state")).to_have_text("Linked", timeout=60_000)
    emulator = Microsoft(demo.emulator_url)
    tenants = emulator.tenants(domain=domain)
    assert len(tenants) == 1
    expect(page.locator(".panel")).to_contain_text(tenants[0]["tenant_id"])
    ids = [
        one["MS-RequestId"] for one in emulator.requests(method="POST", path="^/v1/customers$") if one["status"] == 201
    ]
    assert len(ids) == len(set(ids))
    created = page.url

    # The mail, as its recipient sees it.
    page.get_by_text("OH", exact=True).click()
    page.get_by_role("link", name="Mail log", exact=True).click()
    page.get_by_role("row", name=re.compile(f"mail.{re.escape(login)}")).get_by_role(
        "link", name="Your credentials"
    ).click()
    mail = page.get_by_role("article", name="Mail")
    expect(mail).to_contain_text(login)
    expect(mail).to_contain_text(f"{demo.url}/")
    link = mail.get_by_role("link", name="Choose your password").get_attribute("href") or ""
    assert link.startswith(f"{demo.url}/welcome/")

    # The admin user, in a browser of its own.
    admin = open_page()
    admin.goto(link)
    admin.get_by_label("Password", exact=True).fill(PASSWORD)
    admin.get_by_label("Password again", exact=True).fill(PASSWORD)
    admin.get_by_role("button", name="Choose password and sign in").click()
    admin.wait_for_url(re.compile(r"/customers/[0-9a-f-]{36}/products/$"))
    own = admin.url.removesuffix("products/")
    assert own == created.removesuffix("csp-accounts/")
    menu = admin.locator("#menu nav").get_by_role("link")
    expect(menu).to_have_text(TABS)
    for tab in TABS:
        menu.get_by_text(tab, exact=True).click()
        expect(admin.get_by_role("heading", level=1)).to_have_text(tab)
        assert admin.url.startswith(own)
    expect(admin.locator("main")).to_contain_text(name)

    # Nothing of anybody else.
    page.goto(f"{demo.url}/customers/")
    stranger = page.locator("tbody th a").filter(has_not_text=word).first
    other, other_name = stranger.evaluate("(link) => link.href"), stranger.inner_text()
    for address, status in ((other, 404), (f"{demo.url}/customers/", 403), (f"{demo.url}/customers/new/", 403)):
        answer = admin.goto(address)
        assert answer is not None
        assert answer.status == status, address
    for address in (f"{demo.url}/mail/", f"{demo.url}/account/microsoft/"):
        answer = admin.goto(address)
        assert answer is not None
        assert answer.status == 403, address
    admin.goto(f"{demo.url}/audit/")
    expect(admin.locator("main")).to_contain_text("Ann Archer")
    expect(admin.locator("main")).not_to_contain_text(other_name)
    assert all("status of 40" in problem for problem in page_problems)
    page_problems.clear()

    # Out, and in again with e-mail and password.
    admin.goto(own)
    admin.get_by_text("AA", exact=True).click()
    admin.get_by_role("button", name="Sign out").click()
    admin.goto(own)
    expect(admin).to_have_url(re.compile(r"/accounts/login/"))
    sign_in(admin, login, PASSWORD)
    admin.wait_for_url(f"{own}products/")

    # The link has been used.
    answer = admin.goto(link)
    assert answer is not None
    assert answer.status == 410
    expect(admin.get_by_role("heading", level=1)).to_have_text("This link can't be used any more")
    assert all("status of 410" in problem for problem in page_problems)
    page_problems.clear()
