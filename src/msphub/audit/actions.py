"""The one way to write an audit entry."""

import datetime
import uuid
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from procrastinate.contrib.django import app as jobs

from msphub.audit import events
from msphub.audit.models import Entry
from msphub.kit import money, rows
from msphub.kit.actor import Actor

HANDLE_EVENT = "notifications.handle_event"


def record(
    *,
    by: Actor,
    event: str,
    at: datetime.datetime,
    object_type: str,
    object_id: uuid.UUID | None,
    object_label: str,
    customer_id: uuid.UUID | None = None,
    changes: Mapping[str, tuple[Any, Any]] | None = None,
    details: Mapping[str, Any] | None = None,
) -> Entry:
    """Record what `by` did, in the caller's transaction, and defer the mails that the event sends.

    `changes` maps a field to its old and new value in readable words, money as a `money.Amount`; pass only what
    differs. Names of fields are shown in the viewer's language: mark them with `gettext_noop`. Must run inside the
    transaction that makes the change, so that neither exists without the other.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("audit.record belongs into the transaction of the change it records")
    entry = Entry(
        at=at,
        partner_id=by.partner_id,
        customer_id=customer_id,
        actor_kind=by.kind.value,
        actor_id=by.user_id,
        actor_name=by.name,
        event=event,
        object_type=object_type,
        object_id=object_id,
        object_label=object_label[:300],
        changes={field: [_plain(old), _plain(new)] for field, (old, new) in (changes or {}).items()},
        details={key: _plain(value) for key, value in (details or {}).items()},
        customer_visible=events.get(event).customer_visible,
        address=by.address,
        request_id=by.request_id,
    )
    rows.insert_together(entry)
    if events.is_subscribed(event):
        jobs.configure_task(HANDLE_EVENT, queue="mail").defer(
            partner_id=str(by.partner_id), entry_id=str(entry.id), at=at.isoformat()
        )
    return entry


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return (old, new) for each field whose value differs."""
    return {field: (old.get(field), value) for field, value in new.items() if old.get(field) != value}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, datetime.datetime | datetime.date):
        return value.isoformat()
    if isinstance(value, money.Amount):
        return {"amount": f"{value.amount:f}", "currency": value.currency}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return str(value)
