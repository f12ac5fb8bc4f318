"""An index of what renews by itself, by what its next price is found by; the list skips from one key to the next."""

from django.db import migrations

INDEX = """
CREATE INDEX purchased_renewing ON entitlements_purchasedproduct
    (partner_id, sku_id, term, plan, currency, market, term_ends_on)
    WHERE state = 'active' AND auto_renew AND term_ends_on IS NOT NULL;
"""


class Migration(migrations.Migration):
    dependencies = [("entitlements", "0003_price_changes")]

    operations = [migrations.RunSQL(INDEX, "DROP INDEX purchased_renewing")]
