"""Tenants are kept apart by the database itself: these tests go around the ORM and around our queries."""

import uuid

import psycopg
import pytest
from django.apps import apps
from django.db import connection
from tests import factories

from msphub.accounts.models import Tenant
from msphub.audit.models import Entry
from msphub.customers.models import Contact, Customer
from msphub.kit import scope

# Needed before the tenant is known, so outside row-level security (architecture.md). They hold the login e-mail only.
OUTSIDE = {
    "accounts_login",
    "accounts_passwordlink",
    "account_emailaddress",
    "account_emailconfirmation",
    "mfa_authenticator",
}


def _own_tables() -> set[str]:
    return {
        model._meta.db_table
        for model in apps.get_models()
        if model.__module__.startswith("msphub.") and model._meta.db_table not in OUTSIDE
    }


def test_every_table_of_a_tenant_forces_row_level_security(owner_connection: psycopg.Connection) -> None:
    rows = owner_connection.execute(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relrowsecurity AND relforcerowsecurity"
    ).fetchall()
    assert _own_tables() - {row[0] for row in rows} == set()


def test_every_table_with_a_partner_is_protected_or_named_as_an_exception(
    owner_connection: psycopg.Connection,
) -> None:
    rows = owner_connection.execute(
        "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'partner_id' "
        "WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND NOT c.relrowsecurity"
    ).fetchall()
    assert {row[0] for row in rows} <= OUTSIDE


def test_references_between_tenant_tables_carry_the_partner(owner_connection: psycopg.Connection) -> None:
    """A foreign key without the partner would accept another partner's id (stack.md §2)."""
    keyed = {
        (row[0], row[1])
        for row in owner_connection.execute(
            "SELECT c.conrelid::regclass::text, a.attname FROM pg_constraint c "
            "JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY(c.conkey) "
            "WHERE c.contype = 'f' AND (array_length(c.conkey, 1) > 1 OR a.attname = 'partner_id')"
        ).fetchall()
    }
    own = _own_tables()
    for model in apps.get_models():
        if model._meta.db_table not in own:
            continue
        for field in model._meta.concrete_fields:
            target = field.related_model
            if field.is_relation and getattr(target, "_meta", None) and target._meta.db_table in own:
                column = "id" if field.column == "id" else field.column
                assert (model._meta.db_table, column) in keyed, f"{model.__name__}.{field.name}"


@pytest.mark.django_db
def test_a_partner_sees_and_changes_nothing_of_another() -> None:
    mine = factories.make_partner(name="Mine")
    factories.make_customer(mine)
    theirs = factories.make_partner(name="Theirs")
    stranger = factories.make_customer(theirs, name="Stranger")
    scope.enter(partner_id=mine.id)
    with connection.cursor() as cursor:
        for table, column in (
            ("accounts_tenant", "id"),
            ("customers_customer", "id"),
            ("customers_contact", "customer_id"),
        ):
            cursor.execute(f"SELECT count(*) FROM {table} WHERE {column} = %s", [stranger.id])
            assert cursor.fetchone()[0] == 0, table
        cursor.execute("UPDATE accounts_tenant SET name = 'taken over' WHERE id = %s", [stranger.id])
        assert cursor.rowcount == 0
        cursor.execute("DELETE FROM customers_contact WHERE customer_id = %s", [stranger.id])
        assert cursor.rowcount == 0
    scope.enter(partner_id=theirs.id)
    assert Tenant.objects.get(id=stranger.id).name == "Stranger"
    assert Contact.objects.filter(customer_id=stranger.id).count() == 2


@pytest.mark.django_db
def test_a_customer_sees_no_sibling_and_nothing_of_the_partner() -> None:
    world = factories.make_partner()
    own = factories.make_customer(world, name="Own")
    sibling = factories.make_customer(world, name="Sibling")
    scope.enter(partner_id=world.id, customer_id=own.id)
    assert set(Tenant.objects.values_list("id", flat=True)) == {own.id, world.id}  # its partner's name is on its pages
    assert list(Customer.objects.values_list("pk", flat=True)) == [own.id]
    assert not Entry.objects.filter(customer_id=sibling.id).exists()
    assert not Entry.objects.filter(customer_visible=False).exists()
    with connection.cursor() as cursor:
        for table in (
            "customers_customertype",
            "customers_creditterm",
            "notifications_mail",
            "customers_customerdraft",
        ):
            cursor.execute(f"SELECT count(*) FROM {table}")
            assert cursor.fetchone()[0] == 0, table
        cursor.execute("SELECT count(*) FROM customers_search('sibling', 10)")
        assert cursor.fetchone()[0] == 0


@pytest.mark.django_db
def test_without_a_scope_nothing_is_visible() -> None:
    world = factories.make_partner()
    factories.make_customer(world)
    scope.enter(partner_id=None)
    assert not Tenant.objects.exists()
    assert not Customer.objects.exists()
    assert not Entry.objects.exists()


@pytest.mark.django_db
def test_an_id_of_another_partner_can_not_be_stored() -> None:
    theirs = factories.make_partner(name="Theirs")
    mine = factories.make_partner(name="Mine")
    customer = factories.make_customer(mine)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE customers_customer SET customer_type_id = %s WHERE id = %s", [theirs.customer_type.id, customer.id]
        )
        with pytest.raises(Exception, match="foreign key constraint"):
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.django_db
def test_rows_of_another_partner_can_not_be_written() -> None:
    theirs = factories.make_partner(name="Theirs")
    factories.make_partner(name="Mine")
    with connection.cursor() as cursor, pytest.raises(Exception, match="row-level security"):
        cursor.execute(
            "INSERT INTO customers_customertype (id, partner_id, name, active, created_at) "
            "VALUES (%s, %s, 'Smuggled', true, now())",
            [uuid.uuid4(), theirs.id],
        )


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_entry SET actor_name = 'nobody'", "DELETE FROM audit_entry", "TRUNCATE audit_entry"]
)
def test_the_application_can_only_add_to_the_audit_record(
    application_connection: psycopg.Connection, statement: str
) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        application_connection.execute(statement)


def test_the_application_can_not_reach_around_the_audit_policy(
    application_connection: psycopg.Connection, owner_connection: psycopg.Connection
) -> None:
    """Row-level security of the parent does not hold for a partition named directly: no rights on those at all."""
    partitions = owner_connection.execute(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'audit_entry'::regclass"
    ).fetchall()
    assert len(partitions) >= 2
    for (partition,) in partitions:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            application_connection.execute(f"SELECT count(*) FROM {partition}")
