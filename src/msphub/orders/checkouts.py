"""The purchase itself: a cart's checkout, sent once, and what became of each of its items.

The row of a checkout (`OrderWrite`) claims its items: it is begun under the order's lock and only while all of them
still wait and no other checkout holds them. So a worker that stood still, was thought dead and wakes up buys nothing
again; and what is kept of an answer is kept once, by whoever closes the row.
"""

import datetime
import uuid
from collections.abc import Iterable, Sequence

from django.db import transaction
from django.utils.translation import gettext as _

from msphub.customers import writes as microsoft_writes
from msphub.customers.models import CspAccount
from msphub.kit import clock
from msphub.kit.actor import Actor
from msphub.microsoft import client as microsoft_client
from msphub.microsoft import errors as microsoft_errors
from msphub.microsoft import order_shapes as shapes
from msphub.orders import fulfilment, progress, writes
from msphub.orders.choices import ItemStatus, WriteKind
from msphub.orders.models import Order, OrderItem, OrderWrite

# A new order may be missing in Microsoft's list for a quarter of an hour (contract §9).
LIST_LAGS = datetime.timedelta(minutes=20)
CLOCKS_DIFFER = datetime.timedelta(minutes=5)
LOOK_AGAIN_SECONDS = 60.0
STALE_AVAILABILITY = 400019
# After these nothing was bought and a new cart may be: its availabilities are stale, it is unknown or has expired.
_NEW_CART = frozenset({STALE_AVAILABILITY, 800008})


def begin(*, order: Order, account: CspAccount, items: Sequence[OrderItem], cart_id: str) -> OrderWrite | None:
    """Commit the checkout of a cart before it is sent; None when one of the items is no longer to be bought.

    Another worker may have done the order while this one made the cart: what it has bought or is buying stays its own.
    """
    with transaction.atomic():
        unsent = {item.id for item in fulfilment.lock_unsent(order)}
        if not all(item.id in unsent for item in items):
            return None
        if writes.open_of(order=order, account=account, kind=WriteKind.CHECKOUT) is not None:
            return None
        return writes.begin(order=order, account=account, kind=WriteKind.CHECKOUT, items=items, cart_id=cart_id)


def check_out(
    *,
    by: Actor,
    order: Order,
    account: CspAccount,
    row: OrderWrite,
    repeated: bool,
    microsoft: microsoft_client.Client,
) -> None:
    """Buy a cart, and keep what became of each of its items in one transaction with the write's end.

    `repeated`: an earlier attempt may have reached Microsoft, so a no is believed only after looking at the orders.
    """
    items = list(OrderItem.objects.filter(partner_id=row.partner_id, id__in=row.items).order_by("position"))
    tenant = str(account.microsoft_tenant_id)
    write = writes.as_write(row, repeated=repeated)
    try:
        result = microsoft_writes.send(
            write, lambda: _checkout(row=row, tenant=tenant, repeated=repeated, microsoft=microsoft)
        )
    except microsoft_errors.AlreadyExists as doubtful:
        seen = list(microsoft.orders.list(customer_id=tenant))
        with transaction.atomic():
            if writes.lock_open(row):
                found = _recognised(row=row, account=account, items=items, seen=seen, doubtful=doubtful)
                _close(by=by, write=write, items=items, result=found, refusal=doubtful)
        return
    except microsoft_errors.SignInFailed:
        raise
    except microsoft_errors.Refused as refusal:
        if refusal.code not in _NEW_CART:  # else the items still wait: the next cart asks for availabilities anew
            fulfilment.fail_refused(by=by, order=order, items=items, refusal=refusal, at=clock.now())
        return
    with transaction.atomic():
        if writes.lock_open(row):  # else another worker has kept what came of it
            _close(by=by, write=write, items=items, result=result)


def _close(
    *,
    by: Actor,
    write: microsoft_writes.Write,
    items: Sequence[OrderItem],
    result: shapes.CheckoutResult | None,
    refusal: microsoft_errors.AlreadyExists | None = None,
) -> None:
    """End a checkout with what was bought; without a result nothing was, and its items wait for a new cart."""
    if result is not None:
        microsoft_writes.accept(write)
        _keep(by=by, items=items, result=result)
    elif refusal is not None:
        microsoft_writes.refuse(write, refusal)


