"""Jobs about the catalogue. Each enters its partner's scope; the nightly one fans out, one job a partner and market."""

import math
import uuid

from procrastinate import BaseRetryStrategy, RetryDecision
from procrastinate.contrib.django import app as jobs
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.jobs import Job

from msphub.accounts import queries as accounts
from msphub.catalog import sync
from msphub.kit import clock, scope
from msphub.kit.actor import system_actor
from msphub.kit.errors import Refused

START = "catalog.start_syncs"


class UntilAnswered(BaseRetryStrategy):
    """Try again for as long as it takes; the run shows why and when."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision:
        """Return when the job comes back: never before the instant that Microsoft named."""
        if isinstance(exception, sync.TryLater):
            return RetryDecision(retry_in={"seconds": max(1, math.ceil(exception.seconds))})
        return RetryDecision(retry_in={"seconds": min(30 * (job.attempts + 1), 900)})


@jobs.task(name=sync.SYNC, queue="microsoft", retry=UntilAnswered())
def sync_market(partner_id: str, sync_id: str) -> None:
    """Bring Microsoft's products and prices of one market into the catalogue."""
    with scope.scope(partner_id=uuid.UUID(partner_id)):
        sync.work_on_sync(partner_id=uuid.UUID(partner_id), sync_id=uuid.UUID(sync_id))


@jobs.periodic(cron="20 3 * * *")
@jobs.task(name="catalog.start_all_syncs", queue="house")
def start_all_syncs(timestamp: int) -> None:  # noqa: ARG001 - Procrastinate passes it
    """Defer one job for each partner that starts the runs of its markets."""
    for partner_id in accounts.partner_ids():
        try:
            jobs.configure_task(START, queue="house", queueing_lock=f"catalog:{partner_id}").defer(
                partner_id=str(partner_id)
            )
        except AlreadyEnqueued:
            continue


@jobs.task(name=START, queue="house")
def start_syncs(partner_id: str) -> None:
    """Start a run for each market of a partner that is connected to Microsoft."""
    partner = uuid.UUID(partner_id)
    with scope.scope(partner_id=partner):
        try:
            sync.start_sync(by=system_actor(partner_id=partner), at=clock.now())
        except Refused:
            return  # not connected to Microsoft
