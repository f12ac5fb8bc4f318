"""Mails on their way: over a real SMTP server, which may be down, refuse, or take a mail whose sender then dies."""

import email.utils
import smtplib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from procrastinate.contrib.django.models import ProcrastinateJob
from pytest_django.fixtures import Settings
from tests import factories
from tests.notifications import mailbox
from tests.notifications.mailbox import Mailbox

from msphub.accounts import actions as accounts
from msphub.accounts.choices import Role
from msphub.accounts.models import Tenant, User
from msphub.kit import scope
from msphub.kit.errors import Forbidden, NotFound, Refused
from msphub.notifications import actions, queries
from msphub.notifications.choices import MailState
from msphub.notifications.models import Mail

type RunJobs = Callable[[], None]
LINK = "http://localhost:8000/welcome/"


@pytest.fixture
def world(transactional_db: None) -> factories.PartnerWorld:
    return factories.make_partner()


@pytest.fixture
def closed(settings: Settings) -> Mailbox:
    """The portal's mail server, which doesn't run."""
    box = mailbox.closed()
    mailbox.use(settings, box)
    return box


@pytest.fixture
def box(closed: Mailbox) -> Iterator[Mailbox]:
    """The portal's mail server, running."""
    with closed.open():
        yield closed


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


def _mail(world: factories.PartnerWorld) -> Mail:
    scope.enter(partner_id=world.id)
    return Mail.objects.get(partner_id=world.id)


def _bring_forward() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_jobs SET scheduled_at = now() WHERE status = 'todo' AND scheduled_at > now()"
        )
        return int(cursor.rowcount)


def test_mail_arrives_with_text_html_headers_and_its_secret_link(
    world: factories.PartnerWorld, box: Mailbox, run_jobs: RunJobs
) -> None:
    user = _invite(world)
    run_jobs()
    mail = _mail(world)
    assert (mail.state, mail.attempts, mail.error) == (MailState.SENT, 1, "")
    assert mail.sent_at is not None
    (got,) = box.mails
    assert got["To"] == f"Nia New <{user.email}>"
    assert got["From"] == "Cascade <portal@cascade.example>"
    assert got["Subject"] == "Your credentials"
    assert got["Message-ID"] == f"<{mail.id}@localhost>"
    assert got["Auto-Submitted"] == "auto-generated"
    assert email.utils.parsedate_to_datetime(got["Date"]) is not None
    assert got.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in got.iter_parts()] == ["text/plain", "text/html"]
    (envelope,) = box.envelopes
    assert (envelope.mail_from, envelope.rcpt_tos) == ("portal@cascade.example", [user.email])

    link = actions.vault.decrypt(mail.secret_link)
    assert link.startswith(LINK)
    assert link in mailbox.text_of(got)
    assert f'href="{link}"' in mailbox.html_of(got)
    assert "secret.invalid" not in str(got)
    secret = link.removeprefix(LINK).rstrip("/")
    assert accounts.find_password_link(secret=secret, at=factories.NOW) is not None


def test_secret_link_is_masked_in_the_log_and_shown_in_the_demo(
    world: factories.PartnerWorld, box: Mailbox, run_jobs: RunJobs, settings: Settings
) -> None:
    _invite(world)
    run_jobs()
    mail = _mail(world)
    link = actions.vault.decrypt(mail.secret_link)
    secret = link.removeprefix(LINK).rstrip("/")
    row = Mail.objects.filter(id=mail.id).values().get()
    assert secret not in str(row)

    settings.SHOW_SECRET_LINKS = False
    masked = queries.shown_body(mail=mail)
    assert secret not in masked
    assert "/welcome/" not in masked
    assert "secret.invalid" not in masked
    assert "(one-time link, not shown here)" in masked
    settings.SHOW_SECRET_LINKS = True
    assert f'href="{link}"' in queries.shown_body(mail=mail)


def test_link_that_is_no_secret_is_shown_in_the_log(
    world: factories.PartnerWorld, run_jobs: RunJobs, settings: Settings
) -> None:
    settings.SHOW_SECRET_LINKS = False
    mail = Mail(html='<p><a href="https://admin.microsoft.com/x">Accept</a></p>', secret_link="")
    assert 'href="https://admin.microsoft.com/x"' in queries.shown_body(mail=mail)


def test_server_that_is_down_is_shown_and_tried_again(
    world: factories.PartnerWorld, closed: Mailbox, run_jobs: RunJobs
) -> None:
    _invite(world)
    run_jobs()
    mail = _mail(world)
    assert (mail.state, mail.attempts, mail.sent_at) == (MailState.FAILED, 1, None)
    assert "refused" in mail.error
    _bring_forward()
    run_jobs()
    assert _mail(world).attempts == 2
    with closed.open():
        assert _bring_forward() == 1
        run_jobs()
    mail = _mail(world)
    assert (mail.state, mail.attempts, mail.error) == (MailState.SENT, 3, "")
    assert len(closed.mails) == 1
    assert _bring_forward() == 0


