"""The wizard in use: fields that follow from others, drafts, Back, a hasty double click, no script at all."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from tests import running
from tests.browser.portal import Portal, unique
from tests.browser.wizard import Wizard

# Country: what State is called (None: not asked for), one of its entries, what ZIP Code is called.
COUNTRIES = {
    "Germany": (None, "", "Postcode"),
    "United Kingdom": (None, "", "Postcode"),
    "Canada": ("Province", "British Columbia", "Postcode"),
    "Japan": ("Prefecture", "Tokyo", "Postcode"),
    "United States": ("State", "Oregon", "ZIP Code"),
}


def test_state_and_postal_code_follow_the_country_and_nothing_typed_is_lost(
    demo: running.Demo, owner_page: Page
) -> None:
    wizard = Wizard(owner_page, demo.url).open()
    address = wizard.group("Company Address")
    owner_page.get_by_label("Company Name", exact=True).fill("Keeps What Is Typed Ltd.")
    address.get_by_label("Address Line 1").fill("10 Long Road")
    address.get_by_label("City").fill("Springfield")
    for country, (state, entry, postal) in COUNTRIES.items():
        wizard.choose_country(country)
        names = ["Address Line 1", "Address Line 2", "City", *([state] if state else []), postal]
        expect(address.locator("label")).to_have_text(names)
        if state:
            drop_down = address.get_by_label(state)
            drop_down.select_option(label=entry)
            assert drop_down.input_value() != entry or country == "Japan", "codes are stored, names are shown"
        address.get_by_label(postal).fill("12345")
        expect(address.get_by_label("Address Line 1")).to_have_value("10 Long Road")
        expect(address.get_by_label("City")).to_have_value("Springfield")
    wizard.choose_country("Germany")
    wizard.choose_country("United States")
    expect(address.get_by_label("State").locator("option:checked")).to_have_text("Oregon")
    expect(address.get_by_label("ZIP Code")).to_have_value("12345")
    expect(owner_page.get_by_label("Company Name", exact=True)).to_have_value("Keeps What Is Typed Ltd.")


def test_postal_code_must_fit_country_and_state(demo: running.Demo, owner_page: Page) -> None:
    wizard = Wizard(owner_page, demo.url).open()
    wizard.fill_company(name="Wrong ZIP Inc.")
    zip_code = wizard.group("Company Address").get_by_label("ZIP Code")
    zip_code.fill("K1A 0B1")
    wizard.proceed()
    expect(owner_page.locator("#id_postal_code_error")).to_contain_text("is not a valid ZIP Code in United States")
    zip_code.fill("97201")
    wizard.proceed()
    expect(owner_page.locator("#id_postal_code_error")).to_have_text("ZIP Code 97201 is not in Washington.")
    owner_page.locator("#errors").get_by_role("link").first.click()
    expect(zip_code).to_be_focused()


def test_billing_address_follows_the_company_while_it_is_the_same(demo: running.Demo, owner_page: Page) -> None:
    wizard = Wizard(owner_page, demo.url).open()
    wizard.fill_company(name="Billed Here Inc.")
    billing = wizard.group("Billing Address")
    expect(billing.get_by_label("Address Line 1")).to_have_value("1 Microsoft Way")
    expect(billing.get_by_label("Address Line 1")).to_be_disabled()
    expect(billing.get_by_label("State").locator("option:checked")).to_have_text("Washington")
    expect(billing.get_by_label("Country").locator("option:checked")).to_have_text("United States")
    with owner_page.expect_response("**/company/refresh/**"):
        billing.get_by_label("Same as company address").uncheck()
    expect(billing.get_by_label("Address Line 1")).to_be_editable()
    with owner_page.expect_response("**/company/refresh/**"):
        billing.get_by_label("Country").select_option(label="Germany")
    expect(billing.get_by_label("Postcode")).to_be_visible()
    expect(billing.get_by_label("State")).to_have_count(0)
    expect(wizard.group("Company Address").get_by_label("State").locator("option:checked")).to_have_text("Washington")


def test_draft_saves_itself_and_is_resumed_on_another_machine(
    demo: running.Demo, owner_page: Page, owner: Portal, page_of: Callable[[Portal], Page]
) -> None:
    name = f"{unique('Draft')} Inc."
    wizard = Wizard(owner_page, demo.url).open()
    wizard.fill_company(name=name)
    expect(owner_page.locator("#wizard-saved")).to_have_text(re.compile(r"^Saved \d\d:\d\d$"))
    expect(owner_page.locator("#summary")).to_contain_text(name)
    wizard.proceed()
    wizard.expect_step("contacts")
    wizard.group("Primary Contact").get_by_label("First Name").fill("Half")
    expect(owner_page.locator("#wizard-saved")).to_have_text(re.compile(r"^Saved \d\d:\d\d$"))

    other = page_of(owner)
    other.goto(f"{demo.url}/customers/")
    other.get_by_text(re.compile(r"unfinished draft")).click()
    other.get_by_role("link", name=name, exact=True).click()
    Wizard(other, demo.url).expect_step("contacts")
    expect(other.get_by_role("group", name="Primary Contact").get_by_label("First Name")).to_have_value("Half")
    expect(other.get_by_role("complementary", name="Summary")).to_contain_text(name)
    other.get_by_role("link", name="Company Information", exact=True).click()
    expect(other.get_by_label("Company Name", exact=True)).to_have_value(name)
    expect(other.get_by_role("group", name="Company Address").get_by_label("State")).to_have_value("WA")

    other.goto(f"{demo.url}/customers/")
    other.get_by_text(re.compile(r"unfinished draft")).click()
    other.get_by_role("button", name=f"Discard: {name}").click()
    expect(other.get_by_role("link", name=name, exact=True)).to_have_count(0)


def test_back_keeps_what_was_typed(demo: running.Demo, owner_page: Page, at_step: Callable[[str], str]) -> None:
    wizard = Wizard(owner_page, demo.url)
    owner_page.goto(at_step("contacts"))
    admin = wizard.group("Admin User")
    admin.get_by_label("First Name").fill("Not")
    admin.get_by_label("Login Email Address").fill("not-yet-an-address")
    wizard.go_back()
    wizard.expect_step("company")
    wizard.proceed()
    wizard.expect_step("contacts")
    expect(admin.get_by_label("First Name")).to_have_value("Not")
    expect(admin.get_by_label("Login Email Address")).to_have_value("not-yet-an-address")


def test_double_click_on_the_last_continue_makes_one_customer(
    demo: running.Demo, owner_page: Page, owner: Portal
) -> None:
    word = unique("twice")
    wizard = Wizard(owner_page, demo.url)
    wizard.to_last_step(name=f"{word} Inc.", login=f"ann@{word}.example")
    draft = owner_page.url
    owner_page.get_by_role("button", name="Continue", exact=True).dblclick()
    owner_page.wait_for_url(re.compile(r"/customers/[0-9a-f-]{36}/products/$"))
    made = owner_page.url
    owner_page.goto(f"{demo.url}/customers/?q={word}")
    expect(owner_page.locator("tbody tr")).to_have_count(1)
    assert len(owner.mails(recipient=f"mail.ann@{word}.example")) <= 1
    owner_page.goto(draft)
    expect(owner_page).to_have_url(made)


def test_login_that_exists_is_refused_at_its_field(demo: running.Demo, owner_page: Page) -> None:
    wizard = Wizard(owner_page, demo.url)
    wizard.to_last_step(name=f"{unique('Taken')} Inc.", login=demo.user("owner")[0])
    wizard.proceed()
    expect(owner_page.locator("#id_admin_login_email_error")).to_be_visible()
    expect(owner_page.locator(".step-current")).to_contain_text("Contacts")
    expect(wizard.group("Admin User").get_by_label("Login Email Address")).to_have_value(demo.user("owner")[0])


@pytest.fixture
def plain_page(browser: Browser, owner: Portal) -> Iterator[Page]:
    """The owner's page in a browser without script."""
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(60_000)
    context.add_cookies(owner.cookies)  # type: ignore[arg-type]
    yield context.new_page()
    context.close()


