"""Fixtures of the whole suite: the database, jobs, the emulator, a browser, and a guard against the network."""

import ipaddress
import socket
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.db import connections
from django.test import TransactionTestCase
from procrastinate.contrib.django import app as jobs_app
from tests import database

_RUN = pytest.StashKey[database.Run]()


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def pytest_configure(config: pytest.Config) -> None:
    """Start the run's PostgreSQL, from the main thread of the process that starts pytest."""
    if not _is_worker(config) and not config.option.collectonly and not config.option.help:
        config.stash[_RUN] = database.Run()
        config.stash[_RUN].start()


def pytest_unconfigure(config: pytest.Config) -> None:
    """End it, also after Ctrl-C."""
    run = config.stash.get(_RUN, None)
    if run is not None:
        run.stop()


# The database


@pytest.fixture(scope="session")
def test_database(request: pytest.FixtureRequest) -> database.Database:
    """The database of this worker: a copy of the migrated one."""
    worker = getattr(request.config, "workerinput", {}).get("workerid", "main")
    return database.make_database(name=f"test_{worker}")


@pytest.fixture(scope="session")
def django_db_setup(test_database: database.Database, django_db_blocker: Any) -> Iterator[None]:
    """Connect Django to it as the application's role: row-level security holds in every test."""
    from msphub.config.database import url_parts  # noqa: PLC0415 - imports nothing of Django; kept beside its use

    parts = url_parts(test_database.app_url)
    settings = connections.settings["default"]
    for name, value in (
        ("HOST", "host"),
        ("PORT", "port"),
        ("USER", "user"),
        ("PASSWORD", "password"),
        ("NAME", "name"),
    ):
        settings[name] = parts[value]

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
    """Call it to run every job that is due, the way a worker does, until none is left."""

    def run() -> None:
        with jobs_app.replace_connector(jobs_app.connector.get_worker_connector()) as app:
            app.run_worker(wait=False, install_signal_handlers=False, listen_notify=False, concurrency=4)

    return run


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
