"""Jobs about accounts. Each enters its partner's scope; periodic ones fan out, one job a partner."""

import contextlib
import uuid

from procrastinate.contrib.django import app as jobs
from procrastinate.exceptions import AlreadyEnqueued

from msphub.accounts import errands, microsoft_turns, queries
from msphub.kit import clock, scope
from msphub.kit.actor import system_actor

FORGET = "accounts.forget_errands"


@jobs.periodic(cron="50 3 * * *")
@jobs.task(name="accounts.forget_all_errands", queue="house")
def forget_all_errands(timestamp: int) -> None:  # noqa: ARG001 - Procrastinate passes it
    """Defer one job a partner that deletes what was left half-filled too long ago, once a day."""
    for partner_id in queries.partner_ids():
        with contextlib.suppress(AlreadyEnqueued):
            jobs.configure_task(FORGET, queue="house", queueing_lock=f"errands:{partner_id}").defer(
                partner_id=str(partner_id)
            )


@jobs.task(name=FORGET, queue="house")
def forget_errands(partner_id: str) -> None:
    """Delete the errands of a partner whose time is over."""
    partner = uuid.UUID(partner_id)
    with scope.scope(partner_id=partner):
        errands.forget_expired(by=system_actor(partner_id=partner), at=clock.now())


@jobs.periodic(cron="23 * * * *")
@jobs.task(name="accounts.forget_turns", queue="house")
def forget_turns(timestamp: int) -> None:  # noqa: ARG001 - Procrastinate passes it
    """Forget, once an hour, of whom Microsoft has not been asked for a while."""
    microsoft_turns.forget_idle()
