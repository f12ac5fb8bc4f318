"""What becomes of one order item: sent, failed, or fulfilled as a purchased product. Each locks it and looks first."""

import datetime
import uuid
from collections.abc import Sequence

from django.db import transaction
from django.utils.translation import gettext as _

from msphub.audit import actions as audit
from msphub.catalog.choices import Plan, Term
from msphub.customers import writes as microsoft_writes
from msphub.entitlements import holdings
from msphub.entitlements.models import PurchasedProduct
from msphub.kit.actor import Actor
from msphub.microsoft import errors as microsoft_errors
from msphub.microsoft import order_shapes as shapes
from msphub.orders import events, quotes
from msphub.orders.choices import ItemStatus, WriteKind
from msphub.orders.models import Order, OrderItem, OrderItemCost, OrderWrite


def sent(*, item_id: uuid.UUID, microsoft_order_id: str, microsoft_subscription_id: str | None) -> None:
    """Note that Microsoft has taken an item; in the caller's transaction, with the end of its write."""
    item = OrderItem.objects.select_for_update().get(id=item_id)
    if item.status != ItemStatus.WAITING:
        return
    item.status = ItemStatus.SENT
    item.microsoft_order_id = microsoft_order_id
    item.microsoft_subscription_id = uuid.UUID(microsoft_subscription_id) if microsoft_subscription_id else None
    item.save(update_fields=["status", "microsoft_order_id", "microsoft_subscription_id"])


def fail(*, by: Actor, item_id: uuid.UUID, status: ItemStatus, code: str, message: str, at: datetime.datetime) -> None:
    """Note that an item could not be fulfilled, and why; in the caller's transaction.

    `status` is the one the item had when it was tried: what another worker has brought further stays as it is.
    """
    item = OrderItem.objects.select_for_update(of=("self",)).select_related("order").get(id=item_id)
    if item.status != status:
        return
    item.status = ItemStatus.FAILED
    item.failure_code, item.failure_message = code[:30], message
    item.finished_at = at
    item.save(update_fields=["status", "failure_code", "failure_message", "finished_at"])
    _record(by=by, event=events.ITEM_FAILED, item=item, at=at, changes={"Reason": (None, message)})


def fail_unsent(
    *, by: Actor, order: Order, items: Sequence[OrderItem], code: str, message: str, at: datetime.datetime
) -> None:
    """Note that items can't be bought, and why; those that a checkout under way may have bought are left to it."""
    with transaction.atomic():
        unsent = {item.id for item in lock_unsent(order)}
        for item in items:
            if item.id in unsent:
                fail(by=by, item_id=item.id, status=ItemStatus.WAITING, code=code, message=message, at=at)


def fail_refused(
    *,
    by: Actor,
    order: Order,
    items: Sequence[OrderItem],
    refusal: microsoft_errors.Refused,
    at: datetime.datetime,
) -> None:
    """Note that Microsoft refused items, with its reason in plain words where we have any."""
    code, words = microsoft_writes.code_of(refusal), refusal.advice or refusal.message
    fail_unsent(by=by, order=order, items=items, code=code, message=words, at=at)


def items_of(order: Order, *statuses: ItemStatus) -> list[OrderItem]:
    """Return an order's items that have one of the statuses."""
    return list(
        OrderItem.objects.filter(partner_id=order.partner_id, order=order, status__in=statuses)
        .select_related("csp_account", "sku")
        .order_by("position")
    )


def lock_unsent(order: Order) -> list[OrderItem]:
    """Lock an order for the caller's transaction; return its waiting items that no checkout may be buying."""
    Order.objects.select_for_update().get(partner_id=order.partner_id, id=order.id)
    sent = {
        item
        for write in OrderWrite.objects.filter(
            partner_id=order.partner_id, order=order, kind=WriteKind.CHECKOUT, state__in=microsoft_writes.OPEN
        )
        for item in write.items
    }
    return [item for item in items_of(order, ItemStatus.WAITING) if str(item.id) not in sent]


