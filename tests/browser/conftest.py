"""People in front of the running demo."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect
from tests import running
from tests.browser.portal import Portal, contacts, unique

# The whole program runs beside other tests, often on few cores: slow is not wrong.
TIMEOUT_MS = 45_000
expect.set_options(timeout=TIMEOUT_MS)


@pytest.fixture(scope="session")
def sessions() -> Iterator[dict[str, Portal]]:
    """The signed-in sessions of this run, by role."""
    known: dict[str, Portal] = {}
    yield known
    for session in known.values():
        session.client.close()


@pytest.fixture
def portal(demo: running.Demo, sessions: dict[str, Portal]) -> Callable[[str], Portal]:
    """Call it with a role of `demo.json` for that person's session over HTTP; signed in once a run."""

    def of(role: str) -> Portal:
        if role not in sessions:
            sessions[role] = Portal(demo.url).sign_in(*demo.user(role))
        return sessions[role]

    return of


@pytest.fixture
def owner(portal: Callable[[str], Portal]) -> Portal:
    """The first partner's owner over HTTP, for what a test needs done beforehand."""
    return portal("owner")


@pytest.fixture
def open_page(open_page: Callable[[], Page]) -> Callable[[], Page]:
    """As everywhere, with the patience that the whole program needs."""

    def patient() -> Page:
        page = open_page()
        page.context.set_default_timeout(TIMEOUT_MS)
        return page

    return patient


@pytest.fixture
def page_of(open_page: Callable[[], Page]) -> Callable[[Portal], Page]:
    """Call it with a session for a page of a fresh browser profile in which that person is signed in."""

    def of(session: Portal) -> Page:
        page = open_page()
        page.context.add_cookies(session.cookies)  # type: ignore[arg-type]
        return page

    return of


@pytest.fixture
def owner_page(owner: Portal, page_of: Callable[[Portal], Page]) -> Page:
    """A page of the first partner's owner."""
    return page_of(owner)


@pytest.fixture
def at_step(owner: Portal) -> Callable[[str], str]:
    """Call it for the address of a fresh draft on a step; the steps before it are filled."""

    def to(step: str) -> str:
        draft = owner.client.get("/customers/new/").url.path.removesuffix("company/")
        sent = {
            "company": owner.company(owner.get(f"{draft}company/"), name=f"{unique('Labels')} Inc."),
            "contacts": contacts(login=f"{unique('ann')}@labels.example"),
            "microsoft": {"account": "skip"},
        }
        for name, values in sent.items():
            if name == step:
                break
            owner.post(f"{draft}{name}/", {**values, "go": "continue"})
        return f"{owner.url}{draft}{step}/"

    return to
