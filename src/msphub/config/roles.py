"""What the application's role may do in the database, and the proof at start that it may do no more.

Two roles: the owner migrates; the application's role (web, worker) reads and writes rows and can change neither
policies nor what is append-only. Rights are given anew after every migration, so a forgotten table can't exist.
"""

from collections.abc import Sequence
from typing import Any, LiteralString

from psycopg import Connection, sql

from msphub.config.env import NotConfigured

_TABLES = """
SELECT class.relname, class.relispartition
FROM pg_catalog.pg_class class
WHERE class.relnamespace = 'public'::regnamespace AND class.relkind IN ('r', 'p', 'v', 'm', 'f')
ORDER BY class.relname
"""
_FACTS = """
SELECT
    EXISTS (SELECT FROM pg_roles WHERE rolsuper AND pg_has_role(current_user, oid, 'MEMBER')),
    EXISTS (SELECT FROM pg_roles WHERE rolbypassrls AND pg_has_role(current_user, oid, 'MEMBER')),
    EXISTS (SELECT FROM pg_roles WHERE rolcreaterole AND pg_has_role(current_user, oid, 'MEMBER')),
    (SELECT min(class.relname) FROM pg_class class
     WHERE class.relnamespace = 'public'::regnamespace AND pg_has_role(current_user, class.relowner, 'MEMBER')),
    pg_has_role(current_user, (SELECT datdba FROM pg_database WHERE datname = current_database()), 'MEMBER'),
    has_schema_privilege(current_user, 'public', 'CREATE'),
    current_user
"""


def _run(connection: Connection[Any], statement: LiteralString, **names: str) -> None:
    connection.execute(sql.SQL(statement).format(**{name: sql.Identifier(value) for name, value in names.items()}))


def grant_application_role(
    connection: Connection[Any],
    *,
    role: str,
    append_only: Sequence[str] = (),
    read_only: Sequence[str] = ("django_migrations",),
) -> None:
    """Give `role` exactly the rights the application needs on everything in schema public; run as the owner.

    Tables: SELECT, INSERT, UPDATE, DELETE; those in `append_only` SELECT and INSERT; those in `read_only` SELECT.
    Partitions: none, they are reached through their parent, whose policies they don't share. Never TRUNCATE,
    REFERENCES or TRIGGER. Rights on tables made later are deliberately not given in advance: a function of the owner
    makes partitions of append-only tables. Refuses a declared table that doesn't exist, since a misspelt one would
    silently stay writable.
    """
    rows = connection.execute(_TABLES).fetchall()
    missing = sorted(set(append_only) - {name for name, _ in rows})
    if missing:
        raise NotConfigured(f"APPEND_ONLY_TABLES names tables that don't exist: {', '.join(missing)}.")
    with connection.transaction():
        database = connection.info.dbname
        _run(connection, "GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {role}", database=database, role=role)
        _run(connection, "REVOKE CREATE ON SCHEMA public FROM {role}", role=role)
        _run(connection, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        _run(connection, "GRANT USAGE ON SCHEMA public TO {role}", role=role)
        _run(connection, "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}", role=role)
        for name, is_partition in rows:
            if is_partition:
                continue
            _run(connection, "GRANT SELECT ON TABLE {name} TO {role}", name=name, role=role)
            if name not in read_only:
                _run(connection, "GRANT INSERT ON TABLE {name} TO {role}", name=name, role=role)
                if name not in append_only:
                    _run(connection, "GRANT UPDATE, DELETE ON TABLE {name} TO {role}", name=name, role=role)
        _run(connection, "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}", role=role)
        _run(connection, "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO {role}", role=role)


def check_application_role(connection: Connection[Any]) -> None:
    """Refuse a role that row-level security would not hold.

    Raises `NotConfigured` when the role of this connection is, or is a member of, a superuser, a role with BYPASSRLS
    or CREATEROLE, the owner of a table or of the database, or may create objects in schema public.
    """
    row = connection.execute(_FACTS).fetchone()
    assert row is not None  # noqa: S101 - one row without FROM
    is_superuser, bypasses, creates_roles, owned, owns_database, creates, name = row
    reasons = []
    if is_superuser:
        reasons.append("is a superuser")
    if bypasses and not is_superuser:
        reasons.append("may bypass row-level security")
    if not is_superuser:
        if creates_roles:
            reasons.append("may create roles")
        if owned is not None:
            reasons.append(f"owns the table {owned}")
        if owns_database:
            reasons.append("owns the database")
        if creates and not owns_database:
            reasons.append("may create tables")
    if reasons:
        raise NotConfigured(
            f"DATABASE_URL connects as {name}, which {', '.join(reasons)}: row-level security wouldn't hold. "
            "Use a role of its own for it (docs/guide/install.md) and the owner in DATABASE_OWNER_URL only."
        )
