"""The work on an order: what Microsoft sells is bought there, everything else is fulfilled by us, each exactly once.

One purchase is one cart and its checkout. Each of the two writes has a row of its own (`writes.py`), committed before
the call, whose id is the MS-RequestId. After an unknown outcome the same id is repeated, and what it bought is looked
for before a no is believed (errors.md §7). No database transaction is open while Microsoft is asked. A worker killed at
any line begins again at the state that was committed last.
"""

import contextlib
import datetime
import uuid
from collections.abc import Iterable, Sequence

import structlog
from django.db import DatabaseError, transaction
from django.utils.translation import gettext as _

from msphub.accounts import microsoft_connection
from msphub.accounts.choices import Status
from msphub.accounts.models import Tenant
from msphub.catalog.choices import Plan, VendorCode
from msphub.customers import writes as microsoft_writes
from msphub.customers.choices import AccountState
from msphub.customers.models import CspAccount
from msphub.kit import clock
from msphub.kit.actor import Actor, system_actor
from msphub.microsoft import client as microsoft_client
from msphub.microsoft import errors as microsoft_errors
from msphub.microsoft import order_shapes as shapes
from msphub.orders import costs, fulfilment, progress, quotes, writes
from msphub.orders.choices import ItemStatus, OrderStatus, WriteKind
from msphub.orders.models import Order, OrderItem, OrderWrite

log = structlog.get_logger(__name__)

LONGEST_WAIT_SECONDS = 300.0
PROVISIONING_WAIT_SECONDS = 10.0
# A new order may be missing in Microsoft's list for a quarter of an hour (contract §9).
LIST_LAGS = datetime.timedelta(minutes=20)
CLOCKS_DIFFER = datetime.timedelta(minutes=5)
STALE_AVAILABILITY = 400019
# Bounds of what is done without a pause: carts until one of them is bought, rounds until every add-on has its base.
MOST_CARTS = 5
MOST_ROUNDS = 4


class TryLater(Exception):
    """Microsoft can't be reached, wants to be left alone, or has not provisioned yet; come back after `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"try again in {seconds:.0f} s")
        self.seconds = seconds


def work_on_order(*, partner_id: uuid.UUID, order_id: uuid.UUID) -> None:
    """Send what an order still has to send, follow what was sent, and end it. Raises `TryLater` after an outage.

    The connection must be in the partner's scope and outside any transaction.
    """
    by = system_actor(partner_id=partner_id)
    order = Order.objects.filter(partner_id=partner_id, id=order_id).first()
    if order is None or order.status != OrderStatus.PROCESSING:
        return
    try:
        if _may_go_on(by=by, order=order):
            costs.record(by=by, order=order)
            for item in _items(order, ItemStatus.WAITING):
                if item.vendor != VendorCode.MICROSOFT:
                    fulfilment.fulfil_own(by=by, item_id=item.id, at=clock.now())
            _work_at_microsoft(by=by, order=order)
    except microsoft_errors.MicrosoftError as outage:
        raise TryLater(_note_wait(order=order, message=outage.message, seconds=outage.retry_after)) from outage
    except TryLater as wait:
        _note_wait(order=order, message=_("Microsoft is working on it."), seconds=wait.seconds)
        raise
    except Exception:
        with contextlib.suppress(DatabaseError):
            words = _("Something went wrong here, not at Microsoft. It is tried again by itself.")
            Order.objects.filter(id=order.id).update(message=words, next_try_at=None)
        raise
    with transaction.atomic():
        settled = progress.settle(by=by, order_id=order.id, at=clock.now())
    if settled.status == OrderStatus.PROCESSING:
        seconds = _note_wait(
            order=order, message=_("Microsoft is providing the products."), seconds=PROVISIONING_WAIT_SECONDS
        )
        raise TryLater(seconds)


def _may_go_on(*, by: Actor, order: Order) -> bool:
    """Tell whether there is something to do; what was not sent fails visibly if the customer was stopped meanwhile."""
    tenant = Tenant.objects.get(partner_id=by.partner_id, id=order.customer_id)
    if tenant.status != Status.ACTIVE:
        words = _("The customer is %(status)s, so nothing was sent.") % {"status": Status(tenant.status).label.lower()}
        _fail(by=by, items=_unsent(order), code="customer_status", message=words)
    return bool(_items(order, ItemStatus.WAITING, ItemStatus.SENT))


def _unsent(order: Order) -> list[OrderItem]:
    """Return the waiting items that no checkout under way may have bought."""
    sent = {
        item
        for write in OrderWrite.objects.filter(order=order, kind=WriteKind.CHECKOUT, state__in=microsoft_writes.OPEN)
        for item in write.items
    }
    return [item for item in _items(order, ItemStatus.WAITING) if str(item.id) not in sent]


def _work_at_microsoft(*, by: Actor, order: Order) -> None:
    items = [item for item in _items(order, ItemStatus.WAITING, ItemStatus.SENT) if item.csp_account is not None]
    accounts = {item.csp_account_id: item.csp_account for item in items}
    if not accounts:
        return
    try:
        microsoft = microsoft_connection.client(partner_id=order.partner_id)
    except microsoft_connection.NotConnected as error:
        _fail(by=by, items=_unsent(order), code=error.code, message=str(error.message))
        return
    with microsoft:
        # An add-on is bought once its base product is there: the first round may be followed by another.
        for _round in range(MOST_ROUNDS):
            for account in accounts.values():
                if account is not None:
                    _buy(by=by, order=order, account=account, microsoft=microsoft)
            over = [_follow(by=by, item=item, microsoft=microsoft) for item in _items(order, ItemStatus.SENT)]
            if not all(over):
                raise TryLater(PROVISIONING_WAIT_SECONDS)
            if not any(item.csp_account_id for item in _items(order, ItemStatus.WAITING)):
                return
    raise TryLater(LONGEST_WAIT_SECONDS)


def _buy(*, by: Actor, order: Order, account: CspAccount, microsoft: microsoft_client.Client) -> None:
    """Buy an account's waiting items: a cart and its checkout; lines that a cart refuses fail, the rest goes on."""
    for _attempt in range(MOST_CARTS):
        under_way = writes.open_of(order=order, account=account, kind=WriteKind.CHECKOUT)
        if under_way is not None:
            _check_out(by=by, account=account, row=under_way, repeated=True, microsoft=microsoft)
            continue
        waiting = _ready(by=by, order=order, account=account)
        if not waiting:
            return
        problem = _account_problem(account)
        if problem:
            _fail(by=by, items=waiting, code="csp_account", message=problem)
            return
        row = _fill_cart(by=by, order=order, account=account, items=waiting, microsoft=microsoft)
        if row is not None:
            _check_out(by=by, account=account, row=row, repeated=False, microsoft=microsoft)
    raise TryLater(60.0)


