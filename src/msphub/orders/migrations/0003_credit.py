"""What a customer's users need of its credit terms to be told why an order is refused; the terms stay the partner's."""

from django.db import migrations

CREDIT = """
CREATE FUNCTION orders_credit_of(of_customer uuid)
RETURNS TABLE (credit_limit numeric, currency text, on_reach text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT term.credit_limit, term.currency::text, term.on_reach::text
    FROM public.customers_customer customer
    JOIN public.customers_customertypeterm held
        ON held.partner_id = customer.partner_id AND held.customer_type_id = customer.customer_type_id
        AND held.country = customer.country
    JOIN public.customers_creditterm term ON term.partner_id = held.partner_id AND term.id = held.credit_term_id
    WHERE customer.id = of_customer
        AND customer.partner_id = nullif(current_setting('msphub.partner', true), '')::uuid
        AND (nullif(current_setting('msphub.customer', true), '') IS NULL
            OR customer.id = nullif(current_setting('msphub.customer', true), '')::uuid)
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0002_tenancy"), ("customers", "0004_terms")]

    operations = [migrations.RunSQL(CREDIT, "DROP FUNCTION orders_credit_of(uuid)")]
