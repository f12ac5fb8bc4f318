"""Discounts for tests, made by the actions, and a slow and obvious reference of the rate look-up."""

import datetime
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from tests import factories

from msphub.catalog import actions
from msphub.catalog.inputs import Band, Heading, Item, Rates
from msphub.catalog.models import Discount, DiscountVersion, Sku

NOW = factories.NOW
TODAY = NOW.date()
TOMORROW = TODAY + datetime.timedelta(days=1)


def day(offset: int) -> datetime.date:
    """Return a day so many days from today."""
    return TODAY + datetime.timedelta(days=offset)


def heading(**changes: str) -> Heading:
    """Return what a discount is for: valid unless changed."""
    new = Heading(name=factories.unique("Discount "), vendor="microsoft", country="US", category="default")
    return replace(new, **changes)


def make_discount(
    world: factories.PartnerWorld,
    *,
    rates: Rates | None = None,
    valid_from: datetime.date = TODAY,
    at: datetime.datetime = NOW,
    **changes: str,
) -> Discount:
    """Create a discount; 10 % on everything from today unless told otherwise."""
    return actions.create_discount(
        by=world.actor,
        heading=heading(**changes),
        valid_from=valid_from,
        rates=rates or Rates(percent=Decimal(10)),
        at=at,
    )


def add_version(
    world: factories.PartnerWorld,
    discount: Discount,
    *,
    valid_from: datetime.date,
    rates: Rates | None = None,
    at: datetime.datetime = NOW,
) -> DiscountVersion:
    """Add a version; 20 % unless told otherwise."""
    discount.refresh_from_db()
    return actions.create_version(
        by=world.actor,
        discount_id=discount.id,
        valid_from=valid_from,
        rates=rates or Rates(percent=Decimal(20)),
        version=discount.version,
        at=at,
    )


def sku(world: factories.PartnerWorld, product: str = "CFQ7TTC0LH18", number: str = "0001") -> Sku:
    """Return a SKU of the seeded catalogue by the vendor's ids."""
    return Sku.objects.select_related("product").get(
        partner_id=world.id, product__external_id=product, external_id=number
    )


def item(one: Sku, percent: int | str, *, whole_product: bool = False) -> Item:
    """Return a rate of a SKU or of its product."""
    return Item(product_id=one.product_id, sku_id=None if whole_product else one.id, percent=Decimal(percent))


def bands(*edges: tuple[int, int | None, int | str]) -> Rates:
    """Return bands of (first, last, percent)."""
    return Rates(
        bands=tuple(
            Band(from_quantity=first, to_quantity=last, percent=Decimal(percent)) for first, last, percent in edges
        )
    )


# The reference


@dataclass(frozen=True, kw_only=True)
class KnownDiscount:
    """A discount and its versions by their day, as a test made them."""

    id: uuid.UUID
    vendor: str
    category: str
    versions: Mapping[datetime.date, Rates]


def expected(
    known: Iterable[KnownDiscount], *, of: Sku, vendor: str, quantity: int, on: datetime.date
) -> tuple[Decimal, uuid.UUID] | None:
    """Return (percent, discount) by reading the rules of product.md one after another."""
    fitting = []
    for discount in known:
        days = [day for day in discount.versions if day <= on]
        if discount.vendor != vendor or not days:
            continue
        rates = discount.versions[max(days)]
        found = _found(discount.category, rates, of=of, vendor=vendor, quantity=quantity)
        if found is not None:
            strength, percent = found
            fitting.append((strength, -percent, discount.id))
    if not fitting:
        return None
    _strength, negative, discount_id = min(fitting)
    return -negative, discount_id


def _found(category: str, rates: Rates, *, of: Sku, vendor: str, quantity: int) -> tuple[int, Decimal] | None:
    if category in ("itemized", "product"):
        own = [item.percent for item in rates.items if item.sku_id == of.id]
        products = [item.percent for item in rates.items if item.product_id == of.product_id and item.sku_id is None]
        return (1, own[0]) if own else (2, products[0]) if products else None
    if category == "slab" and not of.usage_based:
        for band in rates.bands:
            if band.from_quantity <= quantity <= (band.to_quantity or quantity):
                return 3, band.percent
    elif category == "azure_plan" and of.usage_based and rates.percent is not None:
        return 4, rates.percent
    elif category == "default" and (vendor != "microsoft" or not of.usage_based) and rates.percent is not None:
        return 5, rates.percent
    return None


def skus_of(world: factories.PartnerWorld, ids: Sequence[tuple[str, str]]) -> list[Sku]:
    """Return several SKUs of the seeded catalogue."""
    return [sku(world, product, number) for product, number in ids]
