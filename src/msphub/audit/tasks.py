"""Periodic care of the audit table."""

import contextlib
import uuid

import structlog
from django.db import connection
from procrastinate.contrib.django import app as jobs
from procrastinate.exceptions import AlreadyEnqueued

from msphub.audit import sealing
from msphub.kit import clock, scope

log = structlog.get_logger(__name__)

SEAL = "audit.seal"
VERIFY = "audit.verify"


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


@jobs.periodic(cron="* * * * *")
@jobs.task(name="audit.seal_all", queue="house", pass_context=False)
def seal_all(timestamp: int) -> None:  # noqa: ARG001 - Procrastinate passes it
    """Defer one job for each partner with entries that wait for a seal."""
    for partner_id in sealing.partners_with_unsealed():
        _defer(SEAL, partner_id)


@jobs.task(name=SEAL, queue="house")
def seal(partner_id: str) -> None:
    """Seal all that is committed, batch by batch."""
    partner = uuid.UUID(partner_id)
    with scope.scope(partner_id=partner):
        while sealing.seal(partner_id=partner, at=clock.now()) is not None:
            pass


@jobs.periodic(cron="37 3 * * *")
@jobs.task(name="audit.verify_all", queue="house", pass_context=False)
def verify_all(timestamp: int) -> None:  # noqa: ARG001 - Procrastinate passes it
    """Defer one job a partner that checks its seals, once a day."""
    for partner_id in sealing.partners_with_seals():
        _defer(VERIFY, partner_id)


@jobs.task(name=VERIFY, queue="house")
def verify(partner_id: str) -> None:
    """Check all seals of a partner; the Audit Logs page shows what was found, the log says it loudly."""
    partner = uuid.UUID(partner_id)
    with scope.scope(partner_id=partner):
        report = sealing.verify(partner_id=partner, at=clock.now())
    if report.problems:
        log.error("audit_record_was_changed", partner_id=partner_id, problems=report.problems)


def _defer(task: str, partner_id: uuid.UUID) -> None:
    with contextlib.suppress(AlreadyEnqueued):
        jobs.configure_task(task, queue="house", queueing_lock=f"{task}:{partner_id}").defer(partner_id=str(partner_id))
