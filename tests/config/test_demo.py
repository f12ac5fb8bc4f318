"""`msphub demo` as a process: what it promises to programs, and that nothing outlives it."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import psycopg
import pytest
from tests import running
from tests.running import Demo

from msphub.config import processes, roles

pytestmark = pytest.mark.timeout(300)


def answer(url: str) -> int:
    with urllib.request.urlopen(url, timeout=10) as reply:  # noqa: S310 - our own address
        status: int = reply.status
    return status


def wait_until_ready(demo: Demo) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            if answer(f"{demo.url}/readyz") == 200:
                return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def living_workers(main: processes.ProcessId) -> list[processes.ProcessId]:
    """Return granian's worker processes."""
    listed = Path(f"/proc/{main.pid}/task/{main.pid}/children").read_text(encoding="ascii").split()
    return [
        processes.ProcessId(name="web worker", pid=int(pid), started=processes.started_at(int(pid)) or "")
        for pid in listed
    ]


def test_demo_json_is_complete_and_true(demo: Demo) -> None:
    content = demo.content
    assert list(content) == ["url", "emulator_url", "database_url", "microsoft", "users"]
    assert content["url"] == f"http://localhost:{demo.port}"
    assert set(content["microsoft"]) == {"tenant_id", "client_id", "client_secret", "refresh_token"}
    assert [user["role"] for user in content["users"]] == [
        "owner",
        "read-only",
        "owner of second partner",
        "customer admin",
    ]
    assert all(user["email"] and user["password"] for user in content["users"])
    assert answer(f"{demo.url}/readyz") == 200
    assert answer(f"{demo.emulator_url}/_emulator/partners") == 200
    assert (demo.directory / "demo.json").stat().st_mode & 0o077 == 0
    with psycopg.connect(demo.database_url) as connection:
        roles.check_application_role(connection)


def test_second_demo_in_the_directory_and_on_the_port_is_refused(demo: Demo, tmp_path: Path) -> None:
    for directory, reason in ((demo.directory, "already runs"), (tmp_path / "other", f"Port {demo.port} is taken")):
        refused = subprocess.run(
            running.demo_command(directory=directory, port=demo.port),
            env=running.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert refused.returncode == 2
        assert reason in refused.stderr
        assert "Traceback" not in refused.stderr
    assert answer(f"{demo.url}/readyz") == 200


def test_reset_of_a_strangers_directory_is_refused_and_deletes_nothing(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    refused = subprocess.run(
        running.demo_command(directory=tmp_path, port=processes.free_port(), reset=True),
        env=running.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 2
    assert (tmp_path / "thesis.txt").exists()


def test_killed_web_server_leaves_no_worker_and_comes_back(demo: Demo) -> None:
    main = demo.children()["web"]
    workers = living_workers(main)
    assert len(workers) == 2
    os.kill(main.pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while any(worker.is_alive for worker in workers):
        assert time.monotonic() < deadline, "orphans go on answering"
        time.sleep(0.02)
    wait_until_ready(demo)


def test_killed_database_comes_back_with_web_and_worker(demo: Demo) -> None:
    before = demo.children()
    os.kill(before["postgres"].pid, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while demo.children()["postgres"] == before["postgres"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    wait_until_ready(demo)
    with psycopg.connect(demo.database_url, autocommit=True) as connection:
        query = "SELECT max(last_heartbeat) > now() - interval '4 seconds' FROM procrastinate_workers"
        while connection.execute(query).fetchone() != (True,):
            assert time.monotonic() < deadline + 20, "the worker gave no sign of life again"
            time.sleep(0.2)


def test_life_of_a_demo_kept_data_kill_and_clean_end(data_directory: Path) -> None:
    first = running.start_demo(directory=data_directory / "demo")
    users = first.content["users"]
    with psycopg.connect(first.database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO django_session (session_key, session_data, expire_date) VALUES ('kept', '', now())"
        )
    started = first.children()
    assert set(started) == {"postgres", "emulator", "web", "worker"}
    first.process.kill()
    first.process.wait()
    deadline = time.monotonic() + 10
    while any(child.is_alive for child in started.values()):
        assert time.monotonic() < deadline, "something outlives a killed demo"
        time.sleep(0.05)

    began = time.monotonic()
    second = running.start_demo(directory=data_directory / "demo", port=first.port)
    assert time.monotonic() - began < 30, "a second start neither migrates nor seeds"
    assert second.content["users"] == users
    assert second.emulator_url == first.emulator_url
    with psycopg.connect(second.database_url) as connection:
        row = connection.execute("SELECT count(*) FROM django_session WHERE session_key = 'kept'").fetchone()
    assert row == (1,)
    started = second.children()
    assert second.stop() == 0
    assert not any(child.is_alive for child in started.values())
    assert not (data_directory / "demo" / "demo.json").exists()
    assert processes.is_port_free(second.port)


def test_secrets_of_the_demo_are_private_and_kept(demo: Demo) -> None:
    path = demo.directory / "secrets.json"
    assert path.stat().st_mode & 0o077 == 0
    assert set(json.loads(path.read_text(encoding="utf-8"))) == {"MSPHUB_SECRET_KEY", "MSPHUB_ENCRYPTION_KEYS"}


def test_demo_listens_on_this_machine_only(demo: Demo) -> None:
    for port in (demo.port, int(demo.emulator_url.rpartition(":")[2])):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) == 0
        listeners = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()
        addresses = {line.split()[1] for line in listeners[1:] if line.split()[3] == "0A"}
        assert f"00000000:{port:04X}" not in addresses
