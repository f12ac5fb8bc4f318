"""`msphub` commands on a PostgreSQL of one's own with two roles: migrate, serve, worker, and what they refuse."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from cryptography.fernet import Fernet
from tests import database, running

from msphub.config import machine, processes

Environment = dict[str, str]


@pytest.fixture
def installation(data_directory: Path, test_database: database.Database) -> Environment:
    """The environment of a production installation on this worker's database."""
    return {
        **running.environment(),
        "MSPHUB_MODE": "production",
        "MSPHUB_SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP",
        "MSPHUB_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "MSPHUB_BASE_URL": "http://localhost:8000",
        "MSPHUB_DATA_DIR": str(data_directory / "data"),
        "DATABASE_URL": test_database.app_url,
        "DATABASE_OWNER_URL": test_database.owner_url,
    }


def msphub(*arguments: str, environment: Environment) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "msphub.config.cli", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )


@pytest.fixture
def empty_database(owner_connection: psycopg.Connection[object], test_database: database.Database) -> Iterator[str]:
    """A database without tables, by its name."""
    name = f"{test_database.name}_empty"
    owner_connection.execute(f"CREATE DATABASE {name} TEMPLATE template0".encode())
    yield name
    owner_connection.execute(f"DROP DATABASE {name}".encode())


def in_database(installation: Environment, name: str) -> Environment:
    changed = {
        key: value.rpartition("/")[0] + f"/{name}" for key, value in installation.items() if key.startswith("DATABASE_")
    }
    return {**installation, **changed}


def test_web_and_worker_refuse_a_database_without_tables_and_migrate_makes_them(
    installation: Environment, empty_database: str
) -> None:
    environment = in_database(installation, empty_database)
    for command in (["serve", "--port", str(processes.free_port())], ["worker"]):
        refused = msphub(*command, environment=environment)
        assert refused.returncode == 2
        assert "Run `msphub migrate`" in refused.stderr
        assert "Traceback" not in refused.stderr
    for _ in range(2):
        migrated = msphub("migrate", "--no-static", environment=environment)
        assert migrated.returncode == 0, migrated.stderr
    with psycopg.connect(environment["DATABASE_URL"]) as connection:
        assert connection.execute("SELECT count(*) FROM django_session").fetchone() == (0,)


def test_owner_as_application_role_is_refused(installation: Environment) -> None:
    environment = {**installation, "DATABASE_URL": installation["DATABASE_OWNER_URL"]}
    for command in (["serve", "--port", str(processes.free_port())], ["worker"]):
        refused = msphub(*command, environment=environment)
        assert refused.returncode == 2
        assert "owns the table" in refused.stderr


@pytest.mark.parametrize("command", [["serve"], ["worker"], ["check-env"]])
def test_production_without_secrets_is_refused_in_sentences(installation: Environment, command: list[str]) -> None:
    environment = {**installation, "MSPHUB_SECRET_KEY": "", "MSPHUB_ENCRYPTION_KEYS": "x"}
    refused = msphub(*command, environment=environment)
    assert refused.returncode == 2
    assert "MSPHUB_SECRET_KEY" in refused.stderr
    assert "MSPHUB_ENCRYPTION_KEYS" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_migrate_without_owner_is_refused(installation: Environment) -> None:
    refused = msphub("migrate", environment={**installation, "DATABASE_OWNER_URL": ""})
    assert refused.returncode == 2
    assert "DATABASE_OWNER_URL" in refused.stderr


def test_worker_alone_without_database_says_what_to_do(installation: Environment) -> None:
    refused = msphub("worker", environment={**installation, "DATABASE_URL": ""})
    assert refused.returncode == 2
    assert "msphub serve" in refused.stderr


def test_unreachable_database_is_one_sentence(installation: Environment) -> None:
    unreachable = f"postgresql://somebody:x@127.0.0.1:{processes.free_port()}/msphub"
    refused = msphub("serve", environment={**installation, "DATABASE_URL": unreachable})
    assert refused.returncode == 2
    assert "can't be reached" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.timeout(240)
def test_serve_alone_brings_its_own_database_and_worker_and_is_backed_up_while_it_runs(
    installation: Environment,
) -> None:
    port = processes.free_port()
    environment = {**installation, "DATABASE_URL": "", "DATABASE_OWNER_URL": ""}
    environment["MSPHUB_BASE_URL"] = f"http://localhost:{port}"
    everything = subprocess.Popen(
        [sys.executable, "-m", "msphub.config.cli", "serve", "--port", str(port)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        deadline = time.monotonic() + 180
        while not machine.answers(port=port, path="/readyz"):
            assert everything.poll() is None, everything.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.2)
        options = ["--name", "First MSP", "--owner-email", "owner@first-msp.example"]
        made = msphub("partner", "create", *options, environment=environment)
        assert made.returncode == 0, made.stderr
        assert made.stdout.strip().startswith(f"http://localhost:{port}/")
        backup = Path(environment["MSPHUB_DATA_DIR"]) / "backup.tar"
        backed_up = msphub("backup", str(backup), environment=environment)
        assert (backed_up.returncode, backup.exists()) == (0, True), backed_up.stderr
        assert "NOT in this file" in backed_up.stdout
        refused = msphub("restore", str(backup), "--yes", environment=environment)
        assert refused.returncode == 2
        assert f"already runs in {backup.parent}, as process {everything.pid}" in refused.stderr
        rotated = msphub("rotate-keys", environment=environment)
        assert rotated.returncode == 0, rotated.stderr
        assert "the others can be dropped" in rotated.stdout
        assert machine.answers(port=port, path="/readyz")
    finally:
        os.kill(everything.pid, signal.SIGTERM)
        output, _ = everything.communicate(timeout=40)
    assert everything.returncode == 0, output
