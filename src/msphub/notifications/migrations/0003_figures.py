"""What monitoring may know of all partners' mails: how many are in each state since when. Never whose."""

from django.db import migrations

INDEX = "CREATE INDEX notifications_mail_by_state ON notifications_mail (state, created_at);"
FUNCTION = """
CREATE FUNCTION notifications_mail_counts(states text[], since timestamptz, most int)
RETURNS TABLE (state text, mails bigint, oldest timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT wanted.state, count(found.created_at), min(found.created_at)
    FROM unnest(states) AS wanted (state)
    LEFT JOIN LATERAL (
        SELECT mail.created_at FROM public.notifications_mail mail
        WHERE mail.state = wanted.state AND mail.created_at > since
        ORDER BY mail.created_at LIMIT most
    ) found ON true
    GROUP BY wanted.state
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("notifications", "0002_tenancy")]

    operations = [
        migrations.RunSQL(INDEX, "DROP INDEX notifications_mail_by_state"),
        migrations.RunSQL(FUNCTION, "DROP FUNCTION notifications_mail_counts(text[], timestamptz, int)"),
    ]
