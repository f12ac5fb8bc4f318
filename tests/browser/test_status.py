"""Enable, disable, suspend (C-17): the dialog by keyboard alone, and what a status does to the customer's users."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect
from tests import running
from tests.browser.portal import Portal, unique


def focused(page: Page) -> str:
    """Return the text of what has the focus, or its label."""
    return str(
        page.evaluate(
            "(() => { const one = document.activeElement; return (one.labels?.[0] || one).textContent.trim(); })()"
        )
    )


def tab_to(page: Page, text: str, *, most: int = 40) -> None:
    """Press Tab until something with this text or label has the focus."""
    for _ in range(most):
        if focused(page) == text:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{text} can't be reached by Tab")


def test_suspend_and_enable_by_keyboard_alone(demo: running.Demo, owner_page: Page, owner: Portal) -> None:
    name = f"{unique('Keys')} Inc."
    customer = owner.create_customer(name=name)
    page, dialog = owner_page, owner_page.locator("#dialog")
    page.goto(f"{demo.url}/customers/{customer}/products/")

    tab_to(page, "Suspend")
    page.keyboard.press("Enter")
    expect(dialog).to_be_visible()
    expect(dialog).to_contain_text("not buy or change products")
    expect(dialog.get_by_label("Reason", exact=True)).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert focused(page) == "Suspend"

    page.keyboard.press("Enter")
    expect(dialog.get_by_label("Reason", exact=True)).to_be_focused()
    tab_to(page, f"Suspend {name}")
    page.keyboard.press("Enter")
    expect(dialog.locator(".field-errors")).to_have_count(1)
    expect(dialog).to_be_visible()
    expect(page.locator(".page-name .state")).to_have_text("Active")
    tab_to(page, "Reason")  # in the list of what is wrong
    page.keyboard.press("Enter")
    expect(dialog.get_by_label("Reason", exact=True)).to_be_focused()
    page.keyboard.type("Unpaid invoices")
    tab_to(page, f"Suspend {name}")
    page.keyboard.press("Enter")
    expect(page.locator(".page-name .state")).to_have_text("Suspended")
    expect(page.locator("#toasts")).to_contain_text(f"{name} is suspended now.")

    tab_to(page, "Enable")
    page.keyboard.press("Enter")
    tab_to(page, "Reason")
    page.keyboard.type("Paid")
    tab_to(page, f"Enable {name}")
    page.keyboard.press("Enter")
    expect(page.locator(".page-name .state")).to_have_text("Active")
    page.goto(f"{demo.url}/customers/{customer}/audit-logs/")
    expect(page.locator("main")).to_contain_text("Unpaid invoices")


def test_disabled_customers_open_session_ends_at_once(
    demo: running.Demo, owner_page: Page, owner: Portal, page_of: Callable[[Portal], Page]
) -> None:
    login = f"{unique('ann')}@closed.example"
    customer = owner.create_customer(login=login)
    with Portal(demo.url) as session:
        session.choose_password(owner.welcome_link(recipient=f"mail.{login}"))
        admin = page_of(session)
    admin.goto(f"{demo.url}/customers/{customer}/users/")
    expect(admin.get_by_role("heading", level=1)).to_have_text("Users")

    owner_page.goto(f"{demo.url}/customers/{customer}/products/")
    owner_page.get_by_role("link", name="Disable", exact=True).click()
    dialog = owner_page.locator("#dialog")
    expect(dialog).to_contain_text("open sessions end at once")
    dialog.get_by_label("Reason", exact=True).fill("Left us")
    dialog.get_by_role("button", name=re.compile(r"^Disable ")).click()
    expect(owner_page.locator(".page-name .state")).to_have_text("Disabled")

    admin.locator("#menu").get_by_role("link", name="Profile", exact=True).click()
    expect(admin).to_have_url(re.compile(r"/accounts/login/"))
    expect(admin.get_by_text("Your access is disabled")).to_be_visible()
    admin.goto(f"{demo.url}/customers/{customer}/users/")
    expect(admin).to_have_url(re.compile(r"/accounts/login/"))


def test_suspended_customers_users_still_sign_in(
    demo: running.Demo, owner: Portal, page_of: Callable[[Portal], Page]
) -> None:
    login = f"{unique('ann')}@paused.example"
    customer = owner.create_customer(login=login)
    with Portal(demo.url) as session:
        session.choose_password(owner.welcome_link(recipient=f"mail.{login}"))
        admin = page_of(session)
    owner.post(f"/customers/{customer}/status/suspend/", {"reason": "Unpaid"})
    admin.goto(f"{demo.url}/customers/{customer}/invoices/")
    expect(admin.get_by_role("heading", level=1)).to_have_text("Invoices")


def test_allow_customer_to_purchase_is_a_switch(demo: running.Demo, owner_page: Page, owner: Portal) -> None:
    customer = owner.create_customer()
    owner_page.goto(f"{demo.url}/customers/{customer}/profile/")
    switch = owner_page.get_by_role("switch", name="Allow customer to purchase", exact=True)
    for on in (True, False):
        expect(switch).to_be_checked(checked=not on)
        switch.focus()
        owner_page.keyboard.press("Space")
        expect(owner_page.locator("#toasts")).to_contain_text("can purchase now" if on else "can no longer purchase")
        expect(switch).to_be_focused()
        owner_page.reload()
        expect(switch).to_be_checked(checked=on)