def test_wizard_works_without_script(demo: running.Demo, plain_page: Page) -> None:
    word = unique("plain")
    page, wizard = plain_page, Wizard(plain_page, demo.url)
    page.goto(f"{demo.url}/customers/")
    page.get_by_role("link", name="Create", exact=True).click()
    page.get_by_label("Company Name", exact=True).fill(f"{word} Inc.")
    page.get_by_label("Customer Type", exact=True).select_option(label="Business")
    page.get_by_label("Country", exact=True).first.select_option(label="United States")
    page.get_by_label("Partner Subscription", exact=True).select_option(label="Americas (USD)")
    address = wizard.group("Company Address")
    address.get_by_label("Address Line 1").fill("1 Microsoft Way")
    address.get_by_label("City").fill("Redmond")
    address.get_by_label("ZIP Code").fill("98052")
    wizard.group("Billing Address").get_by_label("Same as company address").check()
    wizard.proceed()
    # The states of a country come with the page's next answer.
    expect(page.locator("#errors")).to_contain_text("Choose the state.")
    address.get_by_label("State").select_option(label="Washington")
    wizard.proceed()
    wizard.expect_step("contacts")
    for group in ("Primary Contact", "Billing Contact"):
        wizard.group(group).get_by_label("First Name").fill("Gena")
        wizard.group(group).get_by_label("Last Name").fill("Soto")
        wizard.group(group).get_by_label("Email Address").fill(f"gena@{word}.example")
    admin = wizard.group("Admin User")
    admin.get_by_label("First Name").fill("Ann")
    admin.get_by_label("Last Name").fill("Archer")
    admin.get_by_label("Login Email Address").fill(f"ann@{word}.example")
    admin.get_by_label("Additional Communication Email Address").fill(f"mail.ann@{word}.example")
    wizard.proceed()
    wizard.expect_step("microsoft")
    page.get_by_label("The company has an existing Microsoft account", exact=True).check()
    wizard.proceed()
    page.get_by_label("Domain Name", exact=True).fill("contoso.com")
    page.get_by_role("button", name="Search for Account", exact=True).click()
    expect(page.get_by_text("Microsoft account found")).to_be_visible()
    page.get_by_label("Skip this step", exact=True).check()
    wizard.proceed()
    wizard.expect_step("additional")
    wizard.proceed()
    page.wait_for_url(re.compile(r"/customers/[0-9a-f-]{36}/products/$"))
    expect(page.get_by_role("heading", level=1)).to_have_text(f"{word} Inc.")
