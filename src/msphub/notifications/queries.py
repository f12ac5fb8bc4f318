"""Reads of the mail log."""

import datetime
import uuid

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from msphub.kit import vault
from msphub.kit.actor import Actor
from msphub.kit.errors import NotFound
from msphub.notifications import permissions, rendering
from msphub.notifications.choices import LinkEnd
from msphub.notifications.models import Mail


def mails(*, by: Actor, customer_id: uuid.UUID | None = None, search: str = "") -> QuerySet[Mail]:
    """Return the mails the partner's portal has sent, newest first."""
    by.require_partner(permissions.VIEW_MAIL)
    found = Mail.objects.filter(partner_id=by.partner_id)
    if customer_id is not None:
        found = found.filter(customer_id=customer_id)
    for word in search.split()[:5]:
        found = found.filter(
            Q(recipient__icontains=word) | Q(recipient_name__icontains=word) | Q(subject__icontains=word)
        )
    return found.order_by("-created_at", "-id")


def older_than(found: QuerySet[Mail], *, at: datetime.datetime, mail_id: uuid.UUID) -> QuerySet[Mail]:
    """Return the part of a list after a given mail, for keyset paging."""
    return found.filter(Q(created_at__lt=at) | Q(created_at=at, id__lt=mail_id))


def newer_than(found: QuerySet[Mail], *, at: datetime.datetime, mail_id: uuid.UUID) -> QuerySet[Mail]:
    """Return the part of a list before a given mail, nearest first."""
    return found.filter(Q(created_at__gt=at) | Q(created_at=at, id__gt=mail_id)).order_by("created_at", "id")


def get_mail(*, by: Actor, mail_id: uuid.UUID) -> Mail:
    """Return one mail; raises `NotFound`."""
    by.require_partner(permissions.VIEW_MAIL)
    mail = Mail.objects.filter(partner_id=by.partner_id, id=mail_id).first()
    if mail is None:
        raise NotFound
    return mail


def shown_body(*, mail: Mail) -> SafeString:
    """Return a mail's HTML as its recipient sees it; a link that carries a secret is masked, except in the demo.

    Of a link that has ended nothing is left to show.
    """
    if mail.link_ended:
        gone = _("(one-time link: %(end)s)") % {"end": LinkEnd(mail.link_ended).label}
        return rendering.shown(mail.html, link=None, masked=gone)
    link = None
    if not mail.secret_link or settings.SHOW_SECRET_LINKS:
        link = vault.decrypt(mail.secret_link) if mail.secret_link else ""
    return rendering.shown(mail.html, link=link, masked=_("(one-time link, not shown here)"))
