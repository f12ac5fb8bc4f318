"""Backup, restore and the upgrade over major versions, on real clusters."""

import json
import stat
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from cryptography.fernet import Fernet
from tests import database

from msphub.config import backup, dumps, roles, upgrade
from msphub.config.cli import main
from msphub.config.embedded import EmbeddedPostgres
from msphub.config.programs import EmbeddedPostgresError
from msphub.config.supervisor import SupervisorError, claimed

KEY = Fernet.generate_key().decode()
PARTNER = uuid.uuid4()
_LAST = "orders", "0005_segment_and_statement"
_POLICIES = "SELECT tablename, policyname, roles::text, cmd, qual, with_check FROM pg_policies ORDER BY 1, 2"
_RIGHTS = """
SELECT relname, relrowsecurity, relforcerowsecurity, pg_get_userbyid(relowner), relacl::text FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'S', 'v') ORDER BY 1
"""
_FUNCTIONS = """
SELECT proname, prosecdef, pg_get_userbyid(proowner), proacl::text FROM pg_proc
WHERE pronamespace = 'public'::regnamespace ORDER BY 1, pg_get_function_identity_arguments(oid)
"""


def say(_text: str) -> None:
    """Nobody listens."""


@pytest.fixture
def installation(data_directory: Path) -> Iterator[EmbeddedPostgres]:
    """A migrated, running cluster with a partner and its secrets, in a data directory."""
    postgres = database._template().copy_to(data_directory / "postgres", for_tests=True)
    postgres.start()
    fill(postgres)
    yield postgres
    postgres.stop()


def fill(postgres: EmbeddedPostgres) -> None:
    token = Fernet(KEY).encrypt(b"the secret").decode()
    with dumps.connect(postgres) as connection:
        connection.execute(
            "INSERT INTO accounts_tenant (id, partner_id, kind, name, sort_name, country, status, created_at) "
            "VALUES (%s, %s, 'partner', 'Zoë ✓', 'zoe', 'US', 'active', now())",
            [PARTNER, PARTNER],
        )
        connection.execute(
            "INSERT INTO accounts_microsoftconnection (partner_id, partner_center_url, graph_url, login_url, "
            "microsoft_tenant_id, client_id, client_secret, refresh_token, version, changed_at, test_result) "
            "VALUES (%s, '', '', '', %s, %s, %s, %s, 1, now(), '[]')",
            [PARTNER, PARTNER, PARTNER, token, token],
        )


def everything(postgres: EmbeddedPostgres) -> dict[str, list[tuple[Any, ...]]]:
    """What has to arrive: every row of every table, and who may do what."""
    with dumps.connect(postgres) as connection:
        found = {
            name: connection.execute(f'SELECT t::text FROM "{name}" t ORDER BY 1'.encode()).fetchall()
            for name in dumps.row_counts(postgres)
        }
        for name, query in (("policies", _POLICIES), ("rights", _RIGHTS), ("functions", _FUNCTIONS)):
            found[f"({name})"] = connection.execute(query.encode()).fetchall()
    return found


def as_it_was(before: dict[str, list[tuple[Any, ...]]], postgres: EmbeddedPostgres) -> None:
    """Compare, and see that the application's role is held by row-level security as before."""
    after = everything(postgres)
    assert after.keys() == before.keys()
    assert [name for name in before if after[name] != before[name]] == []
    with psycopg.connect(postgres.app_url, autocommit=True) as connection:
        roles.check_application_role(connection)
        assert connection.execute("SELECT count(*) FROM accounts_tenant").fetchone() == (0,)
        connection.execute("SELECT set_config('msphub.partner', %s, false)", [str(PARTNER)])
        assert connection.execute("SELECT name FROM accounts_tenant").fetchall() == [("Zoë ✓",)]


def restore(postgres: EmbeddedPostgres, file: Path, **changes: Any) -> None:
    wanted = {"encryption_keys": [KEY], "replace": True, "without_secrets": False, "say": say, **changes}
    backup.restore(directory=postgres.data_dir.parent, file=file, **wanted)


def make_older(postgres: EmbeddedPostgres) -> None:
    """Take back the last migration of an app, as an older release would have it."""
    with dumps.connect(postgres) as connection:
        connection.execute("ALTER TABLE orders_orderitem DROP COLUMN attested, DROP COLUMN segment")
        connection.execute("DELETE FROM django_migrations WHERE app = %s AND name = %s", _LAST)


