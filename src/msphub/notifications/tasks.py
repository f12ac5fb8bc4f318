"""Jobs that make and send mails."""

import contextlib
import datetime
import uuid

from procrastinate import BaseRetryStrategy, RetryDecision, RetryStrategy
from procrastinate.contrib.django import app as jobs
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.jobs import Job

from msphub.audit import events
from msphub.audit.actions import HANDLE_EVENT
from msphub.kit import clock, scope
from msphub.notifications import actions, messages

FORGET = "notifications.forget_links"

# Jobs are loaded once every model is, in each process that could record an event.
events.subscribe(*messages.BY_EVENT)


# Only the database is asked, so it comes back until it has worked: a mail that is never written is missed by nobody.
@jobs.task(name=HANDLE_EVENT, queue="mail", retry=RetryStrategy(wait=3, linear_wait=10))
def handle_event(partner_id: str, entry_id: str, at: str) -> None:
    """Write the mails of one event."""
    with scope.scope(partner_id=uuid.UUID(partner_id)):
        actions.make_mails(
            partner_id=uuid.UUID(partner_id),
            entry_id=uuid.UUID(entry_id),
            entry_at=datetime.datetime.fromisoformat(at),
        )


class UntilTaken(BaseRetryStrategy):
    """Comes back for about a day: longer than outages last, shorter than the one-time link in the mail.

    Then it has failed, which the mail log shows with "Send again". Only the mail server's refusals count: a database or
    a worker that dies takes no try away.
    """

    MOST_TRIES = 8

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """Return when the job comes back; None when the mail has failed."""
        if not isinstance(exception, actions.NotDelivered):
            return RetryDecision(retry_in={"seconds": min(3 + 10 * job.attempts, 300)})
        if exception.tries >= self.MOST_TRIES:
            return None
        return RetryDecision(retry_in={"seconds": 4**exception.tries})


@jobs.task(name=actions.SEND, queue="mail", retry=UntilTaken())
def send_mail(partner_id: str, mail_id: str) -> None:
    """Hand one mail to the mail server."""
    with scope.scope(partner_id=uuid.UUID(partner_id)):
        actions.send_mail(partner_id=uuid.UUID(partner_id), mail_id=uuid.UUID(mail_id), at=clock.now())


@jobs.periodic(cron="* * * * *")
@jobs.task(name="notifications.forget_all_links", queue="house")
def forget_all_links(timestamp: int) -> None:  # noqa: ARG001 - Procrastinate passes it
    """Defer one job for each partner with mails whose one-time link has ended."""
    for partner_id in actions.partners_with_ended_links(at=clock.now()):
        with contextlib.suppress(AlreadyEnqueued):
            jobs.configure_task(FORGET, queue="house", queueing_lock=f"links:{partner_id}").defer(
                partner_id=str(partner_id)
            )


@jobs.task(name=FORGET, queue="house")
def forget_links(partner_id: str) -> None:
    """Forget the secrets of links that have ended."""
    with scope.scope(partner_id=uuid.UUID(partner_id)):
        actions.forget_ended_links(partner_id=uuid.UUID(partner_id), at=clock.now())
