"""The work at Microsoft when nothing goes wrong: from a new account to Linked, and what is left of it here."""

import datetime
import threading
import time
import uuid
from typing import Any

import psycopg
import pytest
from django.db import connections, transaction
from tests import factories
from tests.customers import at_microsoft
from tests.customers.at_microsoft import Microsoft, RunJobs

from msphub.customers import csp_accounts, events, inputs, provisioning
from msphub.customers.choices import AccountState, Step, StepState, WriteState
from msphub.customers.models import Agreement, CspAccount
from msphub.kit import scope
from msphub.kit.actor import system_actor
from msphub.kit.addresses import Address
from msphub.kit.errors import Forbidden, Refused
from partner_center_emulator.testing import Running


@pytest.fixture
def microsoft(emulator: Running, transactional_db: None) -> Microsoft:
    return at_microsoft.prepared(emulator)


@pytest.fixture
def world(microsoft: Microsoft) -> factories.PartnerWorld:
    return at_microsoft.connected_partner(microsoft)


def test_new_commercial_account_becomes_a_linked_tenant(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    account = at_microsoft.make_account(world, factories.new_account(phone="(425) 555-0101"))
    assert account.state == at_microsoft.grid_state(account) == AccountState.CREATING
    assert microsoft.tenants_of(account.domain) == []

    run_jobs()

    account = at_microsoft.assert_linked_once(microsoft, account)
    (made,) = microsoft.asked(path=at_microsoft.CREATE)
    assert at_microsoft.writes(account, Step.TENANT) == [(made["MS-RequestId"], WriteState.ACCEPTED)]
    assert account.linked_at is not None
    assert (account.failure_code, account.failure_message, account.failure_field) == ("", "", "")

    (step,) = at_microsoft.steps(account).values()
    assert (step.step, step.state, step.attempts) == (Step.TENANT, StepState.DONE, 1)
    assert step.message == str(account.microsoft_tenant_id)
    assert step.started_at is not None
    assert step.finished_at is not None
    assert step.next_try_at is None

    tenant = microsoft.tenants()[str(account.microsoft_tenant_id)]
    assert (tenant.name, tenant.country, tenant.email) == ("Wingtip Toys", "US", "gena@wingtip.example")
    assert tenant.address["state"] == "WA"
    assert tenant.address["phoneNumber"] == "4255550101"  # stored here as E.164; Microsoft's regex wants ten digits


def test_linked_account_leaves_audit_entries_in_order(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    account = at_microsoft.make_account(world, factories.new_account())
    run_jobs()
    account = at_microsoft.again(account)
    (added,) = at_microsoft.happened(account, events.ACCOUNT_ADDED)
    assert (added.actor_name, added.details["Customer"]) == ("Olivia Hart", "Wingtip Toys")
    (linked,) = at_microsoft.happened(account, events.ACCOUNT_LINKED)
    assert (linked.actor_kind, linked.customer_id) == ("system", account.customer_id)
    assert linked.changes == {"Microsoft tenant": [None, str(account.microsoft_tenant_id)]}
    assert at_microsoft.happened(account, events.ACCOUNT_FAILED) == []


def test_first_password_is_stored_encrypted_shown_once_and_its_showing_is_logged(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    account = at_microsoft.make_account(world, factories.new_account())
    with pytest.raises(Refused):
        csp_accounts.take_first_password(by=world.actor, account_id=account.id, at=factories.NOW)
    run_jobs()
    account = at_microsoft.again(account)
    stored = CspAccount.objects.filter(id=account.id).values().get()

    shown = csp_accounts.take_first_password(by=world.actor, account_id=account.id, at=factories.NOW)

    assert shown["user_name"] == f"admin@{account.domain}"
    assert len(shown["password"]) == 12
    assert stored["first_credentials"]
    assert shown["password"] not in str(stored)
    with pytest.raises(Refused):  # it is shown once
        csp_accounts.take_first_password(by=world.actor, account_id=account.id, at=factories.NOW)
    (entry,) = at_microsoft.happened(account, events.ACCOUNT_PASSWORD_SHOWN)
    assert entry.actor_name == "Olivia Hart"
    assert shown["password"] not in f"{entry.changes}{entry.details}"


def test_first_password_is_refused_to_whoever_may_not_manage_accounts(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    account = at_microsoft.make_account(world, factories.new_account())
    run_jobs()
    admin = factories.actor_of(factories.admin_of(at_microsoft.customer_of(account)))
    colleague = factories.actor_of(factories.add_colleague(world))
    for stranger in (colleague, admin):
        with pytest.raises(Forbidden):
            csp_accounts.take_first_password(by=stranger, account_id=account.id, at=factories.NOW)
    assert at_microsoft.happened(account, events.ACCOUNT_PASSWORD_SHOWN) == []


def test_agreement_is_confirmed_with_what_was_recorded(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    account = at_microsoft.make_account(world, factories.new_account(agreement=factories.agreement()))
    assert list(at_microsoft.steps(account)) == [Step.TENANT, Step.AGREEMENT]
    run_jobs()
    account = at_microsoft.assert_linked_once(microsoft, account)
    (confirmed,) = microsoft.agreements(account)
    assert confirmed["primaryContact"] == {
        "firstName": "Gena",
        "lastName": "Soto",
        "email": "gena@wingtip.example",
        "phoneNumber": "4255550101",
    }
    assert confirmed["type"] == "MicrosoftCustomerAgreement"
    assert confirmed["dateAgreed"].startswith("2026-11-20T00:00:00")
    stored = Agreement.objects.get(account=account)
    assert stored.template_id == confirmed["templateId"]
    assert stored.confirmed_at is not None


def test_agreement_recorded_after_linking_is_confirmed_too(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    account = at_microsoft.make_account(world, factories.new_account())
    run_jobs()
    account = at_microsoft.assert_linked_once(microsoft, account)
    csp_accounts.record_agreement(
        by=world.actor, account_id=account.id, agreement=factories.agreement(), at=factories.NOW
    )
    assert microsoft.agreements(account) == []
    run_jobs()
    account = at_microsoft.assert_linked_once(microsoft, account)
    assert len(microsoft.agreements(account)) == 1
    with pytest.raises(Refused):
        csp_accounts.record_agreement(
            by=world.actor, account_id=account.id, agreement=factories.agreement(), at=factories.NOW
        )


def test_nonprofit_is_qualified_by_the_older_interface_at_once(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    account = at_microsoft.make_account(
        world, factories.new_account(qualification="nonprofit", agreement=factories.agreement())
    )
    assert list(at_microsoft.steps(account)) == [Step.TENANT, Step.QUALIFICATION, Step.AGREEMENT]
    run_jobs()
    account = at_microsoft.assert_linked_once(microsoft, account)
    assert [one.name for one in microsoft.qualifications(account)] == ["Nonprofit"]
    assert at_microsoft.steps(account)[Step.QUALIFICATION].message == "Accepted"
    assert account.vetting_status == ""
    assert len(microsoft.agreements(account)) == 1


def _education(**changes: object) -> inputs.NewAccount:
    return factories.new_account(
        qualification="education", segment="HigherEducation", website="www.wingtip.example", **changes
    )


def test_education_is_linked_while_in_review_and_approval_is_followed(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    account = at_microsoft.make_account(world, _education())
    run_jobs()
    account = at_microsoft.assert_linked_once(microsoft, account)
    assert account.vetting_status == "InReview"
    (asked,) = microsoft.qualifications(account)
    assert (asked.name, asked.segment, asked.website) == ("Education", "HigherEducation", "www.wingtip.example")
    assert at_microsoft.steps(account)[Step.QUALIFICATION].message == "In review at Microsoft"

    at_microsoft.follow(world, run_jobs)
    assert at_microsoft.again(account).vetting_status == "InReview"
    assert at_microsoft.happened(account, events.ACCOUNT_VETTED) == []

    microsoft.control("clock", advance="P3D")
    at_microsoft.follow(world, run_jobs)
    account = at_microsoft.again(account)
    assert account.vetting_status == "Approved"
    assert at_microsoft.steps(account)[Step.QUALIFICATION].message == "Approved"
    (vetted,) = at_microsoft.happened(account, events.ACCOUNT_VETTED)
    assert vetted.changes == {"Vetting": ["In review at Microsoft", "Approved"]}

    at_microsoft.follow(world, run_jobs)
    assert len(at_microsoft.happened(account, events.ACCOUNT_VETTED)) == 1


def test_denied_education_shows_microsofts_reason(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    account = at_microsoft.make_account(world, _education())
    run_jobs()
    microsoft.control("vetting", customer=account.domain, decision="Denied", reason="Not a school")
    at_microsoft.follow(world, run_jobs)
    account = at_microsoft.again(account)
    assert (account.state, account.vetting_status) == (AccountState.LINKED, "Denied")
    assert at_microsoft.steps(account)[Step.QUALIFICATION].message == "Denied: Not a school"


def test_one_account_that_cant_be_followed_keeps_no_other_back(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    accounts = [at_microsoft.make_account(world, _education()) for _ in range(3)]
    run_jobs()
    accounts = [at_microsoft.again(account) for account in accounts]
    for account in accounts:
        microsoft.control("vetting", customer=account.domain, decision="Approved")
    unlucky = accounts[1]
    microsoft.order(
        mode="status", method="GET", path=f"{unlucky.microsoft_tenant_id}/qualifications", status=403, count=9
    )
    at_microsoft.follow(world, run_jobs)
    found = {account.id: at_microsoft.again(account).vetting_status for account in accounts}
    assert found == {account.id: "InReview" if account.id == unlucky.id else "Approved" for account in accounts}


def test_german_customer_without_state_gets_its_phone_in_the_countrys_shape(
    microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    world = at_microsoft.connected_partner(microsoft, known=2, name="Nordwind", country="DE", currency="EUR")
    street = Address(country="DE", line1="Walter-Gropius-Straße 5", city="München", state="", postal_code="80807")
    company = factories.new_customer(world).company
    customer = factories.make_customer(
        world,
        name="Jürgen Müßig GmbH",
        company=inputs.Company(
            name="Jürgen Müßig GmbH",
            customer_type_id=company.customer_type_id,
            country="DE",
            partner_subscription_id=company.partner_subscription_id,
            address=street,
            billing_profile_name="Jürgen Müßig GmbH",
            bill_to="Jürgen Müßig GmbH",
            billing_address=street,
        ),
        account=factories.new_account(
            company_name="Jürgen Müßig GmbH", address=street, phone="089 31760", agreement=factories.agreement()
        ),
    )
    account = CspAccount.objects.get(customer_id=customer.id)
    assert account.details["phone"] == "+498931760"
    run_jobs()
    account = at_microsoft.assert_linked_once(microsoft, account)
    tenant = microsoft.tenants()[str(account.microsoft_tenant_id)]
    assert (tenant.name, tenant.country) == ("Jürgen Müßig GmbH", "DE")
    assert tenant.address.get("state", "") == ""
    assert tenant.address["phoneNumber"] == "8931760"
    made = microsoft.server.emulator.state.customer(
        partner_id=microsoft.server.partners[2].tenant_id, tenant_id=tenant.tenant_id
    )
    assert made is not None
    assert made.culture == "de-DE"


def test_work_on_an_account_that_is_done_asks_microsoft_nothing(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    account = at_microsoft.make_account(world, factories.new_account())
    run_jobs()
    account = at_microsoft.assert_linked_once(microsoft, account)
    microsoft.forget_requests()
    provisioning.work_on_account(partner_id=world.id, account_id=account.id)
    assert microsoft.server.emulator.requests.entries() == []
    at_microsoft.assert_linked_once(microsoft, account)


def test_second_account_of_a_customer_is_made_and_the_grid_shows_the_urgent_one(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    first = at_microsoft.make_account(world, factories.new_account())
    run_jobs()
    second = csp_accounts.add_account(
        by=world.actor, customer_id=first.customer_id, account=factories.new_account(), at=factories.NOW
    )
    assert at_microsoft.grid_state(first) == AccountState.CREATING
    run_jobs()
    for account in (first, second):
        at_microsoft.assert_linked_once(microsoft, account)


def test_two_accounts_that_change_at_once_leave_the_grid_right(
    world: factories.PartnerWorld, microsoft: Microsoft, application_connection: psycopg.Connection[Any]
) -> None:
    first = at_microsoft.make_account(world, factories.new_account())
    second = csp_accounts.add_account(
        by=world.actor, customer_id=first.customer_id, account=factories.new_account(), at=factories.NOW
    )

    def link(account: CspAccount) -> None:
        row = {"state": AccountState.LINKED, "microsoft_tenant_id": uuid.uuid4()}
        CspAccount.objects.filter(id=account.id).update(**row)
        csp_accounts.refresh_customer_state(by=world.actor, customer_id=first.customer_id)

    def link_second() -> None:
        try:
            scope.enter(partner_id=world.id)
            with transaction.atomic():
                link(second)
        finally:
            connections.close_all()

    other = threading.Thread(target=link_second)
    with transaction.atomic():
        link(first)
        other.start()
        ends = time.monotonic() + 10
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        while application_connection.execute(waiting).fetchone() != (1,) and time.monotonic() < ends:
            time.sleep(0.01)
    other.join()
    assert at_microsoft.grid_state(first) == AccountState.LINKED


def test_vetting_is_followed_by_the_system_at_the_given_hour(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    account = at_microsoft.make_account(world, _education())
    run_jobs()
    microsoft.control("vetting", customer=account.domain, decision="Approved")
    before = datetime.datetime.now(datetime.UTC)
    provisioning.follow_vetting(partner_id=world.id, account_id=account.id)
    (vetted,) = at_microsoft.happened(at_microsoft.again(account), events.ACCOUNT_VETTED)
    assert vetted.actor_kind == system_actor(partner_id=world.id).kind
    assert vetted.at >= before