def _checkout(
    *, row: OrderWrite, tenant: str, repeated: bool, microsoft: microsoft_client.Client
) -> shapes.CheckoutResult:
    """Check a cart out; what leaves open whether it was bought keeps the write open.

    Something in progress on the cart may be an attempt of ours (UnknownOutcome), and a no to a repeated request may
    come because the first one was a yes (AlreadyExists, as 800065 says itself).
    """
    try:
        return microsoft.carts.checkout(request_id=row.id, customer_id=tenant, cart_id=row.microsoft_cart_id)
    except (microsoft_errors.SignInFailed, microsoft_errors.AlreadyExists):
        raise
    except microsoft_errors.Refused as refusal:
        if refusal.retry_after is not None:
            raise microsoft_errors.UnknownOutcome(
                refusal.message, status=refusal.status, retry_after=refusal.retry_after
            ) from refusal
        if repeated:
            raise microsoft_errors.AlreadyExists(refusal.message, code=refusal.code, status=refusal.status) from refusal
        raise


def _recognised(
    *,
    row: OrderWrite,
    account: CspAccount,
    items: Sequence[OrderItem],
    seen: Iterable[shapes.Order],
    doubtful: microsoft_errors.AlreadyExists,
) -> shapes.CheckoutResult | None:
    """Find among Microsoft's orders those that a checkout of ours has made, and claim them for its items.

    Raises `TryLater` while they may be missing in the list. None: it bought nothing, and a new cart may.
    """
    # Two orders of one customer that look at the same time must not take the same purchase for theirs.
    CspAccount.objects.select_for_update().get(partner_id=row.partner_id, id=account.id)
    known = set(
        OrderItem.objects.filter(partner_id=row.partner_id, csp_account_id=row.csp_account_id)
        .exclude(microsoft_order_id="")
        .values_list("microsoft_order_id", flat=True)
    )
    since = row.prepared_at - CLOCKS_DIFFER
    found = tuple(one for one in seen if one.id not in known and (one.created_at is None or one.created_at >= since))
    matched = match(items, [line for one in found for line in one.lines])
    if len(matched) < len(items) and clock.now() < row.prepared_at + LIST_LAGS:
        raise progress.TryLater(LOOK_AGAIN_SECONDS) from doubtful
    if not matched and doubtful.code in _NEW_CART:
        return None
    return shapes.CheckoutResult(
        orders=found,
        errors=tuple(
            shapes.OrderError(order_group=str(item.position), code=doubtful.code, description=doubtful.message)
            for item in items
            if item.id not in matched
        ),
    )


def _keep(*, by: Actor, items: Sequence[OrderItem], result: shapes.CheckoutResult) -> None:
    errors = {error.order_group: error for error in result.errors}
    bought = match(
        [item for item in items if str(item.position) not in errors],
        [line for order in result.orders for line in order.lines],
    )
    order_of = {id(line): order for order in result.orders for line in order.lines}
    for item in items:
        line = bought.get(item.id)
        if line is not None:
            fulfilment.sent(
                item_id=item.id,
                microsoft_order_id=order_of[id(line)].id,
                microsoft_subscription_id=line.subscription_id,
            )
            continue
        error = errors.get(str(item.position)) or next(iter(result.errors), None)
        fulfilment.fail(
            by=by,
            item_id=item.id,
            status=ItemStatus.WAITING,
            code=str(error.code or "") if error else "",
            message=error.message if error else _("Microsoft's answer does not name this item."),
            at=clock.now(),
        )


def match(items: Sequence[OrderItem], lines: Iterable[shapes.OrderLine]) -> dict[uuid.UUID, shapes.OrderLine]:
    """Give each item the line that is its own: the same SKU, quantity and term. Equal items are interchangeable."""
    left = list(lines)
    found: dict[uuid.UUID, shapes.OrderLine] = {}
    for item in items:
        for line in left:
            if (
                line.catalog_item_id.casefold().startswith(item.product_code.casefold() + ":")
                and line.quantity in (None, item.quantity)
                and (line.term_duration or item.term) == item.term
            ):
                found[item.id] = line
                left.remove(line)
                break
    return found
