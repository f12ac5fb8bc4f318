"""Which rate a product gets, and why: the one answer that pages, orders and invoices quote.

Itemized beats Slab beats Default, and within Itemized a SKU's row beats its product's (product.md §3). Azure Plan is
for usage only. Microsoft's Default and Slab are for licence products only; a Default of other vendors holds for all.
The look-up itself is the SQL function `catalog_rates` (migration 0003), so that a marketplace of 50,000 SKUs and a
bill run cost one statement; set-based SQL of other rooms may join it directly.
"""

import dataclasses
import datetime
import decimal
import uuid
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from msphub.catalog.choices import Basis, DiscountCategory
from msphub.kit.actor import Actor
from msphub.kit.errors import Forbidden

_EXACT = decimal.Context(prec=60)
_HUNDRED = Decimal(100)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a rate is asked for. Quantity is in units of one purchase; usage-based products need none."""

    sku_id: uuid.UUID
    on: datetime.date
    quantity: int = 1


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A reduction in percent of the list price, and where it comes from: enough to be quoted and proven later."""

    percent: Decimal
    discount_id: uuid.UUID
    version_id: uuid.UUID
    number: int
    valid_from: datetime.date
    category: DiscountCategory
    basis: Basis
    from_quantity: int | None
    beaten: tuple[DiscountCategory, ...]

    @property
    def reason(self) -> str:
        """Say where the rate comes from: “Itemized v3, valid from 2026-11-01, beats Default”."""
        words = _("%(category)s v%(number)s, valid from %(day)s") % {
            "category": self.category.label,
            "number": self.number,
            "day": self.valid_from.isoformat(),
        }
        if self.beaten:
            beaten = ", ".join(str(category.label) for category in self.beaten)
            words = _("%(rate)s, beats %(others)s") % {"rate": words, "others": beaten}
        return words


def rate(
    *, by: Actor, discount_ids: Iterable[uuid.UUID], sku_id: uuid.UUID, on: datetime.date, quantity: int = 1
) -> Rate | None:
    """Return the rate of one product on a UTC day; None when no discount fits, so that the list price holds.

    `discount_ids` are those of the customer's type and country. Ids of another partner find nothing.
    """
    return rates(by=by, discount_ids=discount_ids, asked=[Asked(sku_id=sku_id, on=on, quantity=quantity)])[0]


def rates(*, by: Actor, discount_ids: Iterable[uuid.UUID], asked: Sequence[Asked]) -> list[Rate | None]:
    """Return the rate of each that is asked for, in that order, in one statement.

    For the partner's own people and jobs. What a customer's users may learn is `customers.rates`.
    """
    if not by.is_partner:
        raise Forbidden(_("Only your provider can do this."), permission="")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT * FROM catalog_rates(%s, %s::uuid[], %s::uuid[], %s::bigint[], %s::date[])",
            [by.partner_id, list(discount_ids), *columns(asked)],
        )
        return in_order(cursor.fetchall(), count=len(asked))


def rates_of(
    *, by: Actor, discount_ids: Iterable[uuid.UUID], sku_ids: Sequence[uuid.UUID], on: datetime.date, quantity: int = 1
) -> dict[uuid.UUID, Rate]:
    """Return the rates of many SKUs at one quantity and day; a SKU without a discount is left out."""
    found = rates(
        by=by, discount_ids=discount_ids, asked=[Asked(sku_id=sku, on=on, quantity=quantity) for sku in sku_ids]
    )
    return {sku: one for sku, one in zip(sku_ids, found, strict=True) if one is not None}


def price_after(*, list_price: Decimal, percent: Decimal) -> Decimal:
    """Return a unit price less its discount, exactly: it may have more places than the list price, none are cut.

    Refuses a negative list price and a percentage outside 0 to 100, so the result is never negative or above list.
    """
    figures = list_price.is_finite() and percent.is_finite()
    if not figures or list_price < 0 or not 0 <= percent <= _HUNDRED:
        raise ValueError(f"no price after discount: {list_price} less {percent} %")
    return _EXACT.divide(_EXACT.multiply(list_price, _EXACT.subtract(_HUNDRED, percent)), _HUNDRED)


def columns(asked: Sequence[Asked]) -> tuple[list[uuid.UUID], list[int], list[datetime.date]]:
    """Return what is asked for as the arrays that the SQL functions take."""
    return [one.sku_id for one in asked], [one.quantity for one in asked], [one.on for one in asked]


def in_order(rows: Iterable[Sequence[Any]], *, count: int) -> list[Rate | None]:
    """Return rows of the SQL functions as rates, one for each line asked for."""
    found = {row[0]: _rate(row[1:]) for row in rows}
    return [found.get(line) for line in range(1, count + 1)]


def _rate(row: Sequence[Any]) -> Rate:
    percent, discount_id, version_id, number, valid_from, category, basis, from_quantity, beaten = row
    own = DiscountCategory(category)
    return Rate(
        percent=percent,
        discount_id=discount_id,
        version_id=version_id,
        number=number,
        valid_from=valid_from,
        category=own,
        basis=Basis(basis),
        from_quantity=from_quantity,
        # A SKU's row beats its product's row of the same discount: nothing worth telling.
        beaten=tuple(dict.fromkeys(DiscountCategory(word) for word in beaten or () if word != own)),
    )
