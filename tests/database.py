"""The database of a test run: an embedded PostgreSQL of its own, and every test as the application's role.

The process that starts pytest owns the server. A migrated cluster is kept in var/test under a digest of all that
decides the schema; a run copies it (0.1 s), so runs side by side never meet and nothing needs cleaning but a folder.
"""

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from msphub.config import embedded, processes, release

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / "var" / "test"
VARIABLE = "MSPHUB_TEST_SERVER"
_KEPT_TEMPLATES = 3
_FILLED_TABLES = """
SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND pg_relation_size(oid) > 0 ORDER BY relname
"""


class TestDatabaseError(Exception):
    """The test database can't be made; the text says why."""

    __test__ = False


@dataclass(frozen=True, kw_only=True)
class Server:
    """The run's PostgreSQL, as its workers need to know it."""

    port: int
    owner_password: str
    application_password: str

    def url(self, *, role: str, database: str) -> str:
        """Return the URL of a role and database."""
        password = self.owner_password if role == embedded.OWNER else self.application_password
        return f"postgresql://{role}:{password}@127.0.0.1:{self.port}/{database}"


@dataclass(frozen=True, kw_only=True)
class Database:
    """The database of one worker, a copy of the migrated template."""

    name: str
    app_url: str
    owner_url: str
    filled_by_migrations: frozenset[str]


class Run:
    """The server of one test run, started and ended by the process that started pytest."""

    def __init__(self) -> None:
        self._postgres: embedded.EmbeddedPostgres | None = None
        self._home = HOME / f"run-{os.getpid()}"

    def start(self) -> None:
        """Copy the migrated cluster and start it; the workers find it by an environment variable.

        A failure (say, a broken migration) is kept for the tests that need a database: others still run.
        """
        _end_leftovers()
        try:
            template = _template()
            self._postgres = template.copy_to(self._home, for_tests=True)
            self._postgres.start()
        except (TestDatabaseError, embedded.EmbeddedPostgresError) as error:
            os.environ[VARIABLE] = json.dumps({"error": str(error)})
            return
        known = self._postgres
        os.environ[VARIABLE] = json.dumps(
            asdict(
                Server(
                    port=known.port,
                    owner_password=known.password(role=embedded.OWNER),
                    application_password=known.password(role=embedded.APPLICATION),
                )
            )
        )

    def stop(self) -> None:
        """End the server and remove its files."""
        os.environ.pop(VARIABLE, None)
        if self._postgres is not None:
            self._postgres.stop()
            self._postgres.destroy()
            self._postgres = None


def make_database(*, name: str) -> Database:
    """Create a worker's database from the migrated template."""
    server = _server()
    with psycopg.connect(server.url(role=embedded.OWNER, database="postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                sql.Identifier(name), sql.Identifier(embedded.DATABASE)
            )
        )
    owner_url = server.url(role=embedded.OWNER, database=name)
    with psycopg.connect(owner_url, autocommit=True) as connection:
        filled = frozenset(row[0] for row in connection.execute(_FILLED_TABLES))
    return Database(
        name=name,
        app_url=server.url(role=embedded.APPLICATION, database=name),
        owner_url=owner_url,
        filled_by_migrations=filled,
    )


def durable_copy(place: Path) -> embedded.EmbeddedPostgres:
    """Return a migrated cluster of a test's own, not started, that keeps what it has committed when it is killed."""
    return _template().copy_to(place)


def empty_tables(database: Database) -> None:
    """Empty every table a test has filled, as the owner: the application's role may not truncate.

    What migrations filled stays. Row-level security hides rows from the owner too, so it goes by the files' sizes.
    """
    with psycopg.connect(database.owner_url, autocommit=True, options="-c lock_timeout=10000") as connection:
        filled = sorted({row[0] for row in connection.execute(_FILLED_TABLES)} - database.filled_by_migrations)
        if filled:
            names = sql.SQL(", ").join(sql.Identifier(name) for name in filled)
            connection.execute(sql.SQL("TRUNCATE {} CASCADE").format(names))


def _server() -> Server:
    known = json.loads(os.environ.get(VARIABLE, "{}"))
    if "error" in known:
        raise TestDatabaseError(known["error"])
    if not known:
        raise TestDatabaseError("The test database belongs to a pytest run; start pytest in the checkout.")
    return Server(**known)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _template() -> embedded.EmbeddedPostgres:
    """Return the stopped cluster with the schema of this checkout, made now if there is none yet."""
    HOME.mkdir(parents=True, exist_ok=True)
    with _locked(HOME / "lock"):
        place = HOME / f"template-{release.schema_stamp()[:16]}"
        done = place / "done"
        template = embedded.EmbeddedPostgres(place, for_tests=True)
        if not done.exists():
            template.end_leftover()
            template.destroy()
            template = embedded.EmbeddedPostgres(place, for_tests=True)
            _make_template(template)
            done.touch()
        os.utime(place)
        _forget_old_templates(keep=place)
        return template


def _make_template(template: embedded.EmbeddedPostgres) -> None:
    with template:
        made = subprocess.run(
            [sys.executable, "-m", "msphub.config.cli", "migrate", "--no-static"],
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "msphub.config.settings",
                "MSPHUB_MODE": "test",
                "DATABASE_OWNER_URL": template.owner_url,
                "DATABASE_URL": template.app_url,
            },
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    if made.returncode != 0:
        raise TestDatabaseError(f"`msphub migrate` failed for the test database:\n{made.stdout}{made.stderr}"[-4000:])


def _forget_old_templates(*, keep: Path) -> None:
    templates = sorted(HOME.glob("template-*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in templates[_KEPT_TEMPLATES:]:
        if old != keep and time.time() - old.stat().st_mtime > 600:
            embedded.EmbeddedPostgres(old).destroy()


def _end_leftovers() -> None:
    """Remove what killed runs left; their servers ended with them."""
    for home in [*HOME.glob("run-*"), *HOME.glob("data-*")]:
        if processes.started_at(int(home.name.split("-")[1])) is None:
            remove(home)


def remove(home: Path) -> None:
    """Delete a directory with the clusters in it, which may lie elsewhere; their servers are ended first."""
    for state in [*home.glob("embedded.json"), *home.glob("**/postgres/embedded.json")]:
        left = embedded.EmbeddedPostgres(state.parent)
        left.end_leftover()
        left.destroy()
    shutil.rmtree(home, ignore_errors=True)
