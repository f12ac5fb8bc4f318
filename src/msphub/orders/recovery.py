"""What to do with items that failed: try them again, or drop them and let the order end without them."""

import datetime
import uuid
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from django.db import transaction
from django.utils.translation import gettext as _

from msphub.audit import actions as audit
from msphub.kit.actor import Actor
from msphub.kit.errors import Refused
from msphub.orders import events, permissions, placing, progress
from msphub.orders.choices import ItemStatus, OrderStatus
from msphub.orders.models import Order, OrderItem

_NOT_BEGUN = (OrderStatus.SCHEDULED, OrderStatus.PENDING)
_UNDER_WAY = frozenset({ItemStatus.WAITING, ItemStatus.SENT, ItemStatus.COMPLETED})


def retry_items(*, by: Actor, order_id: uuid.UUID, item_ids: Sequence[uuid.UUID], at: datetime.datetime) -> Order:
    """Send failed items of an order again; the order is processed anew. Items that have not failed stay as they are.

    Asked twice it tries once; refuses where nothing of what was asked for has failed or been tried again.
    """
    by.require(permissions.MANAGE)
    with transaction.atomic():
        order = _lock(by=by, order_id=order_id)
        chosen = _failed(order, item_ids, done_already=_UNDER_WAY)
        if not chosen:
            return order
        OrderItem.objects.filter(id__in=[item.id for item in chosen]).update(
            status=ItemStatus.WAITING,
            failure_code="",
            failure_message="",
            finished_at=None,
            # What Microsoft ended is bought anew, so its former order says nothing of the next one.
            microsoft_order_id="",
            microsoft_subscription_id=None,
        )
        _record(by=by, event=events.ORDER_RETRIED, order=order, items=chosen, at=at)
        order.scheduled_on = None
        order.save(update_fields=["scheduled_on"])
        progress.go_on(by=by, order=order, at=at)
    return order


def drop_items(*, by: Actor, order_id: uuid.UUID, item_ids: Sequence[uuid.UUID], at: datetime.datetime) -> Order:
    """Drop failed items of an order: it ends with what was fulfilled. Dropping twice changes nothing."""
    by.require(permissions.MANAGE)
    with transaction.atomic():
        order = _lock(by=by, order_id=order_id)
        chosen = _failed(order, item_ids, done_already={ItemStatus.DROPPED})
        if not chosen:
            return order
        OrderItem.objects.filter(id__in=[item.id for item in chosen]).update(status=ItemStatus.DROPPED, finished_at=at)
        _record(by=by, event=events.ITEM_DROPPED, order=order, items=chosen, at=at)
        return progress.settle(by=by, order_id=order.id, at=at)


def _lock(*, by: Actor, order_id: uuid.UUID) -> Order:
    order = placing.lock_order(by=by, order_id=order_id)
    if order.status in _NOT_BEGUN:
        raise _nothing_failed()
    return order


def _failed(order: Order, item_ids: Sequence[uuid.UUID], *, done_already: AbstractSet[ItemStatus]) -> list[OrderItem]:
    """Return those of the items that have failed; none when it was done already, by a click without an answer."""
    found = list(
        OrderItem.objects.select_for_update()
        .filter(partner_id=order.partner_id, order=order, id__in=list(item_ids))
        .order_by("position")
    )
    failed = [item for item in found if item.status == ItemStatus.FAILED]
    if not failed and not any(item.status in done_already for item in found):
        raise _nothing_failed()
    return failed


def _nothing_failed() -> Refused:
    return Refused("no_failure", _("Nothing of this order has failed."))


def _record(*, by: Actor, event: str, order: Order, items: Sequence[OrderItem], at: datetime.datetime) -> None:
    audit.record(
        by=by,
        event=event,
        at=at,
        object_type="order",
        object_id=order.id,
        object_label=order.number,
        customer_id=order.customer_id,
        changes={"Items": (None, ", ".join(item.sku_name for item in items))},
    )