def fulfil_own(*, by: Actor, item_id: uuid.UUID, at: datetime.datetime) -> None:
    """Fulfil an item that no vendor has to be asked for: own services, MSP Hub, Coro after its task.

    It starts on the day it is fulfilled (UTC), which is what its charges count from.
    """
    with transaction.atomic():
        item = _lock_open(item_id)
        if item is None:
            return
        starts_on = at.date()
        ends_on, _next_charge_on = quotes.first_term(term=item.term, plan=item.plan, starts_on=starts_on)
        _fulfil(by=by, item=item, starts_on=starts_on, ends_on=ends_on, auto_renew=True, cancellable_until=None, at=at)


def fulfil_bought(
    *, by: Actor, item_id: uuid.UUID, subscription: shapes.Subscription | None, at: datetime.datetime
) -> None:
    """Make what Microsoft provided a purchased product, with Microsoft's own dates; None is bought once."""
    with transaction.atomic():
        item = _lock_open(item_id)
        if item is None:
            return
        starts_on, ends_on = item.starts_on, item.ends_on
        auto_renew, cancellable_until = True, None
        if subscription is not None:
            item.microsoft_subscription_id = uuid.UUID(subscription.id)
            began = subscription.effective_starts_at or subscription.created_at
            starts_on = began.date() if began else starts_on
            # Microsoft's end is the last day, inclusive (nce-rules.md §6).
            ends_on = (
                subscription.commitment_ends_on + datetime.timedelta(days=1)
                if subscription.commitment_ends_on
                else quotes.first_term(term=item.term, plan=item.plan, starts_on=starts_on)[0]
            )
            auto_renew = subscription.auto_renew_enabled is not False
            cancellable_until = subscription.cancellation_allowed_until
        _fulfil(
            by=by,
            item=item,
            starts_on=starts_on,
            ends_on=ends_on,
            auto_renew=auto_renew,
            cancellable_until=cancellable_until,
            at=at,
        )


def _lock_open(item_id: uuid.UUID) -> OrderItem | None:
    item = (
        OrderItem.objects.select_for_update(of=("self",))
        .select_related("order", "order__subscription", "csp_account", "sku")
        .get(id=item_id)
    )
    return item if item.status in (ItemStatus.WAITING, ItemStatus.SENT) else None


def _fulfil(
    *,
    by: Actor,
    item: OrderItem,
    starts_on: datetime.date,
    ends_on: datetime.date | None,
    auto_renew: bool,
    cancellable_until: datetime.datetime | None,
    at: datetime.datetime,
) -> PurchasedProduct:
    cost = OrderItemCost.objects.filter(partner_id=item.partner_id, order_item=item).first()
    product = holdings.record_purchase(
        by=by,
        bought=holdings.Bought(
            customer_id=item.customer_id,
            subscription=item.order.subscription,
            csp_account=item.csp_account,
            sku=item.sku,
            vendor=item.vendor,
            category=item.category,
            product_name=item.product_name,
            sku_name=item.sku_name,
            term=Term(item.term),
            plan=Plan(item.plan),
            quantity=item.quantity,
            currency=item.currency,
            list_price=item.list_price,
            discount_percent=item.discount_percent,
            discount_reason=item.discount_reason,
            unit_price=item.unit_price,
            unit_cost=cost.unit_cost if cost else None,
            domain=item.domain,
            term_starts_on=starts_on,
            term_ends_on=ends_on,
            order_item_id=item.id,
            microsoft_subscription_id=item.microsoft_subscription_id,
            microsoft_order_id=item.microsoft_order_id,
            auto_renew=auto_renew,
            cancellable_until=cancellable_until,
        ),
        at=at,
    )
    item.status = ItemStatus.COMPLETED
    item.purchased_product = product
    item.starts_on, item.ends_on = starts_on, ends_on
    item.failure_code = item.failure_message = ""
    item.finished_at = at
    item.save()
    _record(
        by=by,
        event=events.PRODUCT_PURCHASED,
        item=item,
        at=at,
        changes={"Product": (None, _("%(quantity)s × %(name)s") % {"quantity": item.quantity, "name": item.sku_name})},
    )
    return product


def _record(
    *, by: Actor, event: str, item: OrderItem, at: datetime.datetime, changes: dict[str, tuple[object, object]]
) -> None:
    audit.record(
        by=by,
        event=event,
        at=at,
        object_type="order",
        object_id=item.order_id,
        object_label=item.order.number,
        customer_id=item.customer_id,
        changes=changes,
        details={"item": item.position},
    )
