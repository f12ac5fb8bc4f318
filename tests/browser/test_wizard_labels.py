"""The wizard's fields, word by word and in the order of the product's definition (C-02)."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests import running
from tests.browser.wizard import Wizard

ADDRESS = [
    ("Address Line 1", "text"),
    ("Address Line 2", "text"),
    ("City", "text"),
    ("State", "select"),
    ("ZIP Code", "text"),
]
CONTACT = [
    ("First Name", "text"),
    ("Last Name", "text"),
    ("Email Address", "email"),
    ("Country Code", "select"),
    ("Phone Number", "text"),
    ("Fax Number", "text"),
]
COMPANY_INFORMATION = [
    *[
        ("", label, kind)
        for label, kind in [
            ("Company Name", "text"),
            ("Customer Type", "select"),
            ("Country", "select"),
            ("Partner Subscription", "select"),
        ]
    ],
    *[("Company Address", label, kind) for label, kind in ADDRESS],
    *[
        ("Billing Address", label, kind)
        for label, kind in [
            ("Same as company address", "checkbox"),
            ("Billing Profile Name", "text"),
            ("Bill To", "text"),
            *ADDRESS,
            ("Country", "select"),
        ]
    ],
]
CONTACTS = [
    *[("Primary Contact", label, kind) for label, kind in CONTACT],
    *[("Billing Contact", label, kind) for label, kind in CONTACT],
    *[
        ("Admin User", label, kind)
        for label, kind in [
            ("First Name", "text"),
            ("Last Name", "text"),
            ("Login Email Address", "email"),
            ("Display Name", "text"),
            ("Additional Communication Email Address", "email"),
        ]
    ],
]
WAYS = [
    ("The company has an existing Microsoft account", "radio"),
    ("Create a new Microsoft account", "radio"),
    ("Skip this step", "radio"),
]
EXISTING = [("Country", "select"), ("Domain Name", "text")]
NEW = [
    ("Company Name", "text"),
    ("Domain", "text"),
    ("Company Registration ID", "text"),
    ("Qualification Type", "select"),
    ("First Name", "text"),
    ("Last Name", "text"),
    ("Address Line 1", "text"),
    ("Address Line 2", "text"),
    ("Phone Number", "text"),
    ("Email Address", "email"),
    ("City", "text"),
    ("State", "select"),
    ("Country/Region", "select"),
    ("ZIP Code", "text"),
]
REPRESENTATIVE = [("Name", "text"), ("Email Address", "email"), ("Phone Number", "text")]
OPTIONAL = {"Address Line 2", "Country Code", "Phone Number", "Fax Number", "Display Name", "Same as company address"}

# Each label: the legend of its group, its text as it stands in the page, what it names, what else is inside it.
_READ = """() => [...document.querySelectorAll('#wizard label')].map((label) => {
    const group = label.closest('fieldset'), control = label.control;
    const legend = group && group.querySelector(':scope > legend');
    const hidden = legend && legend.classList.contains('visually-hidden');
    return [legend && !hidden ? legend.textContent : '', label.textContent,
            control.tagName === 'SELECT' ? 'select' : control.type, label.childElementCount];
})"""


def labels(page: Page) -> list[tuple[str, str, str]]:
    found: list[list[Any]] = page.evaluate(_READ)
    assert [text for _legend, text, _kind, children in found if children] == []
    return [(legend, text, kind) for legend, text, kind, _children in found]


def pairs(page: Page) -> list[tuple[str, str]]:
    return [(text, kind) for _legend, text, kind in labels(page)]


def test_company_information(demo: running.Demo, owner_page: Page) -> None:
    Wizard(owner_page, demo.url).open()
    assert labels(owner_page) == COMPANY_INFORMATION


def test_contacts(owner_page: Page, at_step: Callable[[str], str]) -> None:
    owner_page.goto(at_step("contacts"))
    assert labels(owner_page) == CONTACTS
    expect(owner_page.get_by_role("group", name="Billing Contact").get_by_role("link")).to_have_text(
        "Import contact info"
    )
    expect(owner_page.get_by_role("button", name="Back", exact=True)).to_be_visible()


def test_microsoft_account(demo: running.Demo, owner_page: Page, at_step: Callable[[str], str]) -> None:
    owner_page.goto(at_step("microsoft"))
    wizard = Wizard(owner_page, demo.url)
    assert pairs(owner_page) == WAYS

    wizard.choose(WAYS[0][0])
    assert pairs(owner_page)[: len(WAYS + EXISTING)] == WAYS + EXISTING
    expect(owner_page.get_by_role("button", name="Search for Account", exact=True)).to_be_visible()
    assert selected(owner_page, "Country") == "United States"

    wizard.choose(WAYS[1][0])
    assert pairs(owner_page)[: len(WAYS + NEW)] == WAYS + NEW
    expect(owner_page.get_by_role("link", name="Import company info from Step 1", exact=True)).to_be_visible()
    assert selected(owner_page, "Country/Region") == "United States"
    qualification = owner_page.get_by_label("Qualification Type", exact=True)
    assert qualification.locator("option").all_inner_texts()[1:] == ["Commercial", "Education", "Non-Profit (Charity)"]
    with owner_page.expect_response("**/refresh/**"):
        qualification.select_option(label="Education")
    expect(owner_page.get_by_label("Segment", exact=True)).to_be_visible()
    education = [*NEW[:4], ("Segment", "select"), ("Website", "text"), *NEW[4:]]
    assert pairs(owner_page)[: len(WAYS + education)] == WAYS + education

    wizard.choose(WAYS[2][0])
    assert pairs(owner_page) == WAYS


def test_additional_information(owner_page: Page, at_step: Callable[[str], str]) -> None:
    owner_page.goto(at_step("additional"))
    group = owner_page.get_by_role("group", name="Sales Representatives", exact=True)
    assert labels(owner_page) == [("Sales Representatives", *one) for one in REPRESENTATIVE]
    expect(group.get_by_role("button", name="Remove", exact=True)).to_have_count(1)
    for number in (2, 3):
        group.get_by_role("link", name="Add", exact=True).click()
        expect(group.get_by_role("button", name="Remove", exact=True)).to_have_count(number)
    expect(group.get_by_role("link", name="Add", exact=True)).to_have_count(0)
    assert pairs(owner_page) == REPRESENTATIVE * 3

    for number, name in enumerate(("One", "Two", "Three")):
        group.get_by_label("Name").nth(number).fill(name)
        group.get_by_label("Email Address").nth(number).fill(f"{name.lower()}@seller.example")
    group.get_by_role("button", name="Remove", exact=True).nth(1).click()
    expect(group.get_by_label("Name")).to_have_count(2)
    owner_page.get_by_role("button", name="Continue", exact=True).click()
    owner_page.wait_for_url("**/products/")
    owner_page.get_by_role("link", name="Profile", exact=True).click()
    representatives = owner_page.locator(".panel", has=owner_page.get_by_role("heading", name="Sales Representatives"))
    expect(representatives).to_contain_text("one@seller.example")
    expect(representatives).to_contain_text("three@seller.example")
    expect(representatives).not_to_contain_text("two@seller.example")


@pytest.mark.parametrize("step", ["company", "contacts"])
def test_everything_but_the_optional_is_required(
    demo: running.Demo, owner_page: Page, at_step: Callable[[str], str], step: str
) -> None:
    wizard = Wizard(owner_page, demo.url)
    if step == "company":
        wizard.open()
        wizard.choose_country("United States")
        with owner_page.expect_response("**/company/refresh/**"):
            wizard.group("Billing Address").get_by_label("Country").select_option(label="United States")
        expected = [one for one in COMPANY_INFORMATION if one[1] not in OPTIONAL | {"Country"}]
    else:
        owner_page.goto(at_step("contacts"))
        expected = [one for one in CONTACTS if one[1] not in OPTIONAL]
    with owner_page.expect_response(
        lambda answer: answer.request.method == "POST" and answer.url.endswith(f"/{step}/")
    ) as answer:
        wizard.proceed()
    assert answer.value.status == 200
    expect(owner_page.locator("#errors")).to_be_focused()
    missing = owner_page.evaluate(
        """() => [...document.querySelectorAll('#wizard .has-error')].map((field) => {
            const legend = field.closest('fieldset').querySelector(':scope > legend');
            return [legend.classList.contains('visually-hidden') ? '' : legend.textContent,
                    field.querySelector('label').textContent];
        })"""
    )
    assert [tuple(one) for one in missing] == [(legend, text) for legend, text, _kind in expected]
    described = owner_page.locator("#wizard [aria-invalid=true]").evaluate_all(
        """(controls) => controls.map((one) => {
            const [first] = one.getAttribute('aria-describedby').split(' ');
            return document.getElementById(first).textContent.trim();
        })"""
    )
    assert len(described) == len(expected)
    assert all(described)


def test_begun_representative_needs_name_and_email(owner_page: Page, at_step: Callable[[str], str]) -> None:
    owner_page.goto(at_step("additional"))
    owner_page.get_by_label("Phone Number", exact=True).fill("+1 425 555 0101")
    owner_page.get_by_role("button", name="Continue", exact=True).click()
    expect(owner_page.locator(".field-errors")).to_have_text(["Enter the name.", "Enter the e-mail address."])


def selected(page: Page, label: str) -> str:
    """Return what a drop-down shows."""
    return str(page.get_by_label(label, exact=True).evaluate("(one) => one.selectedOptions[0].textContent.trim()"))
