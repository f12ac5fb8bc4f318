"""Row-level security of customers, and the words they are found by."""

from django.db import migrations

from msphub.kit import tenancy

TENANTS = ("partner_id", "id")
OF_CUSTOMER = ("partner_id", "customer_id")

# Without the list of pending entries, which every search would read from end to end: new customers made it 10 x slower.
SEARCH = """
ALTER TABLE customers_customer ADD COLUMN search tsvector
    GENERATED ALWAYS AS (to_tsvector('simple', search_text)) STORED;
CREATE INDEX customers_customer_search ON customers_customer USING gin (search) WITH (fastupdate = off);
"""

# `@@` is not leakproof, so behind a policy it would never use the index (architecture.md). The function reads as the
# owner of the table and names the partner itself: the one in scope, and none in a customer's scope.
SEARCH_FUNCTION = """
CREATE FUNCTION customers_search(query text, most int) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT id FROM public.customers_customer
    WHERE search @@ to_tsquery('simple', query)
      AND partner_id = nullif(current_setting('msphub.partner', true), '')::uuid
      AND nullif(current_setting('msphub.customer', true), '') IS NULL
    LIMIT most
$$;
"""


# Status, name and archive belong to the tenant; the grid reads copies of them beside the rest.
COPIES = """
CREATE FUNCTION customers_copy_tenant() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
    UPDATE public.customers_customer
    SET sort_name = NEW.sort_name, status = NEW.status, archived = NEW.archived_at IS NOT NULL
    WHERE id = NEW.id AND partner_id = NEW.partner_id;
    RETURN NULL;
END $$;
CREATE TRIGGER customers_copy_tenant AFTER UPDATE OF sort_name, status, archived_at ON accounts_tenant
    FOR EACH ROW WHEN (NEW.kind = 'customer') EXECUTE FUNCTION customers_copy_tenant();
"""


class Migration(migrations.Migration):
    dependencies = [("customers", "0001_initial"), ("accounts", "0002_tenancy")]

    operations = [
        tenancy.keyed("customers_creditterm", "partner_id", "id"),
        tenancy.keyed("customers_customertype", "partner_id", "id"),
        tenancy.keyed("customers_cspaccount", "partner_id", "id"),
        tenancy.protect("customers_creditterm", customer_column=None),
        tenancy.protect("customers_customertype", customer_column=None),
        tenancy.protect("customers_customertypeterm", customer_column=None),
        tenancy.protect("customers_customer", customer_column="id"),
        tenancy.protect("customers_contact"),
        tenancy.protect("customers_salesrepresentative"),
        tenancy.protect("customers_customerdraft", customer_column=None),
        tenancy.protect("customers_cspaccount"),
        tenancy.protect("customers_cspaccountstep"),
        tenancy.protect("customers_microsoftwrite"),
        tenancy.protect("customers_agreement"),
        tenancy.reference("customers_creditterm", ["partner_id"], "accounts_tenant", ["id"]),
        tenancy.reference("customers_customertype", ["partner_id"], "accounts_tenant", ["id"]),
        tenancy.reference(
            "customers_customertypeterm", ("partner_id", "customer_type_id"), "customers_customertype", TENANTS
        ),
        tenancy.reference(
            "customers_customertypeterm", ("partner_id", "credit_term_id"), "customers_creditterm", TENANTS
        ),
        tenancy.reference("customers_customer", TENANTS, "accounts_tenant", TENANTS),
        tenancy.reference("customers_customer", ("partner_id", "customer_type_id"), "customers_customertype", TENANTS),
        tenancy.reference(
            "customers_customer", ("partner_id", "partner_subscription_id"), "accounts_subscription", TENANTS
        ),
        tenancy.reference("customers_contact", OF_CUSTOMER, "accounts_tenant", TENANTS),
        tenancy.reference("customers_salesrepresentative", OF_CUSTOMER, "accounts_tenant", TENANTS),
        tenancy.reference("customers_customerdraft", ["partner_id"], "accounts_tenant", ["id"]),
        tenancy.reference("customers_customerdraft", OF_CUSTOMER, "accounts_tenant", TENANTS),
        tenancy.reference("customers_cspaccount", OF_CUSTOMER, "accounts_tenant", TENANTS),
        tenancy.reference("customers_cspaccountstep", OF_CUSTOMER, "accounts_tenant", TENANTS),
        tenancy.reference("customers_cspaccountstep", ("partner_id", "account_id"), "customers_cspaccount", TENANTS),
        tenancy.reference("customers_microsoftwrite", OF_CUSTOMER, "accounts_tenant", TENANTS),
        tenancy.reference("customers_microsoftwrite", ("partner_id", "account_id"), "customers_cspaccount", TENANTS),
        tenancy.reference("customers_agreement", OF_CUSTOMER, "accounts_tenant", TENANTS),
        tenancy.reference("customers_agreement", ("partner_id", "account_id"), "customers_cspaccount", TENANTS),
        migrations.RunSQL(SEARCH, "ALTER TABLE customers_customer DROP COLUMN search"),
        migrations.RunSQL(
            COPIES,
            "DROP TRIGGER customers_copy_tenant ON accounts_tenant; DROP FUNCTION customers_copy_tenant()",
        ),
        migrations.RunSQL(SEARCH_FUNCTION, "DROP FUNCTION customers_search(text, int)"),
    ]
