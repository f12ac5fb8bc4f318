"""From an event to its mail: exactly one, whatever happens between."""

import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, connections, transaction
from procrastinate.contrib.django.models import ProcrastinateJob
from tests import factories
from tests.lifecycle.mortality import Death, Mortality

from msphub.accounts import actions as accounts
from msphub.accounts.choices import Role, Status, UserStatus
from msphub.accounts.models import PasswordLink, User
from msphub.audit import actions as audit
from msphub.audit.actions import HANDLE_EVENT
from msphub.audit.models import Entry
from msphub.customers import events
from msphub.kit import scope
from msphub.kit.errors import NotFound
from msphub.notifications import actions, queries, tasks
from msphub.notifications.choices import MailState
from msphub.notifications.models import Mail

type RunJobs = Callable[[], None]


@pytest.fixture
def world(transactional_db: None) -> factories.PartnerWorld:
    return factories.make_partner()


def _invite(world: factories.PartnerWorld, **changes: Any) -> User:
    scope.enter(partner_id=world.id)
    given: dict[str, Any] = {
        "customer_id": None,
        "email": f"{factories.unique('new')}@cascade.example",
        "first_name": "Nia",
        "last_name": "New",
        "role": Role.SALES,
        "at": factories.NOW,
    }
    return accounts.add_user(by=world.actor, **(given | changes))


def _event_jobs() -> list[dict[str, Any]]:
    found = ProcrastinateJob.objects.filter(task_name=HANDLE_EVENT).order_by("id")
    return [dict(job.args) for job in found]


def _mails(world: factories.PartnerWorld, **wanted: Any) -> list[Mail]:
    scope.enter(partner_id=world.id)
    return list(Mail.objects.filter(partner_id=world.id, **wanted).order_by("created_at", "id"))


def test_invitation_sends_credentials_without_a_password(world: factories.PartnerWorld, run_jobs: RunJobs) -> None:
    user = _invite(world, contact_email="nia.inbox@cascade.example", display_name="Nia N.")
    assert _mails(world) == []  # written by a job, once the user is committed
    run_jobs()
    (mail,) = _mails(world)
    assert (mail.kind, mail.recipient, mail.recipient_name) == ("credentials", "nia.inbox@cascade.example", "Nia N.")
    assert mail.subject == "Your credentials"
    assert mail.created_at == factories.NOW
    assert (mail.state, mail.attempts) == (MailState.KEPT, 0)  # no mail server is configured
    for body in (mail.text, mail.html):
        assert user.email in body
        assert "Cascade" in body
        assert "http://localhost:8000/" in body
        assert "/welcome/" not in body  # the secret link is kept apart, encrypted
    assert "/welcome/" not in mail.secret_link


def test_event_that_is_rolled_back_sends_nothing(world: factories.PartnerWorld, run_jobs: RunJobs) -> None:
    before = _event_jobs()
    with transaction.atomic():
        _invite(world)
        assert len(_event_jobs()) == len(before) + 1
        transaction.set_rollback(True)
    assert _event_jobs() == before
    run_jobs()
    assert _mails(world) == []


def test_user_that_gets_its_link_by_hand_gets_no_mail(world: factories.PartnerWorld, run_jobs: RunJobs) -> None:
    _invite(world, send_link=False)
    run_jobs()
    assert _mails(world) == []


def test_user_that_has_chosen_a_password_before_the_job_ran_gets_no_credentials(
    world: factories.PartnerWorld, run_jobs: RunJobs
) -> None:
    factories.give_password(_invite(world))
    run_jobs()
    assert _mails(world) == []


def test_job_that_runs_twice_makes_one_mail_and_leaves_its_link_good(
    world: factories.PartnerWorld, run_jobs: RunJobs
) -> None:
    user = _invite(world)
    run_jobs()
    job = _event_jobs()[-1]
    tasks.handle_event(**job)
    (mail,) = _mails(world)
    link = PasswordLink.objects.get(login_id=user.login_id)
    assert link.replaced_at is None
    assert accounts.find_password_link(secret=_secret(mail), at=factories.NOW) == link


