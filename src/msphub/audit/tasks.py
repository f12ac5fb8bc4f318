"""Periodic care of the audit table."""

from django.db import connection
from procrastinate.contrib.django import app as jobs

from msphub.kit import clock


@jobs.periodic(cron="7 3 * * *")
@jobs.task(name="audit.make_partitions", queue="house", pass_context=False)
def make_partitions(timestamp: int) -> None:  # noqa: ARG001 - Procrastinate passes it
    """Make the partitions of this month and the next two, once a day."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT audit_make_partition((%s::timestamptz + (n || ' month')::interval)::date) "
            "FROM generate_series(0, 2) n",
            [clock.now()],
        )
