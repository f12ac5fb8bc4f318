"""All texts go through gettext: in a made-up language no page shows a plain word that isn't data."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests import database
from tests.customers import at_microsoft
from tests.pseudo_locale import pseudo

from msphub.kit import addresses
from partner_center_emulator.testing import Running

TABS = ["products", "orders", "invoices", "subscriptions", "csp-accounts", "audit-logs", "users", "profile"]
# Everything a person reads or hears: text, and what stands for text. Not what is laid aside for scripts.
_TEXTS = """() => {
    const found = [];
    const data = ["country", "state", "currency"].map((name) => `select[name*=${name}] option`).join();
    const hidden = (node) => node.closest(`script, style, template, noscript, ${data}`);
    const walker = document.createTreeWalker(document, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const node = walker.currentNode;
        if (node.parentElement && !hidden(node.parentElement)) found.push(node.textContent);
    }
    for (const element of document.querySelectorAll("*")) {
        for (const name of ["aria-label", "title", "placeholder", "alt", "aria-description", "aria-valuetext"]) {
            if (element.hasAttribute(name)) found.push(element.getAttribute(name));
        }
        if (element.matches("input[type=submit], input[type=button]")) found.push(element.value);
    }
    return found.map((text) => text.trim()).filter((text) => text);
}"""
_DATA = re.compile(
    r"https?://\S+"
    r"|[\w.+-]+@[\w.-]+"  # mail addresses
    r"|\b[\w-]+(\.[\w-]+)*\.(com|example|onmicrosoft)\b"  # domains
    r"|\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]+\b"  # ids
    r"|\b(MSP Hub|CSV|XLSX|USD|UTC)\b"
    r"|\b[A-Z][a-z]{2} \d{1,2}, \d{4}(, \d{1,2}:\d\d\W[AP]M)?"  # dates and times, as the library of locales has them
    r"|\b(INV|Main|Net 30 US|Standard|Olivia Hart|Gena Soto|United States|Washington)\b"  # names in the database
    r"|Organization registration number does not match.*"  # Microsoft's own words
)


@pytest.fixture
def world(
    emulator: Running, test_database: database.Database, transactional_db: None, tmp_path: Any
) -> Iterator[dict[str, Any]]:
    """The portal in that language, in a process of its own, and where to look."""
    microsoft = at_microsoft.prepared(emulator)
    free = microsoft.free_tenant()
    tenant = {"tenant_id": free.tenant_id, "default_domain": free.default_domain}
    output = tmp_path / "server.out"
    with output.open("wb") as errors:
        server = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.browser.pseudo_server",
                test_database.app_url,
                emulator.url,
                json.dumps(tenant),
            ],
            cwd=database.ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert server.stdout is not None
    line = server.stdout.readline()
    assert line, output.read_text(encoding="utf-8")[-4000:]
    yield json.loads(line)
    server.kill()
    server.wait()


def plain_words(page: Page) -> list[str]:
    """Return the texts of a page with a word that no translation made."""
    countries = {name for _code, name in addresses.countries()}  # from the library of locales
    vendors = {"Microsoft", "Coro"}
    found = []
    for text in page.evaluate(_TEXTS):
        left = _DATA.sub("", text)
        if re.search(r"[A-Za-z]{2,}", left) and text not in countries | vendors:
            found.append(text)
    return sorted(set(found))


def test_every_text_is_translated(
    world: dict[str, Any], open_page: Callable[[], Page], page_problems: list[str]
) -> None:
    page = open_page()
    untranslated: dict[str, list[str]] = {}

    def look(path: str, *, of: Page = page) -> None:
        answer = of.goto(f"{world['url']}{path}")
        assert answer is not None
        assert answer.status in (200, 404, 410), path
        if words := plain_words(of):
            untranslated[path] = words

    def sign_in(of: Page, email: str) -> None:
        of.goto(f"{world['url']}/accounts/login/")
        of.locator("input[name=login]").fill(email)
        of.locator("input[name=password]").fill(world["password"])
        of.locator("form.allauth-form button[type=submit]").first.click()
        of.wait_for_url(lambda url: "/login/" not in url)

    look("/accounts/login/")
    expect(page.locator("h1")).to_contain_text(pseudo("Sign in"))
    look("/accounts/password/forgotten/")
    look("/welcome/no-such-link/")
    sign_in(page, world["owner"])
    linked, failed, waiting = (world[name] for name in ("linked", "failed", "waiting"))
    paths = [
        "/customers/",
        "/customers/?q=nothing",
        "/audit/",
        "/mail/",
        *(f"/mail/{mail_id}/" for mail_id in world["mails"]),
        "/account/microsoft/",
        "/account/billing-profiles/",
        "/account/subscriptions/",
        "/customer-types/",
        "/customer-types/new/",
        "/credit-terms/",
        "/credit-terms/new/",
        "/discounts/",
        "/discounts/new/",
        "/accounts/2fa/",
        "/accounts/password/change/",
        "/accounts/logout/",
        "/customers/00000000-0000-0000-0000-000000000000/products/",
        *(f"/customers/{linked}/{tab}/" for tab in TABS),
        f"/customers/{linked}/profile/modify/",
        f"/customers/{linked}/status/suspend/",
        f"/customers/{linked}/status/disable/",
        f"/customers/{waiting}/status/enable/",
        f"/customers/{linked}/users/invite/",
        f"/customers/{linked}/csp-accounts/add/",
        f"/customers/{failed}/csp-accounts/",
        f"/customers/{waiting}/csp-accounts/",
        f"/customers/{failed}/products/",
        f"/customers/{waiting}/products/",
        f"/csp-accounts/{world['accounts'][failed]}/correct/",
        f"/csp-accounts/{world['accounts'][linked]}/agreement/",
    ]
    for path in paths:
        look(path)
    draft = "/customers/new/0199a1b0-0000-7000-8000-000000000001"
    for step in ("company", "contacts", "microsoft", "additional"):
        look(f"{draft}/{step}/")
        look(f"{draft}/{step}/?check=1")
    other = open_page()
    sign_in(other, world["admin"])
    for tab in TABS:
        look(f"/customers/{linked}/{tab}/", of=other)
    # Browsers log that a page was answered with 404 and 410, as it should be.
    page_problems[:] = [one for one in page_problems if "404 (" not in one and "410 (" not in one]
    where: dict[str, set[str]] = {}
    for path, words in untranslated.items():
        for text in words:
            where.setdefault(text, set()).add(path)
    shown = "\n".join(f"{text!r} on {', '.join(sorted(paths))}" for text, paths in sorted(where.items()))
    assert not where, f"not translated:\n{shown}"
