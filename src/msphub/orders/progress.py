"""How an order's status follows from its items, and the ways it goes on, ends, or is cancelled."""

import datetime
import uuid
from collections.abc import Iterable

from django.db import transaction
from procrastinate.contrib.django import app as jobs
from procrastinate.exceptions import AlreadyEnqueued

from msphub.audit import actions as audit
from msphub.kit.actor import Actor
from msphub.orders import events
from msphub.orders.choices import ItemStatus, OrderStatus
from msphub.orders.models import Order, OrderItem

SUBMIT = "orders.submit"
_OVER = frozenset({ItemStatus.COMPLETED, ItemStatus.FAILED, ItemStatus.DROPPED, ItemStatus.CANCELLED})


class TryLater(Exception):
    """Microsoft can't be reached, wants to be left alone, or has not provisioned yet; come back after `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"try again in {seconds:.0f} s")
        self.seconds = seconds


def status_of(statuses: Iterable[str]) -> OrderStatus:
    """Return the status that an order has by those of its items.

    While one of them is under way it is being processed. What was dropped by choice no longer counts: the rest of an
    order that was fulfilled is a completed order.
    """
    found = [ItemStatus(one) for one in statuses]
    if any(one not in _OVER for one in found):
        return OrderStatus.PROCESSING
    counted = [one for one in found if one not in (ItemStatus.DROPPED, ItemStatus.CANCELLED)]
    if not counted:
        return OrderStatus.CANCELLED
    if all(one == ItemStatus.COMPLETED for one in counted):
        return OrderStatus.COMPLETED
    if any(one == ItemStatus.COMPLETED for one in counted):
        return OrderStatus.PARTIAL
    return OrderStatus.FAILED


def go_on(*, by: Actor, order: Order, at: datetime.datetime) -> None:
    """Let an order that waits for nothing more be sent, or wait for its day; the order is locked by the caller."""
    if order.scheduled_on is not None and order.scheduled_on > at.date():
        order.status = OrderStatus.SCHEDULED
        order.save(update_fields=["status"])
        return
    order.status = OrderStatus.PROCESSING
    order.started_at = order.started_at or at
    order.finished_at = None
    order.message = ""
    order.next_try_at = None
    order.outages = 0
    order.save(update_fields=["status", "started_at", "finished_at", "message", "next_try_at", "outages"])
    _record(by=by, event=events.ORDER_STARTED, order=order, at=at)
    defer(partner_id=order.partner_id, order_id=order.id)


def defer(*, partner_id: uuid.UUID, order_id: uuid.UUID) -> None:
    """Defer the work on an order, in the caller's transaction. One job at a time works on it."""
    lock = f"order:{order_id}"
    try:
        with transaction.atomic():
            jobs.configure_task(SUBMIT, queue="microsoft", lock=lock, queueing_lock=lock).defer(
                partner_id=str(partner_id), order_id=str(order_id)
            )
    except AlreadyEnqueued:
        return


def settle(*, by: Actor, order_id: uuid.UUID, at: datetime.datetime) -> Order:
    """Write the status that follows from the items; in the caller's transaction. Ends the order when all are over."""
    order = Order.objects.select_for_update().get(partner_id=by.partner_id, id=order_id)
    statuses = list(OrderItem.objects.filter(partner_id=by.partner_id, order=order).values_list("status", flat=True))
    status = status_of(statuses)
    if status == OrderStatus.PROCESSING or order.status not in (
        OrderStatus.PROCESSING,
        OrderStatus.PARTIAL,
        OrderStatus.FAILED,
    ):
        return order
    if order.status == status:
        return order
    before, order.status = OrderStatus(order.status), status
    order.finished_at = at
    order.message = ""
    order.next_try_at = None
    order.save(update_fields=["status", "finished_at", "message", "next_try_at"])
    _record(
        by=by,
        event=events.ORDER_FINISHED,
        order=order,
        at=at,
        changes={"Status": (str(before.label), str(status.label))},
    )
    return order


def cancel(*, by: Actor, order: Order, event: str, reason: str, at: datetime.datetime) -> None:
    """Cancel an order of which nothing was sent, with its reason; locked by the caller, in its transaction."""
    before = OrderStatus(order.status)
    order.status = OrderStatus.CANCELLED
    order.reason = reason
    order.finished_at = at
    order.save(update_fields=["status", "reason", "finished_at"])
    _record(
        by=by,
        event=event,
        order=order,
        at=at,
        changes={"Status": (str(before.label), str(OrderStatus.CANCELLED.label)), "Reason": (None, reason)},
    )


def _record(
    *,
    by: Actor,
    event: str,
    order: Order,
    at: datetime.datetime,
    changes: dict[str, tuple[object, object]] | None = None,
) -> None:
    audit.record(
        by=by,
        event=event,
        at=at,
        object_type="order",
        object_id=order.id,
        object_label=order.number,
        customer_id=order.customer_id,
        changes=changes,
    )
