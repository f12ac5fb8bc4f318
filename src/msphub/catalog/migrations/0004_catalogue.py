"""Kept for installations that ran it; partners get their catalogue in 0006, when products have all their columns."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("catalog", "0003_rates"), ("accounts", "0003_terms")]

    operations = []
