"""What monitoring may know of all partners' CSP accounts: how many are not linked, and since when. Never whose."""

from django.db import migrations

# Linked accounts are nearly all of a large table: they are not in the index, and never counted one by one.
INDEX = "CREATE INDEX customers_cspaccount_open ON customers_cspaccount (state, created_at) WHERE state <> 'linked';"
FUNCTION = """
CREATE FUNCTION customers_open_accounts(states text[], most int)
RETURNS TABLE (state text, accounts bigint, oldest timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT wanted.state, count(found.created_at), min(found.created_at)
    FROM unnest(states) AS wanted (state)
    LEFT JOIN LATERAL (
        SELECT account.created_at FROM public.customers_cspaccount account
        WHERE account.state = wanted.state AND account.state <> 'linked'
        ORDER BY account.created_at LIMIT most
    ) found ON true
    GROUP BY wanted.state
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("customers", "0002_tenancy")]

    operations = [
        migrations.RunSQL(INDEX, "DROP INDEX customers_cspaccount_open"),
        migrations.RunSQL(FUNCTION, "DROP FUNCTION customers_open_accounts(text[], int)"),
    ]
