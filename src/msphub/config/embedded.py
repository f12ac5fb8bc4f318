"""PostgreSQL without installing anything: the wheel's binaries as a plain child process of ours.

The wheel's own `get_server()` is not used: it changes the modes of every parent directory, trusts everybody who can
connect, and never stops a server once one of its users was killed (stack.md §1).
"""

import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Self

import psycopg
from psycopg import sql

from msphub.config import processes, programs
from msphub.config.programs import EmbeddedPostgresError

SUPERUSER = "msphub_superuser"
OWNER = "msphub_owner"
APPLICATION = "msphub_app"
DATABASE = "msphub"

_BIND_ATTEMPTS = 3
_START_SECONDS = 120  # a crash recovery may be long
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # TCP is as fast here, needs no directory and no short path
    "password_encryption": "scram-sha-256",
    "shared_buffers": "64MB",
    "max_connections": "100",
    "io_method": "sync",  # since 18
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
    # Clusters that a restore or an upgrade has put aside.
    former: list[str] = field(default_factory=list)


class EmbeddedPostgres:
    """A PostgreSQL cluster in `data_dir` with the database `msphub`, its owner and the application's role.

    It listens on 127.0.0.1 with passwords (SCRAM) only. Started by root it runs as `nobody`, because PostgreSQL refuses
    root; where `nobody` can't reach `data_dir`, the cluster lies in /var/lib/msphub-<hash>, and no mode of a directory
    that isn't ours is ever changed. `major` is the version whose programs are used, by default the newest.
    """

    def __init__(
        self, data_dir: Path, *, for_tests: bool = False, log: Path | None = None, major: int | None = None
    ) -> None:
        self.data_dir = data_dir.absolute()
        self.log = log or self.data_dir / "postgres.log"
        self.major = major or programs.newest()
        self._settings = {**_SETTINGS, **(_FOR_TESTS if for_tests else {})}
        if self.major < 18:
            del self._settings["io_method"]
        self._account = programs.account()
        self._state_file = self.data_dir / "embedded.json"
        self._state: _State | None = self._read_state()
        self._inherited: _State | None = None
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

    @property
    def programs(self) -> Path:
        """Directory of PostgreSQL's programs of this version: pg_dump, psql and so on."""
        return programs.directory(major=self.major, user=self._account)

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
    def made_by(self) -> int | None:
        """Major version of PostgreSQL that made the cluster; None when there is no cluster yet."""
        if self._state is None:
            return None
        try:
            return int((self.cluster / "PG_VERSION").read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):
            return None

    @property
    def former(self) -> list[Path]:
        """Clusters that were put aside and still take space."""
        return [] if self._state is None else [Path(place) for place in self._state.former if Path(place).exists()]

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
        if started is None or not programs.serves(pid, self.cluster):
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
                str(self.programs / "postgres"),
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
            for place in (self.cluster, *self.former):
                shutil.rmtree(place, ignore_errors=True)
        shutil.rmtree(self.data_dir, ignore_errors=True)
        self._state = None

    def successor(self) -> "EmbeddedPostgres":
        """Return a cluster to be made beside this one, with its passwords, by the newest programs.

        It is nothing to anybody until `replace_by` puts it in this one's place. What an attempt that was killed left
        behind is deleted. The caller owns the directory (`supervisor.claim`).
        """
        in_use = {str(self.cluster), *self._known.former} if self._state is not None else set()
        for place in self.data_dir.glob("next-*"):
            left = EmbeddedPostgres(place)
            if left.made_by is not None and str(left.cluster) in in_use:
                continue  # it took over, and was killed before it could forget its own file
            if not any(path.startswith(f"{place}/") for path in in_use):
                left.end_leftover()
                left.destroy()
        self._make_data_dir()
        made = EmbeddedPostgres(self.data_dir / f"next-{secrets.token_hex(4)}")
        made._inherited = self._state
        return made

    def replace_by(self, successor: "EmbeddedPostgres") -> None:
        """Put a stopped successor in this one's place, in one step; this cluster is kept aside.

        Those put aside earlier are deleted. The port stays this one's, and so do URLs.
        """
        aside, older = ([], []) if self._state is None else ([str(self.cluster)], self.former)
        port = successor.port if self._state is None else self.port
        self._state = replace(successor._known, port=port, former=aside)  # noqa: SLF001 - another one of ours
        self._write_state()
        (successor.data_dir / self._state_file.name).unlink()
        for place in older:
            _remove_cluster(place)

    def remove_former(self) -> list[Path]:
        """Delete the clusters put aside, and return where they were."""
        removed = self.former
        for place in removed:
            _remove_cluster(place)
        if removed:
            self._state = replace(self._known, former=[])
            self._write_state()
        return removed

    def copy_to(self, data_dir: Path, *, for_tests: bool = False) -> "EmbeddedPostgres":
        """Copy the stopped cluster, passwords included, to another directory; for throw-away clusters of tests."""
        copy = EmbeddedPostgres(data_dir, for_tests=for_tests)
        copy._make_data_dir()
        cluster = copy._place_of_cluster()
        shutil.rmtree(cluster, ignore_errors=True)
        subprocess.run(["cp", "-a", str(self.cluster), str(cluster)], check=True)
        copy._state = _State(**{**asdict(self._known), "cluster": str(cluster), "port": 0, "former": []})
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
        if self._account is None or programs.can_reach(self.data_dir, self._account):
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
        half_made = cluster.with_name(f"{cluster.name}.new")
        shutil.rmtree(half_made, ignore_errors=True)
        half_made.mkdir(mode=0o700)
        if self._account is not None:
            os.chown(half_made, self._account.pw_uid, self._account.pw_gid)
        state = _State(
            cluster=str(cluster),
            postgres=str(self.major),
            superuser_password=self._inherited.superuser_password if self._inherited else secrets.token_urlsafe(32),
            owner_password=self._inherited.owner_password if self._inherited else secrets.token_urlsafe(32),
            application_password=self._inherited.application_password if self._inherited else secrets.token_urlsafe(32),
        )
        self._initdb(half_made, superuser_password=state.superuser_password)
        self._state = state
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
                    str(self.programs / "initdb"),
                    f"--pgdata={cluster}",
                    f"--username={SUPERUSER}",
                    f"--pwfile={password_file.name}",
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    "--locale=C",
                    *(["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if self.major >= 17 else []),
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
        if self.made_by != self.major:
            raise EmbeddedPostgresError(
                f"{self.cluster} was made by PostgreSQL {self.made_by}, this MSP Hub brings PostgreSQL {self.major}. "
                "Run `msphub upgrade-database`: it makes a new cluster of it and keeps the former one aside "
                "(docs/guide/operations.md)."
            )

    def _clear_after_kill(self) -> None:
        """Remove the pid file of a killed server that is a zombie or another program now, else PostgreSQL refuses.

        Backends that survived it are killed first: two servers on one cluster would ruin it.
        """
        pid_file = self.cluster / "postmaster.pid"
        if not pid_file.exists():
            return
        for pid in programs.processes_in(self.cluster):
            os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 5
        while programs.processes_in(self.cluster):
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


def _remove_cluster(place: Path) -> None:
    """Delete a cluster that was put aside, with the folder made for it (`EmbeddedPostgres.successor`)."""
    shutil.rmtree(place, ignore_errors=True)
    if place.parent.name.startswith("next-"):
        shutil.rmtree(place.parent, ignore_errors=True)


def _tail(log: Path, *, lines: int = 15) -> str:
    try:
        return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except OSError:
        return "(no log)"
