"""What `msphub migrate` does: tables, cache table, rights of the application's role, static files; nothing twice."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import django
import psycopg
import structlog
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import connections
from django.db.migrations.loader import MigrationLoader

from msphub.config import database, release, roles
from msphub.config.env import NotConfigured, environment

log = structlog.get_logger(__name__)

_UNUSED_STATIC = ["htmx-2*", "htmax*", "htmx-4.js"]  # django-htmx brings several; compressing each takes seconds
_LOCK = 0x6D737068  # "msph": one migration at a time


def owner_settings() -> None:
    """Point Django's database at the owner for the rest of this process. Must be called before Django is set up.

    Refuses when `DATABASE_OWNER_URL` is missing: the application's role can't, and must not, change tables.
    """
    known = environment()
    if not known.database_owner_url:
        raise NotConfigured(
            "Set DATABASE_OWNER_URL to the role that owns the tables; DATABASE_URL is for web and worker."
        )
    if not known.database_url:
        raise NotConfigured("Set DATABASE_URL too: `msphub migrate` gives its role the rights it needs.")
    os.environ["DATABASE_URL"] = known.database_owner_url
    environment.cache_clear()
    django.setup()
    options = connections.settings["default"]["OPTIONS"]
    options.pop("pool", None)
    options["options"] = "-c timezone=UTC"  # an index on a large table may take longer than any request may


@contextmanager
def _only_one(url: str) -> Iterator[psycopg.Connection[Any]]:
    """Hold the lock of migrations, waiting for whoever has it."""
    with psycopg.connect(url, autocommit=True, application_name="msphub migrate") as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        yield connection


def migrate_database(*, application_url: str) -> None:
    """Bring tables and rights up to date as the owner. Safe to call from several machines at once."""
    role = database.url_parts(application_url)["user"]
    with _only_one(environment().database_owner_url) as connection:
        if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone() is None:
            raise NotConfigured(
                f"The role {role} of DATABASE_URL doesn't exist; docs/guide/install.md shows how to make it."
            )
        call_command("migrate", interactive=False, verbosity=0)
        call_command("createcachetable", verbosity=0)
        roles.grant_application_role(connection, role=role, append_only=settings.APPEND_ONLY_TABLES)
    connections.close_all()
    log.info("database_migrated", role=role)


def missing_migrations(connection: psycopg.Connection[Any]) -> list[str]:
    """Return the migrations this code brings that the database lacks, as `app.name`; all when it is empty."""
    try:
        rows = connection.execute("SELECT app, name FROM django_migrations").fetchall()
    except psycopg.errors.UndefinedTable:
        rows = []
    return sorted(known_migrations() - {f"{row[0]}.{row[1]}" for row in rows})


def known_migrations() -> set[str]:
    """Return every migration that this code brings, as `app.name`; Django must be set up."""
    return {f"{app}.{name}" for app, name in MigrationLoader(None, ignore_no_migrations=True).disk_migrations}


def collect_static() -> None:
    """Put the compressed static files into `MSPHUB_STATIC_DIR`, unless their sources are those of the last time."""
    root = Path(settings.STATIC_ROOT)
    root.mkdir(parents=True, exist_ok=True)
    stamp = root / release.STATIC_STAMP
    sources = static_sources()
    with root.with_name(f"{root.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text(encoding="utf-8") == sources:
            return
        stamp.unlink(missing_ok=True)
        call_command("collectstatic", interactive=False, clear=True, verbosity=0, ignore_patterns=_UNUSED_STATIC)
        stamp.write_text(sources, encoding="utf-8")
    log.info("static_files_collected", directory=str(root))


def static_sources() -> str:
    """Return a digest of all static files' names, sizes and times."""
    digest = sha256(settings.STORAGES["staticfiles"]["BACKEND"].encode())
    for finder in get_finders():
        for name, storage in finder.list(None):
            status = Path(storage.path(name)).stat()
            digest.update(f"{name} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()
