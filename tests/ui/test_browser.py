"""The gallery in a real browser: accessible in both themes and sizes, and what script does."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from tests import looks

from msphub.ui import assets

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("gallery")]

PAGES = ["/", "/?status=active&q=con", "/?empty=1", "/?q=zzz", "/form/", "/components/", "/plain/", "/dialog/"]
PAGES += ["/error/404/", "/accounts/login/", "/?accent=%23ffcc00"]


def _answers(url: str) -> bool:
    try:
        httpx.get(url, timeout=1)
    except httpx.TransportError:
        return False
    return True


@pytest.fixture(scope="module")
def gallery() -> Iterator[str]:
    """Address of the gallery, served by a process of its own with its own settings."""
    assets.install()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.ui.settings",
        "PYTHONPATH": os.pathsep.join([str(assets.ROOT), str(assets.ROOT / "src")]),
    }
    command = [sys.executable, "-m", "django", "runserver", f"127.0.0.1:{port}", "--noreload", "--skip-checks"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://localhost:{port}"
    try:
        deadline = time.monotonic() + 30
        while not _answers(f"{url}/plain/"):
            assert process.poll() is None, "the gallery ended"
            assert time.monotonic() < deadline, "the gallery does not answer"
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=10)


@pytest.fixture
def look(browser: Browser, gallery: str) -> Iterator[Page]:
    """A page of a fresh profile at 1440 px that must not break the policy."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, base_url=gallery)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda said: problems.append(said.text) if "Content Security Policy" in said.text else None)
    yield page
    context.close()
    assert problems == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_gallery_has_no_violation_and_fits(browser: Browser, gallery: str, theme: Any, width: int) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=theme, reduced_motion="reduce", base_url=gallery
    )
    page = context.new_page()
    for path in PAGES:
        page.goto(path)
        assert looks.violations(page) == [], path
        assert looks.overflow(page) == 0, f"{path} scrolls sideways"
    context.close()


def test_search_filters_and_back_live_in_the_address(look: Page) -> None:
    look.goto("/")
    look.locator("#customers-grid-q").press_sequentially("cont", delay=20)
    expect(look).to_have_url("/?q=cont")
    expect(look.locator("tbody tr")).to_have_count(6)
    expect(look.locator("#customers-grid-q")).to_be_focused()
    expect(look.locator("#customers-grid-q")).to_have_value("cont")
    look.locator("summary.pill", has_text="Status").click()
    look.locator(".menu-choice", has_text="Suspended").locator("input").check()
    expect(look).to_have_url("/?q=cont&status=suspended")
    expect(look.locator("details.menu[open]")).to_have_count(1)
    look.keyboard.press("Escape")
    expect(look.locator("details.menu[open]")).to_have_count(0)
    expect(look.locator("summary.pill", has_text="Status")).to_be_focused()
    look.go_back()
    expect(look.locator("tbody tr")).to_have_count(6)
    look.locator(".clear-all").click()
    expect(look.locator("#customers-grid-q")).to_have_value("")
    expect(look.locator("tbody tr")).to_have_count(25)


def test_ticking_rows_opens_the_bulk_bar_and_a_dialog_that_gives_the_focus_back(look: Page) -> None:
    look.goto("/")
    expect(look.locator(".bulk")).to_be_hidden()
    look.locator("tbody .tick input").nth(0).check()
    look.locator("tbody .tick input").nth(2).click(modifiers=["Shift"])
    expect(look.locator("[data-bulk-count]")).to_have_text("3")
    look.locator(".bulk .btn-danger").click()
    dialog = look.locator("#dialog")
    expect(dialog).to_be_visible()
    expect(look.locator("#dialog #id_reason")).to_be_focused()
    assert looks.violations(look) == []
    look.locator("#dialog .btn-danger").click()
    expect(look.locator("#dialog .field-errors")).to_have_count(2)
    expect(look.locator("#dialog #errors")).to_be_focused()
    look.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(look.locator(".bulk .btn-danger")).to_be_focused()


def test_failure_of_the_server_is_said_and_the_list_stays(look: Page) -> None:
    look.goto("/")
    look.fill("#customers-grid-q", "failure")
    expect(look.locator(".toast-danger")).to_contain_text("could not answer")
    expect(look.locator("tbody tr")).to_have_count(25)


def test_live_check_answers_beside_the_field(look: Page) -> None:
    look.goto("/form/")
    look.fill("#id_domain", "taken")
    expect(look.locator("#id_domain_check")).to_contain_text("taken")


def test_polling_stops_at_the_end(look: Page) -> None:
    look.goto("/components/")
    expect(look.locator(".work-state")).to_contain_text("Stopped", timeout=15_000)
    expect(look.locator("#progress[hx-get]")).to_have_count(0)


def test_theme_is_kept_without_a_flash(look: Page) -> None:
    look.goto("/")
    look.locator(".theme-menu summary").click()
    look.locator("button[data-theme-choice=dark]").click()
    look.goto("/form/")
    expect(look.locator("html")).to_have_attribute("data-bs-theme", "dark")
    assert look.evaluate("document.readyState") in {"interactive", "complete"}


def test_menu_is_a_drawer_on_a_small_screen(look: Page) -> None:
    look.set_viewport_size({"width": 390, "height": 844})
    look.goto("/")
    expect(look.locator("#menu")).to_be_hidden()
    look.locator("[data-menu-toggle]").click()
    expect(look.locator("#menu .brand")).to_be_focused()
    look.keyboard.press("Escape")
    expect(look.locator("[data-menu-toggle]")).to_be_focused()


def test_reading_and_posting_work_without_script(browser: Browser, gallery: str) -> None:
    context = browser.new_context(java_script_enabled=False, base_url=gallery)
    page = context.new_page()
    page.goto("/")
    page.fill("#customers-grid-q", "cont")
    page.locator(".grid-bar > .grid-tools > button").click()
    expect(page.locator("tbody tr")).to_have_count(6)
    page.locator(".row-action").first.click()
    expect(page.locator("h1")).to_have_text("Suspend 3 customers")
    page.locator("button.btn-danger").click()
    expect(page.locator(".field-errors")).to_have_count(2)
    context.close()
