"""Jobs about customers. Each enters its partner's scope; periodic ones fan out, one job a partner."""

import uuid

from procrastinate import BaseRetryStrategy, RetryDecision
from procrastinate.contrib.django import app as jobs
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.jobs import Job

from msphub.accounts import queries as accounts
from msphub.customers import csp_accounts, provisioning
from msphub.kit import scope

FOLLOW = "customers.follow_accounts"


class UntilAnswered(BaseRetryStrategy):
    """Try again for as long as Microsoft gives no answer; anything else is a defect and is tried three times."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """Return when the job comes back, or None when it has failed for good."""
        if isinstance(exception, provisioning.TryLater):
            return RetryDecision(retry_in={"seconds": max(1, round(exception.seconds))})
        return RetryDecision(retry_in={"seconds": 30}) if job.attempts < 3 else None


@jobs.task(name=csp_accounts.PROVISION, queue="microsoft", retry=UntilAnswered())
def provision_account(partner_id: str, account_id: str) -> None:
    """Do the work at Microsoft for one CSP account."""
    with scope.scope(partner_id=uuid.UUID(partner_id)):
        provisioning.work_on_account(partner_id=uuid.UUID(partner_id), account_id=uuid.UUID(account_id))


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
        for account_id in provisioning.accounts_in_vetting():
            provisioning.follow_vetting(partner_id=partner, account_id=account_id)
