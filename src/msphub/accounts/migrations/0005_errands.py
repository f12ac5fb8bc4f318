import django.db.models.deletion
from django.db import migrations, models

import msphub.kit.ids
from msphub.kit import tenancy

OWN = ("partner_id", "user_id")


class Migration(migrations.Migration):
    # The key of users that a reference within the tenant points at was made where it was first needed.
    dependencies = [("accounts", "0004_number_series"), ("catalog", "0006_price_tenancy")]

    operations = [
        migrations.CreateModel(
            name="Errand",
            fields=[
                (
                    "id",
                    models.UUIDField(default=msphub.kit.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("partner_id", models.UUIDField()),
                ("customer_id", models.UUIDField(null=True)),
                ("page", models.TextField()),
                ("field", models.CharField(max_length=60)),
                ("typed", models.TextField(blank=True)),
                ("made_id", models.UUIDField(null=True)),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                (
                    "user",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="accounts.user",
                    ),
                ),
            ],
            options={"indexes": [models.Index(fields=["partner_id", "expires_at"], name="errand_by_expiry")]},
        ),
        tenancy.protect("accounts_errand"),
        tenancy.reference("accounts_errand", OWN, "accounts_user", ("partner_id", "id"), on_delete="CASCADE"),
        tenancy.reference("accounts_errand", ("partner_id", "customer_id"), "accounts_tenant", ("partner_id", "id")),
    ]
