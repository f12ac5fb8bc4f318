"""Placing an order from a reviewed cart, now or for a day to come, and starting it when its day has come."""

import contextlib
import dataclasses
import datetime
import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from msphub.accounts.models import Tenant
from msphub.audit import actions as audit
from msphub.catalog import permissions as catalog
from msphub.kit.actor import Actor
from msphub.kit.errors import NotFound, Refused
from msphub.orders import carts, credit, events, permissions, progress, quotes, waiting
from msphub.orders.choices import ItemStatus, OrderStatus, OrderType
from msphub.orders.models import CartLine, Order, OrderItem

FURTHEST_DAYS = 365


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """What a person confirmed: this review, its lines, and the unit price and quantity that each showed.

    `attested` are the lines for which Microsoft's statement was confirmed, where a SKU asks for one.
    """

    review_id: uuid.UUID
    lines: Mapping[uuid.UUID, tuple[int, Decimal]]
    attested: frozenset[uuid.UUID] = frozenset()


def place_order(
    *,
    by: Actor,
    cart_id: uuid.UUID,
    confirmed: Confirmed,
    at: datetime.datetime,
    scheduled_on: datetime.date | None = None,
) -> Order:
    """Make an order of a cart: sent at once, on `scheduled_on` (a UTC day to come), or when its tasks are done.

    Prices are quoted anew; what differs from what was confirmed is refused (`changed`), so that nobody pays what he
    did not see. Refuses an empty cart, a statement of Microsoft's that was not confirmed, whoever may not buy, what is
    not offered (any more), a day that is not to come, and a total past the credit limit with the figures. The same
    review confirmed twice makes one order.
    """
    by.require(catalog.PURCHASE)
    _check_day(scheduled_on, at=at)
    placed = Order.objects.filter(partner_id=by.partner_id, review_id=confirmed.review_id).first()
    if placed is not None:
        return placed
    try:
        with transaction.atomic():
            return _place(by=by, cart_id=cart_id, confirmed=confirmed, at=at, scheduled_on=scheduled_on)
    except IntegrityError:
        # Clicked twice at the same instant: the other one was first.
        placed = Order.objects.filter(partner_id=by.partner_id, review_id=confirmed.review_id).first()
        if placed is None:
            raise
        return placed


