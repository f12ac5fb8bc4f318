"""Failed jobs are counted at every scrape of /metrics; done ones, which are many, must not be read for it."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial"), ("procrastinate", "0041_post_retry_failed_job")]

    operations = [
        migrations.RunSQL(
            "CREATE INDEX audit_failed_jobs ON procrastinate_jobs (queue_name) WHERE status = 'failed';",
            "DROP INDEX audit_failed_jobs",
        ),
    ]
