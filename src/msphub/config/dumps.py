"""The whole contents of an embedded database in one file, and back: pg_dump and pg_restore as the superuser.

As the application's role pg_dump would fail, because row-level security hides rows (stack.md §2). A dump is one
consistent view of the database, taken while others write.
"""

import os
import subprocess
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from msphub.config.embedded import DATABASE, SUPERUSER, EmbeddedPostgres
from msphub.config.programs import EmbeddedPostgresError

_LOCK_WAIT_SECONDS = 60  # for a migration that is under way
_TABLES = """
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' ORDER BY c.relname
"""


def connect(postgres: EmbeddedPostgres) -> psycopg.Connection[Any]:
    """Return a connection of the superuser to the database, in autocommit: every row of every partner is visible."""
    return psycopg.connect(postgres.url(role=SUPERUSER, database=DATABASE), autocommit=True)


def dump(postgres: EmbeddedPostgres, file: Path, *, programs: Path) -> None:
    """Write the database of a running server to `file`, in pg_dump's custom format, and read it whole once.

    `programs` are those of the version that will read it.
    """
    command = ["pg_dump", "--format=custom", f"--lock-wait-timeout={_LOCK_WAIT_SECONDS}s", f"--file={file}"]
    _run(programs, *command, postgres=postgres)
    check(file, programs=programs)


def check(file: Path, *, programs: Path) -> None:
    """Read a dump from end to end without a database; refuses one that is cut off or damaged."""
    listed = _run(programs, "pg_restore", "--list", str(file))
    if "TABLE DATA public django_migrations" not in listed:
        raise EmbeddedPostgresError(f"{file} isn't a dump of an MSP Hub.")
    _run(programs, "pg_restore", "--file=/dev/null", str(file))


def load(postgres: EmbeddedPostgres, file: Path) -> None:
    """Fill the empty database of a running server from a dump, with owners, rights and policies; all of it or none."""
    jobs = min(4, os.cpu_count() or 1)
    _run(postgres.programs, "pg_restore", "--exit-on-error", f"--jobs={jobs}", str(file), postgres=postgres)
    with connect(postgres) as connection:
        connection.execute("ANALYZE")


def row_counts(postgres: EmbeddedPostgres) -> dict[str, int]:
    """Return the number of rows of every table."""
    counts = {}
    with connect(postgres) as connection:
        for (name,) in connection.execute(_TABLES).fetchall():
            found = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name))).fetchone()
            counts[name] = int(found[0]) if found else 0
    return counts


def _run(programs: Path, name: str, *arguments: str, postgres: EmbeddedPostgres | None = None) -> str:
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"}
    target = []
    if postgres is not None:
        environment["PGOPTIONS"] = "-c synchronous_commit=off"  # the stop of a server that was filled makes it durable
        environment["PGPASSWORD"] = postgres.password(role=SUPERUSER)
        target = ["--host=127.0.0.1", f"--port={postgres.port}", f"--username={SUPERUSER}", f"--dbname={DATABASE}"]
    done = subprocess.run(
        [str(programs / name), *target, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise EmbeddedPostgresError(f"{name} failed:\n{done.stderr.strip()[-3000:]}")
    return done.stdout
