"""The embedded PostgreSQL as real processes."""

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from msphub.config import embedded, processes
from msphub.config.embedded import EmbeddedPostgres, EmbeddedPostgresError


@pytest.fixture
def place(data_directory: Path) -> Path:
    """A directory for a cluster; what is left in it is ended and deleted."""
    return data_directory / "postgres"


def value(url: str, query: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def wait_for_end(process: processes.ProcessId) -> None:
    deadline = time.monotonic() + 10
    while process.is_alive:
        assert time.monotonic() < deadline, f"{process} goes on"
        time.sleep(0.02)


def test_start_stop_and_start_again_keeps_data_and_settings(place: Path) -> None:
    postgres = EmbeddedPostgres(place)
    postgres.start()
    owner, application = postgres.owner_url, postgres.app_url
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (x int)")
        connection.execute("INSERT INTO kept VALUES (7)")
    assert value(application, "SELECT current_user") == embedded.APPLICATION
    assert value(owner, "SHOW synchronous_commit") == "on"
    assert value(owner, "SHOW fsync") == "on"
    assert value(owner, "SHOW listen_addresses") == "127.0.0.1"
    running = postgres.process_id
    postgres.stop()
    assert running is not None
    assert not running.is_alive

    again = EmbeddedPostgres(place)
    with again:
        assert again.app_url == application, "programs that know the URL go on"
        assert value(again.owner_url, "SELECT x FROM kept") == 7


def test_nobody_comes_in_without_password(place: Path) -> None:
    with EmbeddedPostgres(place) as postgres:
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(f"postgresql://{embedded.SUPERUSER}:wrong@127.0.0.1:{postgres.port}/postgres")
        mode = stat.S_IMODE((place / "embedded.json").stat().st_mode)
        assert mode == 0o600
        assert stat.S_IMODE(postgres.cluster.stat().st_mode) == 0o700


def test_second_start_on_a_running_directory_names_the_process(place: Path) -> None:
    with EmbeddedPostgres(place) as postgres:
        running = postgres.process_id
        assert running is not None
        with pytest.raises(EmbeddedPostgresError, match=f"already runs as process {running.pid}"):
            EmbeddedPostgres(place).start()
        assert value(postgres.app_url, "SELECT 1") == 1


def test_start_after_the_server_was_killed_while_it_is_a_zombie(place: Path) -> None:
    postgres = EmbeddedPostgres(place)
    postgres.start()
    with psycopg.connect(postgres.owner_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE committed (x int)")
    assert postgres.child is not None
    assert postgres.child.process is not None
    os.kill(postgres.child.process.pid, signal.SIGKILL)  # not waited for: it stays a zombie, as under a lazy init
    again = EmbeddedPostgres(place)
    with again:
        assert value(again.owner_url, "SELECT count(*) FROM committed") == 0


def test_server_ends_when_the_process_that_started_it_is_killed(place: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from msphub.config.embedded import EmbeddedPostgres\n"
        f"postgres = EmbeddedPostgres(Path({str(place)!r})); postgres.start()\n"
        "print(postgres.process_id.pid, flush=True)\n"
        "time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    server = processes.ProcessId(name="postgres", pid=pid, started=processes.started_at(pid) or "")
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_for_end(server)
    with EmbeddedPostgres(place) as again:
        assert value(again.app_url, "SELECT 1") == 1


def test_stale_pid_file_that_names_a_stranger_is_no_obstacle(place: Path) -> None:
    with EmbeddedPostgres(place) as postgres:
        cluster = postgres.cluster
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        (cluster / "postmaster.pid").write_text(f"{stranger.pid}\n{cluster}\n", encoding="ascii")
        with EmbeddedPostgres(place) as again:
            assert value(again.app_url, "SELECT 1") == 1
        assert stranger.poll() is None, "a stranger is never ended"
    finally:
        stranger.kill()
        stranger.wait()


def test_taken_port_is_avoided(place: Path) -> None:
    with EmbeddedPostgres(place) as postgres:
        usual = postgres.port
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stranger.bind(("127.0.0.1", usual))
        stranger.listen()
        with EmbeddedPostgres(place) as again:
            assert again.port != usual
            assert value(again.app_url, "SELECT 1") == 1


def test_cluster_of_another_major_version_is_refused_by_name(place: Path) -> None:
    with EmbeddedPostgres(place) as postgres:
        cluster = postgres.cluster
    (cluster / "PG_VERSION").write_text("12\n", encoding="ascii")
    with pytest.raises(EmbeddedPostgresError, match="PostgreSQL 12"):
        EmbeddedPostgres(place).start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_root_runs_it_as_nobody_also_where_nobody_cannot_reach(tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir(mode=0o700)
    postgres = EmbeddedPostgres(hidden / "postgres")
    try:
        with postgres:
            assert postgres.cluster.parent == Path("/var/lib")
            running = postgres.process_id
            assert running is not None
            assert Path(f"/proc/{running.pid}").stat().st_uid != 0
        assert stat.S_IMODE(hidden.stat().st_mode) == 0o700, "modes of others' directories stay"
        cluster = postgres.cluster
    finally:
        postgres.stop()
        postgres.destroy()
    assert not cluster.exists()
