"""What every page must be: accessible, and no wider than the screen. For tests of the gallery and of the portal."""

from typing import Any

from playwright.sync_api import Page

from msphub.ui import assets

AXE = assets.MODULES / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Hundreds of countries in a drop-down are drawn by the browser and cost seconds to judge.
_RUN = """async (only) => (await axe.run({exclude: ["option"]}, {runOnly: only})).violations.map(
    (one) => [one.id, one.nodes.map((node) => node.target.join(" ") + ": " + node.failureSummary)])"""


def violations(page: Page, *, rules: list[str] | None = None) -> list[Any]:
    """What axe-core finds, by all rules of `RULES` or by single `rules`; it is injected past the page's policy."""
    if not page.evaluate("Boolean(self.axe)"):
        session = page.context.new_cdp_session(page)
        session.send("Runtime.evaluate", {"expression": AXE.read_text("utf-8") + ";0"})
        session.detach()
    only = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": RULES}
    found: list[Any] = page.evaluate(_RUN, only)
    return found


def settle(page: Page) -> None:
    """Wait until what moves or fades has ended and was painted: colours count as they stay.

    From the top of the page: what the sticky bars cover further down is reached by scrolling.
    """
    page.evaluate(
        """async () => {
            window.scrollTo(0, 0);
            const painted = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
            await painted();
            await Promise.allSettled(document.getAnimations().map((one) => one.finished));
            await painted();
        }"""
    )


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than the screen."""
    width: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return max(0, width)


def beyond_frame(page: Page) -> int:
    """By how many pixels a list or panel is wider than the page's frame: what the screen's edge need not show."""
    width: int = page.evaluate(
        """() => {
            const main = document.querySelector('main');
            if (!main) return 0;
            const edge = main.getBoundingClientRect().right - parseFloat(getComputedStyle(main).paddingRight);
            const parts = [...main.querySelectorAll('.data-grid, .panel')].filter(one => one.offsetParent);
            return Math.ceil(Math.max(0, ...parts.map(one => one.getBoundingClientRect().right - edge - 0.5)));
        }"""
    )
    return width
