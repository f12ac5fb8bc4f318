"""Row-level security of the catalogue, and references that stay inside one partner."""

from django.db import migrations

from msphub.kit import tenancy

ROWS = ("partner_id", "id")
# A customer's users read what may be bought; discounts are the partner's own affair.
READABLE = ("vendor", "product", "sku")
OF_PARTNER = ("discount", "discountversion", "discountitem", "discountband")
REFERENCES = (
    ("product", "vendor_id", "vendor"),
    ("sku", "product_id", "product"),
    ("discountversion", "discount_id", "discount"),
    ("discountitem", "discount_version_id", "discountversion"),
    ("discountitem", "product_id", "product"),
    ("discountband", "discount_version_id", "discountversion"),
)


class Migration(migrations.Migration):
    dependencies = [("catalog", "0001_terms"), ("accounts", "0003_terms")]

    operations = [
        *(
            tenancy.keyed(f"catalog_{name}", *ROWS)
            for name in ("vendor", "product", "sku", "discount", "discountversion")
        ),
        # An item's SKU is one of its product's; a type's discount is of the vendor, category and country it says.
        tenancy.keyed("catalog_sku", "partner_id", "product_id", "id"),
        tenancy.keyed("catalog_discount", "partner_id", "id", "country", "vendor", "category"),
        *(
            tenancy.protect(f"catalog_{name}", customer_column=None, read=f"partner_id = {tenancy.PARTNER}")
            for name in READABLE
        ),
        *(tenancy.protect(f"catalog_{name}", customer_column=None) for name in OF_PARTNER),
        *(
            tenancy.reference(f"catalog_{name}", ["partner_id"], "accounts_tenant", ["id"])
            for name in ("vendor", "discount")
        ),
        *(
            tenancy.reference(f"catalog_{name}", ("partner_id", column), f"catalog_{target}", ROWS)
            for name, column, target in REFERENCES
        ),
        tenancy.reference(
            "catalog_discountitem",
            ("partner_id", "product_id", "sku_id"),
            "catalog_sku",
            ("partner_id", "product_id", "id"),
        ),
    ]
