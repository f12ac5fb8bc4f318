"""Every mail the portal has sent or is about to send."""

from typing import ClassVar

from django.db import models

from msphub.kit import ids
from msphub.notifications.choices import LinkEnd, MailState


class Mail(models.Model):
    """One mail to one recipient, with its delivery state. A link that carries a secret is stored apart, encrypted."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    partner_id = models.UUIDField()
    customer_id = models.UUIDField(null=True)
    kind = models.CharField(max_length=60)
    entry_id = models.UUIDField()
    recipient = models.EmailField(max_length=254)
    recipient_name = models.TextField(blank=True)
    subject = models.TextField()
    # Both bodies hold the marker of `rendering.SECRET` where the secret link belongs.
    text = models.TextField()
    html = models.TextField()
    secret_link = models.TextField(blank=True)
    # By these the link is known after its secret was forgotten, and looked up until then.
    link_hash = models.CharField(max_length=64, blank=True)
    link_ended = models.CharField(max_length=10, choices=LinkEnd.choices, blank=True)
    state = models.CharField(max_length=10, choices=MailState.choices, default=MailState.QUEUED)
    attempts = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            # An event handled twice makes one mail.
            models.UniqueConstraint(fields=["partner_id", "entry_id", "kind", "recipient"], name="mail_once_per_event")
        ]
        indexes: ClassVar = [
            models.Index(fields=["partner_id", "-created_at", "-id"], name="mail_newest_first"),
            models.Index(fields=["link_hash"], name="mail_with_secret", condition=~models.Q(secret_link="")),
        ]

    def __str__(self) -> str:
        return self.subject
