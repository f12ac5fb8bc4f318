"""Reads of products and SKUs, and of the rates that a version gives them."""

import dataclasses
import uuid
from decimal import Decimal
from typing import Any

from django.db import connection

from msphub.catalog import permissions
from msphub.kit import text
from msphub.kit.actor import Actor

MOST_FOUND = 20
MOST_ROWS = 10_000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FoundSku:
    """A SKU that a search found."""

    product: str
    sku: str
    product_title: str
    title: str


def search_skus(*, by: Actor, vendor: str, search: str, most: int = MOST_FOUND) -> list[FoundSku]:
    """Return a vendor's SKUs whose titles hold every word of the search, or whose product id begins with it."""
    by.require_partner(permissions.VIEW_DISCOUNTS)
    words = text.search_words(search)[:8]
    if not words:
        return []
    fitting = " AND ".join(["strpos(s.sort_title, %s) > 0"] * len(words))
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT p.external_id, s.external_id, p.title, s.title
            FROM catalog_sku s
            JOIN catalog_product p ON p.partner_id = s.partner_id AND p.id = s.product_id
            JOIN catalog_vendor v ON v.partner_id = p.partner_id AND v.id = p.vendor_id
            WHERE s.partner_id = %s AND v.code = %s AND s.active AND p.active
              AND (({fitting}) OR starts_with(upper(p.external_id), upper(%s)))
            ORDER BY s.sort_title, s.id LIMIT %s
            """,  # noqa: S608 - as many conditions as words, every value is a parameter
            [by.partner_id, vendor, *words, search.strip()[:60], most],
        )
        return [FoundSku(product=row[0], sku=row[1], product_title=row[2], title=row[3]) for row in cursor.fetchall()]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ItemRow:
    """The rate of a product or SKU in a version, as a list shows it. `sku` is empty for a whole product."""

    id: uuid.UUID
    product: str
    sku: str
    title: str
    percent: Decimal
    sort_key: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ItemPage:
    """One page of a version's rates, and whether there is more on either side."""

    rows: list[ItemRow]
    has_next: bool
    has_previous: bool
    count: int


_ITEMS = """
    SELECT i.id, p.external_id AS product, coalesce(s.external_id, '') AS sku, coalesce(s.title, p.title) AS title,
        i.percent, coalesce(s.sort_title, lower(p.title)) AS sort_key
    FROM catalog_discountitem i
    JOIN catalog_product p ON p.partner_id = i.partner_id AND p.id = i.product_id
    LEFT JOIN catalog_sku s ON s.partner_id = i.partner_id AND s.id = i.sku_id
    WHERE i.partner_id = %s AND i.discount_version_id = %s
"""


def items_page(
    *,
    by: Actor,
    version_id: uuid.UUID,
    search: str = "",
    size: int = 50,
    after: tuple[str, uuid.UUID] | None = None,
    before: tuple[str, uuid.UUID] | None = None,
) -> ItemPage:
    """Return one page of a version's rates by title, in one statement; at most 10,000 rows are ever looked through."""
    by.require_partner(permissions.VIEW_DISCOUNTS)
    backwards = before is not None
    where, values = [], list[Any]()
    for word in text.search_words(search)[:8]:
        where.append("strpos(one.sort_key || ' ' || lower(one.product || ' ' || one.sku), %s) > 0")
        values.append(word)
    narrowed, narrowed_values = " AND ".join(where) or "true", list(values)
    beyond = before or after
    if beyond is not None:
        where.append(f"(one.sort_key, one.id) {'<' if backwards else '>'} (%s, %s)")
        values += beyond
    direction = "DESC" if backwards else "ASC"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH one AS MATERIALIZED ({_ITEMS})
            SELECT id, product, sku, title, percent, sort_key, (SELECT count(*) FROM one WHERE {narrowed})
            FROM one WHERE {" AND ".join(where) or "true"}
            ORDER BY sort_key {direction}, id {direction} LIMIT %s
            """,  # noqa: S608 - conditions of our own, every value is a parameter
            [by.partner_id, version_id, *narrowed_values, *values, size + 1],
        )
        found = cursor.fetchall()
    more = len(found) > size
    rows = [_item_row(row) for row in found[:size]]
    if backwards:
        rows.reverse()
    return ItemPage(
        rows=rows,
        has_next=backwards or more,
        has_previous=more if backwards else after is not None,
        count=found[0][-1] if found else 0,
    )


def all_items(*, by: Actor, version_id: uuid.UUID) -> list[ItemRow]:
    """Return every rate of a version by title: for exports, and for the form that changes or copies them."""
    by.require_partner(permissions.VIEW_DISCOUNTS)
    with connection.cursor() as cursor:
        cursor.execute(f"{_ITEMS} ORDER BY 6, 1 LIMIT {MOST_ROWS:d}", [by.partner_id, version_id])
        return [_item_row(row) for row in cursor.fetchall()]


def _item_row(row: Any) -> ItemRow:
    return ItemRow(id=row[0], product=row[1], sku=row[2], title=row[3], percent=row[4], sort_key=row[5])
