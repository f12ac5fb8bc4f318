"""Jobs about customers. Each enters its partner's scope; periodic ones fan out, one job a partner."""

import math
import uuid

from procrastinate import BaseRetryStrategy, RetryDecision
from procrastinate.contrib.django import app as jobs
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.jobs import Job

from msphub.accounts import queries as accounts
from msphub.accounts import statuses
from msphub.customers import csp_accounts, customer_types, provisioning
from msphub.kit import clock, scope
from msphub.kit.actor import system_actor

FOLLOW = "customers.follow_accounts"
APPLY = "customers.apply_statuses"


class UntilAnswered(BaseRetryStrategy):
    """Try again for as long as it takes: an account whose job gave up would be left half made, and nobody told.

    What is no outage at Microsoft is one of the database or a defect of ours, which ends with the next release.
    """

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision:
        """Return when the job comes back: never before the instant that Microsoft named."""
        if isinstance(exception, provisioning.TryLater):
            return RetryDecision(retry_in={"seconds": max(1, math.ceil(exception.seconds))})
        return RetryDecision(retry_in={"seconds": min(30 * (job.attempts + 1), 900)})


@jobs.task(name=csp_accounts.PROVISION, queue="microsoft", retry=UntilAnswered())
def provision_account(partner_id: str, account_id: str) -> None:
    """Do the work at Microsoft for one CSP account."""
    with scope.scope(partner_id=uuid.UUID(partner_id)):
        provisioning.work_on_account(partner_id=uuid.UUID(partner_id), account_id=uuid.UUID(account_id))


@jobs.periodic(cron="* * * * * */10")
@jobs.task(name="customers.apply_all_statuses", queue="house")
def apply_all_statuses(timestamp: int) -> None:  # noqa: ARG001 - Procrastinate passes it
    """Defer one job for each partner of which a planned status begins or ends."""
    for partner_id in statuses.partners_with_due_boundaries(at=clock.now()):
        try:
            jobs.configure_task(APPLY, queue="house", queueing_lock=f"statuses:{partner_id}").defer(
                partner_id=str(partner_id)
            )
        except AlreadyEnqueued:
            continue


@jobs.task(name=APPLY, queue="house")
def apply_statuses(partner_id: str) -> None:
    """Write the statuses that are due."""
    partner = uuid.UUID(partner_id)
    with scope.scope(partner_id=partner):
        statuses.apply_due(by=system_actor(partner_id=partner), at=clock.now())


@jobs.periodic(cron="*/1 * * * *")
@jobs.task(name="customers.follow_all", queue="house")
def follow_all(timestamp: int) -> None:  # noqa: ARG001 - Procrastinate passes it
    """Defer one job a partner that follows consents and vettings."""
    for partner_id in accounts.partner_ids():
        try:
            jobs.configure_task(FOLLOW, queue="microsoft", queueing_lock=f"follow:{partner_id}").defer(
                partner_id=str(partner_id)
            )
        except AlreadyEnqueued:
            continue


@jobs.task(name=FOLLOW, queue="microsoft")
def follow_accounts(partner_id: str) -> None:
    """Ask for every account that waits for its customer or for Microsoft's vetting."""
    partner = uuid.UUID(partner_id)
    with scope.scope(partner_id=partner):
        for account_id in provisioning.accounts_waiting_for_consent():
            csp_accounts.defer_follow_up(partner_id=partner, account_id=account_id)
        provisioning.follow_vettings(partner_id=partner)


@jobs.task(name=customer_types.SORT_CUSTOMERS, queue="house")
def sort_by_type(partner_id: str, type_id: str) -> None:
    """Give the many customers of a renamed type its new name to sort by."""
    partner = uuid.UUID(partner_id)
    with scope.scope(partner_id=partner):
        while customer_types.sort_customers(
            partner_id=partner, type_id=uuid.UUID(type_id), most=customer_types.RENAMED_IN_JOB
        ):
            pass