def _ready(*, by: Actor, order: Order, account: CspAccount) -> list[OrderItem]:
    """Return an account's waiting items but add-ons whose base product is still to come with this order."""
    open_items = [
        item for item in _items(order, ItemStatus.WAITING, ItemStatus.SENT) if item.csp_account_id == account.id
    ]
    coming = {item.product_code for item in open_items}
    held = quotes.held_skus(by=by, account_id=account.id)
    return [
        item
        for item in open_items
        if item.status == ItemStatus.WAITING
        and (held.intersection(item.sku.prerequisites) or not coming.intersection(item.sku.prerequisites))
    ]


def _account_problem(account: CspAccount) -> str:
    if account.state != AccountState.LINKED or account.microsoft_tenant_id is None:
        return _("The CSP account %(domain)s is not linked (any more).") % {"domain": account.domain}
    if not account.agreements.filter(confirmed_at__isnull=False).exists():
        return _("Agreement missing: no Microsoft order goes out for %(domain)s without it.") % {
            "domain": account.domain
        }
    return ""


def _fill_cart(
    *,
    by: Actor,
    order: Order,
    account: CspAccount,
    items: Sequence[OrderItem],
    microsoft: microsoft_client.Client,
) -> OrderWrite | None:
    """Make a cart of the items; return the checkout of what can be bought of it, not yet sent, or None.

    A cart buys nothing by itself: one whose answer got lost is left to expire, and the next is a new one.
    """
    lines: list[tuple[OrderItem, shapes.NewLine]] = []
    for item in items:
        line = _line(by=by, account=account, item=item, microsoft=microsoft)
        if line is not None:
            lines.append((item, line))
    if not lines:
        return None
    earlier = writes.open_of(order=order, account=account, kind=WriteKind.CART)
    if earlier is not None:
        writes.give_up(earlier, message=_("No answer: a new cart was made."))
    row = writes.begin(order=order, account=account, kind=WriteKind.CART, items=[item for item, _line_ in lines])
    write = writes.as_write(row, repeated=False)
    tenant = str(account.microsoft_tenant_id)
    try:
        cart = microsoft_writes.send(
            write,
            lambda: microsoft.carts.create(
                request_id=row.id, customer_id=tenant, lines=[line for _item, line in lines]
            ),
        )
    except microsoft_errors.SignInFailed:
        raise
    except microsoft_errors.Refused as refusal:
        _fail_refused(by=by, items=[item for item, _line_ in lines], refusal=refusal)
        return None
    refused = _refused_items(cart, lines)
    with transaction.atomic():
        microsoft_writes.accept(write)
        for item, error in refused:
            fulfilment.fail(by=by, item_id=item.id, code=str(error.code or ""), message=error.message, at=clock.now())
    if refused:
        return None  # what is left goes into a new cart: one with refused lines can't be checked out
    return writes.begin(
        order=order, account=account, kind=WriteKind.CHECKOUT, items=[item for item, _line_ in lines], cart_id=cart.id
    )


