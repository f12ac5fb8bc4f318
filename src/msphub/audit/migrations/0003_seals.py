"""Seals over the entries. A trigger queues each entry for its seal in the entry's own transaction."""

from django.db import migrations, models

import msphub.kit.ids
from msphub.kit import tenancy

# As the owner: the person who writes an entry may be in the scope of a customer, who sees nothing of seals.
QUEUE = """
CREATE FUNCTION audit_queue_for_seal() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    INSERT INTO public.audit_unsealed (id, partner_id, entry_at) VALUES (NEW.id, NEW.partner_id, NEW.at);
    RETURN NULL;
END $$;
CREATE TRIGGER audit_queue_for_seal AFTER INSERT ON audit_entry
    FOR EACH ROW EXECUTE FUNCTION audit_queue_for_seal();
"""
# What happened before there were seals. The owner has no policy on entries.
EARLIER = """
ALTER TABLE audit_entry NO FORCE ROW LEVEL SECURITY;
INSERT INTO audit_unsealed (id, partner_id, entry_at) SELECT id, partner_id, at FROM audit_entry;
ALTER TABLE audit_entry FORCE ROW LEVEL SECURITY;
"""
FAN_OUT = """
CREATE FUNCTION audit_partners_with_unsealed() RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT DISTINCT partner_id FROM public.audit_unsealed
$$;
CREATE FUNCTION audit_partners_with_seals() RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT DISTINCT partner_id FROM public.audit_seal
$$;
"""
SEALS = ("partner_id", "number")


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0002_failed_jobs"),
    ]

    operations = [
        migrations.CreateModel(
            name="Seal",
            fields=[
                (
                    "id",
                    models.UUIDField(default=msphub.kit.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("partner_id", models.UUIDField()),
                ("number", models.PositiveBigIntegerField()),
                ("first_at", models.DateTimeField()),
                ("last_at", models.DateTimeField()),
                ("entries", models.PositiveIntegerField()),
                ("previous_hash", models.CharField(max_length=64)),
                ("hash", models.CharField(max_length=64)),
                ("sealed_at", models.DateTimeField()),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("partner_id", "number"), name="seal_number")],
            },
        ),
        migrations.CreateModel(
            name="SealedEntry",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("partner_id", models.UUIDField()),
                ("entry_at", models.DateTimeField()),
                ("seal_number", models.PositiveBigIntegerField()),
                ("position", models.PositiveIntegerField()),
                ("hash", models.CharField(max_length=64)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("partner_id", "seal_number", "position"), name="sealed_entry_position"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Unsealed",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("partner_id", models.UUIDField()),
                ("entry_at", models.DateTimeField()),
            ],
            options={
                "indexes": [models.Index(fields=["partner_id", "entry_at", "id"], name="audit_unsealed_in_order")],
            },
        ),
        migrations.CreateModel(
            name="Verification",
            fields=[
                (
                    "id",
                    models.UUIDField(default=msphub.kit.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("partner_id", models.UUIDField()),
                ("at", models.DateTimeField()),
                ("seals", models.PositiveBigIntegerField()),
                ("entries", models.PositiveBigIntegerField()),
                ("problems", models.JSONField(default=list)),
            ],
            options={
                "indexes": [models.Index(fields=["partner_id", "-at"], name="verification_newest_first")],
            },
        ),
        *(
            tenancy.protect(table, customer_column=None)
            for table in ("audit_seal", "audit_sealedentry", "audit_unsealed", "audit_verification")
        ),
        tenancy.reference("audit_sealedentry", ["partner_id", "seal_number"], "audit_seal", SEALS),
        migrations.RunSQL(
            QUEUE, "DROP TRIGGER audit_queue_for_seal ON audit_entry; DROP FUNCTION audit_queue_for_seal();"
        ),
        migrations.RunSQL(EARLIER, migrations.RunSQL.noop),
        migrations.RunSQL(
            FAN_OUT, "DROP FUNCTION audit_partners_with_unsealed(); DROP FUNCTION audit_partners_with_seals();"
        ),
    ]
