"""Takes the README's screenshots of a running demo: `make screenshots` (start `make demo` first)."""

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

IMAGES = Path(__file__).resolve().parent / "images"


def signed_in(browser: Browser, demo: dict[str, Any], **options: Any) -> Page:
    """Return a page on which the first partner's owner is signed in."""
    owner = next(user for user in demo["users"] if user["role"] == "owner")
    page = browser.new_context(viewport={"width": 1440, "height": 900}, **options).new_page()
    page.goto(demo["url"] + "/accounts/login/")
    page.locator("input[name=login]").fill(owner["email"])
    page.locator("input[name=password]").fill(owner["password"])
    page.locator("button[type=submit].btn-primary").first.click()
    page.wait_for_url("**/customers/")
    return page


def main() -> None:
    """Take them all."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--demo", type=Path, default=Path("var/demo/demo.json"))
    demo = json.loads(parser.parse_args().demo.read_text(encoding="utf-8"))
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = signed_in(browser, demo)
        page.screenshot(path=IMAGES / "customers.png")
        page.goto(demo["url"] + "/customers/new/")
        page.locator("[name=company_name]").fill("Wingtip Toys")
        page.locator("[name=customer_type]").select_option(label="Business")
        page.locator("[name=country]").select_option("US")
        page.locator("[name=partner_subscription]").select_option(label="Americas (USD)")
        page.locator("[name=address_line1]").fill("1 Microsoft Way")
        page.locator("[name=city]").fill("Redmond")
        page.locator("[name=state]").select_option("WA")
        page.locator("[name=postal_code]").fill("98052")
        page.wait_for_timeout(500)
        page.screenshot(path=IMAGES / "wizard.png")
        dark = signed_in(browser, demo, color_scheme="dark")
        dark.goto(demo["url"] + "/customers/?sort=name&status=active")
        dark.locator("tbody th a").first.click()
        dark.get_by_role("link", name="CSP Accounts").click()
        dark.wait_for_timeout(300)
        dark.screenshot(path=IMAGES / "csp-accounts-dark.png")
        small = signed_in(browser, demo)
        small.set_viewport_size({"width": 390, "height": 844})
        small.goto(demo["url"] + "/customers/")
        small.wait_for_timeout(300)
        small.screenshot(path=IMAGES / "customers-390.png")
        page.goto(demo["url"] + "/audit/")
        page.locator("details.changes summary").first.click()
        page.screenshot(path=IMAGES / "audit.png")
        page.goto(demo["url"] + "/customers/?sort=name&status=active&country=US")
        page.locator("tbody th a").first.click()
        page.get_by_role("link", name="Purchase", exact=True).first.click()
        page.wait_for_load_state("networkidle")
        page.screenshot(path=IMAGES / "marketplace.png")
        page.goto(demo["url"] + "/discounts/")
        page.get_by_role("link", name="Licences America").click()
        page.get_by_role("heading", name="Versions").wait_for()
        page.screenshot(path=IMAGES / "discount.png")
        browser.close()


if __name__ == "__main__":
    main()