def _line(
    *, by: Actor, account: CspAccount, item: OrderItem, microsoft: microsoft_client.Client
) -> shapes.NewLine | None:
    """Return an item as a line of a cart, with the availability of this moment: its id changes (contract §7.3)."""
    product_id, _colon, sku_id = item.product_code.partition(":")
    try:
        offered = list(
            microsoft.catalog.availabilities(
                product_id=product_id, sku_id=sku_id, customer_id=str(account.microsoft_tenant_id)
            )
        )
    except microsoft_errors.NotFound:
        offered = []
    for one in offered:
        for term in one.terms:
            if (term.duration or "") == item.term and (term.billing_cycle or "").casefold() == item.plan:
                return shapes.NewLine(
                    catalog_item_id=one.catalog_item_id,
                    quantity=item.quantity,
                    billing_cycle=item.plan,
                    term_duration=item.term or None,
                    # One order for each item, so that one that fails takes no other with it.
                    order_group=str(item.position),
                    provisioning_context=_parent(by=by, account=account, item=item),
                )
    _fail(
        by=by,
        items=[item],
        code="not_offered",
        message=_("Microsoft does not offer it to this customer with this term and billing frequency any more."),
    )
    return None


def _parent(*, by: Actor, account: CspAccount, item: OrderItem) -> dict[str, str]:
    """Return which subscription an add-on belongs to, as a cart's line says it (contract §8.1)."""
    if not item.sku.prerequisites:
        return {}
    base = quotes.base_subscription(by=by, account_id=account.id, prerequisites=item.sku.prerequisites)
    return {"ParentSubscriptionId": str(base)} if base else {}


def _refused_items(
    cart: shapes.Cart, lines: Sequence[tuple[OrderItem, shapes.NewLine]]
) -> list[tuple[OrderItem, shapes.LineError]]:
    by_group = {line.order_group: item for item, line in lines}
    refused = []
    for number, line in enumerate(cart.lines):
        if line.error is None:
            continue
        item = by_group.get(line.order_group) or (lines[number][0] if number < len(lines) else None)
        if item is not None:
            refused.append((item, line.error))
    return refused


def _check_out(
    *,
    by: Actor,
    account: CspAccount,
    row: OrderWrite,
    repeated: bool,
    microsoft: microsoft_client.Client,
) -> None:
    """Buy a cart, and keep what became of each of its items in one transaction with the write's end."""
    items = list(OrderItem.objects.filter(partner_id=row.partner_id, id__in=row.items).order_by("position"))
    tenant = str(account.microsoft_tenant_id)
    write = writes.as_write(row, repeated=repeated)
    try:
        result = microsoft_writes.send(
            write, lambda: _checkout(row=row, tenant=tenant, repeated=repeated, microsoft=microsoft)
        )
    except microsoft_errors.AlreadyExists as doubtful:
        result = _look(row=row, items=items, tenant=tenant, microsoft=microsoft, doubtful=doubtful)
    except (microsoft_errors.SignInFailed, microsoft_errors.Forbidden):
        raise
    except microsoft_errors.Refused as refusal:
        if refusal.code != STALE_AVAILABILITY:  # else the items still wait: the next cart asks for availabilities anew
            _fail_refused(by=by, items=items, refusal=refusal)
        return
    with transaction.atomic():
        microsoft_writes.accept(write)
        _keep_result(by=by, items=items, result=result)


def _checkout(
    *, row: OrderWrite, tenant: str, repeated: bool, microsoft: microsoft_client.Client
) -> shapes.CheckoutResult:
    """Check a cart out; what leaves open whether it was bought keeps the write open.

    Something in progress on the cart may be an attempt of ours (UnknownOutcome), and a no to a repeated request may
    come because the first one was a yes (AlreadyExists, as 800065 says itself).
    """
    try:
        return microsoft.carts.checkout(request_id=row.id, customer_id=tenant, cart_id=row.microsoft_cart_id)
    except (microsoft_errors.SignInFailed, microsoft_errors.Forbidden, microsoft_errors.AlreadyExists):
        raise
    except microsoft_errors.Refused as refusal:
        if refusal.retry_after is not None:
            raise microsoft_errors.UnknownOutcome(
                refusal.message, status=refusal.status, retry_after=refusal.retry_after
            ) from refusal
        if repeated:
            raise microsoft_errors.AlreadyExists(refusal.message, code=refusal.code, status=refusal.status) from refusal
        raise


