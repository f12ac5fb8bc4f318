"""The one-time link in a mail: works once, for 72 hours, until a newer one; and asking for one tells nothing."""

import datetime
import threading
from collections.abc import Callable

import pytest
from django.conf import settings
from django.db import connections
from django.test import Client
from pytest_django.fixtures import Settings
from tests import factories
from tests.customers import at_microsoft
from tests.notifications import mailbox

from msphub.accounts import actions as accounts
from msphub.accounts import queries
from msphub.accounts.choices import Role, Status, UserStatus
from msphub.accounts.models import Login, PasswordLink, User
from msphub.audit.models import Entry
from msphub.kit import scope, vault
from msphub.kit.errors import Refused
from msphub.notifications import actions as notifications
from msphub.notifications import tasks
from msphub.notifications.choices import MailState
from msphub.notifications.models import Mail

type RunJobs = Callable[[], None]
PASSWORD = "a brand new passphrase"
HOUR = datetime.timedelta(hours=1)
MINUTE = datetime.timedelta(minutes=1)


@pytest.fixture
def world(transactional_db: None) -> factories.PartnerWorld:
    return factories.make_partner()


@pytest.fixture
def user(world: factories.PartnerWorld, run_jobs: RunJobs) -> User:
    """Somebody who was invited at `NOW`; the mail is written."""
    scope.enter(partner_id=world.id)
    user = accounts.add_user(
        by=world.actor,
        customer_id=None,
        email=f"{factories.unique('nia')}@cascade.example",
        first_name="Nia",
        last_name="New",
        role=Role.SALES,
        at=factories.NOW,
    )
    run_jobs()
    return user


def _secrets(world: factories.PartnerWorld) -> list[str]:
    scope.enter(partner_id=world.id)
    mails = Mail.objects.filter(partner_id=world.id).order_by("created_at", "id")
    return [vault.decrypt(mail.secret_link).rstrip("/").rsplit("/", 1)[-1] for mail in mails]


def _choose(secret: str, *, at: datetime.datetime = factories.NOW, password: str = PASSWORD) -> Login:
    return accounts.choose_password(secret=secret, password=password, at=at, address="192.0.2.7", request_id="r")


def _refused(secret: str, *, at: datetime.datetime = factories.NOW) -> bool:
    assert accounts.find_password_link(secret=secret, at=at) is None
    with pytest.raises(Refused) as refusal:
        _choose(secret, at=at)
    return refusal.value.code == "link"


def _ask(email: str, *, at: datetime.datetime) -> None:
    scope.enter(partner_id=None)
    accounts.request_password_link(email=email, at=at, address="192.0.2.7", request_id="r")


def test_link_works_once(world: factories.PartnerWorld, user: User) -> None:
    (secret,) = _secrets(world)
    login = _choose(secret)
    assert login.check_password(PASSWORD)
    assert User.objects.get(id=user.id).status == UserStatus.ACTIVE
    assert _refused(secret)
    scope.enter(partner_id=world.id)
    entry = Entry.objects.get(event="user.password_chosen")
    assert (entry.object_id, entry.address) == (user.id, "192.0.2.7")


def test_link_works_for_72_hours(world: factories.PartnerWorld, user: User) -> None:
    (secret,) = _secrets(world)
    assert _refused(secret, at=factories.NOW + 72 * HOUR)
    _choose(secret, at=factories.NOW + 72 * HOUR - datetime.timedelta(seconds=1))


def test_weak_password_is_refused_and_uses_the_link_not_up(world: factories.PartnerWorld, user: User) -> None:
    (secret,) = _secrets(world)
    with pytest.raises(Refused) as refusal:
        _choose(secret, password="password1234")
    assert (refusal.value.code, list(refusal.value.fields)) == ("password", ["password"])
    _choose(secret)


def test_newer_link_ends_the_older_one(world: factories.PartnerWorld, user: User, run_jobs: RunJobs) -> None:
    accounts.resend_password_link(by=world.actor, user=user, at=factories.NOW + HOUR)
    run_jobs()
    older, newer = _secrets(world)
    assert _refused(older, at=factories.NOW + HOUR)
    _choose(newer, at=factories.NOW + 72 * HOUR)  # 72 hours count from its own making


