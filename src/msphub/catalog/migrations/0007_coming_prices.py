from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0006_price_tenancy")]

    operations = [
        migrations.AddIndex(
            model_name="price",
            index=models.Index(fields=["partner_id", "valid_from", "id"], name="price_by_day"),
        ),
    ]
