"""Products that are not Microsoft's: a partner's own services, Coro, MSP Hub, with their prices."""

import dataclasses
import datetime
import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from msphub.audit import actions as audit
from msphub.catalog import events, own_writes, permissions, prices
from msphub.catalog.choices import Plan, Term, VendorCode
from msphub.catalog.models import Product, Sku
from msphub.catalog.own_entries import OF_PRICE, Entry, read_entry
from msphub.kit import text
from msphub.kit.actor import Actor
from msphub.kit.errors import NotFound, Refused, Text


def save_price(
    *,
    by: Actor,
    values: Mapping[str, str],
    at: datetime.datetime,
    sku_id: uuid.UUID | None = None,
    version: int = 0,
) -> uuid.UUID:
    """Save a price with its product and SKU, and return the SKU's id. Refuses what breaks a rule, by field.

    With `sku_id` a SKU that is there is changed: vendor and codes stay, and without any word about a price only product
    and SKU are. Refused when somebody else has changed the product since `version` of it was read. Without it the SKU
    must be a new one, of a new product or of one with that name.
    """
    by.require_partner(permissions.MANAGE_CATALOGUE)
    with transaction.atomic():
        sku = None if sku_id is None else _lock_own(by=by, sku_id=sku_id)
        given, with_price = dict(values), True
        if sku is not None:
            given |= _fixed(sku)
            with_price = any((values.get(name) or "").strip() for name in OF_PRICE)
            if not with_price:
                given |= _any_price(given)
        entry, problems = read_entry(given, on=at.date())
        if sku is None and entry is not None:
            problems |= _taken(by=by, entry=entry)
        if entry is None or problems:
            raise Refused("invalid", _("Check the fields."), fields=problems)
        if sku is not None and sku.product.version != version:
            raise Refused(
                "stale", _("Somebody else has changed this product meanwhile. Save again to keep what stands here.")
            )
        own_writes.write(
            partner_id=by.partner_id, entries=[entry], at=at, priced=None if with_price else [], sell=sku is None
        )
        return _record(by=by, entry=entry, sku=sku, with_price=with_price, at=at)


def _lock_own(*, by: Actor, sku_id: uuid.UUID) -> Sku:
    found = (
        Sku.objects.select_related("product__vendor")
        .filter(partner_id=by.partner_id, id=sku_id)
        .exclude(product__vendor__code=VendorCode.MICROSOFT)
        .select_for_update(of=("self", "product"))
        .first()
    )
    if found is None:
        raise NotFound
    return found


def _fixed(sku: Sku) -> dict[str, str]:
    return {
        "vendor": sku.product.vendor.code,
        "product_id": sku.product.external_id,
        "sku_id": sku.external_id,
    }


def _any_price(given: Mapping[str, str]) -> dict[str, str]:
    """Return words for a price that is checked with the rest and not saved."""
    return {"list_price": "0", "currency": given.get("currency") or "USD", "term": Term.MONTH, "country": ""} | {
        "billing_frequency": Plan.MONTHLY
    }


def _taken(*, by: Actor, entry: Entry) -> dict[str, Text]:
    """Return what stands against a new SKU: its code is used, or its product's code is that of another product."""
    product = Product.objects.filter(
        partner_id=by.partner_id, vendor__code=entry.vendor, external_id=entry.product_id
    ).first()
    if product is None:
        return {}
    if Sku.objects.filter(partner_id=by.partner_id, product=product, external_id=entry.sku_id).exists():
        return {"sku_id": _("There is this SKU already. Open it in the list to change it or to enter another price.")}
    if product.title != entry.product:
        return {"product": _("The product with this ID is called “%(name)s”.") % {"name": product.title}}
    return {}


def _record(*, by: Actor, entry: Entry, sku: Sku | None, with_price: bool, at: datetime.datetime) -> uuid.UUID:
    saved = (
        Sku.objects.select_related("product")
        .filter(partner_id=by.partner_id, external_id=entry.sku_id, product__external_id=entry.product_id)
        .get(product__vendor__code=entry.vendor)
    )
    if sku is not None:
        changes = {
            label: (before, after)
            for label, before, after in (
                ("Product Name", sku.product.title, saved.product.title),
                ("SKU", sku.title, saved.title),
                ("Category", sku.product.category, saved.product.category),
                ("Description", sku.product.description, saved.product.description),
                ("Unit", sku.unit, saved.unit),
                ("Minimum quantity", sku.minimum_quantity, saved.minimum_quantity),
                ("Maximum quantity", sku.maximum_quantity, saved.maximum_quantity),
            )
            if before != after
        }
        if changes:
            audit.record(
                by=by,
                event=events.PRODUCT_CHANGED,
                at=at,
                object_type="product",
                object_id=saved.id,
                object_label=saved.title,
                changes=changes,
            )
    if with_price:
        audit.record(
            by=by,
            event=events.PRICES_CHANGED,
            at=at,
            object_type="product",
            object_id=saved.product_id,
            object_label=entry.sku,
            details={
                "List price": f"{entry.list_price} {entry.currency}",
                "Cost": "" if entry.cost is None else f"{entry.cost} {entry.currency}",
                "Country": entry.country or "*",
                "Term": entry.term,
                "Billing frequency": entry.plan,
                "Valid from": entry.valid_from,
            },
        )
    return saved.id


