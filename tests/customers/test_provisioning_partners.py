"""Two partners side by side: each works in its own scope, with its own connection, on its own accounts."""

from collections.abc import Callable

import pytest
from procrastinate.contrib.django import app as jobs
from tests import factories
from tests.customers import at_microsoft
from tests.customers.at_microsoft import Microsoft, RunJobs

from msphub.accounts.models import MicrosoftConnection
from msphub.customers import csp_accounts, provisioning, queries
from msphub.customers.choices import AccountState
from msphub.customers.models import CspAccount, MicrosoftWrite
from msphub.kit import scope, vault
from msphub.kit.errors import NotFound
from msphub.notifications.models import Mail
from partner_center_emulator.testing import Running


@pytest.fixture
def microsoft(emulator: Running, transactional_db: None) -> Microsoft:
    return at_microsoft.prepared(emulator)


@pytest.fixture
def first(microsoft: Microsoft) -> factories.PartnerWorld:
    return at_microsoft.connected_partner(microsoft, known=0)


@pytest.fixture
def second(microsoft: Microsoft) -> factories.PartnerWorld:
    return at_microsoft.connected_partner(microsoft, known=1, name="Fabrikam")


def _stored_token(world: factories.PartnerWorld) -> str:
    scope.enter(partner_id=world.id)
    return vault.decrypt(MicrosoftConnection.objects.get(partner_id=world.id).refresh_token)


def test_accounts_of_two_partners_become_tenants_of_their_own_partner(
    first: factories.PartnerWorld, second: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    accounts = [
        at_microsoft.make_account(world, factories.new_account(agreement=factories.agreement()))
        for world in (first, second, first, second)
    ]
    run_jobs()
    for account, known in zip(accounts, (0, 1, 0, 1), strict=True):
        made = str(at_microsoft.assert_linked_once(microsoft, account).microsoft_tenant_id)
        partners = [partner.tenant_id for partner in microsoft.server.partners]
        holders = [one for one in partners if microsoft.server.emulator.state.customer(partner_id=one, tenant_id=made)]
        assert holders == [microsoft.server.partners[known].tenant_id]


def test_stranger_neither_sees_nor_touches_an_account(
    first: factories.PartnerWorld, second: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    account = at_microsoft.make_account(first, factories.new_account())
    microsoft.take_domain(account.domain)
    run_jobs()
    assert at_microsoft.again(account).state == AccountState.FAILED

    stranger, own = second.actor, {"account_id": account.id, "at": factories.NOW}
    attempts: list[Callable[[], object]] = [
        lambda: csp_accounts.retry_account(by=stranger, **own),
        lambda: csp_accounts.take_first_password(by=stranger, **own),
        lambda: csp_accounts.record_agreement(by=stranger, agreement=factories.agreement(), **own),
        lambda: queries.get_csp_account(by=stranger, account_id=account.id),
    ]
    for in_scope in (second, first):  # row-level security hides it; the query itself does not find it either
        scope.enter(partner_id=in_scope.id)
        for attempt in attempts:
            with pytest.raises(NotFound):
                attempt()
        assert not queries.csp_accounts(by=stranger, customer_id=account.customer_id).exists()
    assert at_microsoft.again(account).state == AccountState.FAILED


def test_job_with_anothers_account_does_nothing(
    first: factories.PartnerWorld, second: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    account = at_microsoft.make_account(first, factories.new_account())
    run_jobs()
    late = at_microsoft.make_account(first, factories.new_account())
    microsoft.forget_requests()
    for in_scope in (second, first):
        scope.enter(partner_id=in_scope.id)
        provisioning.work_on_account(partner_id=second.id, account_id=late.id)
    assert microsoft.server.emulator.requests.entries() == []
    run_jobs()
    at_microsoft.assert_linked_once(microsoft, late)
    at_microsoft.assert_linked_once(microsoft, account)


def test_jobs_leave_rows_and_mails_in_their_partners_scope(
    first: factories.PartnerWorld, second: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    at_microsoft.make_account(first, at_microsoft.existing_account(microsoft.free_tenant()))
    at_microsoft.make_account(second, factories.new_account())
    run_jobs()
    for world, mails, writes in ((first, 1, 0), (second, 0, 1)):
        scope.enter(partner_id=world.id)
        assert set(CspAccount.objects.values_list("partner_id", flat=True)) == {world.id}
        assert Mail.objects.filter(kind="consent").count() == mails
        assert MicrosoftWrite.objects.count() == writes
    scope.enter(partner_id=None)
    assert not CspAccount.objects.exists()


def test_periodic_job_follows_the_accounts_of_every_partner(
    first: factories.PartnerWorld, second: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    tenant = microsoft.free_tenant()
    accounts = [at_microsoft.make_account(world, at_microsoft.existing_account(tenant)) for world in (first, second)]
    run_jobs()
    for known in (0, 1):
        partner = microsoft.server.partners[known].tenant_id
        microsoft.control("accept", partner=partner, domain=tenant.default_domain)
    jobs.configure_task("customers.follow_all", queue="house").defer(timestamp=0)
    run_jobs()
    for account in accounts:  # one Microsoft tenant may be the customer of two partners
        at_microsoft.assert_linked_once(microsoft, account)


def test_refresh_token_that_microsoft_rolled_is_kept_for_its_partner_alone(
    first: factories.PartnerWorld, second: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    known = [partner.refresh_token for partner in microsoft.server.partners]
    at_microsoft.make_account(second, factories.new_account(agreement=factories.agreement()))
    run_jobs()
    rolled = _stored_token(second)
    assert rolled != known[1]
    assert _stored_token(first) == known[0]

    # The rolled token is the one that is used from now on, also by another process that starts afresh.
    at_microsoft.login.forget_all()
    account = at_microsoft.make_account(second, factories.new_account(agreement=factories.agreement()))
    run_jobs()
    at_microsoft.assert_linked_once(microsoft, account)
    assert _stored_token(first) == known[0]


def test_rolled_token_does_not_overwrite_a_connection_that_was_replaced_meanwhile(
    first: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    scope.enter(partner_id=first.id)
    with provisioning.microsoft_connection.client(partner_id=first.id) as client:
        new = microsoft.control("sign-in", partner=microsoft.server.partners[0].tenant_id)["refresh_token"]
        row = MicrosoftConnection.objects.get(partner_id=first.id)
        row.refresh_token, row.version = vault.encrypt(new), row.version + 1
        row.save()
        client.relationship_request_url()
    assert _stored_token(first) == new
