"""Writes of products that are not Microsoft's: the same statements for one price and for a file of them."""

import datetime
import uuid
from collections.abc import Sequence
from typing import Any

from django.db import connection

from msphub.catalog.choices import SHELF_OF
from msphub.catalog.own_entries import Entry
from msphub.kit import ids, text

_PRODUCTS = """
    INSERT INTO catalog_product (
        id, partner_id, vendor_id, external_id, title, publisher, description, category, shelf, sort_title,
        search_text, active, created_at, updated_at
    )
    SELECT r.id, %(partner)s, v.id, r.external_id, r.title, v.name, r.description, r.category, r.shelf, r.sort_title,
        '', true, %(at)s, %(at)s
    FROM unnest(%(ids)s::uuid[], %(vendors)s::text[], %(products)s::text[], %(titles)s::text[], %(texts)s::text[],
            %(categories)s::text[], %(shelves)s::text[], %(sorts)s::text[])
        r(id, vendor, external_id, title, description, category, shelf, sort_title)
    JOIN catalog_vendor v ON v.partner_id = %(partner)s AND v.code = r.vendor
    ORDER BY r.vendor, r.external_id
    ON CONFLICT (partner_id, vendor_id, external_id) DO UPDATE SET title = excluded.title,
        description = excluded.description, category = excluded.category, shelf = excluded.shelf,
        sort_title = excluded.sort_title, updated_at = excluded.updated_at,
        version = catalog_product.version + 1
"""
_SKUS = """
    INSERT INTO catalog_sku (
        id, partner_id, product_id, external_id, title, sort_title, description, unit, minimum_quantity,
        maximum_quantity, is_trial, usage_based, active, created_at, updated_at
    )
    SELECT r.id, %(partner)s, p.id, r.external_id, r.title, r.sort_title, '', r.unit, r.minimum, r.maximum, false,
        false, true, %(at)s, %(at)s
    FROM unnest(%(ids)s::uuid[], %(vendors)s::text[], %(products)s::text[], %(skus)s::text[], %(titles)s::text[],
            %(sorts)s::text[], %(units)s::text[], %(minimums)s::int[], %(maximums)s::int[])
        r(id, vendor, product, external_id, title, sort_title, unit, minimum, maximum)
    JOIN catalog_vendor v ON v.partner_id = %(partner)s AND v.code = r.vendor
    JOIN catalog_product p ON p.partner_id = %(partner)s AND p.vendor_id = v.id AND p.external_id = r.product
    ORDER BY r.vendor, r.product, r.external_id
    ON CONFLICT (partner_id, product_id, external_id) DO UPDATE SET title = excluded.title,
        sort_title = excluded.sort_title, unit = excluded.unit, minimum_quantity = excluded.minimum_quantity,
        maximum_quantity = excluded.maximum_quantity, active = catalog_sku.active OR %(sell)s,
        updated_at = excluded.updated_at
    RETURNING id, product_id
"""
_PRICES = """
    WITH entered AS (
        SELECT r.*, p.id AS product, s.id AS sku
        FROM unnest(%(ids)s::uuid[], %(vendors)s::text[], %(products)s::text[], %(skus)s::text[],
                %(countries)s::text[], %(currencies)s::text[], %(terms)s::text[], %(plans)s::text[],
                %(lists)s::numeric[], %(costs)s::numeric[], %(days)s::date[])
            r(id, vendor, product_code, sku_code, market, currency, term, plan, list_price, cost, valid_from)
        JOIN catalog_vendor v ON v.partner_id = %(partner)s AND v.code = r.vendor
        JOIN catalog_product p ON p.partner_id = v.partner_id AND p.vendor_id = v.id AND p.external_id = r.product_code
        JOIN catalog_sku s ON s.partner_id = p.partner_id AND s.product_id = p.id AND s.external_id = r.sku_code
    ), kept AS (
        INSERT INTO catalog_price (
            id, partner_id, product_id, sku_id, market, currency, segment, term, plan, tier_from, list_price,
            valid_from, created_at
        )
        SELECT id, %(partner)s, product, sku, market, currency, '', term, plan, 1, list_price, valid_from, %(at)s
        FROM entered
        ON CONFLICT (partner_id, sku_id, market, currency, segment, term, plan, tier_from, valid_from)
            DO UPDATE SET list_price = excluded.list_price, valid_before = NULL
        RETURNING id, sku_id, market, currency, term, plan, valid_from
    )
    SELECT k.id, e.cost FROM kept k
    JOIN entered e ON e.sku = k.sku_id AND e.market = k.market AND e.currency = k.currency AND e.term = k.term
        AND e.plan = k.plan AND e.valid_from = k.valid_from
"""
_COSTS_GONE = "DELETE FROM catalog_pricecost WHERE partner_id = %s AND price_id = ANY(%s)"
_COSTS = """
    INSERT INTO catalog_pricecost (price_id, partner_id, cost)
    SELECT r.id, %s, r.cost FROM unnest(%s::uuid[], %s::numeric[]) r(id, cost) WHERE r.cost IS NOT NULL
"""
# Each price ends where the next one for the same begins.
_CHAIN = """
    UPDATE catalog_price p SET valid_before = n.next_from
    FROM (
        SELECT id, lead(valid_from) OVER (
            PARTITION BY sku_id, market, currency, segment, term, plan, tier_from ORDER BY valid_from
        ) AS next_from
        FROM catalog_price WHERE partner_id = %s AND sku_id = ANY(%s)
    ) n
    WHERE p.partner_id = %s AND p.id = n.id AND n.next_from IS NOT NULL
        AND (p.valid_before IS NULL OR p.valid_before > n.next_from)
"""
_WORDS = """
    SELECT p.id, p.title, p.publisher, p.external_id, array_agg(s.title ORDER BY s.title)
    FROM catalog_product p JOIN catalog_sku s ON s.partner_id = p.partner_id AND s.product_id = p.id
    WHERE p.partner_id = %s AND p.id = ANY(%s) GROUP BY p.id
"""


