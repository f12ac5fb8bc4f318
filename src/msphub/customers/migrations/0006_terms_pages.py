"""What the pages of customer types and credit terms sort by, and which references keep terms and customers together."""

from typing import Any

from django.db import migrations, models

from msphub.kit import tenancy, text

# A new column of a table with rows: filled before it is required.
CHANGED = """
UPDATE customers_creditterm SET updated_at = created_at;
UPDATE customers_customertype SET updated_at = created_at;
"""


def fold_names(apps: Any, _editor: Any) -> None:
    """Fill the sort names of what exists."""
    for name in ("CreditTerm", "CustomerType"):
        rows = list(apps.get_model("customers", name).objects.only("id", "name"))
        for row in rows:
            row.sort_name = text.fold(row.name)
        apps.get_model("customers", name).objects.bulk_update(rows, ["sort_name"], batch_size=500)


class Migration(migrations.Migration):
    dependencies = [("customers", "0005_rates")]

    operations = [
        *(
            migrations.AddField(name, "sort_name", models.TextField(default=""), preserve_default=False)
            for name in ("creditterm", "customertype")
        ),
        *(
            migrations.AddField(name, "updated_at", models.DateTimeField(null=True))
            for name in ("creditterm", "customertype")
        ),
        migrations.RunSQL(CHANGED, migrations.RunSQL.noop),
        migrations.RunPython(fold_names, migrations.RunPython.noop),
        *(migrations.AlterField(name, "updated_at", models.DateTimeField()) for name in ("creditterm", "customertype")),
        migrations.AddConstraint(
            "creditterm",
            models.CheckConstraint(condition=models.Q(due_days__lte=365), name="credit_term_due_within_a_year"),
        ),
        migrations.AddConstraint(
            "creditterm",
            models.CheckConstraint(
                condition=models.Q(on_reach__in=["on_issue", "on_due", "trigger_payment", "no_action"]),
                name="credit_term_on_reach",
            ),
        ),
        migrations.AddConstraint(
            "creditterm",
            models.CheckConstraint(
                condition=models.Q(credit_hold__in=["manual", "automatic"]), name="credit_term_hold"
            ),
        ),
        migrations.AddIndex(
            "creditterm", models.Index(fields=["partner_id", "sort_name", "id"], name="credit_term_by_name")
        ),
        migrations.AddIndex(
            "customertype", models.Index(fields=["partner_id", "sort_name", "id"], name="customer_type_by_name")
        ),
        migrations.AddIndex(
            "customer",
            models.Index(
                fields=["partner_id", "customer_type", "country", "partner_subscription"], name="customer_by_terms"
            ),
        ),
        tenancy.keyed("customers_creditterm", "partner_id", "id", "country"),
        tenancy.reference(
            "customers_customertypeterm",
            ("partner_id", "credit_term_id", "country"),
            "customers_creditterm",
            ("partner_id", "id", "country"),
        ),
        tenancy.reference(
            "customers_customer",
            ("partner_id", "customer_type_id", "country"),
            "customers_customertypeterm",
            ("partner_id", "customer_type_id", "country"),
        ),
        tenancy.reference(
            "customers_customertypediscount",
            ("partner_id", "customer_type_id", "country"),
            "customers_customertypeterm",
            ("partner_id", "customer_type_id", "country"),
        ),
    ]
