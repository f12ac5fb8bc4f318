"""Discounts in the words of the audit log."""

import uuid
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from msphub.catalog.choices import DiscountCategory, VendorCode
from msphub.catalog.inputs import Rates
from msphub.catalog.models import Discount, DiscountVersion, Product, Sku

# More rows than this are counted in an entry instead of named one by one; the version itself keeps them all.
MOST_NAMED = 500


def heading(discount: Discount) -> dict[str, Any]:
    """Return what a discount is for."""
    return {
        "Discount Name": discount.name,
        "Vendor": str(VendorCode(discount.vendor).label),
        "Country": discount.country,
        "Discount Category": str(DiscountCategory(discount.category).label),
    }


def version(*, version: DiscountVersion, rates: Rates) -> dict[str, Any]:
    """Return a version's day and rates: label → value. Products and SKUs are named by title and vendor's id."""
    words: dict[str, Any] = {"Valid From": version.valid_from.isoformat()}
    if rates.percent is not None:
        words["Percentage"] = percent(rates.percent)
    for band in rates.bands:
        words[f"Quantity from {band.from_quantity}"] = percent(band.percent)
    names = _names(
        partner_id=version.partner_id,
        product_ids={item.product_id for item in rates.items},
        sku_ids={item.sku_id for item in rates.items if item.sku_id},
    )
    for item in rates.items:
        key = item.sku_id or item.product_id
        words[names.get(key, str(key))] = percent(item.percent)
    return words


def percent(value: Decimal) -> str:
    """Return a percentage without needless zeros: “5 %”, “7.25 %”."""
    return f"{value.normalize():f} %"


def differences(*, old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return label → (old, new) for what differs, also for what is gone; beyond the most named, how many more."""
    labels = dict.fromkeys([*new, *(label for label in old if label not in new)])
    found = {label: (old.get(label), new.get(label)) for label in labels if old.get(label) != new.get(label)}
    if len(found) <= MOST_NAMED:
        return found
    named = dict(list(found.items())[:MOST_NAMED])
    named["Further rates"] = (None, f"{len(found) - MOST_NAMED} more changed")
    return named


def _names(
    *, partner_id: uuid.UUID, product_ids: Iterable[uuid.UUID], sku_ids: Iterable[uuid.UUID]
) -> dict[uuid.UUID, str]:
    product_ids, sku_ids = list(product_ids), list(sku_ids)
    if not product_ids:
        return {}
    names = {
        row[0]: f"{row[1]} ({row[2]})"
        for row in Product.objects.filter(partner_id=partner_id, id__in=product_ids).values_list(
            "id", "title", "external_id"
        )
    }
    if sku_ids:
        names |= {
            row[0]: f"{row[1]} ({row[2]}:{row[3]})"
            for row in Sku.objects.filter(partner_id=partner_id, id__in=sku_ids).values_list(
                "id", "title", "product__external_id", "external_id"
            )
        }
    return names
