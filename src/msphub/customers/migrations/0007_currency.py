"""The currency a customer buys in, for its own users too: its Partner Subscription's, which they can't read."""

from django.db import migrations

CURRENCY = """
CREATE FUNCTION customers_currency(asked_customer uuid) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT s.currency::text
    FROM public.customers_customer c
    JOIN public.accounts_subscription s ON s.partner_id = c.partner_id AND s.id = c.partner_subscription_id
    WHERE c.id = asked_customer
      AND c.partner_id = nullif(current_setting('msphub.partner', true), '')::uuid
      AND coalesce(nullif(current_setting('msphub.customer', true), '')::uuid, c.id) = c.id
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("customers", "0006_terms_pages")]

    operations = [migrations.RunSQL(CURRENCY, "DROP FUNCTION customers_currency(uuid)")]
