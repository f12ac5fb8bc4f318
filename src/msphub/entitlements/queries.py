"""Reads of what customers hold: the Products tab, one product with its dated history, and what keeps running."""

import dataclasses
import datetime
import uuid
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from django.db import connection

from msphub.entitlements import permissions
from msphub.entitlements.choices import BILLED
from msphub.entitlements.models import HoldingCost, HoldingPeriod, PurchasedProduct
from msphub.kit import lists
from msphub.kit.actor import Actor
from msphub.kit.errors import NotFound
from msphub.kit.lists import Key, Page, Wanted

MOST_COUNTED = 20_000

# Name and time of purchase have an index; the others sort one customer's rows, ten thousand of them in some 20 ms.
SORTS = {
    "name": Key(expression="p.sort_name"),
    "purchased": Key(expression="p.purchased_at", kind="timestamptz"),
    "status": Key(expression="p.state"),
    "category": Key(expression="p.category"),
    "billing": Key(expression="p.plan"),
    "quantity": Key(expression="p.quantity", kind="bigint"),
    "renewal": Key(expression="coalesce(p.term_ends_on, 'infinity'::date)", kind="date"),
}


@dataclasses.dataclass(frozen=True, slots=True)
class ProductRow:
    """A row of the Products tab. `unit_price` is for one unit and one billing period, after discount, on that day."""

    id: uuid.UUID
    state: str
    product_name: str
    sku_name: str
    vendor: str
    category: str
    term: str
    plan: str
    quantity: int
    currency: str
    domain: str
    purchased_at: datetime.datetime
    term_ends_on: datetime.date | None
    auto_renew: bool
    unit_price: Decimal | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ProductFilter:
    """Which products a list holds. Empty parts do not narrow."""

    search: str = ""
    states: Sequence[str] = ()
    categories: Sequence[str] = ()
    vendors: Sequence[str] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What of customers runs and is billed, whatever their own status: how many products, and (name, quantity) of each.

    `more`: there are more names than are listed.
    """

    count: int
    names: list[tuple[str, int]]
    more: bool


def products_page(
    *, by: Actor, customer_id: uuid.UUID, on: datetime.date, wanted: Wanted, narrowed: ProductFilter | None = None
) -> Page[ProductRow]:
    """Return one page of what a customer holds, with the unit price of a UTC day; raises `NotFound` for a sibling."""
    by.require(permissions.VIEW)
    if by.customer_id is not None and by.customer_id != customer_id:
        raise NotFound
    chosen = narrowed or ProductFilter()
    where = ["p.partner_id = %s", "p.customer_id = %s"]
    values: list[Any] = [by.partner_id, customer_id]
    for column, some in (("state", chosen.states), ("category", chosen.categories), ("vendor", chosen.vendors)):
        if some:
            where.append(f"p.{column} = ANY(%s)")
            values.append(list(some))
    if chosen.search.strip():
        found, words = lists.matching("p.sort_name", chosen.search, folded=True)
        where += found or ["false"]
        values += words
    # The day is of this code's own making and not of a user's: a date object.
    return lists.page(
        columns=f"""p.id, p.state, p.product_name, p.sku_name, p.vendor, p.category, p.term, p.plan, p.quantity,
            p.currency, p.domain, p.purchased_at, p.term_ends_on, p.auto_renew,
            (SELECT h.unit_price FROM entitlements_holdingperiod h WHERE h.partner_id = p.partner_id
                AND h.purchased_product_id = p.id AND h.starts_on <= date '{on:%Y-%m-%d}'
                ORDER BY h.starts_on DESC LIMIT 1)""",  # noqa: S608 - a date
        tables="entitlements_purchasedproduct p",
        where=where,
        values=values,
        id_column="p.id",
        sorts=SORTS,
        wanted=wanted,
        row=ProductRow,
        most_counted=MOST_COUNTED,
    )


def all_products(
    *,
    by: Actor,
    customer_id: uuid.UUID,
    on: datetime.date,
    narrowed: ProductFilter,
    sort: str = "name",
    descending: bool = False,
) -> Iterator[ProductRow]:
    """Yield everything a customer holds in a filtered list's order, for exports."""
    return lists.everything(
        lambda wanted: products_page(by=by, customer_id=customer_id, on=on, wanted=wanted, narrowed=narrowed),
        sort=sort,
        descending=descending,
    )


def get_product(*, by: Actor, product_id: uuid.UUID) -> PurchasedProduct:
    """Return a purchased product with subscription and CSP account; raises `NotFound`, also for another tenant's id."""
    by.require(permissions.VIEW)
    found = PurchasedProduct.objects.filter(partner_id=by.partner_id, id=product_id)
    if by.customer_id is not None:
        found = found.filter(customer_id=by.customer_id)
    product = found.select_related("subscription", "csp_account", "sku__product").first()
    if product is None:
        raise NotFound
    return product


def history_of(*, by: Actor, product: PurchasedProduct) -> list[HoldingPeriod]:
    """Return a product's dated history, the newest period first."""
    by.require(permissions.VIEW)
    return list(
        HoldingPeriod.objects.filter(partner_id=by.partner_id, purchased_product=product).order_by("-starts_on")
    )


def costs_of(*, by: Actor, product: PurchasedProduct) -> dict[uuid.UUID, Decimal]:
    """Return what each period costs the partner: one unit, one billing period. Nothing for a customer's users."""
    by.require(permissions.VIEW)
    if not by.is_partner:
        return {}
    found = HoldingCost.objects.filter(partner_id=by.partner_id, holding_period__purchased_product=product)
    return dict(found.values_list("holding_period_id", "unit_cost"))


def running(*, by: Actor, customer_ids: Sequence[uuid.UUID], names: int = 10) -> Running:
    """Return what keeps running and being billed for customers whose status changes: it stops neither."""
    by.require(permissions.VIEW)
    values: dict[str, Any] = {
        "partner": by.partner_id,
        "customers": list(customer_ids),
        "billed": [one.value for one in BILLED],
        "names": names,
    }
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT sku_name, sum(quantity), sum(count(*)) OVER (), count(*) OVER () FROM entitlements_purchasedproduct
            WHERE partner_id = %(partner)s AND customer_id = ANY(%(customers)s) AND state = ANY(%(billed)s)
            GROUP BY sku_name ORDER BY count(*) DESC, sku_name LIMIT %(names)s
            """,
            values,
        )
        rows = cursor.fetchall()
    return Running(
        count=int(rows[0][2]) if rows else 0,
        names=[(row[0], int(row[1])) for row in rows],
        more=bool(rows) and rows[0][3] > len(rows),
    )
