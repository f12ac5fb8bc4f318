from django.db import models
from django.utils.translation import gettext_lazy as _


class LinkEnd(models.TextChoices):
    """Why the one-time link of a mail works no more; its secret is then forgotten."""

    USED = "used", _("used")
    REPLACED = "replaced", _("replaced by a newer one, or withdrawn")
    EXPIRED = "expired", _("expired")


class MailState(models.TextChoices):
    QUEUED = "queued", _("Waiting to be sent")
    SENT = "sent", _("Sent")
    KEPT = "kept", _("Kept here")
    FAILED = "failed", _("Failed")
