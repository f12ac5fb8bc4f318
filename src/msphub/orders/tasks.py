"""Jobs about orders. Each enters its partner's scope; periodic ones fan out, one job a partner."""

import math
import uuid

from procrastinate import BaseRetryStrategy, RetryDecision
from procrastinate.contrib.django import app as jobs
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.jobs import Job

from msphub.kit import clock, scope
from msphub.kit.actor import system_actor
from msphub.orders import placing, progress, submission, waiting

DUE_TASKS = "orders.work_on_tasks"
DUE_ORDERS = "orders.start_scheduled"


class UntilDone(BaseRetryStrategy):
    """Try again for as long as it takes: an order whose job gave up would be bought in part, and nobody told."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision:
        """Return when the job comes back: never before the instant that Microsoft named."""
        if isinstance(exception, progress.TryLater):
            return RetryDecision(retry_in={"seconds": max(1, math.ceil(exception.seconds))})
        return RetryDecision(retry_in={"seconds": min(30 * (job.attempts + 1), 900)})


@jobs.task(name=progress.SUBMIT, queue="microsoft", retry=UntilDone())
def submit_order(partner_id: str, order_id: str) -> None:
    """Send what an order still has to send, and follow what was sent."""
    with scope.scope(partner_id=uuid.UUID(partner_id)):
        submission.work_on_order(partner_id=uuid.UUID(partner_id), order_id=uuid.UUID(order_id))


@jobs.periodic(cron="* * * * * */10")
@jobs.task(name="orders.work_on_all", queue="house")
def work_on_all(timestamp: int) -> None:  # noqa: ARG001 - Procrastinate passes it
    """Defer one job for each partner of which a task is due or a scheduled order's day has come."""
    now = clock.now()
    for name, partners in (
        (DUE_TASKS, waiting.partners_with_due_tasks(at=now)),
        (DUE_ORDERS, placing.partners_with_due_orders(on=now.date())),
    ):
        for partner_id in partners:
            try:
                jobs.configure_task(name, queue="house", queueing_lock=f"{name}:{partner_id}").defer(
                    partner_id=str(partner_id)
                )
            except AlreadyEnqueued:
                continue


@jobs.task(name=DUE_TASKS, queue="house")
def work_on_tasks(partner_id: str) -> None:
    """Send due reminders and expire what has run out."""
    partner = uuid.UUID(partner_id)
    with scope.scope(partner_id=partner):
        waiting.work_on_due_tasks(by=system_actor(partner_id=partner), at=clock.now())


@jobs.task(name=DUE_ORDERS, queue="house")
def start_scheduled(partner_id: str) -> None:
    """Start the scheduled orders whose day has come."""
    partner = uuid.UUID(partner_id)
    with scope.scope(partner_id=partner):
        placing.start_due_orders(by=system_actor(partner_id=partner), at=clock.now())
