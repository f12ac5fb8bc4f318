"""`msphub backup` and `msphub restore`: the embedded database in one file, without the keys to its secrets.

The file is a tar of `manifest.json` and `database.dump` (pg_dump's custom format, which every pg_restore of that
version or later reads): nobody needs this program to get at the data.
"""

import hashlib
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg

from msphub.config import dumps, keys, migrate, programs, supervisor
from msphub.config.embedded import EmbeddedPostgres
from msphub.config.env import NotConfigured

FORMAT = 1
_MANIFEST = "manifest.json"
_DUMP = "database.dump"
_NOTE = (
    "The encryption keys (MSPHUB_ENCRYPTION_KEYS) and MSPHUB_SECRET_KEY are NOT in this file. "
    "Without the encryption keys the secrets in it can't be read."
)

type Say = Callable[[str], None]


class BackupError(programs.EmbeddedPostgresError):
    """A backup can't be made or used; the text says why, and that nothing has changed."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a backup says of itself."""

    format: int
    made_at: str
    msphub: str
    postgres: int
    migrations: list[str]
    key_fingerprints: list[str]
    bytes: int
    sha256: str
    note: str


@contextmanager
def running(directory: Path, *, say: Say) -> Iterator[EmbeddedPostgres]:
    """Give the embedded server of a data directory: the one that runs, else one started for this block."""
    postgres = EmbeddedPostgres(directory / "postgres")
    if postgres.made_by is None:
        raise BackupError(f"There is no embedded database in {directory}.")
    if postgres.process_id is not None:
        yield postgres
        return
    with supervisor.claimed(directory):
        say("MSP Hub isn't running; its database is started for this.")
        with postgres:
            yield postgres


def backup(*, directory: Path, file: Path, encryption_keys: Sequence[str], say: Say) -> Manifest:
    """Write a verified backup of the embedded database to `file`, in one step; the portal may go on running.

    An older file of that name is replaced only by a complete one.
    """
    file = file.absolute()
    if not file.parent.is_dir():
        raise BackupError(f"There is no directory {file.parent}.")
    with (
        running(directory, say=say) as postgres,
        tempfile.TemporaryDirectory(dir=file.parent, prefix=f".{file.name}.") as place,
    ):
        dump = Path(place) / _DUMP
        migrations = _migrations_of(postgres)
        dumps.dump(postgres, dump, programs=postgres.programs)
        if _migrations_of(postgres) != migrations:
            raise BackupError("A migration ran meanwhile; make the backup again.")
        manifest = Manifest(
            format=FORMAT,
            made_at=datetime.now(tz=UTC).isoformat(timespec="seconds"),
            msphub=version("msphub"),
            postgres=postgres.major,
            migrations=migrations,
            key_fingerprints=[keys.fingerprint(key) for key in encryption_keys],
            bytes=dump.stat().st_size,
            sha256=_digest(dump),
            note=_NOTE,
        )
        described = Path(place) / _MANIFEST
        described.write_text(json.dumps(asdict(manifest), indent=1), encoding="utf-8")
        packed = Path(place) / "packed"
        with tarfile.open(packed, "w") as archive:
            archive.add(described, _MANIFEST)
            archive.add(dump, _DUMP)
        packed.chmod(0o600)
        _sync(packed)
        packed.replace(file)
        _sync(file.parent)
    say(
        f"{file}: {manifest.bytes:,} bytes, MSP Hub {manifest.msphub}, PostgreSQL {manifest.postgres}, "
        f"{len(manifest.migrations)} migrations; read back and complete."
    )
    say(f"{_NOTE} Keep them in another place.")
    return manifest


def restore(
    *,
    directory: Path,
    file: Path,
    encryption_keys: Sequence[str],
    replace: bool,
    without_secrets: bool,
    say: Say,
) -> None:
    """Put the contents of a backup in the place of the embedded database, all or nothing. Django must be set up.

    An older backup is migrated forward. Refuses a damaged file, one of a newer release, a running MSP Hub; a database
    with partners unless `replace`; and stored secrets that the configured keys don't open unless `without_secrets`.
    The former cluster is kept aside.
    """
    with supervisor.claimed(directory), tempfile.TemporaryDirectory(dir=directory, prefix=".restore-") as place:
        postgres = EmbeddedPostgres(directory / "postgres")
        postgres.end_leftover()
        manifest = _unpack(file, place=Path(place))
        _refuse_newer(manifest)
        if not replace:
            _refuse_filled(postgres)
        dump = Path(place) / _DUMP
        dumps.check(dump, programs=programs.directory(major=programs.newest(), user=None))
        say(f"Backup of {manifest.made_at} by MSP Hub {manifest.msphub}, PostgreSQL {manifest.postgres}.")
        with successor(postgres) as fresh:
            dumps.load(fresh, dump)
            dump.unlink()
            bring_up_to_date(fresh)
            with dumps.connect(fresh) as connection:
                unreadable = keys.unreadable(connection, encryption_keys=encryption_keys)
            if unreadable and not without_secrets:
                raise BackupError(_lost(unreadable, manifest=manifest, encryption_keys=encryption_keys))
    say("The database is restored and up to date.")
    tell_former(postgres, say=say)
    for column, number in unreadable.items():
        say(f"{column}: {number} can't be read; enter them anew.")