def set_active(*, by: Actor, sku_id: uuid.UUID, active: bool, at: datetime.datetime) -> None:
    """Take a SKU that is not Microsoft's off the market, or bring it back; asking twice changes nothing."""
    by.require_partner(permissions.MANAGE_CATALOGUE)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT s.active, s.title, v.code FROM catalog_sku s "
            "JOIN catalog_product p ON p.partner_id = s.partner_id AND p.id = s.product_id "
            "JOIN catalog_vendor v ON v.partner_id = p.partner_id AND v.id = p.vendor_id "
            "WHERE s.partner_id = %s AND s.id = %s FOR UPDATE OF s",
            [by.partner_id, sku_id],
        )
        found = cursor.fetchone()
        if found is None or found[2] == VendorCode.MICROSOFT:
            raise NotFound
        if found[0] == active:
            return
        cursor.execute(
            "UPDATE catalog_sku SET active = %s, updated_at = %s WHERE partner_id = %s AND id = %s",
            [active, at, by.partner_id, sku_id],
        )
        audit.record(
            by=by,
            event=events.PRODUCT_CHANGED,
            at=at,
            object_type="product",
            object_id=sku_id,
            object_label=found[1],
            changes={"Sold": (found[0], active)},
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OwnRow:
    """A SKU that is not Microsoft's, in the list, with one of its prices that hold and how many there are."""

    id: uuid.UUID
    product_id: uuid.UUID
    vendor: str
    product: str
    sku: str
    unit: str
    active: bool
    prices: int
    list_price: Decimal | None
    cost: Decimal | None
    currency: str
    term: str
    plan: str
    sort_key: str


def own_page(
    *,
    by: Actor,
    on: datetime.date,
    vendors: Sequence[str] = (),
    search: str = "",
    size: int = 25,
    after: tuple[str, uuid.UUID] | None = None,
    before: tuple[str, uuid.UUID] | None = None,
) -> tuple[list[OwnRow], bool, bool]:
    """Return one page of SKUs that are not Microsoft's by title, and whether there is more after and before it."""
    by.require_partner(permissions.VIEW_CATALOGUE)
    where = ["s.partner_id = %s", "v.code <> 'microsoft'"]
    values: list[Any] = [by.partner_id]
    if vendors:
        where.append("v.code = ANY(%s)")
        values.append(list(vendors))
    for word in text.search_words(search)[:8]:
        where.append("strpos(' ' || s.sort_title || ' ' || p.sort_title, ' ' || %s) > 0")
        values.append(word)
    backwards = before is not None
    if (beyond := before or after) is not None:
        where.append(f"(s.sort_title, s.id) {'<' if backwards else '>'} (%s, %s)")
        values += beyond
    direction = "DESC" if backwards else "ASC"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT s.id, p.id, v.code, p.title, s.title, s.unit, s.active, coalesce(l.count, 0), l.list_price, l.cost,
                coalesce(l.currency, ''), coalesce(l.term, ''), coalesce(l.plan, ''), s.sort_title
            FROM catalog_sku s
            JOIN catalog_product p ON p.partner_id = s.partner_id AND p.id = s.product_id
            JOIN catalog_vendor v ON v.partner_id = p.partner_id AND v.id = p.vendor_id
            LEFT JOIN LATERAL (
                SELECT c.list_price, k.cost, c.currency, c.term, c.plan, count(*) OVER () AS count
                FROM catalog_price c
                LEFT JOIN catalog_pricecost k ON k.partner_id = c.partner_id AND k.price_id = c.id
                WHERE c.partner_id = s.partner_id AND c.sku_id = s.id AND c.valid_from <= %s
                    AND (c.valid_before IS NULL OR c.valid_before > %s)
                ORDER BY c.market, c.currency, c.term, c.plan LIMIT 1
            ) l ON true
            WHERE {" AND ".join(where)} ORDER BY s.sort_title {direction}, s.id {direction} LIMIT %s
            """,  # noqa: S608 - no values
            [on, on, *values, size + 1],
        )
        found = cursor.fetchall()
    names = [field.name for field in dataclasses.fields(OwnRow)]
    rows = [OwnRow(**dict(zip(names, row, strict=True))) for row in found[:size]]
    if backwards:
        rows.reverse()
    more = len(found) > size
    return rows, backwards or more, more if backwards else after is not None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OwnSku:
    """A SKU that is not Microsoft's, with its prices that hold or come, and what its form begins with."""

    id: uuid.UUID
    title: str
    active: bool
    initial: dict[str, str]
    prices: tuple[prices.Found, ...]


def get_own(*, by: Actor, sku_id: uuid.UUID) -> OwnSku:
    """Return one SKU that is not Microsoft's; raises `NotFound`, also for another partner's id."""
    by.require_partner(permissions.MANAGE_CATALOGUE)
    sku = (
        Sku.objects.select_related("product__vendor")
        .filter(partner_id=by.partner_id, id=sku_id)
        .exclude(product__vendor__code=VendorCode.MICROSOFT)
        .first()
    )
    if sku is None:
        raise NotFound
    found = tuple(prices.history(by=by, sku_id=sku_id))
    latest = found[-1] if found else None
    initial = {
        "version": str(sku.product.version),
        "vendor": sku.product.vendor.code,
        "product_id": sku.product.external_id,
        "product": sku.product.title,
        "sku_id": sku.external_id,
        "sku": sku.title,
        "category": sku.product.category,
        "description": sku.product.description,
        "unit": sku.unit,
        "minimum": str(sku.minimum_quantity),
        "maximum": str(sku.maximum_quantity or ""),
    }
    if latest is not None:
        initial |= {
            "country": latest.market,
            "currency": latest.currency,
            "term": latest.term,
            "billing_frequency": latest.plan,
        }
    return OwnSku(id=sku.id, title=sku.title, active=sku.active, initial=initial, prices=found)
