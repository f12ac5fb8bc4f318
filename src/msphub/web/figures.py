"""What the database says at a scrape of `/metrics`: bounded reads only, none of them through a large table."""

import datetime
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db import DatabaseError, connection, transaction
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from msphub.customers import figures as customers
from msphub.notifications import figures as notifications

MOST = 10_000
_TIMEOUT_MS = 3000
_ESTIMATED = ("accounts_tenant", "customers_cspaccount", "notifications_mail", "audit_entry", "procrastinate_jobs")

_WAITING = """
WITH waiting AS MATERIALIZED (
    SELECT id, queue_name, scheduled_at FROM procrastinate_jobs
    WHERE status = 'todo' ORDER BY priority DESC, id LIMIT %s
), queues AS (
    SELECT queue_name,
           count(*) FILTER (WHERE scheduled_at IS NULL OR scheduled_at <= now()) AS due,
           count(*) FILTER (WHERE scheduled_at > now()) AS later,
           min(id) FILTER (WHERE scheduled_at IS NULL) AS first,
           min(scheduled_at) FILTER (WHERE scheduled_at <= now()) AS since
    FROM waiting GROUP BY queue_name
)
SELECT queue_name, due, later, extract(epoch FROM now() - least(
    since, (SELECT min(event.at) FROM procrastinate_events event WHERE event.job_id = queues.first)
))::float8 FROM queues
"""
_RUNNING = "SELECT queue_name, count(*) FROM procrastinate_jobs WHERE status = 'doing' GROUP BY queue_name"
_FAILED = """
SELECT queue_name, count(*) FROM (SELECT queue_name FROM procrastinate_jobs WHERE status = 'failed' LIMIT %s) failed
GROUP BY queue_name
"""
_WORKERS = "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - interval '30 seconds'"
_CONNECTIONS = """
SELECT application_name, coalesce(state, 'unknown'), count(*) FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user GROUP BY 1, 2
"""
_ESTIMATES = """
SELECT class.relname, greatest(0, class.reltuples) FROM pg_class class
WHERE class.relnamespace = 'public'::regnamespace AND class.relname = ANY(%s)
"""
_VERSION = "SELECT current_setting('server_version')"


class DatabaseFigures(Collector):
    """Reads everything in one transaction at each scrape; says `msphub_database_up 0` when that fails."""

    def __init__(self, *, now: datetime.datetime) -> None:
        self._now = now

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Return all figures of the database, or that it can't be asked."""
        up = GaugeMetricFamily("msphub_database_up", "Whether the database answered this scrape.")
        try:
            with transaction.atomic():
                _rows(f"SET LOCAL statement_timeout = {_TIMEOUT_MS}")
                found = [*_jobs(), *_mails(self._now), *_accounts(self._now), *_database()]
        except DatabaseError:
            up.add_metric([], 0)
            return [up]
        up.add_metric([], 1)
        return [up, *found]


def _rows(statement: str, parameters: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return [] if cursor.description is None else cursor.fetchall()


def _jobs() -> Iterator[GaugeMetricFamily]:
    jobs = GaugeMetricFamily(
        "msphub_jobs",
        f"Jobs by queue and status: waiting (due), scheduled (for later), running, failed. Counted up to {MOST}.",
        labels=["queue", "status"],
    )
    age = GaugeMetricFamily(
        "msphub_job_oldest_waiting_seconds", "How long the first due job of a queue has waited.", labels=["queue"]
    )
    for queue, due, later, seconds in _rows(_WAITING, [MOST]):
        jobs.add_metric([queue, "waiting"], due)
        jobs.add_metric([queue, "scheduled"], later)
        age.add_metric([queue], max(0.0, seconds or 0.0))
    for queue, number in _rows(_RUNNING):
        jobs.add_metric([queue, "running"], number)
    for queue, number in _rows(_FAILED, [MOST]):
        jobs.add_metric([queue, "failed"], number)
    workers = GaugeMetricFamily("msphub_workers", "Workers with a sign of life within 30 seconds.")
    workers.add_metric([], _rows(_WORKERS)[0][0])
    yield from (jobs, age, workers)


def _mails(now: datetime.datetime) -> Iterator[GaugeMetricFamily]:
    mails = GaugeMetricFamily(
        "msphub_mails",
        f"Mails by state: queued of any age, others of the last 24 hours. Counted up to {MOST}.",
        labels=["state"],
    )
    oldest = GaugeMetricFamily("msphub_mail_oldest_queued_seconds", "How long the first waiting mail has waited.")
    for figure in notifications.mails(since=now - datetime.timedelta(days=1), most=MOST):
        mails.add_metric([figure.state], figure.mails)
        if figure.state == "queued":
            oldest.add_metric([], _age(figure.oldest, now=now))
    yield from (mails, oldest)


def _accounts(now: datetime.datetime) -> Iterator[GaugeMetricFamily]:
    accounts = GaugeMetricFamily(
        "msphub_csp_accounts",
        f"CSP accounts of all partners by state, linked ones apart. Counted up to {MOST}.",
        labels=["state"],
    )
    oldest = GaugeMetricFamily(
        "msphub_csp_account_oldest_seconds", "Age of the oldest CSP account in a state.", labels=["state"]
    )
    for figure in customers.open_accounts(most=MOST):
        accounts.add_metric([figure.state], figure.accounts)
        oldest.add_metric([figure.state], _age(figure.oldest, now=now))
    yield from (accounts, oldest)


def _database() -> Iterator[GaugeMetricFamily]:
    connections = GaugeMetricFamily(
        "msphub_database_connections",
        "Connections of web and worker processes on all machines, by state.",
        labels=["application", "state"],
    )
    for application, state, number in _rows(_CONNECTIONS):
        connections.add_metric([application, state], number)
    estimates = GaugeMetricFamily(
        "msphub_table_rows_estimate", "Rows of large tables as the planner estimates them.", labels=["table"]
    )
    for table, number in _rows(_ESTIMATES, [list(_ESTIMATED)]):
        estimates.add_metric([table], number)
    server = GaugeMetricFamily("msphub_postgres_info", "Version of the database server.", labels=["version"])
    server.add_metric([_rows(_VERSION)[0][0]], 1)
    yield from (connections, estimates, server)


def _age(instant: datetime.datetime | None, *, now: datetime.datetime) -> float:
    return 0.0 if instant is None else max(0.0, (now - instant).total_seconds())
