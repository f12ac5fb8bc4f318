"""The wizard in a browser, filled in by its labels as a person reads them."""

import re
from typing import Self

from playwright.sync_api import Locator, Page, expect

STEPS = {
    "company": "Company Information",
    "contacts": "Contacts",
    "microsoft": "Microsoft Account",
    "additional": "Additional Information",
}


class Wizard:
    """A page on which a customer is being created."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url

    def open(self) -> Self:
        """Begin a new draft from the grid."""
        self.page.goto(f"{self.url}/customers/")
        self.page.get_by_role("link", name="Create", exact=True).first.click()
        self.expect_step("company")
        return self

    def group(self, name: str) -> Locator:
        """Return a fieldset by its legend."""
        return self.page.get_by_role("group", name=name, exact=True)

    def proceed(self) -> None:
        """Press Continue."""
        self.page.get_by_role("button", name="Continue", exact=True).click()

    def go_back(self) -> None:
        """Press Back."""
        self.page.get_by_role("button", name="Back", exact=True).click()

    def expect_step(self, step: str) -> None:
        """Wait until a step is shown."""
        self.page.wait_for_url(re.compile(rf"/{step}/(\?.*)?(#.*)?$"))
        expect(self.page.locator(".step-current")).to_contain_text(STEPS[step])

    def fill_company(self, *, name: str) -> None:
        """Fill step 1 for a company in Redmond that is billed at the same address."""
        page = self.page
        page.get_by_label("Company Name", exact=True).fill(name)
        page.get_by_label("Customer Type", exact=True).select_option(label="Business")
        self.choose_country("United States")
        page.get_by_label("Partner Subscription", exact=True).select_option(label="Americas (USD)")
        address = self.group("Company Address")
        address.get_by_label("Address Line 1").fill("1 Microsoft Way")
        address.get_by_label("City").fill("Redmond")
        address.get_by_label("State").select_option(label="Washington")
        address.get_by_label("ZIP Code").fill("98052")
        billing = self.group("Billing Address")
        billing.get_by_label("Same as company address").check()
        expect(billing.get_by_label("City")).to_have_value("Redmond")
        expect(billing.get_by_label("Bill To")).to_have_value(name)

    def choose_country(self, name: str) -> None:
        """Choose the company's country and wait until the fields that follow from it are there."""
        with self.page.expect_response(re.compile(r"/company/refresh/")):
            self.page.get_by_label("Country", exact=True).first.select_option(label=name)
        expect(self.page.locator(".htmx-request")).to_have_count(0)

    def fill_contacts(self, *, login: str) -> None:
        """Fill step 2; the billing contact is imported from the primary one."""
        primary = self.group("Primary Contact")
        primary.get_by_label("First Name").fill("Gena")
        primary.get_by_label("Last Name").fill("Soto")
        primary.get_by_label("Email Address").fill("gena.soto@wingtip.example")
        primary.get_by_label("Phone Number").fill("425-555-0101")
        self.page.get_by_role("link", name="Import contact info", exact=True).click()
        billing = self.group("Billing Contact")
        expect(billing.get_by_label("Email Address")).to_have_value("gena.soto@wingtip.example")
        expect(billing.get_by_label("Phone Number")).to_have_value("425-555-0101")
        admin = self.group("Admin User")
        admin.get_by_label("First Name").fill("Ann")
        admin.get_by_label("Last Name").fill("Archer")
        admin.get_by_label("Login Email Address").fill(login)
        admin.get_by_label("Additional Communication Email Address").fill(f"mail.{login}")

    def choose(self, way: str) -> None:
        """Choose one of step 3's three ways and wait for its fields."""
        with self.page.expect_response(re.compile(r"/microsoft/refresh/")):
            self.page.get_by_label(way, exact=True).check()
        expect(self.page.locator(".htmx-request")).to_have_count(0)

    def fill_new_account(self, *, domain: str) -> None:
        """Fill step 3 for a new Microsoft account, with the company's information imported."""
        self.choose("Create a new Microsoft account")
        self.page.get_by_role("link", name="Import company info from Step 1", exact=True).click()
        account = self.group("New Microsoft account")
        expect(account.get_by_label("Address Line 1")).to_have_value("1 Microsoft Way")
        account.get_by_label("Domain", exact=True).fill(domain)
        expect(account.locator(".field-check")).to_contain_text("is free")
        account.get_by_label("Qualification Type").select_option(label="Commercial")

    def skip_microsoft(self) -> None:
        """Skip step 3."""
        self.choose("Skip this step")

    def to_last_step(self, *, name: str, login: str) -> None:
        """Fill all steps but the last, without a Microsoft account."""
        self.open()
        self.fill_company(name=name)
        self.proceed()
        self.expect_step("contacts")
        self.fill_contacts(login=login)
        self.proceed()
        self.expect_step("microsoft")
        self.skip_microsoft()
        self.proceed()
        self.expect_step("additional")
