"""Reads of orders and of the tasks they wait for: lists, and one order with everything its page shows."""

import dataclasses
import datetime
import re
import uuid
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from django.db import connection

from msphub.accounts.models import Subscription, Tenant
from msphub.customers import queries as customers
from msphub.kit import lists
from msphub.kit.actor import Actor
from msphub.kit.errors import NotFound
from msphub.kit.lists import Key, Page, Wanted
from msphub.orders import permissions
from msphub.orders.choices import OrderType, TaskStatus
from msphub.orders.models import Cart, CartLine, Order, OrderItem, OrderItemCost, Task

# Lists are counted exactly up to here and say "more than" beyond.
MOST_COUNTED = 1000
_NUMBER = re.compile(rf"(?:{'|'.join(OrderType.values)})\d{{0,12}}", re.ASCII)

ORDER_SORTS = {"placed": Key(expression="o.placed_at", kind="timestamptz"), "number": Key(expression="o.number")}
TASK_SORTS = {
    "expiration": Key(expression="k.expires_at", kind="timestamptz"),
    "name": Key(expression="k.name"),
    "status": Key(expression="k.status"),
}


@dataclasses.dataclass(frozen=True, slots=True)
class OrderRow:
    """An order in a list. `total` is today's charge, in `currency`."""

    id: uuid.UUID
    type: str
    number: str
    customer_id: uuid.UUID
    customer: str
    placed_at: datetime.datetime
    item_count: int
    currency: str
    total: Decimal
    status: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilter:
    """Which orders a list holds. Empty parts do not narrow; the instants are half-open."""

    search: str = ""
    statuses: Sequence[str] = ()
    types: Sequence[str] = ()
    placed_from: datetime.datetime | None = None
    placed_before: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OrderDetails:
    """An order with its customer and subscription, its items in order, and what it waits for.

    `costs` by item: one unit, one billing period; empty for a customer's users.
    """

    order: Order
    customer: Tenant
    subscription: Subscription
    items: list[OrderItem]
    costs: dict[uuid.UUID, Decimal]
    open_tasks: list[Task]


@dataclasses.dataclass(frozen=True, slots=True)
class TaskRow:
    """A task in the Task System."""

    id: uuid.UUID
    name: str
    kind: str
    customer_id: uuid.UUID
    customer: str
    order_id: uuid.UUID
    order_number: str
    expires_at: datetime.datetime
    status: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TaskCounts:
    """How many tasks there are of each status."""

    pending: int
    completed: int
    expired: int


def orders_page(
    *, by: Actor, wanted: Wanted, narrowed: OrderFilter | None = None, customer_id: uuid.UUID | None = None
) -> Page[OrderRow]:
    """Return one page of orders, of one customer or, for the partner's people, of all.

    A search finds order numbers by their beginning and, for the partner's people, customers by any word.
    """
    by.require(permissions.VIEW)
    if by.customer_id is not None and by.customer_id != customer_id:
        raise NotFound
    where, values = _order_conditions(by=by, narrowed=narrowed or OrderFilter(), customer_id=customer_id)
    return lists.page(
        columns="o.id, o.type, o.number, o.customer_id, t.name, o.placed_at, o.item_count, o.currency, o.total, "
        "o.status",
        tables="orders_order o",
        names="JOIN accounts_tenant t ON t.partner_id = o.partner_id AND t.id = o.customer_id",
        where=where,
        values=values,
        id_column="o.id",
        sorts=ORDER_SORTS,
        wanted=wanted,
        row=OrderRow,
        most_counted=MOST_COUNTED,
    )


def all_orders(
    *,
    by: Actor,
    narrowed: OrderFilter,
    customer_id: uuid.UUID | None,
    sort: str = "placed",
    descending: bool = True,
) -> Iterator[OrderRow]:
    """Yield every order of a filtered list in its order, for exports."""
    return lists.everything(
        lambda wanted: orders_page(by=by, wanted=wanted, narrowed=narrowed, customer_id=customer_id),
        sort=sort,
        descending=descending,
    )


def get_order(*, by: Actor, order_id: uuid.UUID) -> Order:
    """Return an order; raises `NotFound`, also for another tenant's id."""
    by.require(permissions.VIEW)
    found = Order.objects.filter(partner_id=by.partner_id, id=order_id)
    if by.customer_id is not None:
        found = found.filter(customer_id=by.customer_id)
    order = found.first()
    if order is None:
        raise NotFound
    return order


def order_of_review(*, by: Actor, review_id: uuid.UUID) -> Order | None:
    """Return the order that a confirmed review has become, None while there is none."""
    by.require(permissions.VIEW)
    found = Order.objects.filter(partner_id=by.partner_id, review_id=review_id)
    if by.customer_id is not None:
        found = found.filter(customer_id=by.customer_id)
    return found.first()


def order_details(*, by: Actor, order_id: uuid.UUID) -> OrderDetails:
    """Return an order with everything its page shows; raises `NotFound`, also for another tenant's id."""
    order = get_order(by=by, order_id=order_id)
    costs = (
        OrderItemCost.objects.filter(partner_id=by.partner_id, order_item__order_id=order.id)
        if by.is_partner
        else OrderItemCost.objects.none()
    )
    return OrderDetails(
        order=order,
        customer=Tenant.objects.get(partner_id=by.partner_id, id=order.customer_id),
        subscription=Subscription.objects.get(partner_id=by.partner_id, id=order.subscription_id),
        items=items_of(by=by, order=order),
        costs=dict(costs.values_list("order_item_id", "unit_cost")),
        open_tasks=list(
            Task.objects.filter(partner_id=by.partner_id, order=order, status=TaskStatus.PENDING).order_by(
                "created_at", "id"
            )
        ),
    )


