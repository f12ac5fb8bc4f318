"""A customer that has a Microsoft account already: searched, asked for its consent, linked (C-02 step 3)."""

import re
from collections.abc import Callable

import procrastinate
from playwright.sync_api import Page, expect
from tests import running
from tests.browser.microsoft import Microsoft
from tests.browser.portal import Portal, unique
from tests.browser.wizard import Wizard

EXISTING = "The company has an existing Microsoft account"


def follow_now(demo: running.Demo) -> None:
    """Put the job into the queue that asks Microsoft for every open consent; the worker does so once a minute."""
    app = procrastinate.App(connector=procrastinate.SyncPsycopgConnector(conninfo=demo.database_url))
    with app.open():
        app.configure_task("customers.follow_all", queue="house").defer(timestamp=0)


def search(page: Page, domain: str) -> None:
    page.get_by_label("Domain Name", exact=True).fill(domain)
    page.get_by_role("button", name="Search for Account", exact=True).click()


def test_unknown_domain_offers_a_new_account(
    demo: running.Demo, owner_page: Page, at_step: Callable[[str], str]
) -> None:
    word = unique("nobody")
    owner_page.goto(at_step("microsoft"))
    wizard = Wizard(owner_page, demo.url)
    wizard.choose(EXISTING)
    search(owner_page, f"{word}.onmicrosoft.com")
    expect(owner_page.get_by_text("No Microsoft account found")).to_be_visible()
    expect(owner_page.get_by_label("Domain Name", exact=True)).to_have_value(f"{word}.onmicrosoft.com")
    owner_page.get_by_role("button", name="Create a new Microsoft account instead").click()
    account = wizard.group("New Microsoft account")
    expect(account.get_by_label("Domain", exact=True)).to_have_value(word)
    expect(account.get_by_label("City")).to_have_value("Redmond")
    wizard.choose(EXISTING)
    expect(owner_page.get_by_label("Domain Name", exact=True)).to_have_value(f"{word}.onmicrosoft.com")


def test_continue_without_an_account_is_refused(
    demo: running.Demo, owner_page: Page, at_step: Callable[[str], str]
) -> None:
    owner_page.goto(at_step("microsoft"))
    wizard = Wizard(owner_page, demo.url)
    wizard.proceed()
    expect(owner_page.locator("#errors")).to_contain_text("Choose one of the three.")
    wizard.choose(EXISTING)
    wizard.proceed()
    expect(owner_page.locator("#id_existing_domain_error")).to_have_text("Enter the domain name.")
    owner_page.get_by_label("Domain Name", exact=True).fill(f"{unique('nobody')}.example")
    wizard.proceed()
    expect(owner_page.locator("#id_existing_domain_error")).to_contain_text("No Microsoft account has the domain")


def test_existing_account_is_linked_once_the_customer_has_consented(
    demo: running.Demo, owner_page: Page, owner: Portal, open_page: Callable[[], Page], at_step: Callable[[str], str]
) -> None:
    emulator = Microsoft(demo.emulator_url)
    tenant = emulator.free_tenant(partner=demo.content["microsoft"]["tenant_id"])
    owner_page.goto(at_step("microsoft"))
    wizard = Wizard(owner_page, demo.url)
    wizard.choose(EXISTING)
    search(owner_page, tenant["vanity_domain"] or tenant["default_domain"])
    expect(owner_page.get_by_text("Microsoft account found")).to_be_visible()
    expect(owner_page.locator("#group-existing")).to_contain_text(tenant["name"])
    expect(owner_page.locator("#group-existing")).to_contain_text(tenant["tenant_id"])
    wizard.proceed()
    wizard.expect_step("additional")
    wizard.proceed()

    owner_page.wait_for_url(re.compile(r"/csp-accounts/$"))
    state = owner_page.locator(".panel-head .state")
    expect(state).to_have_text("Waiting for consent", timeout=30_000)
    link = owner_page.get_by_role("link", name="Invitation at Microsoft").get_attribute("href") or ""
    mails = [subject for subject, _path in owner.mails(recipient="gena.ann")]
    assert any("asks for access to your Microsoft account" in subject for subject in mails)

    # The customer's administrator, at Microsoft.
    customer = open_page()
    customer.goto(link)
    customer.get_by_label("Your organization's domain").fill(tenant["default_domain"])
    customer.get_by_role("button", name="Accept").click()
    expect(customer.get_by_text("is now a customer of")).to_be_visible()

    follow_now(demo)
    expect(state).to_have_text("Linked", timeout=90_000)
    expect(owner_page.locator(".panel")).to_contain_text(tenant["tenant_id"])
    assert len(emulator.tenants(domain=tenant["default_domain"])) == 1
