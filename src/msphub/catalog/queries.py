"""Reads of discounts, their versions and rates."""

import dataclasses
import datetime
import uuid
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from django.db import connection

from msphub.catalog import permissions
from msphub.catalog.choices import ONE_RATE, DiscountCategory, VendorCode, VersionState
from msphub.catalog.inputs import Band, Item, Rates
from msphub.catalog.models import Discount, DiscountVersion
from msphub.kit import lists
from msphub.kit.actor import Actor
from msphub.kit.errors import NotFound
from msphub.kit.lists import Key, Page, Wanted

# What a grid may be sorted by.
SORTS = {
    "name": Key(expression="d.sort_name"),
    "vendor": Key(expression="d.vendor"),
    "country": Key(expression="d.country"),
    "category": Key(expression="d.category"),
    "created": Key(expression="d.created_at", kind="timestamptz"),
}
BY_NAME = Wanted(sort="name")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A version as lists name it: its lowest and highest rate, and how many rows or bands it has (1 for one rate)."""

    version_id: uuid.UUID
    number: int
    valid_from: datetime.date
    lowest: Decimal | None
    highest: Decimal | None
    rows: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DiscountRow:
    """A discount in a list: what holds today and what comes next."""

    id: uuid.UUID
    name: str
    vendor: VendorCode
    country: str
    category: DiscountCategory
    created_at: datetime.datetime
    in_force: Span | None
    coming: Span | None


# Version in force and the one after it, each with its span, beside a discount `d`; takes the day twice.
_SPAN = """
    LEFT JOIN LATERAL (
        SELECT w.id, w.number, w.valid_from,
            coalesce(w.percent, i.lowest, b.lowest) AS lowest, coalesce(w.percent, i.highest, b.highest) AS highest,
            CASE WHEN w.percent IS NOT NULL THEN 1 ELSE i.rows + b.rows END AS rows
        FROM (
            SELECT id, number, valid_from, percent FROM catalog_discountversion
            WHERE partner_id = d.partner_id AND discount_id = d.id AND valid_from {comparison} %s::date
            ORDER BY valid_from {direction} LIMIT 1
        ) w
        CROSS JOIN LATERAL (
            SELECT min(percent) AS lowest, max(percent) AS highest, count(*) AS rows FROM catalog_discountitem
            WHERE partner_id = d.partner_id AND discount_version_id = w.id
        ) i
        CROSS JOIN LATERAL (
            SELECT min(percent) AS lowest, max(percent) AS highest, count(*) AS rows FROM catalog_discountband
            WHERE partner_id = d.partner_id AND discount_version_id = w.id
        ) b
    ) {name} ON true
"""
_SPANS = _SPAN.format(comparison="<=", direction="DESC", name="now") + _SPAN.format(
    comparison=">", direction="ASC", name="next"
)
_COLUMNS = """
    d.id, d.name, d.vendor, d.country, d.category, d.created_at,
    now.id, now.number, now.valid_from, now.lowest, now.highest, now.rows,
    next.id, next.number, next.valid_from, next.lowest, next.highest, next.rows
