"""Partners that were there before the catalogue get theirs."""

import datetime
from typing import Any

from django.db import migrations

from msphub.catalog import seeding


def fill(apps: Any, _editor: Any) -> None:
    tenants = apps.get_model("accounts", "Tenant").objects.filter(kind="partner")
    for partner_id in tenants.values_list("id", flat=True):
        seeding.fill(partner_id=partner_id, at=datetime.datetime.now(datetime.UTC))


class Migration(migrations.Migration):
    dependencies = [("catalog", "0003_rates"), ("accounts", "0003_terms")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
