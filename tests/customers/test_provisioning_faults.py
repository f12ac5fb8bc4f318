"""Trouble on the way of each write at Microsoft: one effect, nothing lost, and the reason is shown meanwhile."""

import datetime
from dataclasses import dataclass

import pytest
from pytest_django.fixtures import Settings
from tests import factories
from tests.customers import at_microsoft
from tests.customers.at_microsoft import Microsoft, RunJobs

from msphub.accounts.models import User
from msphub.customers import csp_accounts, provisioning
from msphub.customers.choices import AccountState, Step, StepState, WriteState
from msphub.customers.models import CspAccount, CspAccountStep
from partner_center_emulator.testing import Running


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of write: the step that makes it, its address, and what an account needs for it."""

    step: Step
    path: str
    method: str = "POST"
    qualification: str = "commercial"


KINDS = {
    "tenant": Kind(step=Step.TENANT, path=at_microsoft.CREATE),
    "education": Kind(step=Step.QUALIFICATION, path=at_microsoft.QUALIFY, qualification="education"),
    "nonprofit": Kind(
        step=Step.QUALIFICATION, path=at_microsoft.SET_QUALIFICATION, method="PUT", qualification="nonprofit"
    ),
    "agreement": Kind(step=Step.AGREEMENT, path=at_microsoft.AGREE),
}


@pytest.fixture
def microsoft(emulator: Running, transactional_db: None) -> Microsoft:
    return at_microsoft.prepared(emulator)


@pytest.fixture
def world(microsoft: Microsoft) -> factories.PartnerWorld:
    return at_microsoft.connected_partner(microsoft)


@pytest.fixture(params=list(KINDS))
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


def _account(world: factories.PartnerWorld, kind: Kind) -> CspAccount:
    education = kind.qualification == "education"
    return at_microsoft.make_account(
        world,
        factories.new_account(
            qualification=kind.qualification,
            segment="K12" if education else "",
            website="wingtip.example" if education else "",
            agreement=factories.agreement(),
        ),
    )


def _assert_everything_once(microsoft: Microsoft, account: CspAccount, kind: Kind) -> None:
    account = at_microsoft.assert_linked_once(microsoft, account)
    assert len(microsoft.qualifications(account)) == (kind.qualification != "commercial")
    assert len(microsoft.agreements(account)) == 1
    owner = factories.actor_of(User.objects.get(partner_id=account.partner_id, customer_id=None))
    shown = csp_accounts.take_first_password(by=owner, account_id=account.id, at=factories.NOW)
    assert shown["user_name"] == f"admin@{account.domain}"


def _assert_shown_meanwhile(account: CspAccount, kind: Kind, *, reason: str, seconds: float, attempt: int = 1) -> None:
    account = at_microsoft.again(account)
    assert account.state == at_microsoft.grid_state(account) == AccountState.CREATING
    step = at_microsoft.steps(account)[kind.step]
    assert (step.state, step.attempts) == (StepState.WAITING, attempt)
    assert reason in step.message
    job = at_microsoft.waiting_job(account)
    for moment in (step.next_try_at, job.scheduled_at):
        assert seconds - 5 < at_microsoft.seconds_until(moment) <= seconds + 1


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("timeout_before", "didn't answer in time"),
        ("timeout_after", "didn't answer in time"),
        ("reset_after", "connection to Microsoft broke"),
    ],
)
def test_lost_answer_is_asked_for_again_with_the_same_id(
    world: factories.PartnerWorld,
    microsoft: Microsoft,
    run_jobs: RunJobs,
    settings: Settings,
    kind: Kind,
    mode: str,
    reason: str,
) -> None:
    settings.MICROSOFT_TIMEOUT_SECONDS = 0.7 if mode.startswith("timeout") else 30
    account = _account(world, kind)
    microsoft.order(mode=mode, method=kind.method, path=kind.path)
    run_jobs()
    settings.MICROSOFT_TIMEOUT_SECONDS = 30

    _assert_shown_meanwhile(account, kind, reason=reason, seconds=2)
    (lost,) = microsoft.ids(path=kind.path, method=kind.method)
    assert at_microsoft.writes(account, kind.step) == [(lost, WriteState.UNKNOWN)]

    at_microsoft.run_until_quiet(run_jobs)
    _assert_everything_once(microsoft, account, kind)
    assert at_microsoft.writes(account, kind.step) == [(lost, WriteState.ACCEPTED)]
    asked = microsoft.ids(path=kind.path, method=kind.method)
    # The same id again; where a look tells that the write had its effect, it isn't even repeated.
    looked_first = kind.step in {Step.QUALIFICATION, Step.AGREEMENT} and kind.method == "POST"
    assert asked == ([lost] if looked_first and mode != "timeout_before" else [lost, lost])


def test_server_errors_are_unknown_outcomes(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs, kind: Kind
) -> None:
    account = _account(world, kind)
    for attempt, status, retry_after, seconds in ((1, 500, None, 2), (2, 503, None, 4), (3, 503, 90, 90)):
        microsoft.order(mode="status", method=kind.method, path=kind.path, status=status, retry_after=retry_after)
        run_jobs()
        _assert_shown_meanwhile(account, kind, attempt=attempt, reason=f"HTTP {status}", seconds=seconds)
        first, *more = microsoft.ids(path=kind.path, method=kind.method)
        assert more == [first] * (attempt - 1)
        assert at_microsoft.writes(account, kind.step) == [(first, WriteState.UNKNOWN)]
        at_microsoft.bring_forward()
    at_microsoft.run_until_quiet(run_jobs)
    _assert_everything_once(microsoft, account, kind)
    assert microsoft.ids(path=kind.path, method=kind.method) == [first] * 4


def test_too_many_requests_are_repeated_with_a_new_id_no_sooner_than_microsoft_wants(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs, kind: Kind
) -> None:
    account = _account(world, kind)
    microsoft.order(mode="status", method=kind.method, path=kind.path, status=429, retry_after=400)
    run_jobs()
    _assert_shown_meanwhile(account, kind, reason="asked too often", seconds=400)
    (first,) = microsoft.ids(path=kind.path, method=kind.method)
    assert at_microsoft.writes(account, kind.step) == [(first, WriteState.REFUSED)]
    run_jobs()  # a worker that looks too early finds nothing to do
    assert microsoft.ids(path=kind.path, method=kind.method) == [first]

    at_microsoft.run_until_quiet(run_jobs)
    _assert_everything_once(microsoft, account, kind)
    _, second = microsoft.ids(path=kind.path, method=kind.method)
    assert second != first
    assert at_microsoft.writes(account, kind.step) == [(first, WriteState.REFUSED), (second, WriteState.ACCEPTED)]


def test_answers_at_the_door_after_a_lost_one_keep_the_id(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs, kind: Kind
) -> None:
    # The write's answer got lost, and its repeats are turned away. Nothing of the first may be taken for refused.
    account = _account(world, kind)
    had_effect = kind.step == Step.TENANT or kind.method == "PUT"  # the others look before they repeat
    lost_answer = {"mode": "reset_after"} if had_effect else {"mode": "status", "status": 500}
    microsoft.order(method=kind.method, path=kind.path, **lost_answer)
    run_jobs()
    (lost,) = microsoft.ids(path=kind.path, method=kind.method)
    asked = 1
    for turned_away in (429, 401, 403):
        # 401 comes twice, because the client renews its token once.
        times = 2 if turned_away == 401 else 1
        microsoft.order(mode="status", method=kind.method, path=kind.path, status=turned_away, count=times)
        at_microsoft.bring_forward()
        run_jobs()
        asked += times
        assert microsoft.ids(path=kind.path, method=kind.method) == [lost] * asked
        assert at_microsoft.writes(account, kind.step) == [(lost, WriteState.UNKNOWN)]
        if turned_away != 429:
            assert at_microsoft.again(account).state == AccountState.FAILED
            csp_accounts.retry_account(by=world.actor, account_id=account.id, at=factories.NOW)
    run_jobs()
    _assert_everything_once(microsoft, account, kind)
    assert at_microsoft.writes(account, kind.step) == [(lost, WriteState.ACCEPTED)]


def test_look_that_is_refused_after_a_lost_answer_keeps_the_id(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    kind = KINDS["education"]
    account = _account(world, kind)
    microsoft.order(mode="reset_after", path=kind.path)
    run_jobs()
    microsoft.order(mode="status", method="GET", path=kind.path, status=403)
    at_microsoft.bring_forward()
    run_jobs()
    account = at_microsoft.again(account)
    assert account.state == AccountState.FAILED
    csp_accounts.retry_account(by=world.actor, account_id=account.id, at=factories.NOW)
    at_microsoft.run_until_quiet(run_jobs)
    _assert_everything_once(microsoft, account, kind)
    assert len(microsoft.ids(path=kind.path)) == 1


def test_many_outages_one_after_the_other_end_linked(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    account = at_microsoft.make_account(world, factories.new_account(agreement=factories.agreement()))
    for fault in (
        {"mode": "status", "status": 503},
        {"mode": "reset_after"},
        {"mode": "status", "status": 429, "retry_after": 1},
        {"mode": "reset_after"},
        {"mode": "status", "status": 500},
    ):
        microsoft.order(path=at_microsoft.CREATE, **fault)
        run_jobs()
        assert at_microsoft.again(account).state == AccountState.CREATING
        at_microsoft.bring_forward()
    at_microsoft.run_until_quiet(run_jobs)
    account = at_microsoft.assert_linked_once(microsoft, account)
    assert at_microsoft.steps(account)[Step.TENANT].attempts == 6
    assert len(set(microsoft.ids(path=at_microsoft.CREATE))) == 1
    assert csp_accounts.take_first_password(by=world.actor, account_id=account.id, at=factories.NOW)


def test_wait_between_tries_grows_to_five_minutes(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    account = at_microsoft.make_account(world, factories.new_account())
    microsoft.order(mode="status", path=at_microsoft.CREATE, status=500, count=20)
    waits = []
    for attempt in range(6):
        if attempt == 4:  # hours later
            CspAccountStep.objects.filter(account=account).update(attempts=100)
        run_jobs()
        waits.append(round(at_microsoft.seconds_until(at_microsoft.waiting_job(account).scheduled_at)))
        at_microsoft.bring_forward()
    longest = provisioning.LONGEST_WAIT_SECONDS
    assert waits == pytest.approx([2, 4, 8, 16, longest, longest], abs=1)


def test_unreachable_microsoft_is_waited_for_without_a_second_write(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    account = at_microsoft.make_account(world, factories.new_account())
    # The sign-in service is away: nothing of this reaches Partner Center.
    microsoft.order(mode="status", path="/oauth2/v2.0/token", status=503, count=1, retry_after=120)
    run_jobs()
    assert at_microsoft.again(account).state == AccountState.CREATING
    assert "login" in at_microsoft.steps(account)[Step.TENANT].message
    assert at_microsoft.writes(account, Step.TENANT) == []
    at_microsoft.run_until_quiet(run_jobs)
    at_microsoft.assert_linked_once(microsoft, account)


def test_retry_after_that_counts_fractions_is_rounded_up(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = at_microsoft.make_account(world, factories.new_account())

    def later(**_: object) -> None:
        raise provisioning.TryLater(57.2)

    monkeypatch.setattr(provisioning, "work_on_account", later)
    before = datetime.datetime.now(datetime.UTC)
    run_jobs()
    assert at_microsoft.waiting_job(account).scheduled_at >= before + datetime.timedelta(seconds=58)


def test_failing_database_or_defect_never_ends_the_job(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = at_microsoft.make_account(world, factories.new_account())
    with monkeypatch.context() as broken:
        broken.setattr("msphub.kit.vault.encrypt_json", lambda _value: 1 / 0)
        for _ in range(4):
            run_jobs()
            job = at_microsoft.waiting_job(account)
            assert at_microsoft.seconds_until(job.scheduled_at) <= 900
            at_microsoft.bring_forward()
    step = at_microsoft.steps(account)[Step.TENANT]
    assert (step.state, step.message) == (
        StepState.WAITING,
        "Something went wrong here, not at Microsoft. It is tried again by itself.",
    )
    at_microsoft.run_until_quiet(run_jobs)
    account = at_microsoft.assert_linked_once(microsoft, account)
    assert len(set(microsoft.ids(path=at_microsoft.CREATE))) == 1
    assert csp_accounts.take_first_password(by=world.actor, account_id=account.id, at=factories.NOW)


def test_agreement_that_exists_already_counts_as_confirmed(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    account = _account(world, KINDS["agreement"])
    body = {
        "code": 600061,
        "message": "A partner confirmed agreement already exists for the customer.",
        "errorName": "PartnerConfirmedAgreementAlreadyExists",
    }
    microsoft.order(mode="status", path=at_microsoft.AGREE, status=400, body=body)
    run_jobs()
    at_microsoft.assert_linked_once(microsoft, account)


def test_missing_agreement_template_fails_visibly(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    account = _account(world, KINDS["agreement"])
    microsoft.order(mode="status", method="GET", path="/v1/agreements", status=200, body={"items": []})
    run_jobs()
    account = at_microsoft.again(account)
    assert account.state == AccountState.FAILED
    assert "lists no" in account.failure_message
    csp_accounts.retry_account(by=world.actor, account_id=account.id, at=factories.NOW)
    run_jobs()
    at_microsoft.assert_linked_once(microsoft, account)
