"""Microsoft says no: the reason comes back to its field, Retry goes on where it stopped, and nothing is made twice."""

import threading
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from django.db import connections
from tests import factories
from tests.customers import at_microsoft
from tests.customers.at_microsoft import Microsoft, RunJobs

from msphub.accounts import microsoft_connection
from msphub.accounts.models import MicrosoftConnection
from msphub.customers import csp_accounts, events, inputs
from msphub.customers.choices import AccountState, Step, StepState, WriteState
from msphub.customers.models import CspAccount
from msphub.kit import scope
from msphub.kit.addresses import Address
from msphub.kit.errors import Forbidden, Refused
from partner_center_emulator.testing import Running


@pytest.fixture
def microsoft(emulator: Running, transactional_db: None) -> Microsoft:
    return at_microsoft.prepared(emulator)


@pytest.fixture
def world(microsoft: Microsoft) -> factories.PartnerWorld:
    return at_microsoft.connected_partner(microsoft)


def _retry(world: factories.PartnerWorld, account: CspAccount, new: inputs.NewAccount | None = None) -> None:
    scope.enter(partner_id=world.id)
    csp_accounts.retry_account(by=world.actor, account_id=account.id, at=factories.NOW, new=new)


def _assert_failed(account: CspAccount, *, step: Step, code: str, says: str, field: str) -> CspAccount:
    account = at_microsoft.again(account)
    assert account.state == at_microsoft.grid_state(account) == AccountState.FAILED
    assert (account.failure_code, account.failure_field) == (code, field)
    assert says in account.failure_message
    row = at_microsoft.steps(account)[step]
    assert (row.state, row.message, row.next_try_at) == (StepState.FAILED, account.failure_message, None)
    entry = at_microsoft.happened(account, events.ACCOUNT_FAILED)[-1]
    assert entry.details == {"Reason": account.failure_message, "Code": code}
    return account


def _forget_ids(microsoft: Microsoft) -> None:
    """Let Microsoft forget which writes it has answered: for how long it remembers is not documented."""
    microsoft.server.emulator.state._database.execute("DELETE FROM replays")


# The details of the tenant