@contextmanager
def successor(postgres: EmbeddedPostgres) -> Iterator[EmbeddedPostgres]:
    """Give a new, empty, running cluster; at the block's good end it takes the place of `postgres`, else it goes."""
    fresh = postgres.successor()
    try:
        fresh.start()
        yield fresh
        fresh.stop()
    except BaseException:
        fresh.stop()
        fresh.destroy()
        raise
    postgres.replace_by(fresh)


def bring_up_to_date(postgres: EmbeddedPostgres) -> None:
    """Run `msphub migrate` on a cluster that isn't the configured one; it gives the application's rights too."""
    done = subprocess.run(
        [sys.executable, "-m", "msphub.config.cli", "migrate", "--no-static"],
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "msphub.config.settings",
            "DATABASE_URL": postgres.app_url,
            "DATABASE_OWNER_URL": postgres.owner_url,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BackupError(f"The database could not be migrated; nothing has changed.\n{done.stderr[-3000:]}")


def tell_former(postgres: EmbeddedPostgres, *, say: Say) -> None:
    """Say where the cluster is that was put aside."""
    for place in postgres.former:
        say(f"The former cluster is kept in {place}; `msphub remove-former-database` deletes it.")


def _migrations_of(postgres: EmbeddedPostgres) -> list[str]:
    with dumps.connect(postgres) as connection:
        try:
            rows = connection.execute("SELECT app, name FROM django_migrations").fetchall()
        except psycopg.errors.UndefinedTable:
            raise BackupError("The database has no tables yet; there is nothing to back up.") from None
    return sorted(f"{app}.{name}" for app, name in rows)


def _unpack(file: Path, *, place: Path) -> Manifest:
    """Unpack a backup and compare it with what its manifest says."""
    try:
        with tarfile.open(file, "r:") as archive:
            for name in (_MANIFEST, _DUMP):
                archive.extract(name, place, filter="data")
        known: dict[str, Any] = json.loads((place / _MANIFEST).read_text(encoding="utf-8"))
        if known["format"] != FORMAT:
            raise BackupError(f"{file} has format {known['format']}, made by a newer MSP Hub; this one reads {FORMAT}.")
        manifest = Manifest(**known)
    except FileNotFoundError:
        raise BackupError(f"There is no file {file}.") from None
    except (tarfile.TarError, OSError, KeyError, TypeError, ValueError) as error:
        raise BackupError(f"{file} isn't a complete backup of MSP Hub: {error}.") from error
    if _digest(place / _DUMP) != manifest.sha256:
        raise BackupError(f"{file} is damaged: its contents don't have the digest that its manifest names.")
    return manifest


def _refuse_newer(manifest: Manifest) -> None:
    if manifest.postgres > programs.newest():
        raise BackupError(
            f"The backup was made with PostgreSQL {manifest.postgres}; this MSP Hub brings {programs.newest()}. "
            "Install the release that made it, or a later one."
        )
    unknown = sorted(set(manifest.migrations) - migrate.known_migrations())
    if unknown:
        raise BackupError(
            f"The backup was made by a newer MSP Hub ({manifest.msphub}): this one doesn't know {unknown[0]}"
            f"{f' and {len(unknown) - 1} more' if unknown[1:] else ''}. Install that release, or a later one."
        )


def _refuse_filled(postgres: EmbeddedPostgres) -> None:
    """Refuse to take the place of a database with partners, or of one that can't be looked into."""
    if postgres.made_by is None:
        return
    again = "Say --yes to put the backup in its place; it is kept aside."
    if postgres.made_by != postgres.major:
        raise BackupError(f"There is a database of PostgreSQL {postgres.made_by} here. {again}")
    with postgres, dumps.connect(postgres) as connection:
        try:
            found = connection.execute("SELECT kind, count(*) FROM accounts_tenant GROUP BY kind").fetchall()
        except psycopg.errors.UndefinedTable:
            found = []
    if found:
        numbers = dict(found)
        raise BackupError(
            f"The database here holds {numbers.get('partner', 0)} partners and {numbers.get('customer', 0)} customers. "
            f"{again}"
        )


def _lost(unreadable: dict[str, int], *, manifest: Manifest, encryption_keys: Sequence[str]) -> str:
    columns = ", ".join(f"{number} of {column}" for column, number in unreadable.items())
    configured = [keys.fingerprint(key) for key in encryption_keys]
    return (
        f"The configured encryption keys ({', '.join(configured) or 'none'}) don't open {columns}. "
        f"The backup was made with the keys {', '.join(manifest.key_fingerprints) or 'none'}: put the missing ones "
        "into MSPHUB_ENCRYPTION_KEYS. If they are lost, --without-secrets restores the rest. Nothing has changed."
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def refuse_external(database_url: str, *, what: str) -> None:
    """Refuse where DATABASE_URL names a PostgreSQL of the operator's own, and say what to run instead."""
    if not database_url:
        return
    if what == "backup":
        hint = "pg_dump --format=custom --file=msphub.dump"
    else:
        hint = "pg_restore --exit-on-error --clean --if-exists --jobs=4 msphub.dump"
    raise NotConfigured(
        "DATABASE_URL is set: this command is for the embedded database. For a PostgreSQL of your own use its tools, "
        "as a superuser (another role would see no rows, or too few):\n"
        f"  {hint} --dbname=postgresql://postgres@HOST:5432/msphub\n"
        "and keep MSPHUB_ENCRYPTION_KEYS and MSPHUB_SECRET_KEY in another place (docs/guide/operations.md)."
    )
