"""Reads of the audit record."""

import datetime
import uuid
from collections.abc import Sequence
from typing import Any

from django.db.models import OuterRef, Q, QuerySet, Subquery

from msphub.audit.models import Entry, Seal, SealedEntry
from msphub.kit.actor import Actor


def entries(
    *,
    by: Actor,
    customer_id: uuid.UUID | None = None,
    events: Sequence[str] = (),
    actor_kinds: Sequence[str] = (),
    since: datetime.datetime | None = None,
    until: datetime.datetime | None = None,
) -> QuerySet[Entry]:
    """Return the entries the actor may see, newest first; row-level security keeps a customer to its own.

    Empty parts do not narrow; `since` is included, `until` is not.
    """
    found = Entry.objects.filter(partner_id=by.partner_id)
    if by.customer_id is not None:
        found = found.filter(customer_id=by.customer_id, customer_visible=True)
    elif customer_id is not None:
        found = found.filter(customer_id=customer_id)
    if events:
        found = found.filter(event__in=events)
    if actor_kinds:
        found = found.filter(actor_kind__in=actor_kinds)
    if since is not None:
        found = found.filter(at__gte=since)
    if until is not None:
        found = found.filter(at__lt=until)
    return found.order_by("-at", "-id")


def older_than(entries: QuerySet[Entry], *, at: datetime.datetime, entry_id: uuid.UUID) -> QuerySet[Entry]:
    """Return the part of `entries` after a given one, for keyset paging."""
    return entries.filter(Q(at__lt=at) | Q(at=at, id__lt=entry_id))


def newer_than(entries: QuerySet[Entry], *, at: datetime.datetime, entry_id: uuid.UUID) -> QuerySet[Entry]:
    """Return the part of `entries` before a given one, nearest first."""
    return entries.filter(Q(at__gt=at) | Q(at=at, id__gt=entry_id)).order_by("at", "id")


def with_seals(entries: QuerySet[Entry]) -> QuerySet[Any]:
    """Return `entries` with the number and hash of their seal and their own hash, None where none is made yet."""
    sealed = SealedEntry.objects.filter(partner_id=OuterRef("partner_id"), id=OuterRef("id"))
    seal = Seal.objects.filter(partner_id=OuterRef("partner_id"), number=OuterRef("seal_number"))
    return entries.annotate(
        entry_hash=Subquery(sealed.values("hash")),
        seal_number=Subquery(sealed.values("seal_number")),
    ).annotate(seal_hash=Subquery(seal.values("hash")))


def get_entry(*, by: Actor, entry_id: uuid.UUID, at: datetime.datetime) -> Entry:
    """Return one entry by id and instant (the partition's key)."""
    return Entry.objects.get(partner_id=by.partner_id, id=entry_id, at=at)


def happened_since(*, by: Actor, event: str, object_id: uuid.UUID, since: datetime.datetime) -> bool:
    """Tell whether an event about an object was recorded after an instant."""
    return Entry.objects.filter(partner_id=by.partner_id, at__gt=since, event=event, object_id=object_id).exists()
