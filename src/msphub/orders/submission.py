"""The work on an order: what Microsoft sells is bought there, everything else is fulfilled by us, each exactly once.

One purchase is one cart and its checkout. Each of the two writes has a row of its own (`writes.py`), committed before
the call, whose id is the MS-RequestId. After an unknown outcome the same id is repeated, and what it bought is looked
for before a no is believed (errors.md §7). No database transaction is open while Microsoft is asked. A worker killed at
any line begins again at the state that was committed last.
"""

import contextlib
import datetime
import uuid
from collections.abc import Iterator, Sequence

import structlog
from django.db import DatabaseError, transaction
from django.utils.translation import gettext as _

from msphub.accounts import microsoft_connection
from msphub.accounts.choices import Status
from msphub.accounts.models import Tenant
from msphub.catalog.choices import SEGMENT_WORDS, CustomerSegment, Plan, VendorCode
from msphub.customers import writes as microsoft_writes
from msphub.customers.choices import AccountState
from msphub.customers.models import CspAccount
from msphub.kit import clock
from msphub.kit.actor import Actor, system_actor
from msphub.microsoft import catalog_shapes
from msphub.microsoft import client as microsoft_client
from msphub.microsoft import errors as microsoft_errors
from msphub.microsoft import order_shapes as shapes
from msphub.orders import checkouts, costs, fulfilment, progress, quotes, writes
from msphub.orders.choices import ItemStatus, OrderStatus, WriteKind
from msphub.orders.models import Order, OrderItem, OrderWrite

log = structlog.get_logger(__name__)

ROUNDS_WAIT_SECONDS = 300.0
# After an outage of which Microsoft didn't say how long it lasts; then twice as long each time, up to the longest.
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 30.0, 900.0
PROVISIONING_WAIT_SECONDS = 10.0
# Bounds of what is done without a pause: carts until one of them is bought, rounds until every add-on has its base.
MOST_CARTS = 5
MOST_ROUNDS = 4


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
            for item in fulfilment.items_of(order, ItemStatus.WAITING):
                if item.vendor != VendorCode.MICROSOFT:
                    fulfilment.fulfil_own(by=by, item_id=item.id, at=clock.now())
            _work_at_microsoft(by=by, order=order)
    except microsoft_errors.MicrosoftError as outage:
        raise progress.TryLater(_note_outage(order=order, outage=outage)) from outage
    except progress.TryLater as wait:
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
        _note_wait(order=order, message=_("Microsoft is providing the products."), seconds=PROVISIONING_WAIT_SECONDS)
        raise progress.TryLater(PROVISIONING_WAIT_SECONDS)


def _may_go_on(*, by: Actor, order: Order) -> bool:
    """Tell whether there is something to do; what was not sent fails visibly if the customer was stopped meanwhile."""
    tenant = Tenant.objects.get(partner_id=by.partner_id, id=order.customer_id)
    if tenant.status != Status.ACTIVE:
        words = _("The customer is %(status)s, so nothing was sent.") % {"status": Status(tenant.status).label.lower()}
        waiting = fulfilment.items_of(order, ItemStatus.WAITING)
        _fail(by=by, order=order, items=waiting, code="customer_status", message=words)
    return bool(fulfilment.items_of(order, ItemStatus.WAITING, ItemStatus.SENT))


def _work_at_microsoft(*, by: Actor, order: Order) -> None:
    items = [
        item for item in fulfilment.items_of(order, ItemStatus.WAITING, ItemStatus.SENT) if item.csp_account is not None
    ]
    accounts = {item.csp_account_id: item.csp_account for item in items}
    if not accounts:
        return
    try:
        microsoft = microsoft_connection.client(partner_id=order.partner_id)
    except microsoft_connection.NotConnected as error:
        waiting = fulfilment.items_of(order, ItemStatus.WAITING)
        _fail(by=by, order=order, items=waiting, code=error.code, message=str(error.message))
        return
    with microsoft:
        # An add-on is bought once its base product is there: the first round may be followed by another.
        for _round in range(MOST_ROUNDS):
            for account in accounts.values():
                if account is not None:
                    _buy(by=by, order=order, account=account, microsoft=microsoft)
            over = [
                _follow(by=by, item=item, microsoft=microsoft) for item in fulfilment.items_of(order, ItemStatus.SENT)
            ]
            if not all(over):
                raise progress.TryLater(PROVISIONING_WAIT_SECONDS)
            if not any(item.csp_account_id for item in fulfilment.items_of(order, ItemStatus.WAITING)):
                return
    raise progress.TryLater(ROUNDS_WAIT_SECONDS)


def _buy(*, by: Actor, order: Order, account: CspAccount, microsoft: microsoft_client.Client) -> None:
    """Buy an account's waiting items: a cart and its checkout; lines that a cart refuses fail, the rest goes on."""
    for _attempt in range(MOST_CARTS):
        under_way = writes.open_of(order=order, account=account, kind=WriteKind.CHECKOUT)
        if under_way is not None:
            checkouts.check_out(by=by, order=order, account=account, row=under_way, repeated=True, microsoft=microsoft)
            continue
        waiting = _ready(by=by, order=order, account=account)
        if not waiting:
            return
        problem = _account_problem(account)
        if problem:
            _fail(by=by, order=order, items=waiting, code="csp_account", message=problem)
            return
        row = _fill_cart(by=by, order=order, account=account, items=waiting, microsoft=microsoft)
        if row is not None:
            checkouts.check_out(by=by, order=order, account=account, row=row, repeated=False, microsoft=microsoft)
    raise progress.TryLater(60.0)


