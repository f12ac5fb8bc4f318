"""Whom a price change hits: products by the prices they follow, and the day one is first renewed on or after a day."""

from django.db import migrations, models

# Terms are counted from the purchase, as `cycles.terms` does it: the day of the month is the anchor's, or the month's
# last. What Microsoft made end on another day (coterminous) is counted on from that end. For P1M, P1Y, P3Y. Without a
# setting of its own the planner puts it into the statement.
RENEWAL = """
CREATE FUNCTION entitlements_renewal_on(anchor date, ends date, term text, earliest date) RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN ends >= earliest THEN ends
        WHEN (f.base + pg_catalog.make_interval(months => f.elapsed + f.whole))::date >= earliest
            THEN (f.base + pg_catalog.make_interval(months => f.elapsed + f.whole))::date
        ELSE (f.base + pg_catalog.make_interval(months => f.elapsed + f.whole + f.step))::date END
    FROM (
        SELECT m.step, m.ahead / m.step * m.step AS whole,
            CASE WHEN m.regular THEN anchor ELSE ends END AS base,
            CASE WHEN m.regular THEN m.elapsed ELSE 0 END AS elapsed
        FROM (
            SELECT n.*, (anchor + pg_catalog.make_interval(months => n.elapsed))::date = ends AS regular
            FROM (
                SELECT CASE term WHEN 'P1M' THEN 1 WHEN 'P1Y' THEN 12 WHEN 'P3Y' THEN 36 END AS step,
                    (extract(year FROM ends)::int - extract(year FROM anchor)::int) * 12
                        + extract(month FROM ends)::int - extract(month FROM anchor)::int AS elapsed,
                    (extract(year FROM earliest)::int - extract(year FROM ends)::int) * 12
                        + extract(month FROM earliest)::int - extract(month FROM ends)::int AS ahead
            ) n
        ) m
    ) f
$$;
"""

# The list price of the last period of the history, beside the product: to find those that a price differs from without
# reading every history. A column that only the trigger writes.
LIST_PRICE = """
ALTER TABLE entitlements_purchasedproduct ADD COLUMN list_price numeric(18, 6);
CREATE FUNCTION entitlements_copy_list_price() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
    UPDATE public.entitlements_purchasedproduct SET list_price = NEW.list_price
    WHERE partner_id = NEW.partner_id AND id = NEW.purchased_product_id AND list_price IS DISTINCT FROM NEW.list_price;
    RETURN NULL;
END
$$;
CREATE TRIGGER list_price AFTER INSERT OR UPDATE ON entitlements_holdingperiod
    FOR EACH ROW WHEN (NEW.ends_on IS NULL) EXECUTE FUNCTION entitlements_copy_list_price();
"""
NO_LIST_PRICE = """
DROP TRIGGER list_price ON entitlements_holdingperiod;
DROP FUNCTION entitlements_copy_list_price();
ALTER TABLE entitlements_purchasedproduct DROP COLUMN list_price;
"""
FILL = """
UPDATE entitlements_purchasedproduct p SET list_price = h.list_price
FROM entitlements_holdingperiod h
WHERE h.partner_id = p.partner_id AND h.purchased_product_id = p.id AND h.ends_on IS NULL;
UPDATE entitlements_purchasedproduct p SET market = coalesce(
    (SELECT a.country FROM customers_cspaccount a WHERE a.partner_id = p.partner_id AND a.id = p.csp_account_id
        AND p.vendor = 'microsoft'),
    (SELECT c.country FROM customers_customer c WHERE c.partner_id = p.partner_id AND c.id = p.customer_id),
    '');
"""


class Migration(migrations.Migration):
    # Rows that are filled here have checks that wait for the end of the transaction, so the index comes in another.
    dependencies = [("entitlements", "0002_tenancy"), ("customers", "0007_currency")]

    operations = [
        migrations.AddField(
            model_name="purchasedproduct",
            name="market",
            field=models.CharField(blank=True, db_default="", default="", max_length=2),
        ),
        migrations.RunSQL(LIST_PRICE, NO_LIST_PRICE),
        migrations.RunSQL(RENEWAL, "DROP FUNCTION entitlements_renewal_on(date, date, text, date)"),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
