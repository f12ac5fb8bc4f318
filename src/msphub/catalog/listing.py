"""The marketplace's list of products: filters, search, favourites, the lowest price; by keyset, never counted whole."""

import dataclasses
import datetime
import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.db import connection

from msphub.catalog import permissions
from msphub.catalog.choices import VendorCode
from msphub.catalog.models import Product
from msphub.catalog.prices import Scope
from msphub.kit import text
from msphub.kit.actor import Actor
from msphub.kit.errors import NotFound

# A search fetches so many products by its index. Words that fit more, as short ones do, are looked for among the first
# rows of the list's order; where those don't fill a page, the index collects all that fit (as in customers.queries).
MOST_MATCHES = 1000
WINDOW = 3000


_START = ("", uuid.UUID(int=0))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Narrowed:
    """What the list is narrowed by. `offered`: only products with a price for the buyer, by vendor's scope."""

    search: str = ""
    vendor: str = ""
    shelf: str = ""
    favourites: bool = False
    offered: bool = True


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ProductRow:
    """A product in the list, with its lowest list price for a term: of what is billed monthly, if anything is."""

    id: uuid.UUID
    title: str
    publisher: str
    category: str
    shelf: str
    vendor: str
    favourite: bool
    skus: int
    sku_id: uuid.UUID | None
    sku_title: str
    list_price: Decimal | None
    term: str
    plan: str
    usage_based: bool
    sort_key: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ProductPage:
    """One page of the list, and whether there is more on either side."""

    rows: list[ProductRow]
    has_next: bool
    has_previous: bool


# The condition that a price `c` holds for the buyer of product `p` on a day. `coalesce` keeps the planner off the index
# by market, which holds every price there is for each product asked about; by product there are a few.
_HOLDS = """c.partner_id = p.partner_id AND c.product_id = p.id AND coalesce(c.currency, '') = %s
    AND coalesce(c.market, '') IN (CASE WHEN p.vendor_id = %s THEN %s ELSE %s END, '')
    AND (c.segment = '' OR c.segment = ANY(%s)) AND c.valid_from <= %s
    AND (c.valid_before IS NULL OR c.valid_before > %s)"""
# Usage has no price of its own.
# A scalar with a limit stays a test of one product after the other in the list's order; EXISTS becomes a join of all.
_OFFERED = f"(p.shelf = 'azure_plan' OR (SELECT true FROM catalog_price c WHERE {_HOLDS} LIMIT 1))"  # noqa: S608


def products_page(
    *,
    by: Actor,
    narrowed: Narrowed,
    microsoft: Scope,
    others: Scope,
    on: datetime.date,
    size: int = 24,
    after: tuple[str, uuid.UUID] | None = None,
    before: tuple[str, uuid.UUID] | None = None,
) -> ProductPage:
    """Return one page of products by title. Every word of the search must begin a word of title, publisher or SKU."""
    by.require(permissions.VIEW_MARKETPLACE)
    with connection.cursor() as cursor:
        cursor.execute("SELECT code, id FROM catalog_vendor WHERE partner_id = %s", [by.partner_id])
        vendors: dict[str, uuid.UUID] = dict(cursor.fetchall())
        holds: list[Any] = [
            others.currency,
            vendors.get(VendorCode.MICROSOFT),
            microsoft.market,
            others.market,
            list(microsoft.segments),
            on,
            on,
        ]
        wanted = _conditions(cursor, by=by, narrowed=narrowed, vendors=vendors)
        backwards = before is not None
        # The first page begins somewhere too: with a lower bound the index by title is walked, not sorted anew.
        wanted.where.append(f"(p.sort_title, p.id) {'<' if backwards else '>'} (%s, %s)")
        wanted.values += before or after or _START
        direction = "DESC" if backwards else "ASC"
        read = _Reading(
            by=by,
            holds=holds,
            offered=narrowed.offered,
            order=f"ORDER BY p.sort_title {direction}, p.id {direction}",
            size=size,
        )
        rows = read.rows(cursor, *_few(wanted, read) if not wanted.words else _window(wanted, read))
        if wanted.words and len(rows) <= size and not _seen_whole(cursor, wanted):
            rows = read.rows(cursor, *_collected(wanted, read))
    names = [field.name for field in dataclasses.fields(ProductRow)]
    made = [ProductRow(**dict(zip(names, row, strict=True))) for row in rows[:size]]
    if backwards:
        made.reverse()
    more = len(rows) > size
    return ProductPage(
        rows=made,
        has_next=backwards or more,
        has_previous=more if backwards else after is not None,
    )