"""


def discounts_page(
    *,
    by: Actor,
    on: datetime.date,
    wanted: Wanted = BY_NAME,
    search: str = "",
    vendors: Sequence[str] = (),
    countries: Sequence[str] = (),
    categories: Sequence[str] = (),
) -> Page[DiscountRow]:
    """Return one page of the partner's discounts, each with what holds on a UTC day.

    Two statements: what holds is looked up for the rows of the page alone. Every word of the search must begin some
    word of the name.
    """
    by.require_partner(permissions.VIEW_DISCOUNTS)
    conditions, words = lists.matching("d.name", search)
    where, values = ["d.partner_id = %s", *conditions], [by.partner_id, *words]
    narrowings: tuple[tuple[str, Sequence[Any]], ...] = (
        ("d.vendor", vendors),
        ("d.country", countries),
        ("d.category", categories),
    )
    for column, chosen in narrowings:
        if chosen:
            where.append(f"{column} = ANY(%s)")
            values.append(list(chosen))
    found = lists.page(
        columns="d.id",
        tables="catalog_discount d",
        where=where,
        values=values,
        id_column="d.id",
        sorts=SORTS,
        wanted=wanted,
        row=_same,
    )
    rows = {row.id: row for row in discount_choices(by=by, on=on, discount_ids=found.rows)} if found.rows else {}
    return found.showing([rows[one] for one in found.rows if one in rows])  # one may have been deleted since


def discount_choices(
    *, by: Actor, on: datetime.date, country: str = "", discount_ids: Iterable[uuid.UUID] | None = None
) -> list[DiscountRow]:
    """Return discounts to choose from, by name, each with what holds on a UTC day: of a country, or those with ids."""
    by.require_partner(permissions.VIEW_DISCOUNTS)
    where = ["d.partner_id = %s"]
    values: list[Any] = [on, on, by.partner_id]
    if country:
        where.append("d.country = %s")
        values.append(country)
    if discount_ids is not None:
        where.append("d.id = ANY(%s)")
        values.append(list(discount_ids))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {_COLUMNS} FROM catalog_discount d {_SPANS} WHERE {' AND '.join(where)} "  # noqa: S608 - no values
            "ORDER BY d.sort_name, d.id",
            values,
        )
        return [_row(row) for row in cursor.fetchall()]


def _same(discount_id: uuid.UUID) -> uuid.UUID:
    return discount_id


def _row(row: Sequence[Any]) -> DiscountRow:
    return DiscountRow(
        id=row[0],
        name=row[1],
        vendor=VendorCode(row[2]),
        country=row[3],
        category=DiscountCategory(row[4]),
        created_at=row[5],
        in_force=_span(row[6:12]),
        coming=_span(row[12:18]),
    )


def _span(row: Sequence[Any]) -> Span | None:
    if row[0] is None:
        return None
    return Span(version_id=row[0], number=row[1], valid_from=row[2], lowest=row[3], highest=row[4], rows=row[5])


def get_discount(*, by: Actor, discount_id: uuid.UUID) -> Discount:
    """Return one discount; raises `NotFound`, also for another partner's id."""
    by.require_partner(permissions.VIEW_DISCOUNTS)
    discount = Discount.objects.filter(partner_id=by.partner_id, id=discount_id).first()
    if discount is None:
        raise NotFound
    return discount


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version on the timeline: from when on, and till the day before which other one begins (None: no end)."""

    id: uuid.UUID
    number: int
    valid_from: datetime.date
    valid_before: datetime.date | None
    percent: Decimal | None
    created_at: datetime.datetime
    created_by: str
    state: VersionState
    items: int
    bands: int


def versions(*, by: Actor, discount_id: uuid.UUID, on: datetime.date) -> list[Version]:
    """Return a discount's versions, the latest valid-from first, each in force, coming or past on a UTC day."""
    by.require_partner(permissions.VIEW_DISCOUNTS)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT w.id, w.number, w.valid_from, lead(w.valid_from) OVER (ORDER BY w.valid_from), w.percent,
                w.created_at, w.created_by,
                (SELECT count(*) FROM catalog_discountitem i
                 WHERE i.partner_id = w.partner_id AND i.discount_version_id = w.id),
                (SELECT count(*) FROM catalog_discountband b
                 WHERE b.partner_id = w.partner_id AND b.discount_version_id = w.id)
            FROM catalog_discountversion w WHERE w.partner_id = %s AND w.discount_id = %s
            ORDER BY w.valid_from DESC
            """,
            [by.partner_id, discount_id],
        )
        found = cursor.fetchall()
    return [
        Version(
            id=row[0],
            number=row[1],
            valid_from=row[2],
            valid_before=row[3],
            percent=row[4],
            created_at=row[5],
            created_by=row[6],
            state=state_of(valid_from=row[2], valid_before=row[3], on=on),
            items=row[7],
            bands=row[8],
        )
        for row in found
    ]


def state_of(*, valid_from: datetime.date, valid_before: datetime.date | None, on: datetime.date) -> VersionState:
    """Return what a version is on a day: the latest valid-from not in the future holds."""
    if valid_from > on:
        return VersionState.COMING
    return VersionState.IN_FORCE if valid_before is None or valid_before > on else VersionState.PAST


def rates_in(*, by: Actor, version: DiscountVersion, category: str) -> Rates:
    """Return all rates of a version, bands in order; items by product title and SKU title."""
    by.require_partner(permissions.VIEW_DISCOUNTS)
    if category in ONE_RATE:
        return Rates(percent=version.percent)
    with connection.cursor() as cursor:
        if category == DiscountCategory.SLAB:
            cursor.execute(
                "SELECT from_quantity, lead(from_quantity) OVER (ORDER BY from_quantity) - 1, percent "
                "FROM catalog_discountband WHERE partner_id = %s AND discount_version_id = %s ORDER BY from_quantity",
                [by.partner_id, version.id],
            )
            return Rates(
                bands=tuple(Band(from_quantity=row[0], to_quantity=row[1], percent=row[2]) for row in cursor.fetchall())
            )
        cursor.execute(
            "SELECT product_id, sku_id, percent FROM catalog_discountitem "
            "WHERE partner_id = %s AND discount_version_id = %s ORDER BY id",
            [by.partner_id, version.id],
        )
        return Rates(items=tuple(Item(product_id=row[0], sku_id=row[1], percent=row[2]) for row in cursor.fetchall()))


def get_version(*, by: Actor, discount_id: uuid.UUID, version_id: uuid.UUID) -> DiscountVersion:
    """Return one version of a discount; raises `NotFound`, also for another partner's id or another discount's."""
    by.require_partner(permissions.VIEW_DISCOUNTS)
    version = DiscountVersion.objects.filter(partner_id=by.partner_id, discount_id=discount_id, id=version_id).first()
    if version is None:
        raise NotFound
    return version
