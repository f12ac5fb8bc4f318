"""Outgoing writes of a purchase at Microsoft: the rows of `OrderWrite`, kept by the rules of `customers.writes`."""

from collections.abc import Sequence

from msphub.customers import writes
from msphub.customers.choices import WriteState
from msphub.customers.models import CspAccount
from msphub.customers.writes import Write
from msphub.kit import clock, ids
from msphub.orders.choices import WriteKind
from msphub.orders.models import Order, OrderItem, OrderWrite


def open_of(*, order: Order, account: CspAccount, kind: WriteKind) -> OrderWrite | None:
    """Return the write of that kind that is under way for an account of an order."""
    return OrderWrite.objects.filter(
        partner_id=order.partner_id, order=order, csp_account=account, kind=kind, state__in=writes.OPEN
    ).first()


def begin(
    *, order: Order, account: CspAccount, kind: WriteKind, items: Sequence[OrderItem], cart_id: str = ""
) -> OrderWrite:
    """Commit a new write before its call is made."""
    return OrderWrite.objects.create(
        id=ids.new_id(),
        partner_id=order.partner_id,
        customer_id=order.customer_id,
        order=order,
        csp_account=account,
        kind=kind,
        items=[str(item.id) for item in items],
        microsoft_cart_id=cart_id,
        prepared_at=clock.now(),
    )


def lock_open(row: OrderWrite) -> bool:
    """Lock a write for the caller's transaction; False when it is over already."""
    locked = OrderWrite.objects.select_for_update().get(partner_id=row.partner_id, id=row.id)
    return locked.state in writes.OPEN


def as_write(row: OrderWrite, *, repeated: bool) -> Write:
    """Return a row as what `customers.writes` sends and settles."""
    return Write(id=row.id, repeated=repeated, model=OrderWrite)


def give_up(row: OrderWrite, *, message: str) -> None:
    """Close a write that can't have bought anything: a cart that was made but never checked out."""
    OrderWrite.objects.filter(id=row.id).update(state=WriteState.REFUSED, message=message, answered_at=clock.now())