def test_domain_taken_between_check_and_creation_comes_back_to_its_field_and_another_one_goes_on(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    new = factories.new_account()
    assert csp_accounts.domain_is_free(by=world.actor, domain=new.domain)
    account = at_microsoft.make_account(world, new)
    microsoft.take_domain(new.domain)
    run_jobs()
    account = _assert_failed(account, step=Step.TENANT, code="3000", says="already used", field="domain")
    assert account.microsoft_tenant_id is None
    (refused,) = microsoft.ids(path=at_microsoft.CREATE)
    assert at_microsoft.writes(account, Step.TENANT) == [(refused, WriteState.REFUSED)]

    other = replace(new, domain_prefix=factories.unique("wingtip"))
    _retry(world, account, other)
    retried = at_microsoft.again(account)
    assert (retried.state, retried.domain, retried.failure_code) == (AccountState.CREATING, other.domain, "")
    assert at_microsoft.grid_state(account) == AccountState.CREATING
    assert at_microsoft.steps(account)[Step.TENANT].state == StepState.WAITING
    run_jobs()
    at_microsoft.assert_linked_once(microsoft, account)
    assert len(set(microsoft.ids(path=at_microsoft.CREATE))) == 2
    (entry,) = at_microsoft.happened(account, events.ACCOUNT_RETRIED)
    assert entry.actor_name == "Olivia Hart"


_POLISH = {"country": "PL", "postal_code": "00-950", "state": ""}
_NUMBER = "organizationRegistrationNumber"
WRONG_DETAILS: list[tuple[dict[str, str], str, str, str]] = [
    ({**_POLISH, "registration_number": ""}, "600049", "required", _NUMBER),
    ({**_POLISH, "registration_number": "x"}, "600050", "regular expression", _NUMBER),
    ({**_POLISH, "phone": ""}, "600051", "phone", "phoneNumber"),
    (
        {"country": "DE", "postal_code": "80807", "state": "", "registration_number": "HRB 1"},
        "600002",
        "must not be specified",
        _NUMBER,
    ),
    ({"phone": "12"}, "3000", "phone number", "phoneNumber"),
    ({"state": "XX"}, "3000", "state", "state"),
    ({"postal_code": "9805"}, "3000", "postal code", "postalCode"),
    ({"email": "gena@microsoft.com"}, "3000", "must belong to the customer", "email"),
    ({"company_name": "X"}, "3000", "company name", "companyName"),
]


def test_refused_details_come_back_to_their_fields_and_go_on_corrected(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    customer = factories.make_customer(world)
    made = []
    for wrong, *_ in WRONG_DETAILS:
        new = factories.new_account()
        account = csp_accounts.add_account(by=world.actor, customer_id=customer.id, account=new, at=factories.NOW)
        # Our own check would have refused these: Microsoft's rules can change before ours do.
        CspAccount.objects.filter(id=account.id).update(details={**account.details, **wrong})
        made.append((account, new))
    run_jobs()
    for (account, new), (_, code, says, field) in zip(made, WRONG_DETAILS, strict=True):
        _assert_failed(account, step=Step.TENANT, code=code, says=says, field=field)
        assert microsoft.tenants_of(account.domain) == []
        _retry(world, account, new)
    run_jobs()
    for account, _ in made:
        at_microsoft.assert_linked_once(microsoft, account)


def test_corrected_details_pass_the_same_check_as_new_ones(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    new = factories.new_account()
    account = at_microsoft.make_account(world, new)
    microsoft.take_domain(new.domain)
    run_jobs()
    with pytest.raises(Refused) as refusal:
        _retry(world, account, replace(new, domain_prefix="not a domain", phone="12"))
    assert set(refusal.value.fields) == {"new_domain", "new_phone"}
    assert at_microsoft.again(account).state == AccountState.FAILED
    assert at_microsoft.happened(account, events.ACCOUNT_RETRIED) == []


def test_country_that_the_partner_may_not_sell_in_fails_with_microsofts_code(
    microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    world = at_microsoft.connected_partner(microsoft, known=3)
    address = Address(country="DE", line1="Hauptstraße 5", city="München", state="", postal_code="80807")
    account = at_microsoft.make_account(world, factories.new_account(address=address, phone="+498931760"))
    run_jobs()
    _assert_failed(account, step=Step.TENANT, code="2030", says="not onboarded", field="")


# What comes after the tenant


@pytest.mark.parametrize("qualification", ["education", "nonprofit"])
def test_refused_qualification_is_tried_again_without_a_second_tenant(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs, qualification: str
) -> None:
    new = factories.new_account(qualification=qualification, segment="K12", website="wingtip.example")
    account = at_microsoft.make_account(world, new)
    body = {"code": 3000, "description": "The website could not be verified.", "data": ["website"]}
    microsoft.order(mode="status", method="*", path="/qualifications?", status=400, body=body)
    run_jobs()
    account = _assert_failed(account, step=Step.QUALIFICATION, code="3000", says="verified", field="website")
    made = account.microsoft_tenant_id
    assert at_microsoft.steps(account)[Step.TENANT].state == StepState.DONE

    # Details of a tenant that exists can't be corrected any more; the rest goes on.
    _retry(world, account, replace(new, domain_prefix=factories.unique("other")))
    run_jobs()
    account = at_microsoft.assert_linked_once(microsoft, account)
    assert (account.microsoft_tenant_id, account.domain) == (made, new.domain)
    assert len(microsoft.asked(path=at_microsoft.CREATE)) == 1
    assert len(microsoft.qualifications(account)) == 1
    states = [state for _, state in at_microsoft.writes(account, Step.QUALIFICATION)]
    assert states == [WriteState.REFUSED, WriteState.ACCEPTED]


def test_refused_website_is_corrected_and_the_tenant_stays(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    new = factories.new_account(qualification="education", segment="K12", website="wingtip.example")
    account = at_microsoft.make_account(world, new)
    body = {"code": 3000, "description": "The website could not be verified.", "data": ["website"]}
    microsoft.order(mode="status", method="*", path="/qualifications?", status=400, body=body)
    correct = partial(csp_accounts.correct_qualification, by=world.actor, account_id=account.id, at=factories.NOW)
    with pytest.raises(Refused, match="has not failed"):
        correct(segment="HigherEducation", website="school.example")
    run_jobs()
    account = _assert_failed(account, step=Step.QUALIFICATION, code="3000", says="verified", field="website")
    with pytest.raises(Refused) as refused:
        correct(segment="nonsense", website="not a website")
    assert set(refused.value.fields) == {"new_segment", "new_website"}
    assert at_microsoft.again(account).details["website"] == "wingtip.example"

    correct(segment="HigherEducation", website="school.example")
    with pytest.raises(Refused, match="has not failed"):  # clicked twice
        correct(segment="HigherEducation", website="school.example")
    run_jobs()
    account = at_microsoft.assert_linked_once(microsoft, account)
    (asked,) = microsoft.qualifications(account)
    assert (asked.segment, asked.website) == ("HigherEducation", "school.example")
    assert len(microsoft.asked(path=at_microsoft.CREATE)) == 1
    (entry,) = at_microsoft.happened(account, events.ACCOUNT_RETRIED)
    assert entry.changes["Website"] == ["wingtip.example", "school.example"]


def test_refused_agreement_is_corrected_and_confirmed_once(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    account = at_microsoft.make_account(world, factories.new_account(agreement=factories.agreement()))
    body = {"code": 3000, "message": "The email is invalid.", "data": ["primaryContact.email"]}
    microsoft.order(mode="status", path=at_microsoft.AGREE, status=400, body=body)
    run_jobs()
    account = _assert_failed(account, step=Step.AGREEMENT, code="3000", says="email", field="email")
    again = replace(factories.agreement(), email="other@wingtip.example")
    record = partial(
        csp_accounts.record_agreement, by=world.actor, account_id=account.id, agreement=again, at=factories.NOW
    )
    record()
    with pytest.raises(Refused, match="recorded already"):  # clicked twice
        record()
    run_jobs()
    account = at_microsoft.assert_linked_once(microsoft, account)
    (confirmed,) = microsoft.agreements(account)
    assert confirmed["primaryContact"]["email"] == "other@wingtip.example"
    assert len(microsoft.asked(path=at_microsoft.CREATE)) == 1


def test_refused_agreement_is_tried_again_alone(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    account = at_microsoft.make_account(world, factories.new_account(agreement=factories.agreement()))
    body = {"code": 3000, "message": "The template is retired.", "errorName": "InvalidTemplateId"}
    microsoft.order(mode="status", path=at_microsoft.AGREE, status=400, body=body)
    run_jobs()
    account = _assert_failed(account, step=Step.AGREEMENT, code="3000", says="retired", field="")
    _retry(world, account)
    run_jobs()
    account = at_microsoft.assert_linked_once(microsoft, account)
    assert len(microsoft.agreements(account)) == 1
    assert len(microsoft.asked(path=at_microsoft.CREATE)) == 1


# Is it ours?


def test_domain_taken_by_ourselves_after_a_lost_answer_is_adopted(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    account = at_microsoft.make_account(world, factories.new_account())
    microsoft.order(mode="reset_after", path=at_microsoft.CREATE)
    run_jobs()
    _forget_ids(microsoft)
    at_microsoft.run_until_quiet(run_jobs)
    account = at_microsoft.assert_linked_once(microsoft, account)
    assert microsoft.asked(path=at_microsoft.CREATE)[-1]["status"] == 400
    with pytest.raises(Refused) as refusal:  # Microsoft told the password in the answer that got lost
        csp_accounts.take_first_password(by=world.actor, account_id=account.id, at=factories.NOW)
    assert refusal.value.code == "no_password"


def test_domain_taken_by_somebody_else_after_a_lost_answer_is_refused(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    account = at_microsoft.make_account(world, factories.new_account())
    microsoft.order(mode="status", path=at_microsoft.CREATE, status=500)
    run_jobs()
    microsoft.take_domain(account.domain)
    at_microsoft.run_until_quiet(run_jobs)
    account = _assert_failed(account, step=Step.TENANT, code="3000", says="already used", field="domain")
    assert account.microsoft_tenant_id is None
    assert [state for _, state in at_microsoft.writes(account, Step.TENANT)] == [WriteState.REFUSED]


def test_domain_of_another_of_the_partners_customers_is_not_adopted(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    account = at_microsoft.make_account(world, factories.new_account())
    microsoft.order(mode="status", path=at_microsoft.CREATE, status=500)
    run_jobs()
    microsoft.take_domain(account.domain)  # by "Somebody Else", whom the partner serves as well
    microsoft.control("accept", partner=microsoft.server.partners[0].tenant_id, domain=account.domain)
    at_microsoft.run_until_quiet(run_jobs)
    _assert_failed(account, step=Step.TENANT, code="3000", says="already used", field="domain")


def test_tenant_of_another_account_is_not_adopted(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    new = factories.new_account()
    first = at_microsoft.make_account(world, new)
    run_jobs()
    first = at_microsoft.again(first)
    second = at_microsoft.make_account(world, factories.new_account())
    CspAccount.objects.filter(id=second.id).update(domain=first.domain)
    microsoft.order(mode="status", path=at_microsoft.CREATE, status=500)
    at_microsoft.run_until_quiet(run_jobs)
    second = _assert_failed(second, step=Step.TENANT, code="3000", says="already used", field="domain")
    assert second.microsoft_tenant_id is None
    assert microsoft.tenants_of(first.domain) == [str(first.microsoft_tenant_id)]


def test_tenant_made_before_its_details_were_corrected_keeps_its_domain(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    new = factories.new_account()
    account = at_microsoft.make_account(world, new)
    microsoft.order(mode="reset_after", path=at_microsoft.CREATE)
    run_jobs()
    microsoft.order(mode="status", path=at_microsoft.CREATE, status=403)
    at_microsoft.bring_forward()
    run_jobs()
    assert at_microsoft.again(account).state == AccountState.FAILED
    _retry(world, account, replace(new, domain_prefix=factories.unique("late")))
    run_jobs()
    account = at_microsoft.assert_linked_once(microsoft, account)
    assert account.domain == new.domain
    shown = csp_accounts.take_first_password(by=world.actor, account_id=account.id, at=factories.NOW)
    assert shown["user_name"] == f"admin@{new.domain}"


# Retry


def test_retry_of_an_account_that_has_not_failed_is_refused(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    account = at_microsoft.make_account(world, factories.new_account())
    for _ in range(2):
        with pytest.raises(Refused) as refusal:
            _retry(world, account)
        assert refusal.value.code == "not_failed"
        run_jobs()
    assert at_microsoft.happened(account, events.ACCOUNT_RETRIED) == []
    at_microsoft.assert_linked_once(microsoft, account)


def test_retry_needs_the_permission(world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs) -> None:
    account = at_microsoft.make_account(world, factories.new_account())
    microsoft.take_domain(account.domain)
    run_jobs()
    reader = factories.actor_of(factories.add_colleague(world))
    with pytest.raises(Forbidden):
        csp_accounts.retry_account(by=reader, account_id=account.id, at=factories.NOW)
    assert at_microsoft.again(account).state == AccountState.FAILED


def test_two_retries_at_once_make_one(world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs) -> None:
    new = factories.new_account()
    account = at_microsoft.make_account(world, new)
    microsoft.take_domain(new.domain)
    run_jobs()
    corrected = replace(new, domain_prefix=factories.unique("wingtip"))
    outcomes: list[str] = []
    together = threading.Barrier(2)

    def retry() -> None:
        try:
            together.wait()
            _retry(world, account, corrected)
            outcomes.append("accepted")
        except Refused as refusal:
            outcomes.append(refusal.code)
        finally:
            connections.close_all()

    clicks = [threading.Thread(target=retry) for _ in range(2)]
    for click in clicks:
        click.start()
    for click in clicks:
        click.join()
    assert sorted(outcomes) == ["accepted", "not_failed"]
    assert at_microsoft.waiting_job(account)
    run_jobs()
    account = at_microsoft.assert_linked_once(microsoft, account)
    assert len(at_microsoft.happened(account, events.ACCOUNT_RETRIED)) == 1
    assert [entry["status"] for entry in microsoft.asked(path=at_microsoft.CREATE)] == [400, 201]


# The connection


def _change_connection(world: factories.PartnerWorld, microsoft: Microsoft, **secrets: str) -> None:
    scope.enter(partner_id=world.id)
    row = MicrosoftConnection.objects.get(partner_id=world.id)
    microsoft_connection.save_connection(
        by=world.actor,
        connection=microsoft_connection.ConnectionInput(
            partner_center_url=row.partner_center_url,
            graph_url=row.graph_url,
            login_url=row.login_url,
            microsoft_tenant_id=row.microsoft_tenant_id,
            client_id=row.client_id,
            **secrets,
        ),
        at=factories.NOW,
    )


def test_wrong_secret_is_shown_and_retry_works_once_it_is_right(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    _change_connection(world, microsoft, client_secret="wrong")
    account = at_microsoft.make_account(world, factories.new_account())
    run_jobs()
    account = _assert_failed(account, step=Step.TENANT, code="7000215", says="client secret", field="")
    assert microsoft.asked(path=at_microsoft.CREATE) == []
    _change_connection(world, microsoft, client_secret=microsoft.server.partners[0].client_secret)
    _retry(world, account)
    run_jobs()
    at_microsoft.assert_linked_once(microsoft, account)


@pytest.mark.parametrize("why", ["revoked", "expired"])
def test_dead_refresh_token_is_shown_and_retry_works_after_a_new_sign_in(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs, why: str
) -> None:
    partner = microsoft.server.partners[0].tenant_id
    account = at_microsoft.make_account(world, factories.new_account(agreement=factories.agreement()))
    _change_connection(world, microsoft, refresh_token=microsoft.control("sign-in", partner=partner)["refresh_token"])
    if why == "revoked":
        microsoft.control("revoke", partner=partner)
    else:
        microsoft.control("settings", refresh_token_days=90)
        microsoft.control("clock", advance="P91D")
    run_jobs()
    account = at_microsoft.again(account)
    assert account.state == AccountState.FAILED
    assert "Connect to Microsoft again" in account.failure_message
    assert at_microsoft.steps(account)[Step.TENANT].state == StepState.DONE  # made by the application's own token
    assert at_microsoft.steps(account)[Step.AGREEMENT].state == StepState.FAILED

    _change_connection(world, microsoft, refresh_token=microsoft.control("sign-in", partner=partner)["refresh_token"])
    _retry(world, account)
    run_jobs()
    account = at_microsoft.assert_linked_once(microsoft, account)
    assert len(microsoft.agreements(account)) == 1
    assert len(microsoft.asked(path=at_microsoft.CREATE)) == 1


def test_missing_connection_is_shown_and_retry_works_once_there_is_one(microsoft: Microsoft, run_jobs: RunJobs) -> None:
    world = factories.make_partner()
    account = at_microsoft.make_account(world, factories.new_account())
    run_jobs()
    account = at_microsoft.again(account)
    assert (account.state, account.failure_code) == (AccountState.FAILED, "microsoft_not_connected")
    factories.connect_to_microsoft(world, url=microsoft.server.url, known=microsoft.server.partners[0])
    _retry(world, account)
    run_jobs()
    at_microsoft.assert_linked_once(microsoft, account)


def test_secrets_of_the_connection_stand_in_no_failure(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs, capsys: pytest.CaptureFixture[str]
) -> None:
    _change_connection(world, microsoft, client_secret="very-wrong-secret")
    account = at_microsoft.make_account(world, factories.new_account())
    run_jobs()
    account = at_microsoft.again(account)
    shown: list[Any] = [account.failure_message, capsys.readouterr()]
    shown += [(entry.details, entry.changes) for entry in at_microsoft.happened(account, events.ACCOUNT_FAILED)]
    assert "very-wrong-secret" not in str(shown)
