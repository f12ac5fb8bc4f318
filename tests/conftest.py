"""Fixtures of the whole suite: the database, jobs, the emulator, a demo, a browser, and a guard against the network."""

import ipaddress
import os
import re
import shutil
import socket
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from django.db import connections
from django.test import TransactionTestCase
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright
from xdist.scheduler import LoadGroupScheduling

from msphub.config import worker
from msphub.config.database import url_parts
from partner_center_emulator import testing as emulator_testing
from tests import database, running

_RUN = pytest.StashKey[database.Run]()
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_DEMO_SECONDS = 300


def pytest_configure(config: pytest.Config) -> None:
    """Start the run's PostgreSQL, from the main thread of the process that starts pytest."""
    if not hasattr(config, "workerinput") and not config.option.collectonly and not config.option.help:
        config.stash[_RUN] = database.Run()
        config.stash[_RUN].start()


def pytest_unconfigure(config: pytest.Config) -> None:
    """End it, also after Ctrl-C."""
    run = config.stash.get(_RUN, None)
    if run is not None:
        run.stop()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give tests of the running demo the time it takes to start, and mark those of the browser."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if "demo" in fixtures:
            item.add_marker(pytest.mark.timeout(_DEMO_SECONDS))
        if "browser" in fixtures:
            item.add_marker(pytest.mark.browser)


class _OneDemo(LoadGroupScheduling):
    """Sends every test of a file that uses the running demo to one worker, so that only one demo runs.

    By the file's text and not by `xdist_group`, which pytest 9.2 made xdist lose (pytest-xdist issue 1386).
    """

    def _split_scope(self, nodeid: str) -> str:
        return "demo" if _uses_demo(nodeid.partition("::")[0]) else nodeid


@cache
def _uses_demo(path: str) -> bool:
    return re.search(r"\bdemo: ", (database.ROOT / path).read_text(encoding="utf-8")) is not None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadGroupScheduling:
    """Use the scheduler above; the largest group, which is the demo's, starts first."""
    return _OneDemo(config, log)


# The database


@pytest.fixture(scope="session")
def test_database(request: pytest.FixtureRequest) -> database.Database:
    """The database of this worker: a copy of the migrated one."""
    worker_id = getattr(request.config, "workerinput", {}).get("workerid", "main")
    return database.make_database(name=f"test_{worker_id}")


@pytest.fixture(scope="session")
def django_db_setup(test_database: database.Database, django_db_blocker: Any) -> Iterator[None]:
    """Connect Django to it as the application's role: row-level security holds in every test."""
    parts = url_parts(test_database.app_url)
    settings = connections.settings["default"]
    for name in ("HOST", "PORT", "USER", "PASSWORD", "NAME"):
        settings[name] = parts[name.lower()]

    def empty(_self: TransactionTestCase) -> None:
        database.empty_tables(test_database)

    patch = pytest.MonkeyPatch()
    patch.setattr(TransactionTestCase, "_fixture_teardown", empty)
    yield
    patch.undo()
    with django_db_blocker.unblock():
        connections["default"].close()
        connections["default"].close_pool()  # type: ignore[attr-defined]


@pytest.fixture
def owner_connection(test_database: database.Database) -> Iterator[psycopg.Connection[Any]]:
    """A connection of the tables' owner in autocommit, for tests that go around the application."""
    with psycopg.connect(test_database.owner_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def application_connection(test_database: database.Database) -> Iterator[psycopg.Connection[Any]]:
    """A connection of the application's role in autocommit, without any tenant in scope."""
    with psycopg.connect(test_database.app_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def run_jobs(transactional_db: None) -> Callable[[], None]:
    """Call it to run every job that is due, as a worker does, until none is left; periodic jobs aren't added."""
    return worker.run_due_jobs


# The emulated Microsoft and the whole program


@pytest.fixture(scope="session")
def emulator_server() -> Iterator[emulator_testing.Running]:
    """One emulator in a thread of this worker."""
    with emulator_testing.running() as server:
        yield server


@pytest.fixture
def emulator(emulator_server: emulator_testing.Running) -> emulator_testing.Running:
    """The emulated Microsoft in its first state: `.url`, `.partners`, `.reset()`."""
    emulator_server.reset()
    return emulator_server


@pytest.fixture(scope="session")
def demo() -> Iterator[running.Demo]:
    """A real `msphub demo` in processes of its own, one for all tests of the run that ask for it."""
    with running.data_directory() as directory:
        started = running.start_demo(directory=directory / "demo")
        yield started
        started.stop()


@pytest.fixture
def data_directory() -> Iterator[Path]:
    """A directory for an embedded PostgreSQL or a demo; what is left in it is ended and deleted."""
    with running.data_directory() as directory:
        yield directory


# The browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium of this machine; without one the test is skipped, in CI it fails."""
    found = next((path for name in _BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        reason = f"No browser found: install one of {', '.join(_BROWSERS)} to run the browser tests."
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def page_problems() -> list[str]:
    """What pages of this test complained of. A test that provokes an error asserts it here and clears it."""
    return []


@pytest.fixture
def open_page(browser: Browser, page_problems: list[str]) -> Iterator[Callable[[], Page]]:
    """Call it for a page of a fresh browser profile (another person's browser).

    Afterwards the test fails if any page logged an error, broke the content security policy or left this machine.
    """
    contexts = []

    def on_console(message: ConsoleMessage) -> None:
        # A search typed on takes the place of its earlier request (hx-sync), which htmx 4 logs as an error.
        superseded = "htmx:error" in message.text and "AbortError" in message.text
        if message.type == "error" and not superseded:
            page_problems.append(f"console: {message.text}")

    def on_request(request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in {"http", "https", "ws", "wss"} and address.hostname not in {"127.0.0.1", "localhost"}:
            page_problems.append(f"left this machine: {request.url}")

    def open_one() -> Page:
        context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-US", timezone_id="UTC")
        context.set_default_timeout(15_000)
        context.on("console", on_console)
        context.on("weberror", lambda error: page_problems.append(f"script: {error.error}"))
        context.on("request", on_request)
        contexts.append(context)
        return context.new_page()

    yield open_one
    for context in contexts:
        context.close()
    if page_problems:
        pytest.fail("Pages complained:\n" + "\n".join(page_problems))


@pytest.fixture
def page(open_page: Callable[[], Page]) -> Page:
    """One page, watched as `open_page` says."""
    return open_page()


# The network


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse connections to anywhere but this machine: a test must not depend on the internet."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def check(address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else "localhost"
        try:
            inside = ipaddress.ip_address(host).is_loopback
        except ValueError:
            inside = host == "localhost"
        if not inside:
            raise AssertionError(f"A test tried to reach {host}; tests stay on this machine.")

    def guarded_connect(self: socket.socket, address: Any) -> None:
        check(address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        check(address)
        return connect_ex(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