def partners_with_due_orders(*, on: datetime.date) -> list[uuid.UUID]:
    """Return the partners of which a scheduled order's day has come. Needs no scope (a function of the owner's)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT orders_partners_with_due_orders(%s)", [on])
        return [row[0] for row in cursor.fetchall()]


def start_due_orders(*, by: Actor, at: datetime.datetime) -> None:
    """Start the scheduled orders whose day has come, each in a transaction of its own."""
    due = Order.objects.filter(
        partner_id=by.partner_id, status=OrderStatus.SCHEDULED, scheduled_on__lte=at.date()
    ).order_by("placed_at", "id")
    for order_id in list(due.values_list("id", flat=True)):
        with transaction.atomic():
            order = Order.objects.select_for_update().get(partner_id=by.partner_id, id=order_id)
            if order.status == OrderStatus.SCHEDULED:
                progress.go_on(by=by, order=order, at=at)


def cancel_order(*, by: Actor, order_id: uuid.UUID, reason: str, at: datetime.datetime) -> Order:
    """Cancel an order of which nothing was sent yet: scheduled, or waiting for its tasks. Asked twice it stays so."""
    by.require(permissions.MANAGE)
    with transaction.atomic():
        order = lock_order(by=by, order_id=order_id)
        if order.status == OrderStatus.CANCELLED:
            return order
        if order.status not in (OrderStatus.SCHEDULED, OrderStatus.PENDING):
            raise Refused("too_late", _("This order is being fulfilled and can't be cancelled any more."))
        waiting.close_tasks(order=order)
        OrderItem.objects.filter(partner_id=by.partner_id, order=order).update(
            status=ItemStatus.CANCELLED, finished_at=at
        )
        progress.cancel(
            by=by,
            order=order,
            event=events.ORDER_CANCELLED,
            reason=reason.strip()[:500] or _("Cancelled by %(name)s.") % {"name": by.name},
            at=at,
        )
    return order


def lock_order(*, by: Actor, order_id: uuid.UUID) -> Order:
    """Return an order locked for the caller's transaction; raises `NotFound`, also for another tenant's id."""
    found = Order.objects.select_for_update().filter(partner_id=by.partner_id, id=order_id)
    if by.customer_id is not None:
        found = found.filter(customer_id=by.customer_id)
    order = found.first()
    if order is None:
        raise NotFound
    return order


def _place(
    *,
    by: Actor,
    cart_id: uuid.UUID,
    confirmed: Confirmed,
    at: datetime.datetime,
    scheduled_on: datetime.date | None,
) -> Order:
    cart = carts.lock_cart(by=by, cart_id=cart_id)
    # Clicked twice: while this one waited for the cart, the other one ordered it.
    placed = Order.objects.filter(partner_id=by.partner_id, review_id=confirmed.review_id).first()
    if placed is not None:
        return placed
    # The customer's row serialises its orders: two at once can't both fit under the credit limit.
    Tenant.objects.select_for_update().get(partner_id=by.partner_id, id=cart.customer_id)
    lines = carts.lines_of(by=by, cart=cart)
    if not lines:
        raise Refused("empty", _("The cart is empty: it was ordered already, or somebody emptied it."))
    starts_on = scheduled_on or at.date()
    quoted = quotes.quote(by=by, lines=lines, on=starts_on)
    problems = [f"{one.title}: {one.problem}" for one in quoted if one.problem]
    if problems or len(quoted) < len(lines):
        raise Refused("not_offered", " ".join(problems))
    shown = {line.id: (line.quantity, one.unit_price) for line, one in zip(lines, quoted, strict=True)}
    if shown != dict(confirmed.lines):
        raise Refused("changed", _("Prices or quantities have changed since you reviewed the order. Check it again."))
    _check_attested(quoted, confirmed)
    total = sum((one.extended_price for one in quoted), start=Decimal(0))
    _check_credit(by=by, customer_id=cart.customer_id, amount=total, on=at.date())
    order = Order.objects.create(
        partner_id=by.partner_id,
        customer_id=cart.customer_id,
        subscription_id=cart.subscription_id,
        type=OrderType.NEW,
        number=_next_number(OrderType.NEW),
        status=OrderStatus.PENDING,
        currency=quoted[0].offer.currency,
        total=total,
        item_count=len(lines),
        review_id=confirmed.review_id,
        placed_at=at,
        placed_by=by.name,
        placed_by_id=by.user_id,
        scheduled_on=scheduled_on,
    )
    items = [
        quotes.as_item(quoted=one, order=order, line=line, position=position)
        for position, (line, one) in enumerate(zip(lines, quoted, strict=True), start=1)
    ]
    OrderItem.objects.bulk_create(items)
    CartLine.objects.filter(partner_id=by.partner_id, cart=cart).delete()
    cart.version += 1
    cart.updated_at = at
    cart.save(update_fields=["version", "updated_at"])
    audit.record(
        by=by,
        event=events.ORDER_PLACED,
        at=at,
        object_type="order",
        object_id=order.id,
        object_label=order.number,
        customer_id=order.customer_id,
        changes={"Total": (None, f"{total} {order.currency}"), "Items": (None, len(items))} | _stated(items),
    )
    if not waiting.create_tasks(by=by, order=order, items=items, at=at):
        progress.go_on(by=by, order=order, at=at)
    return order


def _check_attested(quoted: Sequence[quotes.Quoted], confirmed: Confirmed) -> None:
    missing = [one for one in quoted if one.offer.sku.attestation and one.line_id not in confirmed.attested]
    if missing:
        raise Refused(
            "attestation",
            _("Microsoft asks for a statement: confirm it for %(names)s.")
            % {"names": ", ".join(one.title for one in missing)},
            fields={f"attest_{one.line_id}": _("Confirm Microsoft's statement.") for one in missing},
        )


def _stated(items: Sequence[OrderItem]) -> dict[str, tuple[None, str]]:
    stated = [item.sku_name for item in items if item.attested]
    return {gettext_noop("Microsoft's conditions confirmed for"): (None, ", ".join(stated))} if stated else {}


def _check_credit(*, by: Actor, customer_id: uuid.UUID, amount: Decimal, on: datetime.date) -> None:
    # A customer whose type holds no term for its country (any more) has no limit that could be passed.
    with contextlib.suppress(NotFound):
        credit.check(by=by, customer_id=customer_id, amount=amount, on=on)


def _next_number(kind: OrderType) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT orders_next_number(%s)", [kind.value])
        return f"{kind.value}{cursor.fetchone()[0]}"


def _check_day(scheduled_on: datetime.date | None, *, at: datetime.datetime) -> None:
    if scheduled_on is None:
        return
    if scheduled_on <= at.date():
        raise Refused("day", _("Choose a day to come."), field="scheduled_on")
    if scheduled_on > at.date() + datetime.timedelta(days=FURTHEST_DAYS):
        raise Refused("day", _("Choose a day within one year."), field="scheduled_on")
