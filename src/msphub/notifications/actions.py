"""Turns events into mails and sends them, each once."""

import datetime
import smtplib
import uuid

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import connection, transaction
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app as jobs
from procrastinate.contrib.django.models import ProcrastinateJob

from msphub.accounts import actions as account_actions
from msphub.accounts import queries as accounts
from msphub.accounts.models import PasswordLink
from msphub.audit import queries as audit
from msphub.kit import vault
from msphub.kit.actor import Actor, system_actor
from msphub.kit.errors import Refused
from msphub.notifications import messages, permissions, queries, rendering
from msphub.notifications.choices import LinkEnd, MailState
from msphub.notifications.models import Mail

SEND = "notifications.send_mail"


class NotDelivered(Exception):
    """The mail server did not take the mail, for the `tries`-th time; the job tries again."""

    def __init__(self, message: str, *, tries: int) -> None:
        super().__init__(message)
        self.tries = tries


def make_mails(*, partner_id: uuid.UUID, entry_id: uuid.UUID, entry_at: datetime.datetime) -> list[Mail]:
    """Write the mails of an event and defer their sending, in one transaction; a second call writes none."""
    by = system_actor(partner_id=partner_id)
    entry = audit.get_entry(by=by, entry_id=entry_id, at=entry_at)
    if Mail.objects.filter(partner_id=partner_id, entry_id=entry_id).exists():
        return []
    with transaction.atomic():
        partner = accounts.get_partner(by=by)
        made = []
        for message in messages.BY_EVENT[entry.event](by, entry, partner):
            text, html = rendering.bodies(
                message=message, partner_name=partner.name, portal_url=settings.BASE_URL + "/"
            )
            mail = Mail.objects.create(
                partner_id=partner_id,
                customer_id=entry.customer_id,
                kind=message.kind,
                entry_id=entry.id,
                recipient=message.recipient,
                recipient_name=message.recipient_name,
                subject=message.subject,
                text=text,
                html=html,
                secret_link=vault.encrypt(message.secret_link) if message.secret_link else "",
                link_hash=account_actions.hash_of_link(message.secret_link) if message.secret_link else "",
                state=MailState.QUEUED if settings.SMTP_URL else MailState.KEPT,
                created_at=entry.at,
            )
            if settings.SMTP_URL:
                _defer_sending(mail)
            made.append(mail)
    return made


def send_mail(*, partner_id: uuid.UUID, mail_id: uuid.UUID, at: datetime.datetime) -> None:
    """Hand a mail to the mail server; raises `NotDelivered` when it is not taken. A sent mail is not sent again.

    A mail that can't be written at all (an address that no mail can have) has failed for good, and so has one whose
    link has ended before it could go out.
    """
    mail = Mail.objects.filter(
        partner_id=partner_id, id=mail_id, state__in=[MailState.QUEUED, MailState.FAILED]
    ).first()
    if mail is None:
        return
    if mail.link_ended:
        Mail.objects.filter(partner_id=partner_id, id=mail.id).update(
            state=MailState.FAILED, error=_("Its one-time link ended before it could be sent.")
        )
        return
    try:
        _outgoing(mail).send()
    except (OSError, smtplib.SMTPException, ValueError) as error:
        Mail.objects.filter(partner_id=partner_id, id=mail.id).update(
            state=MailState.FAILED, attempts=mail.attempts + 1, error=str(error)[:500]
        )
        if isinstance(error, ValueError):
            return
        raise NotDelivered(str(error), tries=mail.attempts + 1) from error
    Mail.objects.filter(partner_id=partner_id, id=mail.id).update(
        state=MailState.SENT, attempts=mail.attempts + 1, error="", sent_at=at
    )


