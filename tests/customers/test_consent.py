"""Linking an existing Microsoft tenant: the customer is asked by mail, accepts at Microsoft, and is linked."""

from typing import Any

import httpx
import pytest
from tests import factories
from tests.customers import at_microsoft
from tests.customers.at_microsoft import Microsoft, RunJobs

from msphub.audit.models import Entry
from msphub.customers import csp_accounts, events, provisioning
from msphub.customers.choices import AccountState, Step, StepState
from msphub.customers.models import CspAccount, MicrosoftWrite
from msphub.kit.errors import Refused
from msphub.notifications.models import Mail
from partner_center_emulator.testing import Running


@pytest.fixture
def microsoft(emulator: Running, transactional_db: None) -> Microsoft:
    return at_microsoft.prepared(emulator)


@pytest.fixture
def world(microsoft: Microsoft) -> factories.PartnerWorld:
    return at_microsoft.connected_partner(microsoft)


def _consent_mails(account: CspAccount) -> list[Mail]:
    return list(Mail.objects.filter(partner_id=account.partner_id, customer_id=account.customer_id, kind="consent"))


def test_customer_is_asked_by_mail_and_linked_once_it_has_accepted(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    tenant = microsoft.free_tenant()
    account = at_microsoft.make_account(world, at_microsoft.existing_account(tenant))
    assert account.state == AccountState.WAITING
    run_jobs()

    account = at_microsoft.again(account)
    assert (account.state, account.microsoft_tenant_id) == (AccountState.WAITING, None)
    assert at_microsoft.grid_state(account) == AccountState.WAITING
    step = at_microsoft.steps(account)[Step.CONSENT]
    assert (step.state, step.message) == (StepState.WAITING, "The customer accepts the invitation at Microsoft.")
    (mail,) = _consent_mails(account)
    assert (mail.recipient, mail.recipient_name) == ("gena@wingtip.example", "Gena Soto")
    assert mail.subject == "Cascade asks for access to your Microsoft account"
    assert account.relationship_url in mail.text
    assert account.relationship_url.replace("&", "&amp;") in mail.html
    assert mail.secret_link == ""

    # The link of the mail leads to Microsoft's page, where the customer's administrator accepts.
    httpx.post(account.relationship_url, data={"domain": tenant.default_domain}).raise_for_status()
    at_microsoft.follow(world, run_jobs)

    account = at_microsoft.assert_linked_once(microsoft, account)
    assert str(account.microsoft_tenant_id) == tenant.tenant_id
    assert len(_consent_mails(account)) == 1
    assert len(at_microsoft.happened(account, events.ACCOUNT_CONSENT_ASKED)) == 1
    assert not MicrosoftWrite.objects.exists()  # the customer did it; nothing was written by us


def test_waiting_customer_is_asked_for_every_minute_but_written_to_once(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    account = at_microsoft.make_account(world, at_microsoft.existing_account(microsoft.free_tenant()))
    run_jobs()
    for _ in range(3):
        at_microsoft.follow(world, run_jobs)
    account = at_microsoft.again(account)
    assert account.state == AccountState.WAITING
    assert len(_consent_mails(account)) == 1
    assert len(microsoft.asked(path="/relationshiprequests", method="GET")) == 1


def test_tenant_that_is_the_partners_customer_already_is_linked_at_once_without_mail(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    tenant = microsoft.customer_of(0)
    account = at_microsoft.make_account(world, at_microsoft.existing_account(tenant, agreement=factories.agreement()))
    run_jobs()
    account = at_microsoft.assert_linked_once(microsoft, account)
    assert str(account.microsoft_tenant_id) == tenant.tenant_id
    assert _consent_mails(account) == []
    assert at_microsoft.happened(account, events.ACCOUNT_CONSENT_ASKED) == []
    assert len(microsoft.agreements(account)) == 1


def test_customer_of_another_partner_is_asked_and_not_linked(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    state = microsoft.server.emulator.state
    own, other = (partner.tenant_id for partner in microsoft.server.partners[:2])
    theirs = next(
        customer
        for _, customer in state.customers(partner_id=other)
        if state.customer(partner_id=own, tenant_id=customer.tenant_id) is None
    )
    account = at_microsoft.make_account(world, at_microsoft.existing_account(microsoft.tenants()[theirs.tenant_id]))
    run_jobs()
    account = at_microsoft.again(account)
    assert (account.state, account.microsoft_tenant_id) == (AccountState.WAITING, None)
    assert len(_consent_mails(account)) == 1


def test_tenant_found_by_its_own_domain_is_linked_by_its_id(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    tenant = microsoft.free_tenant()
    account = at_microsoft.make_account(world, at_microsoft.existing_account(tenant, domain=tenant.vanity_domain))
    run_jobs()
    microsoft.control("accept", partner=microsoft.server.partners[0].tenant_id, domain=tenant.vanity_domain)
    at_microsoft.follow(world, run_jobs)
    account = at_microsoft.again(account)
    assert (account.state, str(account.microsoft_tenant_id)) == (AccountState.LINKED, tenant.tenant_id)


def test_agreement_waits_until_the_customer_has_consented(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    tenant = microsoft.free_tenant()
    account = at_microsoft.make_account(world, at_microsoft.existing_account(tenant, agreement=factories.agreement()))
    run_jobs()
    assert microsoft.asked(path=at_microsoft.AGREE) == []
    assert at_microsoft.steps(account)[Step.AGREEMENT].state == StepState.WAITING
    microsoft.control("accept", partner=microsoft.server.partners[0].tenant_id, domain=tenant.default_domain)
    at_microsoft.follow(world, run_jobs)
    account = at_microsoft.assert_linked_once(microsoft, account)
    assert len(microsoft.agreements(account)) == 1


def test_outage_while_asking_is_shown_and_gone_from_the_page_once_microsoft_answers(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    account = at_microsoft.make_account(world, at_microsoft.existing_account(microsoft.free_tenant()))
    run_jobs()
    microsoft.order(mode="status", method="GET", path="/v1/customers/[0-9a-f-]+", status=503, retry_after=600)
    at_microsoft.follow(world, run_jobs)
    step = at_microsoft.steps(account)[Step.CONSENT]
    assert "out of order" in step.message
    assert 590 < at_microsoft.seconds_until(step.next_try_at) < 610
    assert at_microsoft.again(account).state == AccountState.WAITING

    at_microsoft.run_until_quiet(run_jobs)
    step = at_microsoft.steps(account)[Step.CONSENT]
    assert step.message == "The customer accepts the invitation at Microsoft."
    assert step.next_try_at is None
    assert len(_consent_mails(account)) == 1


def test_tenant_that_another_customer_got_first_fails_with_its_name(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    tenant = microsoft.free_tenant()
    first = at_microsoft.make_account(world, at_microsoft.existing_account(tenant))
    # Found by its other domain, so that nothing here tells before Microsoft does.
    late_customer = factories.make_customer(world, name="Late Ltd")
    late = csp_accounts.add_account(
        by=world.actor,
        customer_id=late_customer.id,
        account=at_microsoft.existing_account(tenant, domain=tenant.vanity_domain),
        at=factories.NOW,
    )
    run_jobs()
    microsoft.control("accept", partner=microsoft.server.partners[0].tenant_id, domain=tenant.default_domain)
    at_microsoft.follow(world, run_jobs)
    both = [at_microsoft.again(first), at_microsoft.again(late)]
    linked, failed = sorted(both, key=lambda one: one.state, reverse=True)
    assert (linked.state, failed.state) == (AccountState.LINKED, AccountState.FAILED)
    assert failed.microsoft_tenant_id is None
    assert failed.failure_code == "domain_linked"
    assert at_microsoft.customer_of(linked).name in failed.failure_message


def test_tenant_that_is_linked_at_the_very_moment_fails_with_the_others_name(
    world: factories.PartnerWorld, microsoft: Microsoft, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = microsoft.customer_of(0)
    first = at_microsoft.make_account(world, at_microsoft.existing_account(tenant))
    late = at_microsoft.make_account(world, at_microsoft.existing_account(tenant, domain="late.example"))
    is_customer = provisioning._is_customer

    def overtaken(*arguments: Any) -> bool:
        answer = is_customer(*arguments)
        monkeypatch.undo()
        provisioning.work_on_account(partner_id=world.id, account_id=first.id)
        return answer

    monkeypatch.setattr(provisioning, "_is_customer", overtaken)
    provisioning.work_on_account(partner_id=world.id, account_id=late.id)
    assert at_microsoft.again(first).state == AccountState.LINKED
    late = at_microsoft.again(late)
    assert (late.state, late.failure_code) == (AccountState.FAILED, "domain_linked")


def test_account_without_relationship_link_is_refused_visibly_and_goes_on_after_retry(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    account = at_microsoft.make_account(world, at_microsoft.existing_account(microsoft.free_tenant()))
    microsoft.order(mode="status", method="GET", path="/relationshiprequests", status=403)
    run_jobs()
    account = at_microsoft.again(account)
    assert account.state == at_microsoft.grid_state(account) == AccountState.FAILED
    assert _consent_mails(account) == []
    csp_accounts.retry_account(by=world.actor, account_id=account.id, at=factories.NOW)
    run_jobs()
    assert at_microsoft.again(account).state == AccountState.WAITING
    assert len(_consent_mails(account)) == 1


def test_retry_of_an_account_that_waits_is_refused(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    account = at_microsoft.make_account(world, at_microsoft.existing_account(microsoft.free_tenant()))
    run_jobs()
    entries = Entry.objects.count()
    with pytest.raises(Refused) as refusal:
        csp_accounts.retry_account(by=world.actor, account_id=account.id, at=factories.NOW)
    assert refusal.value.code == "not_failed"
    assert Entry.objects.count() == entries
    assert at_microsoft.again(account).state == AccountState.WAITING