def test_link_ends_when_its_user_is_disabled(world: factories.PartnerWorld, user: User, run_jobs: RunJobs) -> None:
    accounts.disable_user(by=world.actor, user=user, at=factories.NOW)
    (secret,) = _secrets(world)
    assert _refused(secret)
    with pytest.raises(Refused):
        accounts.resend_password_link(by=world.actor, user=User.objects.get(id=user.id), at=factories.NOW + HOUR)
    _ask(user.email, at=factories.NOW + HOUR)
    run_jobs()
    assert len(_secrets(world)) == 1


def test_only_a_digest_of_the_secret_is_stored(world: factories.PartnerWorld, user: User) -> None:
    (secret,) = _secrets(world)
    assert secret not in str(list(PasswordLink.objects.values()))


def test_whoever_asks_gets_a_mail_and_nobody_else_learns_of_it(
    world: factories.PartnerWorld, user: User, run_jobs: RunJobs
) -> None:
    _choose(_secrets(world)[0])
    answers = [
        accounts.request_password_link(email=email, at=factories.NOW + HOUR, address="", request_id="")
        for email in (user.email.upper() + " ", "nobody@cascade.example", "", "not an address")
    ]
    assert answers == [None] * 4
    run_jobs()
    scope.enter(partner_id=world.id)
    first, second = Mail.objects.filter(partner_id=world.id).order_by("created_at")
    assert (first.kind, second.kind, second.recipient) == ("credentials", "new_password", user.contact_email)
    _choose(_secrets(world)[-1], at=factories.NOW + HOUR, password="yet another passphrase")


def test_invited_user_who_asks_gets_the_credentials_again(
    world: factories.PartnerWorld, user: User, run_jobs: RunJobs
) -> None:
    _ask(user.email, at=factories.NOW + HOUR)
    run_jobs()
    scope.enter(partner_id=world.id)
    assert [mail.kind for mail in Mail.objects.order_by("created_at")] == ["credentials"] * 2


def test_one_link_in_five_minutes(world: factories.PartnerWorld, user: User, run_jobs: RunJobs) -> None:
    asked_at = factories.NOW + HOUR
    for after in (0, 1, 4.9, 5, 6, 10):
        _ask(user.email, at=asked_at + after * MINUTE)
        run_jobs()
    scope.enter(partner_id=world.id)
    sent_at = [mail.created_at for mail in Mail.objects.order_by("created_at")][1:]
    assert sent_at == [asked_at, asked_at + 5 * MINUTE, asked_at + 10 * MINUTE]


def test_one_link_in_five_minutes_also_while_no_worker_runs(
    world: factories.PartnerWorld, user: User, run_jobs: RunJobs
) -> None:
    for seconds in range(3):
        _ask(user.email, at=factories.NOW + HOUR + datetime.timedelta(seconds=seconds))
    run_jobs()
    assert len(_secrets(world)) == 2


def test_customers_user_is_sent_one_link_in_five_minutes_too(world: factories.PartnerWorld, run_jobs: RunJobs) -> None:
    admin = factories.admin_of(factories.make_customer(world))
    run_jobs()
    before = len(_secrets(world))
    for _ in range(2):
        _ask(admin.email, at=factories.NOW + HOUR)
    run_jobs()
    assert len(_secrets(world)) == before + 1