def test_two_jobs_of_one_event_at_once_make_one_mail(
    world: factories.PartnerWorld, run_jobs: RunJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = _invite(world)
    job = _event_jobs()[-1]
    bodies = actions.rendering.bodies

    def handle() -> None:
        try:
            tasks.handle_event(**job)
        finally:
            connections.close_all()

    def overtaken(**arguments: Any) -> tuple[str, str]:
        # Between the look for an earlier mail and the writing of this one, the other worker does it all.
        monkeypatch.undo()
        other = threading.Thread(target=handle)
        other.start()
        other.join()
        return bodies(**arguments)

    monkeypatch.setattr(actions.rendering, "bodies", overtaken)
    run_jobs()  # its job finds the mail written and comes back later
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET scheduled_at = now() WHERE status = 'todo'")
    run_jobs()
    (mail,) = _mails(world)
    good = PasswordLink.objects.filter(login_id=user.login_id, replaced_at=None)
    assert accounts.find_password_link(secret=_secret(mail), at=factories.NOW) == good.get()
    assert {job.status for job in ProcrastinateJob.objects.filter(task_name=HANDLE_EVENT)} == {"succeeded"}


def test_death_at_any_point_between_event_and_mail_makes_one_mail(
    world: factories.PartnerWorld, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.SMTP_URL = "smtp://127.0.0.1:1"
    point = 0
    while True:
        point += 1
        user = _invite(world)
        job = _event_jobs()[-1]
        mortality = Mortality(at=point)
        try:
            with mortality.around(monkeypatch):
                tasks.handle_event(**job)
        except Death:
            tasks.handle_event(**job)
        else:
            break
        (mail,) = _mails(world, recipient=user.email)
        assert mail.state == MailState.QUEUED
        assert PasswordLink.objects.filter(login_id=user.login_id, replaced_at=None).count() == 1, mortality.place
        assert ProcrastinateJob.objects.filter(task_name=actions.SEND, lock=f"mail:{mail.id}").count() == 1
    assert point > 3


def test_each_status_has_its_mail_to_the_primary_contact(world: factories.PartnerWorld, run_jobs: RunJobs) -> None:
    customer = factories.make_customer(world)
    run_jobs()
    for status in (Status.SUSPENDED, Status.DISABLED, Status.ACTIVE):
        factories.set_status(world, customer, status)
        run_jobs()
    mails = _mails(world, kind="status")
    assert [mail.subject for mail in mails] == [
        "Your account is suspended",
        "Your account is disabled",
        "Your account is active",
    ]
    assert {mail.recipient for mail in mails} == {"gena@wingtip.example"}
    assert all("Wingtip Toys" in mail.text and mail.secret_link == "" for mail in mails)


def test_mails_of_two_partners_stay_apart(world: factories.PartnerWorld, run_jobs: RunJobs) -> None:
    other = factories.make_partner(name="Fabrikam")
    first, second = _invite(world), _invite(other)
    run_jobs()
    assert [mail.recipient for mail in _mails(world)] == [first.email]
    (theirs,) = _mails(other)
    assert theirs.recipient == second.email
    assert "Fabrikam" in theirs.text
    for in_scope in (world, other):
        scope.enter(partner_id=in_scope.id)
        with pytest.raises(NotFound):
            queries.get_mail(by=world.actor, mail_id=theirs.id)
    own = _mails(world)
    assert list(queries.mails(by=world.actor)) == own


def test_event_of_another_partner_makes_no_mail(world: factories.PartnerWorld, run_jobs: RunJobs) -> None:
    other = factories.make_partner(name="Fabrikam")
    _invite(other)
    job = _event_jobs()[-1]
    with pytest.raises(Entry.DoesNotExist):
        tasks.handle_event(**{**job, "partner_id": str(world.id)})
    run_jobs()
    assert _mails(world) == []
    assert len(_mails(other)) == 1


def test_consent_is_not_asked_for_without_a_link(world: factories.PartnerWorld, run_jobs: RunJobs) -> None:
    customer = factories.make_customer(world)
    run_jobs()
    before = len(_mails(world))
    with transaction.atomic():
        audit.record(
            by=world.actor,
            event=events.CUSTOMER_CREATED,  # nobody subscribed to this one
            at=factories.NOW,
            object_type="customer",
            object_id=uuid.uuid4(),
            object_label="x",
            customer_id=customer.id,
        )
    run_jobs()
    assert len(_mails(world)) == before


def test_disabled_user_gets_no_link_that_was_asked_for_before(world: factories.PartnerWorld, run_jobs: RunJobs) -> None:
    user = _invite(world, send_link=False)
    factories.give_password(user)
    accounts.resend_password_link(by=world.actor, user=user, at=factories.NOW)
    User.objects.filter(id=user.id).update(status=UserStatus.DISABLED)
    run_jobs()
    assert _mails(world) == []
    assert not PasswordLink.objects.filter(login_id=user.login_id).exists()


def _secret(mail: Mail) -> str:
    link = actions.vault.decrypt(mail.secret_link)
    return link.rstrip("/").rsplit("/", 1)[-1]
