"""Signing in, and what a role may see: neutral refusals, the rate limit, a forgotten password, a reader's pages."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from tests import running
from tests.browser.portal import PASSWORD, Portal, unique


def sign_in(page: Page, url: str, email: str, password: str) -> None:
    page.goto(f"{url}/accounts/login/")
    page.get_by_label("Email", exact=True).fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_refusals_do_not_tell_whether_the_email_is_known_and_are_limited(
    demo: running.Demo, page: Page, page_problems: list[str]
) -> None:
    sign_in(page, demo.url, demo.user("read-only")[0], "not-the-password")
    known = page.get_by_role("alert").inner_text()
    stranger = f"{unique('nobody')}@nowhere.example"
    sign_in(page, demo.url, stranger, "not-the-password")
    assert page.get_by_role("alert").inner_text() == known
    for _ in range(5):
        sign_in(page, demo.url, stranger, "not-the-password")
    expect(page.locator("main")).to_contain_text("Too many failed")
    # Others still get in.
    sign_in(page, demo.url, *demo.user("read-only"))
    page.wait_for_url("**/customers/")
    assert all("status of 4" in problem for problem in page_problems)
    page_problems.clear()


def test_forgotten_password(demo: running.Demo, page: Page, owner: Portal) -> None:
    login = f"{unique('ann')}@forgets.example"
    owner.create_customer(login=login)
    with Portal(demo.url) as session:
        session.choose_password(owner.welcome_link(recipient=f"mail.{login}"))
    said = []
    for email in (f"{unique('nobody')}@nowhere.example", login.upper()):
        page.goto(f"{demo.url}/accounts/login/")
        page.get_by_role("link", name="Forgot your password?").click()
        page.get_by_label("Login e-mail", exact=True).fill(email)
        page.get_by_role("button", name="Send the link").click()
        page.wait_for_url("**/accounts/login/")
        said.append(page.locator("#toasts .toast-text").inner_text())
    assert said[0] == said[1]
    page.goto(owner.welcome_link(recipient=f"mail.{login}", subject="Choose a new password"))
    expect(page.locator("main")).to_contain_text(login)
    page.get_by_label("Password", exact=True).fill("another-long-passw0rd")
    page.get_by_label("Password again", exact=True).fill("another-long-passw0rd-")
    page.get_by_role("button", name="Choose password and sign in").click()
    expect(page.locator(".field-errors")).to_have_text("The two passwords differ.")
    page.get_by_label("Password", exact=True).fill("short")
    page.get_by_label("Password again", exact=True).fill("short")
    page.get_by_role("button", name="Choose password and sign in").click()
    expect(page.locator(".field-errors")).to_contain_text("at least 12 characters")
    page.get_by_label("Password", exact=True).fill("another-long-passw0rd")
    page.get_by_label("Password again", exact=True).fill("another-long-passw0rd")
    page.get_by_role("button", name="Choose password and sign in").click()
    page.wait_for_url("**/products/")
    page.context.clear_cookies()
    sign_in(page, demo.url, login, PASSWORD)
    expect(page.get_by_role("alert")).to_contain_text("not correct")
    sign_in(page, demo.url, login, "another-long-passw0rd")
    page.wait_for_url("**/products/")


def test_reader_sees_no_way_to_change_anything(
    demo: running.Demo,
    portal: Callable[[str], Portal],
    page_of: Callable[[Portal], Page],
    owner: Portal,
    page_problems: list[str],
) -> None:
    customer = owner.create_customer()
    page = page_of(portal("read-only"))
    page.goto(f"{demo.url}/customers/")
    expect(page.locator("tbody tr")).not_to_have_count(0)
    for tab in ("products", "csp-accounts", "users", "profile"):
        for name in ("Create", "Suspend", "Disable", "Modify", "Add", "Send link again", "Save"):
            expect(page.get_by_role("link", name=name, exact=True)).to_have_count(0)
            expect(page.get_by_role("button", name=re.compile(f"^{name}"))).to_have_count(0)
        page.goto(f"{demo.url}/customers/{customer}/{tab}/")
    expect(page.get_by_role("switch", name="Allow customer to purchase")).to_be_disabled()
    for path in (
        "/customers/new/",
        f"/customers/{customer}/status/suspend/",
        f"/customers/{customer}/profile/modify/",
        f"/customers/{customer}/profile/allow-purchase/",
    ):
        answer = page.goto(demo.url + path)
        assert answer is not None
        assert answer.status == 403, path
        expect(page.get_by_role("heading", level=1)).to_have_text("Your role does not allow this")
    page_problems.clear()


@pytest.mark.parametrize("path", ["customers/", "customers/?q=a", "audit/", "account/microsoft/"])
def test_stranger_is_led_to_sign_in_and_back(demo: running.Demo, page: Page, path: str) -> None:
    page.goto(f"{demo.url}/{path}")
    expect(page).to_have_url(re.compile(r"/accounts/login/\?next="))
    page.get_by_label("Email", exact=True).fill(demo.user("owner")[0])
    page.get_by_label("Password", exact=True).fill(demo.user("owner")[1])
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page).to_have_url(f"{demo.url}/{path}")


def test_partners_never_meet(
    demo: running.Demo,
    owner: Portal,
    portal: Callable[[str], Portal],
    page_of: Callable[[Portal], Page],
    page_problems: list[str],
) -> None:
    word = unique("secret")
    customer = owner.create_customer(name=f"{word} Inc.")
    page = page_of(portal("owner of second partner"))
    page.goto(f"{demo.url}/customers/?q={word}")
    expect(page.get_by_text("No customers match")).to_be_visible()
    answer = page.goto(f"{demo.url}/customers/{customer}/profile/")
    assert answer is not None
    assert answer.status == 404
    expect(page.locator("body")).not_to_contain_text(word)
    page_problems.clear()