def test_two_who_ask_at_once_get_one_link(world: factories.PartnerWorld, user: User, run_jobs: RunJobs) -> None:
    together = threading.Barrier(4)

    def ask() -> None:
        together.wait()
        try:
            _ask(user.email, at=factories.NOW + HOUR)
        finally:
            connections.close_all()

    askers = [threading.Thread(target=ask) for _ in range(4)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    run_jobs()
    assert len(_secrets(world)) == 2


def test_link_of_a_disabled_companys_user_is_of_no_use(world: factories.PartnerWorld, run_jobs: RunJobs) -> None:
    customer = factories.make_customer(world)
    run_jobs()
    secret = _secrets(world)[-1]
    factories.set_status(world, customer, Status.DISABLED)
    login = _choose(secret)
    scope.enter(partner_id=login.partner_id, customer_id=login.customer_id)
    assert User.objects.filter(login=login).exists()
    assert queries.signed_in(login_id=login.id, address="", request_id="") is None


def _forget(run_jobs: RunJobs, *, at: datetime.datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Do what the periodic job of every minute does, at an instant."""
    monkeypatch.setattr("msphub.kit.clock.now", lambda: at)
    tasks.forget_all_links(0)
    run_jobs()


def _kept(world: factories.PartnerWorld) -> list[tuple[bool, str]]:
    scope.enter(partner_id=world.id)
    mails = Mail.objects.filter(partner_id=world.id).order_by("created_at", "id")
    return [(bool(mail.secret_link), mail.link_ended) for mail in mails]


def test_secret_of_a_link_that_has_ended_is_forgotten_and_that_of_a_living_one_kept(
    world: factories.PartnerWorld, user: User, run_jobs: RunJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    _forget(run_jobs, at=factories.NOW + 71 * HOUR, monkeypatch=monkeypatch)
    assert _kept(world) == [(True, "")]
    accounts.resend_password_link(by=world.actor, user=user, at=factories.NOW + HOUR)
    run_jobs()
    _forget(run_jobs, at=factories.NOW + HOUR, monkeypatch=monkeypatch)
    assert _kept(world) == [(False, "replaced"), (True, "")]

    scope.enter(partner_id=world.id)
    newest = Mail.objects.filter(partner_id=world.id).latest("created_at")
    _choose(vault.decrypt(newest.secret_link).rstrip("/").rsplit("/", 1)[-1], at=factories.NOW + 2 * HOUR)
    _forget(run_jobs, at=factories.NOW + 2 * HOUR, monkeypatch=monkeypatch)
    assert _kept(world) == [(False, "replaced"), (False, "used")]

    accounts.resend_password_link(by=world.actor, user=User.objects.get(id=user.id), at=factories.NOW + 3 * HOUR)
    run_jobs()
    _forget(run_jobs, at=factories.NOW + 75 * HOUR, monkeypatch=monkeypatch)
    assert _kept(world) == [(False, "replaced"), (False, "used"), (False, "expired")]


def test_only_the_partners_concerned_get_a_job(world: factories.PartnerWorld, user: User, run_jobs: RunJobs) -> None:
    other = factories.make_partner(name="Other")
    factories.make_customer(other)
    run_jobs()
    assert notifications.partners_with_ended_links(at=factories.NOW) == []
    scope.enter(partner_id=world.id)
    accounts.disable_user(by=world.actor, user=user, at=factories.NOW)
    assert notifications.partners_with_ended_links(at=factories.NOW) == [world.id]


def test_page_of_a_mail_says_what_became_of_its_link(
    world: factories.PartnerWorld, user: User, run_jobs: RunJobs, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.force_login(Login.objects.get(id=world.owner.login_id), backend=settings.AUTHENTICATION_BACKENDS[0])
    scope.enter(partner_id=world.id)
    mail = Mail.objects.get(partner_id=world.id)
    (secret,) = _secrets(world)
    assert secret in client.get(f"/mail/{mail.id}/").content.decode()  # as in the demo
    _choose(secret)
    _forget(run_jobs, at=factories.NOW, monkeypatch=monkeypatch)
    body = client.get(f"/mail/{mail.id}/").content.decode()
    assert secret not in body
    assert "(one-time link: used)" in body
    assert "Choose your password" in body


def test_mail_whose_link_has_ended_before_it_went_out_is_not_sent(
    world: factories.PartnerWorld,
    user: User,
    run_jobs: RunJobs,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    box = mailbox.closed()
    mailbox.use(settings, box)
    accounts.resend_password_link(by=world.actor, user=user, at=factories.NOW + HOUR)
    run_jobs()  # nobody takes it
    accounts.resend_password_link(by=world.actor, user=user, at=factories.NOW + 2 * HOUR)
    run_jobs()
    _forget(run_jobs, at=factories.NOW + 2 * HOUR, monkeypatch=monkeypatch)
    scope.enter(partner_id=world.id)
    replaced = Mail.objects.filter(partner_id=world.id, state=MailState.FAILED).earliest("created_at")
    with box.open():
        at_microsoft.bring_forward()
        run_jobs()
    scope.enter(partner_id=world.id)
    assert len(box.mails) == 1
    replaced.refresh_from_db()
    assert (replaced.state, replaced.error) == (MailState.FAILED, "Its one-time link ended before it could be sent.")
    with pytest.raises(Refused) as refused:
        notifications.resend_mail(by=world.actor, mail_id=replaced.id)
    assert refused.value.code == "link_ended"
