"""The rate of products by quantity and day, in one statement for any number of them; numbers of versions."""

from django.db import migrations, models

# Reads with the rights of whoever calls it: a partner's own under row-level security, and inside customers_rates
# (customers 0005) the discounts of one customer's type and no others. Planned for each call: one plan for a single SKU
# and for 50,000 would read the whole catalogue for the single one (51 ms instead of 2).
RATES = """
CREATE FUNCTION catalog_rates(
    asked_partner uuid, asked_discounts uuid[], asked_skus uuid[], asked_quantities bigint[], asked_days date[]
) RETURNS TABLE (
    line int, percent numeric, discount_id uuid, version_id uuid, number int, valid_from date, category text,
    basis text, from_quantity int, beaten text[]
)
LANGUAGE sql STABLE SET search_path = pg_catalog, public SET plan_cache_mode = force_custom_plan AS $$
    WITH asked AS MATERIALIZED (
        SELECT a.line::int AS line, a.sku_id, a.quantity, a.day, s.product_id, s.usage_based, v.code AS vendor
        FROM unnest(asked_skus, asked_quantities, asked_days) WITH ORDINALITY a(sku_id, quantity, day, line)
        JOIN public.catalog_sku s ON s.partner_id = asked_partner AND s.id = a.sku_id
        JOIN public.catalog_product p ON p.partner_id = asked_partner AND p.id = s.product_id
        JOIN public.catalog_vendor v ON v.partner_id = asked_partner AND v.id = p.vendor_id
    ), holding AS MATERIALIZED (
        SELECT DISTINCT ON (days.day, d.id)
            days.day, d.id AS discount_id, d.vendor, d.category, w.id AS version_id, w.number, w.valid_from, w.percent
        FROM (SELECT DISTINCT day FROM asked) days
        JOIN public.catalog_discount d ON d.partner_id = asked_partner AND d.id = ANY(asked_discounts)
        JOIN public.catalog_discountversion w
            ON w.partner_id = asked_partner AND w.discount_id = d.id AND w.valid_from <= days.day
        ORDER BY days.day, d.id, w.valid_from DESC
    ), bands AS MATERIALIZED (
        SELECT b.discount_version_id, b.from_quantity, b.percent,
            lead(b.from_quantity) OVER (PARTITION BY b.discount_version_id ORDER BY b.from_quantity) AS next_quantity
        FROM (SELECT DISTINCT version_id FROM holding WHERE category = 'slab') h
        JOIN public.catalog_discountband b ON b.partner_id = asked_partner AND b.discount_version_id = h.version_id
    ), fitting AS (
        SELECT a.line, h.discount_id, h.version_id, h.number, h.valid_from, h.category, i.percent,
            CASE WHEN i.sku_id IS NULL THEN 2 ELSE 1 END AS strength,
            CASE WHEN i.sku_id IS NULL THEN 'product' ELSE 'sku' END AS basis, NULL::int AS from_quantity
        FROM asked a
        JOIN holding h ON h.day = a.day AND h.vendor = a.vendor AND h.category IN ('itemized', 'product')
        -- A look-up of its own for each line: a join would be planned by guesses about versions just saved.
        CROSS JOIN LATERAL (
            SELECT i.sku_id, i.percent FROM public.catalog_discountitem i
            WHERE i.partner_id = asked_partner AND i.discount_version_id = h.version_id
                AND i.product_id = a.product_id AND (i.sku_id = a.sku_id OR i.sku_id IS NULL)
            ORDER BY i.sku_id NULLS LAST LIMIT 1
        ) i
        UNION ALL
        SELECT a.line, h.discount_id, h.version_id, h.number, h.valid_from, h.category, b.percent, 3, 'band',
            b.from_quantity
        FROM asked a
        JOIN holding h ON h.day = a.day AND h.vendor = a.vendor AND h.category = 'slab'
        JOIN bands b ON b.discount_version_id = h.version_id AND b.from_quantity <= a.quantity
            AND (b.next_quantity IS NULL OR a.quantity < b.next_quantity)
        WHERE NOT a.usage_based
        UNION ALL
        SELECT a.line, h.discount_id, h.version_id, h.number, h.valid_from, h.category, h.percent, 4, 'usage', NULL
        FROM asked a
        JOIN holding h ON h.day = a.day AND h.vendor = a.vendor AND h.category = 'azure_plan'
        WHERE a.usage_based
        UNION ALL
        SELECT a.line, h.discount_id, h.version_id, h.number, h.valid_from, h.category, h.percent, 5, 'all', NULL
        FROM asked a
        JOIN holding h ON h.day = a.day AND h.vendor = a.vendor AND h.category = 'default'
        WHERE NOT a.usage_based OR a.vendor <> 'microsoft'
    )
    SELECT DISTINCT ON (f.line) f.line, f.percent, f.discount_id, f.version_id, f.number, f.valid_from,
        f.category::text, f.basis, f.from_quantity,
        array_agg(f.category::text) OVER (
            PARTITION BY f.line ORDER BY f.strength, f.percent DESC, f.discount_id
            ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
        )
    FROM fitting f
    ORDER BY f.line, f.strength, f.percent DESC, f.discount_id
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0002_tenancy")]

    operations = [
        migrations.AddField(model_name="discount", name="last_number", field=models.PositiveIntegerField(default=1)),
        migrations.RunSQL(
            sql=RATES, reverse_sql="DROP FUNCTION catalog_rates(uuid, uuid[], uuid[], bigint[], date[]);"
        ),
    ]
