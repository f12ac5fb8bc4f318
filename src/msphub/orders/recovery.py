"""What to do with items that failed: try them again, or drop them and let the order end without them."""

import datetime
import uuid
from collections.abc import Sequence

from django.db import transaction
from django.utils.translation import gettext as _

from msphub.audit import actions as audit
from msphub.kit.actor import Actor
from msphub.kit.errors import Refused
from msphub.orders import events, permissions, placing, progress
from msphub.orders.choices import ItemStatus, OrderStatus
from msphub.orders.models import Order, OrderItem

_ENDED = (OrderStatus.FAILED, OrderStatus.PARTIAL, OrderStatus.PROCESSING)


def retry_items(*, by: Actor, order_id: uuid.UUID, item_ids: Sequence[uuid.UUID], at: datetime.datetime) -> Order:
    """Send failed items of an order again; the order is processed anew. Items that have not failed stay as they are."""
    by.require(permissions.MANAGE)
    with transaction.atomic():
        order = _lock(by=by, order_id=order_id)
        chosen = _failed(order, item_ids)
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
        chosen = _failed(order, item_ids)
        if not chosen:
            return order
        OrderItem.objects.filter(id__in=[item.id for item in chosen]).update(status=ItemStatus.DROPPED, finished_at=at)
        _record(by=by, event=events.ITEM_DROPPED, order=order, items=chosen, at=at)
        return progress.settle(by=by, order_id=order.id, at=at)


def _lock(*, by: Actor, order_id: uuid.UUID) -> Order:
    order = placing.lock_order(by=by, order_id=order_id)
    if order.status not in _ENDED:
        raise Refused("no_failure", _("Nothing of this order has failed."))
    return order


def _failed(order: Order, item_ids: Sequence[uuid.UUID]) -> list[OrderItem]:
    return list(
        OrderItem.objects.select_for_update()
        .filter(partner_id=order.partner_id, order=order, id__in=list(item_ids), status=ItemStatus.FAILED)
        .order_by("position")
    )


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