def test_refusal_of_the_server_is_shown_with_its_words(
    world: factories.PartnerWorld, box: Mailbox, run_jobs: RunJobs
) -> None:
    box.refusal = "451 4.3.0 Mailbox is full of eels"
    _invite(world)
    run_jobs()
    mail = _mail(world)
    assert mail.state == MailState.FAILED
    assert "full of eels" in mail.error
    box.refusal = ""
    _bring_forward()
    run_jobs()
    assert _mail(world).state == MailState.SENT
    assert len(box.mails) == 1


def test_job_that_runs_twice_sends_once(world: factories.PartnerWorld, box: Mailbox, run_jobs: RunJobs) -> None:
    _invite(world)
    run_jobs()
    mail = _mail(world)
    actions.send_mail(partner_id=world.id, mail_id=mail.id, at=factories.NOW)
    assert len(box.mails) == 1
    assert _mail(world).attempts == 1


def test_sender_that_dies_after_the_server_took_the_mail_repeats_it_under_the_same_id(
    world: factories.PartnerWorld, box: Mailbox, run_jobs: RunJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    _invite(world)
    sends = actions.EmailMultiAlternatives.send

    def sends_and_dies(mail: Any) -> None:
        sends(mail)
        raise RuntimeError("the database went away before the note of it")

    with monkeypatch.context() as deadly:
        deadly.setattr(actions.EmailMultiAlternatives, "send", sends_and_dies)
        run_jobs()
    assert len(box.mails) == 1
    assert _mail(world).state == MailState.QUEUED
    assert _bring_forward() == 1  # whatever it was, the job comes back
    run_jobs()
    assert _mail(world).state == MailState.SENT
    first, second = box.mails
    assert first["Message-ID"] == second["Message-ID"]


def test_failed_mail_is_sent_again_at_once_though_a_later_try_waits(
    world: factories.PartnerWorld, closed: Mailbox, run_jobs: RunJobs
) -> None:
    _invite(world)
    run_jobs()
    mail = _mail(world)
    waiting = ProcrastinateJob.objects.get(status="todo", lock=f"mail:{mail.id}")
    assert waiting.scheduled_at is not None
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET scheduled_at = now() + interval '1 day' WHERE status = 'todo'")
    with closed.open():
        actions.resend_mail(by=world.actor, mail_id=mail.id)
        assert _mail(world).state == MailState.QUEUED
        run_jobs()
        assert _mail(world).state == MailState.SENT
        _bring_forward()
        run_jobs()
    assert len(closed.mails) == 1


def test_only_a_failed_mail_is_sent_again(world: factories.PartnerWorld, box: Mailbox, run_jobs: RunJobs) -> None:
    _invite(world)
    run_jobs()
    mail = _mail(world)
    for state in (MailState.SENT, MailState.QUEUED, MailState.KEPT):
        Mail.objects.filter(id=mail.id).update(state=state)
        with pytest.raises(Refused) as refusal:
            actions.resend_mail(by=world.actor, mail_id=mail.id)
        assert refusal.value.code == "not_failed"
        assert _mail(world).state == state
    assert not ProcrastinateJob.objects.filter(status="todo").exists()
    assert len(box.mails) == 1


def test_strangers_readers_and_customers_send_nothing_again(
    world: factories.PartnerWorld, closed: Mailbox, run_jobs: RunJobs
) -> None:
    _invite(world)
    run_jobs()
    mail = _mail(world)
    other = factories.make_partner(name="Fabrikam")
    reader = factories.actor_of(factories.add_colleague(world))
    admin = factories.actor_of(factories.admin_of(factories.make_customer(world)))
    scope.enter(partner_id=world.id)
    queries.get_mail(by=reader, mail_id=mail.id)  # reading is another matter
    for by, expected in ((reader, Forbidden), (admin, Forbidden), (other.actor, NotFound)):
        with pytest.raises(expected):
            actions.resend_mail(by=by, mail_id=mail.id)
    assert Mail.objects.get(id=mail.id).state == MailState.FAILED


EVIL_NAMES = [
    "Nia\r\nBcc: everybody@evil.example",
    "Nia\nSubject: You have won",
    "Nia\u2028X-Evil: 1",
    "Nia\x0b\x85Reply-To: evil@evil.example",
    '"Nia" <evil@evil.example>, Victim',
    "evil@evil.example, Nia",
]


def test_names_can_add_neither_header_nor_recipient(
    world: factories.PartnerWorld, box: Mailbox, run_jobs: RunJobs
) -> None:
    Tenant.objects.filter(id=world.id).update(name=f"Cascade {EVIL_NAMES[0]}")
    invited = {}
    for name in EVIL_NAMES:
        user = _invite(world)
        User.objects.filter(id=user.id).update(display_name=name)
        invited[user.email] = name
    run_jobs()
    headers = {"to", "from", "subject", "message-id", "date", "auto-submitted", "content-type", "mime-version"}
    assert len(box.mails) == len(EVIL_NAMES)
    for got in box.mails:
        assert {header.lower() for header in got} == headers
        (to,) = got["To"].addresses
        assert to.display_name == " ".join(invited[to.addr_spec].split())
        assert got["Subject"] == "Your credentials"
    assert sorted(address for envelope in box.envelopes for address in envelope.rcpt_tos) == sorted(invited)


def test_partners_name_can_add_no_header_to_a_subject(
    world: factories.PartnerWorld, box: Mailbox, run_jobs: RunJobs
) -> None:
    _invite(world)
    _write_only(run_jobs, world, subject="Cascade\r\nBcc: everybody@evil.example asks for access")
    run_jobs()
    (got,) = box.mails
    assert got["Subject"] == "Cascade Bcc: everybody@evil.example asks for access"
    assert got["Bcc"] is None
    assert len(box.envelopes[0].rcpt_tos) == 1


def test_names_in_any_script_arrive_as_they_are(world: factories.PartnerWorld, box: Mailbox, run_jobs: RunJobs) -> None:
    names = ["شركة النخيل", "משה כהן", "Nia 👩‍💻 Née", "日本 太郎", "Ñandú Müßig", "a" * 200]
    invited = {_invite(world, display_name=name).email: name for name in names}
    run_jobs()
    assert len(box.mails) == len(names)
    for got in box.mails:
        (to,) = got["To"].addresses
        assert to.display_name == invited[to.addr_spec]
        assert to.display_name in mailbox.text_of(got)
        assert to.display_name in mailbox.html_of(got)


def test_name_is_text_and_not_markup_in_the_mail_and_in_the_log(
    world: factories.PartnerWorld, box: Mailbox, run_jobs: RunJobs
) -> None:
    _invite(world, display_name="<img src=x onerror=alert(1)>")
    run_jobs()
    (got,) = box.mails
    for html in (mailbox.html_of(got), queries.shown_body(mail=_mail(world))):
        assert "<img" not in html
        assert "&lt;img src=x onerror=alert(1)&gt;" in html
    assert "Hello <img src=x onerror=alert(1)>," in mailbox.text_of(got)


def test_domain_in_another_script_is_written_in_ascii_on_the_wire(
    world: factories.PartnerWorld, box: Mailbox, run_jobs: RunJobs
) -> None:
    _invite(world, contact_email="nia@münchen.example")
    run_jobs()
    assert _mail(world).state == MailState.SENT
    assert box.envelopes[0].rcpt_tos == ["nia@xn--mnchen-3ya.example"]


def test_addresses_that_no_mail_can_have_fail_visibly_and_for_good(
    world: factories.PartnerWorld, box: Mailbox, run_jobs: RunJobs
) -> None:
    _invite(world)
    for address in ("nia\r\nBcc: x@evil.example", "nia@mün chen.example", "ñia@cascade.example"):
        if Mail.objects.exists():
            Mail.objects.update(state=MailState.QUEUED, recipient=address, error="")
            actions._defer_sending(_mail(world))
        else:
            _write_only(run_jobs, world, recipient=address)
        run_jobs()
        mail = _mail(world)
        assert mail.state == MailState.FAILED, address
        assert mail.error
        assert not ProcrastinateJob.objects.filter(status="todo").exists()
    assert box.mails == []


def _write_only(run_jobs: RunJobs, world: factories.PartnerWorld, **changes: str) -> None:
    """Let the mail be written and, before it is sent, hold something that our checks would not let in."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(actions, "_defer_sending", lambda _mail: None)
        run_jobs()
    mail = _mail(world)
    Mail.objects.filter(id=mail.id).update(**changes)
    actions._defer_sending(_mail(world))


def test_mail_server_that_hangs_up_is_an_outage(
    world: factories.PartnerWorld, box: Mailbox, run_jobs: RunJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    _invite(world)
    box.refusal = "421 4.3.2 Closing"
    run_jobs()
    assert _mail(world).state == MailState.FAILED
    with pytest.raises(actions.NotDelivered) as failure:
        actions.send_mail(partner_id=world.id, mail_id=_mail(world).id, at=factories.NOW)
    assert isinstance(failure.value.__cause__, smtplib.SMTPException)