def test_backup_while_running_and_restore_of_it_migrated_forward(installation: EmbeddedPostgres) -> None:
    directory = installation.data_dir.parent
    make_older(installation)
    file = directory / "backup.tar"
    file.write_text("yesterday's", encoding="utf-8")
    made = backup.backup(directory=directory, file=file, encryption_keys=[KEY], say=say)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with tarfile.open(file) as archive:
        assert archive.getnames() == ["manifest.json", "database.dump"]
        manifest = archive.extractfile("manifest.json")
        assert manifest is not None
        text = manifest.read().decode()
    assert json.loads(text)["postgres"] == installation.major
    assert "NOT in this file" in made.note
    assert KEY not in text
    assert ".".join(_LAST) not in made.migrations

    before, url = everything(installation), installation.app_url
    del before["(functions)"], before["django_migrations"]
    with dumps.connect(installation) as connection:
        connection.execute("UPDATE accounts_tenant SET name = 'changed since'")
    installation.stop()
    with pytest.raises(backup.BackupError, match="1 partners"):
        restore(installation, file, replace=False)
    with claimed(directory), pytest.raises(SupervisorError, match="already runs"):
        restore(installation, file)
    left = installation.data_dir / "next-half-made"
    left.mkdir()
    restore(installation, file)
    assert not left.exists(), "what a killed attempt left is gone"

    restored = EmbeddedPostgres(installation.data_dir)
    assert restored.former == [installation.cluster], "the former cluster is kept aside"
    with restored:
        assert restored.app_url == url, "programs that know the URL go on"
        after = everything(restored)
        assert ".".join(_LAST) in {f"{row[1]}.{row[2]}" for row in _migrations(restored)}
        assert any(row[0] == "orders_credit_of" for row in after.pop("(functions)"))
        del after["django_migrations"]
        assert [name for name in before if after[name] != before[name]] == []
    assert restored.remove_former() == [installation.cluster]
    assert not installation.cluster.exists()


def _migrations(postgres: EmbeddedPostgres) -> list[tuple[Any, ...]]:
    with dumps.connect(postgres) as connection:
        return connection.execute("SELECT id, app, name FROM django_migrations").fetchall()


def test_restore_refuses_what_it_cannot_use_and_changes_nothing(
    installation: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = installation.data_dir.parent
    good, newer, cut = (directory / name for name in ("good.tar", "newer.tar", "cut.tar"))
    backup.backup(directory=directory, file=good, encryption_keys=[KEY], say=say)
    cut.write_bytes(good.read_bytes()[:-20_000])
    with dumps.connect(installation) as connection:
        connection.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('customers', '9999_next', now())"
        )
        backup.backup(directory=directory, file=newer, encryption_keys=[KEY], say=say)
        connection.execute("DELETE FROM django_migrations WHERE name = '9999_next'")
    before = everything(installation)
    installation.stop()
    # What is loaded needs no migration here: the refusal by the keys comes after it.
    monkeypatch.setattr(backup, "bring_up_to_date", lambda _postgres: None)
    for file, changes, reason in (
        (directory / "none.tar", {}, "no file"),
        (cut, {}, "isn't a complete backup"),
        (newer, {}, "newer MSP Hub .* customers.9999_next"),
        (
            good,
            {"encryption_keys": [Fernet.generate_key().decode()]},
            "1 of accounts_microsoftconnection.client_secret",
        ),
    ):
        with pytest.raises(EmbeddedPostgresError, match=reason):
            restore(installation, file, **changes)
    assert sorted(path.name for path in installation.data_dir.iterdir()) == ["cluster", "embedded.json", "postgres.log"]
    again = EmbeddedPostgres(installation.data_dir)
    with again:
        as_it_was(before, again)


def test_a_cluster_of_an_older_postgresql_becomes_one_of_the_newest(
    data_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = EmbeddedPostgres(data_directory / "postgres", for_tests=True, major=16)
    with old:
        backup.bring_up_to_date(old)
        fill(old)
        before = everything(old)
        url = old.app_url
    with pytest.raises(EmbeddedPostgresError, match=r"made by PostgreSQL 16.*upgrade-database"):
        EmbeddedPostgres(data_directory / "postgres").start()

    # Rights come with the dump, not only from the migration after it.
    monkeypatch.setattr(backup, "bring_up_to_date", lambda _postgres: None)
    upgrade.upgrade(directory=data_directory, say=say)

    new = EmbeddedPostgres(data_directory / "postgres")
    assert new.made_by == new.major > 16
    assert new.former == [old.cluster]
    with new:
        assert new.app_url == url
        del before["(rights)"]  # 17 added the right MAINTAIN, so owners' rights read otherwise
        after = everything(new)
        assert [name for name in before if after[name] != before[name]] == []
        with psycopg.connect(new.app_url, autocommit=True) as connection:
            roles.check_application_role(connection)
            assert connection.execute("SELECT count(*) FROM accounts_tenant").fetchone() == (0,)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("DELETE FROM audit_entry")
    told: list[str] = []
    upgrade.upgrade(directory=data_directory, say=told.append)
    assert "already" in told[0]


def test_a_postgresql_of_ones_own_is_told_what_to_run() -> None:
    for command, told in (("backup", "pg_dump"), ("restore", "pg_restore")):
        with pytest.raises(backup.NotConfigured, match=told):
            backup.refuse_external("postgresql://a@b/c", what=command)
    backup.refuse_external("", what="backup")


def test_without_a_database_the_commands_say_so(tmp_path: Path) -> None:
    for arguments in (["backup", str(tmp_path / "x.tar")], ["upgrade-database"]):
        told = CliRunner().invoke(main, [*arguments, "--data-dir", str(tmp_path)])
        assert told.exit_code == 2
        assert "no embedded database" in told.output
    assert not (tmp_path / "x.tar").exists()