def write(
    *,
    partner_id: uuid.UUID,
    entries: Sequence[Entry],
    at: datetime.datetime,
    priced: Sequence[Entry] | None = None,
    sell: bool = True,
) -> None:
    """Write entries in a handful of statements, however many there are; of one SKU's facts the last line counts.

    Prices of `priced` only, if that is given. `sell`: what is no longer sold is sold again. In the caller's
    transaction.
    """
    products = {(one.vendor, one.product_id): one for one in entries}
    skus = {(one.vendor, one.product_id, one.sku_id): one for one in entries}
    common: dict[str, Any] = {"partner": partner_id, "at": at, "sell": sell}
    with connection.cursor() as cursor:
        rows = list(products.values())
        cursor.execute(
            _PRODUCTS,
            common
            | {
                "ids": [ids.new_id() for _row in rows],
                "vendors": [one.vendor for one in rows],
                "products": [one.product_id for one in rows],
                "titles": [one.product for one in rows],
                "texts": [one.description for one in rows],
                "categories": [one.category for one in rows],
                "shelves": [SHELF_OF[one.category] for one in rows],
                "sorts": [text.fold(one.product) for one in rows],
            },
        )
        rows = list(skus.values())
        cursor.execute(
            _SKUS,
            common
            | {
                "ids": [ids.new_id() for _row in rows],
                "vendors": [one.vendor for one in rows],
                "products": [one.product_id for one in rows],
                "skus": [one.sku_id for one in rows],
                "titles": [one.sku for one in rows],
                "sorts": [text.fold(one.sku) for one in rows],
                "units": [one.unit for one in rows],
                "minimums": [one.minimum for one in rows],
                "maximums": [one.maximum for one in rows],
            },
        )
        found = cursor.fetchall()
        if priced is None or priced:
            _write_prices(cursor, entries if priced is None else priced, skus=found, common=common)
        cursor.execute(_WORDS, [partner_id, [row[1] for row in found]])
        words = cursor.fetchall()
        cursor.execute(
            "UPDATE catalog_product p SET search_text = r.words FROM unnest(%s::uuid[], %s::text[]) r(id, words) "
            "WHERE p.partner_id = %s AND p.id = r.id",
            [
                [row[0] for row in words],
                [text.search_text(row[1], row[2], row[3], *row[4]) for row in words],
                partner_id,
            ],
        )


def _write_prices(cursor: Any, entries: Sequence[Entry], *, skus: Sequence[Any], common: dict[str, Any]) -> None:
    partner_id = common["partner"]
    cursor.execute(
        _PRICES,
        common
        | {
            "ids": [ids.new_id() for _row in entries],
            "vendors": [one.vendor for one in entries],
            "products": [one.product_id for one in entries],
            "skus": [one.sku_id for one in entries],
            "countries": [one.country for one in entries],
            "currencies": [one.currency for one in entries],
            "terms": [one.term for one in entries],
            "plans": [one.plan for one in entries],
            "lists": [one.list_price for one in entries],
            "costs": [one.cost for one in entries],
            "days": [one.valid_from for one in entries],
        },
    )
    costs = cursor.fetchall()
    cursor.execute(_COSTS_GONE, [partner_id, [row[0] for row in costs]])
    cursor.execute(_COSTS, [partner_id, [row[0] for row in costs], [row[1] for row in costs]])
    cursor.execute(_CHAIN, [partner_id, [row[0] for row in skus], partner_id])
