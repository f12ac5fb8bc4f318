"""The append-only record of what happened. The table is partitioned by month; see the first migration."""

from django.db import models

from msphub.audit.choices import ActorKind
from msphub.kit import ids


class Entry(models.Model):
    """One thing somebody did, with old and new values. Never updated, never deleted by the application."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    at = models.DateTimeField()
    partner_id = models.UUIDField()
    customer_id = models.UUIDField(null=True)
    actor_kind = models.CharField(max_length=10, choices=ActorKind.choices)
    actor_id = models.UUIDField(null=True)
    actor_name = models.TextField()
    event = models.CharField(max_length=80)
    object_type = models.CharField(max_length=60)
    object_id = models.UUIDField(null=True)
    object_label = models.TextField()
    # {field: [old, new]}; either may be null. Secrets are named, never shown.
    changes = models.JSONField(default=dict)
    details = models.JSONField(default=dict)
    customer_visible = models.BooleanField(default=False)
    address = models.TextField()
    request_id = models.TextField()

    class Meta:
        managed = False
        db_table = "audit_entry"

    def __str__(self) -> str:
        return f"{self.event} {self.object_label}"
