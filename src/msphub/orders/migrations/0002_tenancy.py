"""Row-level security, references inside one tenant, and the next number of an order."""

from django.db import migrations

from msphub.kit import tenancy

ROWS = ("partner_id", "id")
OF_CUSTOMER = ("partner_id", "customer_id")
TARGETS = {
    "subscription": "accounts_subscription",
    "csp_account": "customers_cspaccount",
    "sku": "catalog_sku",
    "cart": "orders_cart",
    "order": "orders_order",
    "order_item": "orders_orderitem",
    "purchased_product": "entitlements_purchasedproduct",
}
REFERENCES = {
    "cart": ("subscription",),
    "cartline": ("cart", "sku", "csp_account"),
    "order": ("subscription",),
    "orderitem": ("order", "sku", "csp_account", "purchased_product"),
    "orderwrite": ("order", "csp_account"),
    "task": ("order", "order_item"),
}
# A customer's user who orders can't see the partner's counters, so the number is taken by a function of the owner's.
NEXT_NUMBER = """
CREATE FUNCTION orders_next_number(of_type text) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    own uuid := nullif(current_setting('msphub.partner', true), '')::uuid;
    number integer;
BEGIN
    IF own IS NULL THEN
        RAISE EXCEPTION 'no tenant scope is set';
    END IF;
    INSERT INTO public.orders_ordercounter AS counter (id, partner_id, type, last)
    VALUES (gen_random_uuid(), own, of_type, 100001)
    ON CONFLICT (partner_id, type) DO UPDATE SET last = counter.last + 1
    RETURNING last INTO number;
    RETURN number;
END
$$;
"""
# Which partners have something to do now; periodic jobs ask before any tenant's scope is set.
DUE = """
CREATE FUNCTION orders_partners_with_due_tasks(now timestamptz) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT DISTINCT partner_id FROM public.orders_task
    WHERE status = 'pending' AND expires_at <= now + interval '4 days 12 hours'
$$;
CREATE FUNCTION orders_partners_with_due_orders(today date) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT DISTINCT partner_id FROM public.orders_order WHERE status = 'scheduled' AND scheduled_on <= today
$$;
"""
NOT_DUE = """
DROP FUNCTION orders_partners_with_due_tasks(timestamptz);
DROP FUNCTION orders_partners_with_due_orders(date);
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0001_initial"), ("entitlements", "0002_tenancy")]

    operations = [
        *(tenancy.keyed(f"orders_{name}", *ROWS) for name in ("cart", "order", "orderitem")),
        *(tenancy.protect(f"orders_{name}") for name in ("cart", "cartline", "order", "orderitem", "task")),
        *(
            tenancy.protect(f"orders_{name}", customer_column=None)
            for name in ("ordercounter", "orderitemcost", "orderwrite")
        ),
        *(
            tenancy.reference(f"orders_{name}", OF_CUSTOMER, "accounts_tenant", ROWS)
            for name in ("cart", "cartline", "order", "orderitem", "orderwrite", "task")
        ),
        tenancy.reference("orders_ordercounter", ["partner_id"], "accounts_tenant", ["id"]),
        tenancy.reference("orders_orderitemcost", ("partner_id", "order_item_id"), "orders_orderitem", ROWS),
        *(
            tenancy.reference(f"orders_{name}", ("partner_id", f"{column}_id"), TARGETS[column], ROWS)
            for name, columns in REFERENCES.items()
            for column in columns
        ),
        migrations.RunSQL(NEXT_NUMBER, "DROP FUNCTION orders_next_number(text)"),
        migrations.RunSQL(DUE, NOT_DUE),
    ]