def items_of(*, by: Actor, order: Order) -> list[OrderItem]:
    """Return an order's items in their order."""
    return list(OrderItem.objects.filter(partner_id=by.partner_id, order=order).order_by("position"))


def tasks_page(
    *, by: Actor, wanted: Wanted, search: str = "", statuses: Sequence[str] = (), order_id: uuid.UUID | None = None
) -> Page[TaskRow]:
    """Return one page of tasks: the partner's people see those of all customers, a customer's users their own."""
    by.require(permissions.VIEW_TASKS)
    where, values = _tasks_of(by)
    if len(statuses) == 1:
        where.append("k.status = %s")
        values.append(statuses[0])
    elif statuses:
        where.append("k.status = ANY(%s)")
        values.append(list(statuses))
    if order_id is not None:
        where.append("k.order_id = %s")
        values.append(order_id)
    if search.strip():
        found, words = lists.matching("k.name", search)
        either = [" AND ".join(found)] if found else []
        values += words
        if by.is_partner:
            either.append("k.customer_id = ANY(%s)")
            values.append(customers.ids_matching(by=by, search=search))
        where.append(f"({' OR '.join(either)})" if either else "false")
    return lists.page(
        columns="k.id, k.name, k.kind, k.customer_id, t.name, k.order_id, o.number, k.expires_at, k.status",
        tables="orders_task k",
        names="JOIN accounts_tenant t ON t.partner_id = k.partner_id AND t.id = k.customer_id "
        "JOIN orders_order o ON o.partner_id = k.partner_id AND o.id = k.order_id",
        where=where,
        values=values,
        id_column="k.id",
        sorts=TASK_SORTS,
        wanted=wanted,
        row=TaskRow,
        most_counted=MOST_COUNTED,
    )


def task_counts(*, by: Actor) -> TaskCounts:
    """Return how many tasks there are of each status, for whom the actor acts."""
    by.require(permissions.VIEW_TASKS)
    where, values = _tasks_of(by)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT k.status, count(*) FROM orders_task k WHERE {' AND '.join(where)} GROUP BY 1",  # noqa: S608
            values,
        )
        found = dict(cursor.fetchall())
    return TaskCounts(**{status.value: found.get(status.value, 0) for status in TaskStatus})


def get_task(*, by: Actor, task_id: uuid.UUID) -> Task:
    """Return a task with its order; raises `NotFound`, also for another tenant's id."""
    by.require(permissions.VIEW_TASKS)
    found = Task.objects.filter(partner_id=by.partner_id, id=task_id)
    if by.customer_id is not None:
        found = found.filter(customer_id=by.customer_id)
    task = found.select_related("order").first()
    if task is None:
        raise NotFound
    return task


def filled_carts(*, by: Actor, customer_id: uuid.UUID) -> list[tuple[Cart, int]]:
    """Return a customer's carts that hold something, with their number of lines, the one last changed first."""
    if by.customer_id is not None and by.customer_id != customer_id:
        raise NotFound
    lines = CartLine.objects.filter(partner_id=by.partner_id, customer_id=customer_id).values_list("cart_id", flat=True)
    counts: dict[uuid.UUID, int] = {}
    for cart_id in lines:
        counts[cart_id] = counts.get(cart_id, 0) + 1
    carts = (
        Cart.objects.filter(partner_id=by.partner_id, id__in=counts)
        .select_related("subscription")
        .order_by("-updated_at", "id")
    )
    return [(cart, counts[cart.id]) for cart in carts]


def _order_conditions(
    *, by: Actor, narrowed: OrderFilter, customer_id: uuid.UUID | None
) -> tuple[list[str], list[Any]]:
    where = ["o.partner_id = %s"]
    values: list[Any] = [by.partner_id]
    if customer_id is not None:
        where.append("o.customer_id = %s")
        values.append(customer_id)
    for column, chosen in (("o.status", narrowed.statuses), ("o.type", narrowed.types)):
        if len(chosen) == 1:  # equality keeps the index's order, ANY does not
            where.append(f"{column} = %s")
            values.append(chosen[0])
        elif chosen:
            where.append(f"{column} = ANY(%s)")
            values.append(list(chosen))
    if narrowed.placed_from is not None:
        where.append("o.placed_at >= %s")
        values.append(narrowed.placed_from)
    if narrowed.placed_before is not None:
        where.append("o.placed_at < %s")
        values.append(narrowed.placed_before)
    if narrowed.search.strip():
        condition, value = _searched(by=by, search=narrowed.search.strip(), customer_id=customer_id)
        where.append(condition)
        values += value
    return where, values


def _searched(*, by: Actor, search: str, customer_id: uuid.UUID | None) -> tuple[str, list[Any]]:
    """Return the condition of a search: the beginning of a number, a whole number without its type, or a customer."""
    number = search.upper()
    if _NUMBER.fullmatch(number):
        # As a range, which an index serves behind a policy; LIKE would not (architecture.md).
        return "o.number >= %s AND o.number < %s", [number, number + "\x7f"]
    if search.isascii() and search.isdigit():
        return "o.number = ANY(%s)", [[f"{kind}{search}" for kind in OrderType.values]]
    if by.is_partner and customer_id is None:
        return "o.customer_id = ANY(%s)", [customers.ids_matching(by=by, search=search)]
    return "false", []


def _tasks_of(by: Actor) -> tuple[list[str], list[Any]]:
    if by.customer_id is None:
        return ["k.partner_id = %s"], [by.partner_id]
    return ["k.partner_id = %s", "k.customer_id = %s"], [by.partner_id, by.customer_id]
