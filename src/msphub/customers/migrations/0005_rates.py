"""The rates that a customer gets by its type: a customer's users may ask, without seeing any discount."""

from django.db import migrations

# Discounts are hidden from a customer's scope. This reads them as the owner of the tables, so it names the partner in
# scope itself, and answers a customer's user about that customer only: by the type and country the customer has.
RATES = """
CREATE FUNCTION customers_rates(
    asked_customer uuid, asked_skus uuid[], asked_quantities bigint[], asked_days date[]
) RETURNS TABLE (
    line int, percent numeric, discount_id uuid, version_id uuid, number int, valid_from date, category text,
    basis text, from_quantity int, beaten text[]
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT r.*
    FROM (
        SELECT c.partner_id, array_agg(d.discount_id) AS discounts
        FROM public.customers_customer c
        JOIN public.customers_customertypediscount d ON d.partner_id = c.partner_id
            AND d.customer_type_id = c.customer_type_id AND d.country = c.country
        WHERE c.id = asked_customer
          AND c.partner_id = nullif(current_setting('msphub.partner', true), '')::uuid
          AND coalesce(nullif(current_setting('msphub.customer', true), '')::uuid, c.id) = c.id
        GROUP BY c.partner_id
    ) own
    CROSS JOIN LATERAL public.catalog_rates(
        own.partner_id, own.discounts, asked_skus, asked_quantities, asked_days
    ) r
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("customers", "0004_terms"), ("catalog", "0003_rates")]

    operations = [
        migrations.RunSQL(sql=RATES, reverse_sql="DROP FUNCTION customers_rates(uuid, uuid[], bigint[], date[]);")
    ]
