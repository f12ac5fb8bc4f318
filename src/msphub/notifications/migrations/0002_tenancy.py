"""Row-level security of the mail log: the partner's; a customer's users never read it."""

from django.db import migrations

from msphub.kit import tenancy


class Migration(migrations.Migration):
    dependencies = [("notifications", "0001_initial"), ("accounts", "0002_tenancy")]

    operations = [
        tenancy.protect("notifications_mail", customer_column=None),
        tenancy.reference("notifications_mail", ["partner_id"], "accounts_tenant", ["id"]),
        tenancy.reference("notifications_mail", ("partner_id", "customer_id"), "accounts_tenant", ("partner_id", "id")),
    ]
