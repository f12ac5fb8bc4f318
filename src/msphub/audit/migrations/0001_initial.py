"""The audit table: partitioned by month, behind row-level security, append-only for the application's role."""

from django.db import migrations, models

import msphub.kit.ids
from msphub.kit import tenancy

TABLE = """
CREATE TABLE audit_entry (
    id uuid NOT NULL,
    at timestamptz NOT NULL,
    partner_id uuid NOT NULL,
    customer_id uuid,
    actor_kind varchar(10) NOT NULL CHECK (actor_kind IN ('user', 'api_key', 'system')),
    actor_id uuid,
    actor_name text NOT NULL,
    event varchar(80) NOT NULL,
    object_type varchar(60) NOT NULL,
    object_id uuid,
    object_label text NOT NULL,
    changes jsonb NOT NULL,
    details jsonb NOT NULL,
    customer_visible boolean NOT NULL,
    address text NOT NULL,
    request_id text NOT NULL,
    PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);
CREATE INDEX audit_entry_partner ON audit_entry (partner_id, at DESC, id DESC);
CREATE INDEX audit_entry_customer ON audit_entry (partner_id, customer_id, at DESC, id DESC);
CREATE TABLE audit_entry_default PARTITION OF audit_entry DEFAULT;
"""

# The application's role may not create tables, so a function of the owner's makes the partition of a month ahead of
# time. Entries of a month without one land in the default partition: nothing is ever refused for lack of a partition.
PARTITIONS = """
CREATE FUNCTION audit_make_partition(month date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    first date := date_trunc('month', month)::date;
    following date := (date_trunc('month', month) + interval '1 month')::date;
    name text := 'audit_entry_' || to_char(month, 'YYYYMM');
BEGIN
    IF to_regclass('public.' || name) IS NOT NULL
       OR EXISTS (SELECT FROM public.audit_entry_default WHERE at >= first AND at < following) THEN
        RETURN false;
    END IF;
    EXECUTE format(
        'CREATE TABLE public.%I PARTITION OF public.audit_entry FOR VALUES FROM (%L) TO (%L)',
        name, first::text || ' 00:00:00+00', following::text || ' 00:00:00+00');
    RETURN true;
END $$;
"""


class Migration(migrations.Migration):
    initial = True
    dependencies: list[tuple[str, str]] = []

    operations = [
        migrations.RunSQL(TABLE, "DROP TABLE audit_entry"),
        migrations.RunSQL(PARTITIONS, "DROP FUNCTION audit_make_partition(date)"),
        migrations.RunSQL(
            "SELECT audit_make_partition((now() + (n || ' month')::interval)::date) FROM generate_series(0, 2) n",
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(
            "ALTER TABLE audit_entry ENABLE ROW LEVEL SECURITY; ALTER TABLE audit_entry FORCE ROW LEVEL SECURITY;"
            f"CREATE POLICY reading ON audit_entry FOR SELECT USING (partner_id = {tenancy.PARTNER} AND "
            f"({tenancy.NO_CUSTOMER} OR (customer_id = {tenancy.CUSTOMER} AND customer_visible)));"
            f"CREATE POLICY writing ON audit_entry FOR INSERT WITH CHECK (partner_id = {tenancy.PARTNER} AND "
            f"({tenancy.NO_CUSTOMER} OR customer_id = {tenancy.CUSTOMER}));",
            migrations.RunSQL.noop,
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="Entry",
                    fields=[
                        (
                            "id",
                            models.UUIDField(
                                default=msphub.kit.ids.new_id, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        ("at", models.DateTimeField()),
                    ],
                    options={"db_table": "audit_entry", "managed": False},
                )
            ]
        ),
    ]