def _ready(*, by: Actor, order: Order, account: CspAccount) -> list[OrderItem]:
    """Return an account's waiting items but add-ons whose base product is still to come with this order."""
    open_items = [
        item
        for item in fulfilment.items_of(order, ItemStatus.WAITING, ItemStatus.SENT)
        if item.csp_account_id == account.id
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

    None also when another worker has begun to buy some of them meanwhile. A cart buys nothing by itself: one whose
    answer got lost is left to expire, and the next is a new one.
    """
    lines: list[tuple[OrderItem, shapes.NewLine]] = []
    for item in items:
        line = _line(by=by, order=order, account=account, item=item, microsoft=microsoft)
        if line is not None:
            lines.append((item, line))
    if not lines:
        return None
    with transaction.atomic():
        fulfilment.lock_unsent(order)
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
        sent = [item for item, _line_ in lines]
        fulfilment.fail_refused(by=by, order=order, items=sent, refusal=refusal, at=clock.now())
        return None
    refused = _refused_items(cart, lines)
    with transaction.atomic():
        microsoft_writes.accept(write)
        for item, error in refused:
            _fail(by=by, order=order, items=[item], code=str(error.code or ""), message=error.message)
    if refused:
        return None  # what is left goes into a new cart: one with refused lines can't be checked out
    return checkouts.begin(order=order, account=account, items=[item for item, _line_ in lines], cart_id=cart.id)


def _line(
    *, by: Actor, order: Order, account: CspAccount, item: OrderItem, microsoft: microsoft_client.Client
) -> shapes.NewLine | None:
    """Return an item as a line of a cart, with the availability of this moment: its id changes (contract §7.3)."""
    for one in _offered(account=account, item=item, microsoft=microsoft):
        for term in one.terms:
            if (term.duration or "") == item.term and (term.billing_cycle or "").casefold() == item.plan:
                return shapes.NewLine(
                    catalog_item_id=one.catalog_item_id,
                    quantity=item.quantity,
                    billing_cycle=item.plan,
                    term_duration=item.term or None,
                    # One order for each item, so that one that fails takes no other with it.
                    order_group=str(item.position),
                    is_attestation_accepted=True if item.attested else None,
                    provisioning_context=_parent(by=by, account=account, item=item),
                )
    _fail(
        by=by,
        order=order,
        items=[item],
        code="not_offered",
        message=_("Microsoft does not offer it to this customer with this term and billing frequency any more."),
    )
    return None


def _offered(
    *, account: CspAccount, item: OrderItem, microsoft: microsoft_client.Client
) -> Iterator[catalog_shapes.Availability]:
    """Yield what Microsoft offers of an item in the segment whose price was quoted, and that can be bought.

    Nonprofit is hidden from who does not ask for it (contract §7.3).
    """
    product_id, _colon, sku_id = item.product_code.partition(":")
    asked = (None,) if item.segment in ("", CustomerSegment.COMMERCIAL) else (item.segment, None)
    for segment in asked:
        with contextlib.suppress(microsoft_errors.NotFound):
            for one in microsoft.catalog.availabilities(
                product_id=product_id,
                sku_id=sku_id,
                customer_id=str(account.microsoft_tenant_id),
                segment=segment,
            ):
                told = SEGMENT_WORDS.get((one.segment or "").casefold(), "")
                if one.is_purchasable is not False and (not told or not item.segment or told == item.segment):
                    yield one


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
        with transaction.atomic():
            fulfilment.fail(
                by=by,
                item_id=item.id,
                status=ItemStatus.SENT,
                code=order.status or "",
                message=words,
                at=clock.now(),
            )
        return True
    line = checkouts.match([item], order.lines).get(item.id)
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


def _fail(*, by: Actor, order: Order, items: Sequence[OrderItem], code: str, message: str) -> None:
    fulfilment.fail_unsent(by=by, order=order, items=items, code=code, message=message, at=clock.now())


def _note_outage(*, order: Order, outage: microsoft_errors.MicrosoftError) -> float:
    """Say on the order's page what hinders us and until when; return the seconds until the next try.

    Never sooner than Microsoft said, and twice as late each time it says so again (errors.md §3).
    """
    asked = FIRST_WAIT_SECONDS if outage.retry_after is None else max(1.0, outage.retry_after)
    seconds = max(asked, min(asked * 2.0 ** min(order.outages, 10), LONGEST_WAIT_SECONDS))
    _note_wait(order=order, message=outage.message, seconds=seconds, outages=min(order.outages + 1, 1000))
    return seconds


def _note_wait(*, order: Order, message: str, seconds: float, outages: int = 0) -> None:
    """Say on the order's page what is waited for and until when."""
    Order.objects.filter(id=order.id, status=OrderStatus.PROCESSING).update(
        message=message, next_try_at=clock.now() + datetime.timedelta(seconds=seconds), outages=outages
    )