def partners_with_ended_links(*, at: datetime.datetime) -> list[uuid.UUID]:
    """Return the partners with mails whose one-time link has ended. Needs no scope (a function of the owner's)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT notifications_partners_with_ended_links(%s)", [at])
        return [row[0] for row in cursor.fetchall()]


def forget_ended_links(*, partner_id: uuid.UUID, at: datetime.datetime) -> int:
    """Forget the secrets of one-time links that were used, replaced or have expired; return how many.

    The mails stay, and say what became of their link. The connection must be in the partner's scope.
    """
    holding = Mail.objects.filter(partner_id=partner_id).exclude(secret_link="")
    kept = list(holding.values_list("id", "link_hash", "created_at"))
    links = accounts.password_links(hashes={link_hash for _id, link_hash, _at in kept})
    ended: dict[LinkEnd, list[uuid.UUID]] = {end: [] for end in LinkEnd}
    for mail_id, link_hash, written_at in kept:
        end = _end_of(links.get(link_hash), written_at=written_at, at=at)
        if end is not None:
            ended[end].append(mail_id)
    for end, ids in ended.items():
        holding.filter(id__in=ids).update(secret_link="", link_ended=end)
    return sum(len(ids) for ids in ended.values())


def _end_of(link: PasswordLink | None, *, written_at: datetime.datetime, at: datetime.datetime) -> LinkEnd | None:
    """Return why a link works no more; a link that is not known by its hash is as old as its mail."""
    if link is None:
        life = datetime.timedelta(hours=account_actions.PASSWORD_LINK_HOURS)
        return LinkEnd.EXPIRED if written_at + life <= at else None
    if link.used_at is not None:
        return LinkEnd.USED
    if link.replaced_at is not None:
        return LinkEnd.REPLACED
    return LinkEnd.EXPIRED if link.expires_at <= at else None


def resend_mail(*, by: Actor, mail_id: uuid.UUID) -> None:
    """Send a failed mail again now. One that was sent may carry a used-up link: ask for a new link instead."""
    by.require_partner(permissions.RESEND_MAIL)
    mail = queries.get_mail(by=by, mail_id=mail_id)
    with transaction.atomic():
        locked = Mail.objects.select_for_update().get(partner_id=by.partner_id, id=mail.id)
        if locked.state != MailState.FAILED:
            raise Refused("not_failed", _("Only a mail that could not be delivered is sent again."))
        if locked.link_ended:
            raise Refused("link_ended", _("The link in this mail works no more. Send the user a new link instead."))
        locked.state, locked.attempts = MailState.QUEUED, 0
        locked.save(update_fields=["state", "attempts"])
        _defer_sending(locked)


def _outgoing(mail: Mail) -> EmailMultiAlternatives:
    """Return a mail as it goes out; raises ValueError for what no mail can hold."""
    link = vault.decrypt(mail.secret_link) if mail.secret_link else ""
    subject = rendering.one_line(mail.subject)
    outgoing = EmailMultiAlternatives(
        subject=subject,
        body=rendering.with_link(mail.text, link=link),
        from_email=settings.MAIL_FROM,
        to=[rendering.address(name=mail.recipient_name, email=mail.recipient)],
        # The same id on every attempt: a mail server that has it already can drop the second one.
        headers={"Message-ID": f"<{mail.id}@{settings.ALLOWED_HOSTS[0]}>", "Auto-Submitted": "auto-generated"},
    )
    outgoing.attach_alternative(
        rendering.whole_html(subject=subject, fragment=rendering.with_link(mail.html, link=link)), "text/html"
    )
    return outgoing


def _defer_sending(mail: Mail) -> None:
    lock = f"mail:{mail.id}"
    # A job that waits for its next try would keep this one waiting behind it: they have the same lock.
    for job_id in ProcrastinateJob.objects.filter(status="todo", lock=lock).values_list("id", flat=True):
        jobs.job_manager.cancel_job_by_id(job_id, delete_job=True)
    jobs.configure_task(SEND, queue="mail", lock=lock).defer(partner_id=str(mail.partner_id), mail_id=str(mail.id))
