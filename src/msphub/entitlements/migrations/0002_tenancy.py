"""Row-level security, references inside one tenant, and the chain of the dated history.

No btree_gist, so no exclusion constraint: each period's end is the start of the next one, and one alone is open
(architecture.md). The chain's reference is checked when the transaction ends.
"""

from django.db import migrations

from msphub.kit import tenancy

ROWS = ("partner_id", "id")
OF_CUSTOMER = ("partner_id", "customer_id")
PRODUCT = "entitlements_purchasedproduct"
PERIOD = "entitlements_holdingperiod"
COST = "entitlements_holdingcost"
CHAIN = f"""
ALTER TABLE {PERIOD} ADD CONSTRAINT holding_starts_once UNIQUE (partner_id, purchased_product_id, starts_on);
ALTER TABLE {PERIOD} ADD CONSTRAINT holding_ends_once
    UNIQUE NULLS NOT DISTINCT (partner_id, purchased_product_id, ends_on) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE {PERIOD} ADD CONSTRAINT holding_is_a_chain FOREIGN KEY (partner_id, purchased_product_id, ends_on)
    REFERENCES {PERIOD} (partner_id, purchased_product_id, starts_on) DEFERRABLE INITIALLY DEFERRED;
"""
UNCHAIN = f"""
ALTER TABLE {PERIOD} DROP CONSTRAINT holding_is_a_chain;
ALTER TABLE {PERIOD} DROP CONSTRAINT holding_ends_once;
ALTER TABLE {PERIOD} DROP CONSTRAINT holding_starts_once;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("entitlements", "0001_initial"),
        ("customers", "0004_terms"),
        ("catalog", "0002_tenancy"),
        ("accounts", "0003_terms"),
    ]

    operations = [
        tenancy.keyed(PRODUCT, *ROWS),
        tenancy.keyed(PERIOD, *ROWS),
        tenancy.protect(PRODUCT),
        tenancy.protect(PERIOD),
        tenancy.protect(COST, customer_column=None),
        tenancy.reference(PRODUCT, OF_CUSTOMER, "accounts_tenant", ROWS),
        tenancy.reference(PRODUCT, ("partner_id", "subscription_id"), "accounts_subscription", ROWS),
        tenancy.reference(PRODUCT, ("partner_id", "csp_account_id"), "customers_cspaccount", ROWS),
        tenancy.reference(PRODUCT, ("partner_id", "sku_id"), "catalog_sku", ROWS),
        tenancy.reference(PERIOD, OF_CUSTOMER, "accounts_tenant", ROWS),
        tenancy.reference(PERIOD, ("partner_id", "purchased_product_id"), PRODUCT, ROWS),
        tenancy.reference(COST, ("partner_id", "holding_period_id"), PERIOD, ROWS),
        migrations.RunSQL(CHAIN, UNCHAIN),
    ]