@dataclasses.dataclass(slots=True, kw_only=True)
class _Conditions:
    """What products fulfil, and a search that so many fit that it is still to be looked for."""

    where: list[str]
    values: list[Any]
    words: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """How rows are read: for whom, at whose prices, in which order, how many."""

    by: Actor
    holds: list[Any]
    offered: bool
    order: str
    size: int

    def rows(self, cursor: Any, page: str, values: list[Any]) -> list[Any]:
        """Return the products of a statement, with what the list shows of them."""
        cursor.execute(
            f"""
            SELECT p.id, p.title, p.publisher, p.category, p.shelf, v.code,
                EXISTS (SELECT 1 FROM catalog_favourite f WHERE f.partner_id = p.partner_id AND f.user_id = %s
                        AND f.product_id = p.id),
                k.count, l.id, coalesce(l.title, k.title), l.list_price, coalesce(l.term, ''), coalesce(l.plan, ''),
                coalesce(k.usage, false), p.sort_title
            FROM ({page} LIMIT %s) p
            JOIN catalog_vendor v ON v.partner_id = p.partner_id AND v.id = p.vendor_id
            LEFT JOIN LATERAL (
                SELECT count(*) AS count, bool_or(s.usage_based) AS usage, min(s.title) AS title
                FROM catalog_sku s WHERE s.partner_id = p.partner_id AND s.product_id = p.id AND s.active
            ) k ON true
            LEFT JOIN LATERAL (
                SELECT s.id, s.title, c.list_price, c.term, c.plan
                FROM catalog_price c
                JOIN catalog_sku s ON s.partner_id = c.partner_id AND s.id = c.sku_id AND s.active
                WHERE {_HOLDS} AND c.tier_from = 1
                ORDER BY c.plan = 'none', c.plan <> 'monthly', c.list_price / CASE c.term
                    WHEN 'P1Y' THEN 12 WHEN 'P3Y' THEN 36 ELSE 1 END, c.term, c.plan LIMIT 1
            ) l ON true
            {self.order}
            """,  # noqa: S608 - no values
            [self.by.user_id, *values, self.size + 1, *self.holds],
        )
        found: list[Any] = cursor.fetchall()
        return found


def _few(wanted: _Conditions, read: _Reading) -> tuple[str, list[Any]]:
    """Test one product after the other in the list's order."""
    where = [*wanted.where, *([_OFFERED] if read.offered else [])]
    statement = f"SELECT p.* FROM catalog_product p WHERE {' AND '.join(where)} {read.order}"  # noqa: S608 - no values
    return statement, [*wanted.values, *(read.holds if read.offered else [])]


def _window(wanted: _Conditions, read: _Reading) -> tuple[str, list[Any]]:
    """Look for the words, and only then for prices, among the first rows of the list's order."""
    first = f"SELECT p.* FROM catalog_product p WHERE {' AND '.join(wanted.where)} {read.order} LIMIT {WINDOW:d}"  # noqa: S608
    statement = f"SELECT p.* FROM ({first}) p WHERE p.search @@ to_tsquery('simple', %s)"  # noqa: S608 - no values
    return _priced(statement, [*wanted.values, wanted.words], read)


def _collected(wanted: _Conditions, read: _Reading) -> tuple[str, list[Any]]:
    """Let the index collect all that fit, put them in order, and look for prices until the page is full."""
    where = f"{' AND '.join(wanted.where)} AND p.id = ANY(ARRAY(SELECT catalog_search(%s, NULL)))"
    statement = f"SELECT p.* FROM catalog_product p WHERE {where} {read.order} OFFSET 0"  # noqa: S608 - no values
    return _priced(f"SELECT p.* FROM ({statement}) p WHERE true", [*wanted.values, wanted.words], read)  # noqa: S608


def _priced(statement: str, values: list[Any], read: _Reading) -> tuple[str, list[Any]]:
    if read.offered:
        return f"{statement} AND {_OFFERED} {read.order}", [*values, *read.holds]
    return f"{statement} {read.order}", values


