"""Row-level security of prices and what belongs to them, the words products are found by, and their shelves."""

import datetime
from typing import Any

from django.db import migrations

from msphub.catalog import seeding
from msphub.catalog.choices import SHELF_OF, Shelf
from msphub.kit import tenancy, text

ROWS = ("partner_id", "id")

# As for customers (customers 0002): a generated column, and no list of pending entries.
SEARCH = """
ALTER TABLE catalog_product ADD COLUMN search tsvector
    GENERATED ALWAYS AS (to_tsvector('simple', search_text)) STORED;
CREATE INDEX catalog_product_search ON catalog_product USING gin (search) WITH (fastupdate = off);
"""

# `@@` is not leakproof, so behind a policy it would never use the index (architecture.md). The function reads as the
# owner of the table and names the partner in scope itself. A customer's users search the same catalogue.
SEARCH_FUNCTION = """
CREATE FUNCTION catalog_search(query text, most int) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT id FROM public.catalog_product
    WHERE search @@ to_tsquery('simple', query)
      AND partner_id = nullif(current_setting('msphub.partner', true), '')::uuid
    LIMIT most
$$;
"""


def fill(apps: Any, _editor: Any) -> None:
    """Give partners that were there before the catalogue theirs, and products their words and shelves."""
    tenants = apps.get_model("accounts", "Tenant").objects.filter(kind="partner")
    for partner_id in tenants.values_list("id", flat=True):
        seeding.fill(partner_id=partner_id, at=datetime.datetime.now(datetime.UTC))
    product_model, sku_model = apps.get_model("catalog", "Product"), apps.get_model("catalog", "Sku")
    skus: dict[Any, list[tuple[str, str, bool]]] = {}
    for row in sku_model.objects.values_list("product_id", "title", "external_id", "usage_based"):
        skus.setdefault(row[0], []).append(row[1:])
    changed = []
    for product in product_model.objects.all():
        own = skus.get(product.id, [])
        product.sort_title = text.fold(product.title)
        product.shelf = Shelf.AZURE_PLAN if any(usage for _, _, usage in own) else SHELF_OF[product.category]
        product.search_text = text.search_text(
            product.title, product.publisher, product.external_id, *(title for title, _, _ in own)
        )
        changed.append(product)
    product_model.objects.bulk_update(changed, ["sort_title", "shelf", "search_text"], batch_size=500)


class Migration(migrations.Migration):
    dependencies = [("catalog", "0005_prices")]

    operations = [
        tenancy.keyed("catalog_price", *ROWS),
        tenancy.keyed("accounts_user", *ROWS),
        # A customer's users read list prices; what the partner pays is in a table that no customer's scope reads.
        tenancy.protect("catalog_price", customer_column=None, read=f"partner_id = {tenancy.PARTNER}"),
        tenancy.protect("catalog_pricecost", customer_column=None),
        tenancy.protect("catalog_catalogsync", customer_column=None),
        tenancy.protect("catalog_favourite"),
        tenancy.reference(
            "catalog_price", ("partner_id", "product_id", "sku_id"), "catalog_sku", ("partner_id", "product_id", "id")
        ),
        tenancy.reference("catalog_pricecost", ("partner_id", "price_id"), "catalog_price", ROWS, on_delete="CASCADE"),
        tenancy.reference("catalog_favourite", ("partner_id", "user_id"), "accounts_user", ROWS),
        tenancy.reference("catalog_favourite", ("partner_id", "product_id"), "catalog_product", ROWS),
        tenancy.reference("catalog_favourite", ("partner_id", "customer_id"), "accounts_tenant", ROWS),
        tenancy.reference("catalog_catalogsync", ["partner_id"], "accounts_tenant", ["id"]),
        migrations.RunSQL(SEARCH, "ALTER TABLE catalog_product DROP COLUMN search"),
        migrations.RunSQL(SEARCH_FUNCTION, "DROP FUNCTION catalog_search(text, int)"),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
