"""Migration operations that put a table behind row-level security and keep references inside one tenant.

PostgreSQL's foreign keys ignore row-level security (stack.md §2), so a reference between tenants' tables carries the
partner in the key: an id of another partner cannot even be stored.
"""

from collections.abc import Sequence

from django.db.migrations.operations import RunSQL

PARTNER = "(SELECT nullif(current_setting('msphub.partner', true), '')::uuid)"
CUSTOMER = "(SELECT nullif(current_setting('msphub.customer', true), '')::uuid)"
# The planner takes a bare truth value for likely (0.5), but `CUSTOMER IS NULL` for rare (0.005): with that a list would
# fetch and sort all that a filter leaves instead of walking an index in order.
NO_CUSTOMER = "(SELECT nullif(current_setting('msphub.customer', true), '') IS NULL)"


def own_rows(*, customer_column: str | None) -> str:
    """Return the condition a row must meet: the partner's, and in a customer's scope that customer's."""
    if customer_column is None:
        return f"partner_id = {PARTNER} AND {NO_CUSTOMER}"
    return f"partner_id = {PARTNER} AND ({NO_CUSTOMER} OR {customer_column} = {CUSTOMER})"


def protect(table: str, *, customer_column: str | None = "customer_id", read: str | None = None) -> RunSQL:
    """Force row-level security on a table.

    `customer_column=None`: rows of the partner that no customer's user may see. `read` widens what may be read (never
    what may be written), as an SQL condition. The owner of the table keeps a policy of its own, for SECURITY DEFINER
    functions and migrations; the application's role is never the owner.
    """
    own = own_rows(customer_column=customer_column)
    policies = [
        f"CREATE POLICY tenant ON {table} USING ({own}) WITH CHECK ({own});",
        f"CREATE POLICY owner ON {table} TO CURRENT_USER USING (true) WITH CHECK (true);",
    ]
    if read is not None:
        policies.append(f"CREATE POLICY reading ON {table} FOR SELECT USING ({read});")
    return RunSQL(
        sql=f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; ALTER TABLE {table} FORCE ROW LEVEL SECURITY; "
        + " ".join(policies),
        reverse_sql=f"DROP POLICY IF EXISTS tenant ON {table}; DROP POLICY IF EXISTS owner ON {table}; "
        f"DROP POLICY IF EXISTS reading ON {table}; "
        f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY; ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;",
    )


def keyed(table: str, *columns: str) -> RunSQL:
    """Make columns (with the partner in front) a key that references within the tenant can point at."""
    name = f"{table}_{'_'.join(columns)}_key"
    return RunSQL(
        sql=f"ALTER TABLE {table} ADD CONSTRAINT {name} UNIQUE ({', '.join(columns)});",
        reverse_sql=f"ALTER TABLE {table} DROP CONSTRAINT {name};",
    )


def reference(
    table: str, columns: Sequence[str], target: str, target_columns: Sequence[str], *, on_delete: str = "NO ACTION"
) -> RunSQL:
    """Add a composite foreign key, deferred to the end of the transaction, beside Django's unconstrained field."""
    name = f"{table}_{'_'.join(columns)}_fkey"[:63]
    return RunSQL(
        sql=f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY ({', '.join(columns)}) "
        f"REFERENCES {target} ({', '.join(target_columns)}) ON DELETE {on_delete} DEFERRABLE INITIALLY DEFERRED;",
        reverse_sql=f"ALTER TABLE {table} DROP CONSTRAINT {name};",
    )