def _seen_whole(cursor: Any, wanted: _Conditions) -> bool:
    """Tell whether the first rows reached to the end of the list, so that what was found among them is all there is."""
    cursor.execute(
        f"SELECT count(*) FROM (SELECT 1 FROM catalog_product p WHERE {' AND '.join(wanted.where)} "  # noqa: S608
        f"LIMIT {WINDOW:d}) one",
        wanted.values,
    )
    return bool(cursor.fetchone()[0] < WINDOW)


def _conditions(cursor: Any, *, by: Actor, narrowed: Narrowed, vendors: dict[str, uuid.UUID]) -> _Conditions:
    """Return what the list is narrowed by, but for prices; a search of few products names them."""
    where: list[str] = ["p.partner_id = %s", "p.active"]
    values: list[Any] = [by.partner_id]
    if narrowed.vendor:
        where.append("p.vendor_id = %s")
        values.append(vendors.get(narrowed.vendor, by.partner_id))  # no vendor has a partner's id
    if narrowed.shelf:
        where.append("p.vendor_id = %s AND p.shelf = %s")
        values += [vendors.get(VendorCode.MICROSOFT), narrowed.shelf]
    if narrowed.favourites:
        where.append(
            "EXISTS (SELECT 1 FROM catalog_favourite f WHERE f.partner_id = p.partner_id AND f.user_id = %s "
            "AND f.product_id = p.id)"
        )
        values.append(by.user_id)
    if not narrowed.search.strip():
        return _Conditions(where=where, values=values)
    words = text.prefix_query(narrowed.search)
    found: list[uuid.UUID] = []
    if words:
        cursor.execute("SELECT catalog_search(%s, %s)", [words, MOST_MATCHES + 1])
        found = [row[0] for row in cursor.fetchall()]
    if len(found) > MOST_MATCHES:
        return _Conditions(where=where, values=values, words=words)
    return _Conditions(where=[*where, "p.id = ANY(%s)"], values=[*values, found])


def get_product(*, by: Actor, product_id: uuid.UUID) -> Product:
    """Return one product with its vendor; raises `NotFound`, also for another partner's id."""
    by.require(permissions.VIEW_MARKETPLACE)
    product = Product.objects.select_related("vendor").filter(partner_id=by.partner_id, id=product_id).first()
    if product is None:
        raise NotFound
    return product


def is_favourite(*, by: Actor, product_id: uuid.UUID) -> bool:
    """Tell whether the person has marked a product with the star."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM catalog_favourite "
            "WHERE partner_id = %s AND user_id = %s AND product_id = %s)",
            [by.partner_id, by.user_id, product_id],
        )
        return bool(cursor.fetchone()[0])


def mark(*, by: Actor, product_id: uuid.UUID, favourite: bool, at: datetime.datetime) -> None:
    """Mark a product with the star for the person, or take it off; asking twice changes nothing.

    Not recorded in the audit log: it changes nothing but this person's own tab. Raises `NotFound`.
    """
    product = get_product(by=by, product_id=product_id)
    with connection.cursor() as cursor:
        if favourite:
            cursor.execute(
                "INSERT INTO catalog_favourite (id, partner_id, customer_id, user_id, product_id, created_at) "
                "VALUES (gen_random_uuid(), %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                [by.partner_id, by.customer_id, by.user_id, product.id, at],
            )
        else:
            cursor.execute(
                "DELETE FROM catalog_favourite WHERE partner_id = %s AND user_id = %s AND product_id = %s",
                [by.partner_id, by.user_id, product.id],
            )


def microsoft_is_priced(*, by: Actor, scope: Scope, on: datetime.date) -> bool:
    """Tell whether Microsoft sells anything at all in a country and currency today."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT EXISTS (
                SELECT 1 FROM catalog_price WHERE partner_id = %s AND market = %s AND currency = %s
                    AND valid_from <= %s AND (valid_before IS NULL OR valid_before > %s)
            )
            """,
            [by.partner_id, scope.market, scope.currency, on, on],
        )
        return bool(cursor.fetchone()[0])


def vendor_choices() -> Sequence[tuple[str, str]]:
    """Return the vendors in the marketplace's order."""
    return [(one.value, str(one.label)) for one in VendorCode]
