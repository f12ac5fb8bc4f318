"""What the application's role can't do, tried as that role."""

from typing import Any

import psycopg
import pytest
from django.conf import settings
from psycopg import sql
from tests.database import Database

from msphub.config import migrate, roles
from msphub.config.env import NotConfigured

Connection = psycopg.Connection[Any]


def test_tests_run_as_the_application_role(db: None, test_database: Database) -> None:
    with psycopg.connect(test_database.app_url) as connection:
        roles.check_application_role(connection)


def test_owner_is_refused_as_application_role(owner_connection: Connection) -> None:
    with pytest.raises(NotConfigured, match="owns the table"):
        roles.check_application_role(owner_connection)


def test_role_with_a_table_of_its_own_is_refused(owner_connection: Connection, test_database: Database) -> None:
    owner_connection.execute("GRANT CREATE ON SCHEMA public TO msphub_app")
    try:
        with (
            psycopg.connect(test_database.app_url) as connection,
            pytest.raises(NotConfigured, match="may create tables"),
        ):
            roles.check_application_role(connection)
    finally:
        owner_connection.execute("REVOKE CREATE ON SCHEMA public FROM msphub_app")


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE audit_entry NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE audit_entry DISABLE ROW LEVEL SECURITY",
        "DROP POLICY reading ON audit_entry",
        "CREATE POLICY open ON audit_entry USING (true)",
        "UPDATE audit_entry SET event = 'changed'",
        "DELETE FROM audit_entry",
        "TRUNCATE audit_entry",
        "SELECT * FROM audit_entry_default",
        "INSERT INTO audit_entry_default SELECT * FROM audit_entry",
        "TRUNCATE django_session",
        "INSERT INTO django_migrations (app, name, applied) VALUES ('x', 'y', now())",
        "DELETE FROM django_migrations",
        "CREATE TABLE mine (x int)",
        "CREATE TRIGGER t BEFORE INSERT ON django_session EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "CREATE ROLE another",
        "SET ROLE msphub_owner",
        "SET SESSION AUTHORIZATION msphub_owner",
    ],
)
def test_application_role_is_refused(application_connection: Connection, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        application_connection.execute(statement.encode())


def test_no_partition_gives_the_application_role_any_right(owner_connection: Connection) -> None:
    rows = owner_connection.execute(
        "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' AND has_table_privilege("
        "'msphub_app', oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')"
    ).fetchall()
    assert rows == []


def test_no_table_may_be_truncated_or_referenced(owner_connection: Connection) -> None:
    rows = owner_connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') "
        "AND has_table_privilege('msphub_app', oid, 'TRUNCATE, REFERENCES, TRIGGER')"
    ).fetchall()
    assert rows == []


def test_every_ordinary_table_is_usable_by_the_application(owner_connection: Connection) -> None:
    rows = owner_connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') "
        "AND NOT relispartition AND NOT has_table_privilege('msphub_app', oid, 'SELECT')"
    ).fetchall()
    assert rows == []
    assert set(settings.APPEND_ONLY_TABLES) >= {"audit_entry"}


def test_partition_made_later_by_the_owners_function_is_closed_too(
    application_connection: Connection, owner_connection: Connection
) -> None:
    application_connection.execute("SELECT audit_make_partition('2031-05-01')")
    try:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            application_connection.execute("SELECT * FROM audit_entry_203105")
    finally:
        owner_connection.execute("DROP TABLE audit_entry_203105")


def test_misspelt_append_only_table_is_refused(owner_connection: Connection) -> None:
    with pytest.raises(NotConfigured, match="audit_entyr"):
        roles.grant_application_role(owner_connection, role="msphub_app", append_only=["audit_entyr"])


def test_grants_are_taken_back_when_a_table_becomes_append_only(owner_connection: Connection) -> None:
    owner_connection.execute("CREATE TABLE ledger (x int)")
    try:
        for append_only in ([], ["ledger"]):
            declared = [*settings.APPEND_ONLY_TABLES, *append_only]
            roles.grant_application_role(owner_connection, role="msphub_app", append_only=declared)
        row = owner_connection.execute(
            "SELECT has_table_privilege('msphub_app', 'ledger', 'UPDATE'), "
            "has_table_privilege('msphub_app', 'ledger', 'INSERT')"
        ).fetchone()
        assert row == (False, True)
    finally:
        owner_connection.execute("DROP TABLE ledger")


def test_no_migration_is_missing_and_a_missing_one_is_named(db: None, owner_connection: Connection) -> None:
    assert migrate.missing_migrations(owner_connection) == []
    with owner_connection.transaction(force_rollback=True):
        owner_connection.execute("DELETE FROM django_migrations WHERE app = 'audit' AND name = '0001_initial'")
        assert migrate.missing_migrations(owner_connection) == ["audit.0001_initial"]


def test_every_table_behind_a_policy_is_forced(owner_connection: Connection) -> None:
    rows = owner_connection.execute(
        sql.SQL("SELECT relname FROM pg_class WHERE relrowsecurity AND NOT relforcerowsecurity")
    ).fetchall()
    assert rows == []
