"""Errands: half-filled forms that a person left to make a record they lacked, kept until the person is back.

Each leaving is a row of its own, so two windows of one form don't overwrite each other, and a form that is itself
visited on an errand can be left as well: its own address names the errand before.
"""

import datetime
import uuid

from msphub.accounts.models import Errand
from msphub.kit.actor import Actor
from msphub.kit.errors import NotFound

# Over a holiday, not for ever: what was typed may be somebody's data.
KEPT_FOR = datetime.timedelta(days=30)


def begin(*, by: Actor, page: str, field: str, typed: str, at: datetime.datetime) -> Errand:
    """Keep a form: its address `page`, what was `typed` (as a query), and the `field` that wants the new record.

    Not audited, as drafts are not. Only a person runs errands: for a key or the system there is nothing to keep.
    """
    if by.user_id is None:
        raise NotFound
    return Errand.objects.create(
        partner_id=by.partner_id,
        customer_id=by.customer_id,
        user_id=by.user_id,
        page=page,
        field=field,
        typed=typed,
        created_at=at,
        expires_at=at + KEPT_FOR,
    )


def find(*, by: Actor, errand_id: uuid.UUID, at: datetime.datetime) -> Errand | None:
    """Return an errand of this person; None for anybody else's, an ended one and one that never was."""
    if by.user_id is None:
        return None
    return Errand.objects.filter(partner_id=by.partner_id, user_id=by.user_id, id=errand_id, expires_at__gt=at).first()


def finish(*, by: Actor, errand_id: uuid.UUID, made: uuid.UUID, at: datetime.datetime) -> Errand | None:
    """Note the record that was made on an errand; a second one made on the same errand takes its place."""
    errand = find(by=by, errand_id=errand_id, at=at)
    if errand is not None:
        errand.made_id = made
        errand.save(update_fields=["made_id"])
    return errand


def forget_expired(*, by: Actor, at: datetime.datetime) -> int:
    """Delete the errands of a partner whose time is over; returns how many."""
    return Errand.objects.filter(partner_id=by.partner_id, expires_at__lte=at).delete()[0]
