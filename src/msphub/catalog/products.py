"""Reads of products and SKUs, and of the rates that a version gives them."""

import dataclasses
import uuid
from decimal import Decimal

from django.db import connection

from msphub.catalog import permissions
from msphub.kit import lists, text
from msphub.kit.actor import Actor
from msphub.kit.lists import Key, Page, Wanted

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


@dataclasses.dataclass(frozen=True, slots=True)
class ItemRow:
    """The rate of a product or SKU in a version, as a list shows it. `sku` is empty for a whole product."""

    id: uuid.UUID
    product: str
    sku: str
    title: str
    percent: Decimal


ITEM_SORTS = {"title": Key(expression="coalesce(s.sort_title, lower(p.title))")}
BY_TITLE = Wanted(sort="title", size=50)
_COLUMNS = "i.id, p.external_id, coalesce(s.external_id, ''), coalesce(s.title, p.title), i.percent"
_ITEMS = """
    catalog_discountitem i
    JOIN catalog_product p ON p.partner_id = i.partner_id AND p.id = i.product_id
    LEFT JOIN catalog_sku s ON s.partner_id = i.partner_id AND s.id = i.sku_id
"""
_OF_VERSION = ["i.partner_id = %s", "i.discount_version_id = %s"]


def items_page(*, by: Actor, version_id: uuid.UUID, wanted: Wanted = BY_TITLE, search: str = "") -> Page[ItemRow]:
    """Return one page of a version's rates by title, in one statement; a version has at most 10,000."""
    by.require_partner(permissions.VIEW_DISCOUNTS)
    words = text.search_words(search)[:8]
    ids = "lower(p.external_id || ' ' || coalesce(s.external_id, ''))"
    sought = f"strpos({ITEM_SORTS['title'].expression} || ' ' || {ids}, %s) > 0"
    return lists.page(
        columns=_COLUMNS,
        tables=_ITEMS,
        where=[*_OF_VERSION, *[sought] * len(words)],
        values=[by.partner_id, version_id, *words],
        id_column="i.id",
        sorts=ITEM_SORTS,
        wanted=wanted,
        row=ItemRow,
    )


def all_items(*, by: Actor, version_id: uuid.UUID) -> list[ItemRow]:
    """Return every rate of a version by title: for exports, and for the form that changes or copies them."""
    by.require_partner(permissions.VIEW_DISCOUNTS)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {_COLUMNS} FROM {_ITEMS} WHERE {' AND '.join(_OF_VERSION)} "  # noqa: S608 - SQL of this module
            f"ORDER BY {ITEM_SORTS['title'].expression}, i.id LIMIT {MOST_ROWS:d}",
            [by.partner_id, version_id],
        )
        return [ItemRow(*row) for row in cursor.fetchall()]