def _look(
    *,
    row: OrderWrite,
    items: Sequence[OrderItem],
    tenant: str,
    microsoft: microsoft_client.Client,
    doubtful: microsoft_errors.AlreadyExists,
) -> shapes.CheckoutResult:
    """Find the orders that a checkout of ours has made; raises `TryLater` while they may be missing in the list."""
    known = set(
        OrderItem.objects.filter(partner_id=row.partner_id, csp_account_id=row.csp_account_id)
        .exclude(microsoft_order_id="")
        .values_list("microsoft_order_id", flat=True)
    )
    since = row.prepared_at - CLOCKS_DIFFER
    found = tuple(
        one
        for one in microsoft.orders.list(customer_id=tenant)
        if one.id not in known and (one.created_at is None or one.created_at >= since)
    )
    matched = _match(items, [line for one in found for line in one.lines])
    if len(matched) < len(items) and clock.now() < row.prepared_at + LIST_LAGS:
        raise TryLater(60.0) from doubtful
    return shapes.CheckoutResult(
        orders=found,
        errors=tuple(
            shapes.OrderError(order_group=str(item.position), code=doubtful.code, description=doubtful.message)
            for item in items
            if item.id not in matched
        ),
    )


def _keep_result(*, by: Actor, items: Sequence[OrderItem], result: shapes.CheckoutResult) -> None:
    errors = {error.order_group: error for error in result.errors}
    bought = _match(
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
            code=str(error.code or "") if error else "",
            message=error.message if error else _("Microsoft's answer does not name this item."),
            at=clock.now(),
        )


def _match(items: Sequence[OrderItem], lines: Iterable[shapes.OrderLine]) -> dict[uuid.UUID, shapes.OrderLine]:
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


def _follow(*, by: Actor, item: OrderItem, microsoft: microsoft_client.Client) -> bool:
    """Ask how far Microsoft is with an item; True when it is over. What it provided becomes a purchased product."""
    if item.csp_account is None:
        return True
    tenant = str(item.csp_account.microsoft_tenant_id)
    try:
        order = microsoft.orders.get(customer_id=tenant, order_id=item.microsoft_order_id)
    except microsoft_errors.NotFound:
        return False  # not to be seen yet
    if (order.status or "").casefold() in {"cancelled", "error"}:
        words = _("Microsoft has ended the order %(id)s: %(status)s.") % {"id": order.id, "status": order.status}
        _fail(by=by, items=[item], code=order.status or "", message=words)
        return True
    line = _match([item], order.lines).get(item.id)
    subscription_id = (line.subscription_id if line else None) or (
        str(item.microsoft_subscription_id) if item.microsoft_subscription_id else None
    )
    told = microsoft.orders.provisioning_status(customer_id=tenant, order_id=item.microsoft_order_id)
    mine = [one for one in told if line is None or one.line_number in (None, line.number)]
    if not mine or not all(one.is_fulfilled for one in mine):
        return False
    if subscription_id is None:
        if item.plan == Plan.ONE_TIME and not item.term:
            fulfilment.fulfil_bought(by=by, item_id=item.id, subscription=None, at=clock.now())
            return True
        return False
    try:
        subscription = microsoft.subscriptions.get(customer_id=tenant, subscription_id=subscription_id)
    except microsoft_errors.NotFound:
        return False
    fulfilment.fulfil_bought(by=by, item_id=item.id, subscription=subscription, at=clock.now())
    return True


def _items(order: Order, *statuses: ItemStatus) -> list[OrderItem]:
    return list(
        OrderItem.objects.filter(partner_id=order.partner_id, order=order, status__in=statuses)
        .select_related("csp_account", "sku")
        .order_by("position")
    )


def _fail(*, by: Actor, items: Sequence[OrderItem], code: str, message: str) -> None:
    with transaction.atomic():
        for item in items:
            fulfilment.fail(by=by, item_id=item.id, code=code, message=message, at=clock.now())


def _fail_refused(*, by: Actor, items: Sequence[OrderItem], refusal: microsoft_errors.Refused) -> None:
    _fail(
        by=by,
        items=items,
        code=microsoft_writes.code_of(refusal),
        message=refusal.advice or refusal.message,
    )


def _note_wait(*, order: Order, message: str, seconds: float | None) -> float:
    """Say on the order's page what is waited for and until when; return the seconds."""
    wait = min(seconds if seconds is not None else 30.0, LONGEST_WAIT_SECONDS)
    at = clock.now() + datetime.timedelta(seconds=wait)
    Order.objects.filter(id=order.id, status=OrderStatus.PROCESSING).update(message=message, next_try_at=at)
    return wait
