"""One-time links that have ended: their mails say so, and hold their secret no more."""

from django.db import migrations, models

# A link that is not known by its hash is of a mail written before there were hashes: it lived for 72 hours.
FUNCTION = """
CREATE FUNCTION notifications_partners_with_ended_links(at timestamptz) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT DISTINCT mail.partner_id
    FROM public.notifications_mail mail
    LEFT JOIN public.accounts_passwordlink link ON link.secret_hash = mail.link_hash
    WHERE mail.secret_link <> ''
      AND (link.used_at IS NOT NULL OR link.replaced_at IS NOT NULL OR link.expires_at <= at
           OR (link.id IS NULL AND mail.created_at <= at - interval '72 hours'))
$$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("notifications", "0003_figures"),
        ("accounts", "0002_tenancy"),
    ]

    operations = [
        migrations.AddField(
            model_name="mail",
            name="link_ended",
            field=models.CharField(
                blank=True,
                choices=[
                    ("used", "used"),
                    ("replaced", "replaced by a newer one, or withdrawn"),
                    ("expired", "expired"),
                ],
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="mail",
            name="link_hash",
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AddIndex(
            model_name="mail",
            index=models.Index(
                condition=models.Q(("secret_link", ""), _negated=True), fields=["link_hash"], name="mail_with_secret"
            ),
        ),
        migrations.RunSQL(FUNCTION, "DROP FUNCTION notifications_partners_with_ended_links(timestamptz)"),
    ]
