"""Discounts as a person makes them: each category, versions, rows from a spreadsheet and from a file."""

import datetime
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests import running
from tests.browser.portal import unique


def _begin(demo: running.Demo, page: Page, *, vendor: str = "Microsoft", category: str = "") -> str:
    """Open the form and fill its head; returns the name."""
    name = f"{unique('Discount')} US"
    page.goto(f"{demo.url}/discounts/")
    page.get_by_role("link", name="Create", exact=True).click()
    page.get_by_label("Discount Name", exact=True).fill(name)
    page.get_by_label("Country", exact=True).select_option(label="United States")
    expect(page.get_by_label("Vendor", exact=True)).to_have_value("microsoft")
    page.get_by_label("Vendor", exact=True).select_option(label=vendor)
    if category:
        page.get_by_label("Discount Category", exact=True).select_option(label=category)
    return name


def _save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#toasts")).to_contain_text("has been created")


@pytest.mark.parametrize(
    ("vendor", "category"),
    [("Microsoft", "Default"), ("Microsoft", "Azure Plan"), ("Coro", "Default"), ("Own services", "Default")],
)
def test_one_rate(demo: running.Demo, owner_page: Page, vendor: str, category: str) -> None:
    page = owner_page
    name = _begin(demo, page, vendor=vendor, category=category)
    tomorrow = datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=1)
    expect(page.get_by_label("Valid From", exact=True)).to_have_value(re.compile(r"\d{4}-\d\d-\d\d"))
    assert page.get_by_label("Valid From", exact=True).input_value() >= tomorrow.isoformat()
    page.get_by_label("Percentage", exact=True).fill("7.5")
    _save(page)
    expect(page.locator("h1")).to_contain_text(name)
    expect(page.locator("#rates")).to_contain_text("7.5 %")


def test_vendor_and_category_swap_what_follows_and_keep_what_was_typed(demo: running.Demo, owner_page: Page) -> None:
    page = owner_page
    name = _begin(demo, page)
    category = page.get_by_label("Discount Category", exact=True)
    expect(category.locator("option")).to_have_text(["Default", "Itemized", "Slab", "Azure Plan"])
    page.get_by_label("Percentage", exact=True).fill("9")
    page.get_by_label("Vendor", exact=True).select_option(label="MSP Hub")
    expect(category.locator("option")).to_have_text(["Product"])
    expect(page.get_by_label("Search products")).to_be_visible()
    page.get_by_label("Vendor", exact=True).select_option(label="Microsoft")
    expect(category.locator("option")).to_have_text(["Default", "Itemized", "Slab", "Azure Plan"])
    expect(page.get_by_label("Percentage", exact=True)).to_have_value("9")
    expect(page.get_by_label("Discount Name", exact=True)).to_have_value(name)


def test_slab_says_where_a_gap_is(demo: running.Demo, owner_page: Page) -> None:
    page = owner_page
    _begin(demo, page, category="Slab")
    for band, (last, percent) in enumerate((("9", "5"), ("", "8")), start=1):
        page.get_by_label(f"To quantity, band {band}").fill(last)
        page.get_by_label(f"Percentage, band {band}").fill(percent)
    page.get_by_label("From quantity, band 2").fill("12")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#errors")).to_contain_text("Gap: quantities 10 to 11 have no rate.")
    page.get_by_label("From quantity, band 2").fill("10")
    _save(page)
    expect(page.locator("#rates")).to_contain_text("10 and up")


def test_a_table_from_search_spreadsheet_and_file_and_then_a_version(
    demo: running.Demo, owner_page: Page, tmp_path: Path
) -> None:
    page = owner_page
    _begin(demo, page, category="Itemized")
    page.get_by_label("Search products").press_sequentially("business basic")
    page.get_by_role("button", name=re.compile(r"^Add Microsoft 365 Business Basic \(CFQ7TTC0LH18:0001\)")).click()
    page.get_by_label("Percentage: Microsoft 365 Business Basic").fill("3")

    page.get_by_text("Paste from a spreadsheet or import").click()
    paste = page.get_by_label("Paste from a spreadsheet", exact=True)
    paste.fill("Product ID\tSKU ID\tPercentage\nCFQ7TTC0LFLX\t1\t5 %\nNO-SUCH\t\t5")
    page.get_by_role("button", name="Add pasted rows").click()
    expect(page.get_by_text("Row 3: NO-SUCH is no product of this vendor.")).to_be_visible()
    expect(page.locator("input[name^='rate-']")).to_have_count(1)
    paste.fill("Product ID\tSKU ID\tPercentage\nCFQ7TTC0LFLX\t1\t5 %")
    page.get_by_role("button", name="Add pasted rows").click()
    expect(page.locator("input[name^='rate-']")).to_have_count(2)

    file = tmp_path / "rates.csv"
    file.write_bytes("\ufeffProduct ID;SKU ID;Percentage\r\nCFQ7TTC0LF8R;;7,25\r\n".encode())
    if not page.get_by_label("CSV file").is_visible():
        page.get_by_text("Paste from a spreadsheet or import").click()
    page.get_by_label("CSV file").set_input_files(file)
    page.get_by_role("button", name="Import CSV").click()
    expect(page.locator("input[name^='rate-']")).to_have_count(3)
    expect(page.get_by_label("Percentage: Microsoft 365 Business Basic")).to_have_value("3")
    _save(page)
    expect(page.locator("tbody tr")).to_have_count(3)
    expect(page.locator("tbody")).to_contain_text("7.25 %")

    page.get_by_role("link", name="New Version", exact=True).click()
    page.get_by_label("Percentage: Microsoft 365 Business Basic").fill("4")
    page.get_by_role("button", name="Remove Microsoft 365 E3").click()
    expect(page.locator("input[name^='rate-']")).to_have_count(2)
    page.get_by_role("button", name="Save", exact=True).dblclick()
    expect(page.locator(".events > li")).to_have_count(2)
    expect(page.locator(".events")).to_contain_text("v2 · Coming")
    expect(page.locator("tbody")).to_contain_text("4 %")
    page.get_by_role("link", name="Withdraw", exact=True).click()
    page.locator("#dialog").get_by_role("button", name="Withdraw v2").click()
    expect(page.locator(".events > li")).to_have_count(1)


def test_clone_and_delete(demo: running.Demo, owner_page: Page) -> None:
    page = owner_page
    name = _begin(demo, page, category="Default")
    page.get_by_label("Percentage", exact=True).fill("1")
    _save(page)
    page.get_by_role("link", name="Clone", exact=True).click()
    expect(page.get_by_label("Discount Name", exact=True)).to_have_value(f"{name} copy")
    _save(page)
    page.get_by_role("link", name="Delete", exact=True).click()
    page.locator("#dialog").get_by_role("button", name=f"Delete {name} copy").click()
    expect(page.locator("#toasts")).to_contain_text("has been deleted")
    page.get_by_role("searchbox").fill(name)
    expect(page.locator("tbody tr")).to_have_count(1)
