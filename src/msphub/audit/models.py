"""The append-only record of what happened, and its seals.

The table of entries is partitioned by month (first migration). Seals are made afterwards, by a job (`sealing.py`), so
that those who write entries never wait for each other.
"""

from typing import ClassVar

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


class Unsealed(models.Model):
    """An entry that waits for its seal. A trigger adds it in the entry's own transaction."""

    id = models.UUIDField(primary_key=True, editable=False)  # the entry's
    partner_id = models.UUIDField()
    entry_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["partner_id", "entry_at", "id"], name="audit_unsealed_in_order")]

    def __str__(self) -> str:
        return str(self.id)


class Seal(models.Model):
    """A batch of entries, chained to the one before by its hash. Hashes are SHA-256 in hexadecimal."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    partner_id = models.UUIDField()
    number = models.PositiveBigIntegerField()  # from 1, without gaps
    first_at = models.DateTimeField()  # the earliest and the latest entry's instants
    last_at = models.DateTimeField()
    entries = models.PositiveIntegerField()
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)
    sealed_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["partner_id", "number"], name="seal_number")]

    def __str__(self) -> str:
        return f"seal {self.number}"


class SealedEntry(models.Model):
    """An entry's place under a seal, and its hash, by which a changed entry is named."""

    id = models.UUIDField(primary_key=True, editable=False)  # the entry's
    partner_id = models.UUIDField()
    entry_at = models.DateTimeField()
    seal_number = models.PositiveBigIntegerField()
    position = models.PositiveIntegerField()
    hash = models.CharField(max_length=64)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["partner_id", "seal_number", "position"], name="sealed_entry_position")
        ]

    def __str__(self) -> str:
        return f"{self.seal_number}/{self.position}"


class Verification(models.Model):
    """What a check of all seals of a partner found."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    partner_id = models.UUIDField()
    at = models.DateTimeField()
    seals = models.PositiveBigIntegerField()
    entries = models.PositiveBigIntegerField()
    problems = models.JSONField(default=list)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["partner_id", "-at"], name="verification_newest_first")]

    def __str__(self) -> str:
        return f"{self.at}: {len(self.problems)} problems"
