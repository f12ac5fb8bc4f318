"""Price changes ahead, and whom each hits: which purchased products, on which day, by how much.

A price is fixed for a product's term: a new one holds from the first renewal on or after its first day (nce-rules.md
§1), Microsoft's and others' alike; what is bought once is never hit. So a change lies ahead for a customer though it is
in force already, until its product renews. What is cancelled, or will not renew by itself, is left out.
The price at a renewal is found as a purchase finds it, by country, currency, segment and quantity.
"""

import dataclasses
import datetime
import uuid
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from django.db import connection

from msphub.catalog import permissions as catalog
from msphub.catalog import prices
from msphub.catalog import rates as discounts
from msphub.catalog.choices import VendorCode
from msphub.customers import buyers, rates
from msphub.customers.rates import AskedFor
from msphub.entitlements.choices import ChangeKind, State
from msphub.entitlements.models import PurchasedProduct
from msphub.kit import lists, money
from msphub.kit.actor import Actor
from msphub.kit.errors import NotFound
from msphub.kit.lists import Key, Page, Wanted

MOST_COUNTED = 1000
# So many purchased products are summed for the changes of a page, each having its share; more are said to be more.
MOST_SUMMED = 10_000

CHANGE_SORTS = {
    # By day, and those of a day by name.
    "from": Key(expression="to_char(c.from_on, 'YYYY-MM-DD') || ' ' || r.sort_title || ' ' || s.sort_title"),
    "product": Key(expression="r.sort_title || ' ' || s.sort_title"),
}
HIT_SORTS = {
    "customer": Key(expression="k.sort_name"),
    "product": Key(expression="h.sort_name"),
    "quantity": Key(expression="h.quantity", kind="bigint"),
    "effect": Key(expression="d.day", kind="date"),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """A price that begins or began, or one that ends without another. Amounts are for one unit and the whole term.

    `id` is the price's; with `kind` it names the change. No `list_after`: it is no longer sold.
    """

    id: uuid.UUID
    kind: str
    product_id: uuid.UUID
    product: str
    sku_id: uuid.UUID
    sku: str
    vendor: str
    market: str
    currency: str
    segment: str
    term: str
    plan: str
    from_on: datetime.date
    list_before: Decimal | None
    list_after: Decimal | None
    cost_before: Decimal | None
    cost_after: Decimal | None

    @property
    def key(self) -> tuple[uuid.UUID, str]:
        """What names it."""
        return self.id, self.kind

    @property
    def percent(self) -> Decimal | None:
        """By how much the list price rises, in percent; None where there is nothing to compare."""
        if not self.list_before or self.list_after is None:
            return None
        return (self.list_after - self.list_before) / self.list_before * 100


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Narrowed:
    """Which changes a list holds. `hitting`: only those that hit a customer."""

    search: str = ""
    kinds: Sequence[str] = ()
    vendors: Sequence[str] = ()
    hitting: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A purchased product that a change hits, on its renewal day. Prices are for one unit and one billing period.

    `list_then` and `unit_then` are None where it is no longer sold: no price list says what a renewal will cost.
    """

    change: tuple[uuid.UUID, str]
    product_id: uuid.UUID
    customer_id: uuid.UUID
    customer: str
    product: str
    quantity: int
    currency: str
    term: str
    plan: str
    list_now: Decimal
    percent_now: Decimal
    unit_now: Decimal
    effect_on: datetime.date
    list_then: Decimal | None
    percent_then: Decimal
    reason_then: str
    unit_then: Decimal | None

    @property
    def unit_difference(self) -> Decimal | None:
        """What one unit costs more for one billing period; less where negative."""
        return None if self.unit_then is None else self.unit_then - self.unit_now

    @property
    def difference(self) -> Decimal | None:
        """What the customer's line for one billing period rises by: both are rounded as lines are."""
        if self.unit_then is None:
            return None
        return money.rounded(self.unit_then * self.quantity, self.currency) - money.rounded(
            self.unit_now * self.quantity, self.currency
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What a change does in all. `more`: there are more products than were summed.

    `difference` is for one billing period of all of them; None where it is no longer sold.
    """

    customers: int = 0
    products: int = 0
    quantity: int = 0
    difference: Decimal | None = None
    first_on: datetime.date | None = None
    last_on: datetime.date | None = None
    more: bool = False


def changes_page(*, by: Actor, on: datetime.date, wanted: Wanted, narrowed: Narrowed | None = None) -> Page[Change]:
    """Return one page of the changes ahead on a UTC day: every coming price, and of the others what hits a customer."""
    by.require_partner(catalog.VIEW_CATALOGUE)
    chosen = narrowed or Narrowed()
    hits = f"(SELECT true FROM {_holdings(on)} WHERE {_HIT} LIMIT 1)"  # noqa: S608 - a date
    where = ["c.partner_id = %s", hits if chosen.hitting else f"(c.kind = '{ChangeKind.COMING}' OR {hits})"]
    values: list[Any] = [by.partner_id]
    if chosen.kinds:
        where.append("c.kind = ANY(%s)")
        values.append(list(chosen.kinds))
    if chosen.vendors:
        where.append("v.code = ANY(%s)")
        values.append(list(chosen.vendors))
    if chosen.search.strip():
        found, words = lists.matching("r.sort_title || ' ' || s.sort_title", chosen.search)
        where += found or ["false"]
        values += words
    return lists.page(
        columns=_COLUMNS,
        tables=f"{_changes(by, on, hitting=chosen.hitting)} {_NAMES}",
        where=where,
        values=values,
        id_column="c.id",
        sorts=CHANGE_SORTS,
        wanted=wanted,
        row=Change,
        most_counted=MOST_COUNTED,
    )


def all_changes(
    *, by: Actor, on: datetime.date, narrowed: Narrowed, sort: str = "from", descending: bool = False
) -> Iterator[Change]:
    """Yield the changes of a filtered list in its order, for exports."""
    return lists.everything(
        lambda wanted: changes_page(by=by, on=on, wanted=wanted, narrowed=narrowed), sort=sort, descending=descending
    )


def get_change(*, by: Actor, on: datetime.date, price_id: uuid.UUID, kind: str) -> Change:
    """Return one change ahead; raises `NotFound` for a price that is none on that day."""
    by.require_partner(catalog.VIEW_CATALOGUE)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {_COLUMNS} FROM {_changes(by, on, only=_one_of('p.id', [price_id]))} {_NAMES} "  # noqa: S608
            "WHERE c.partner_id = %s AND c.kind = %s",
            [by.partner_id, kind],
        )
        row = cursor.fetchone()
    if row is None:
        raise NotFound
    return Change(*row)


def hits_page(*, by: Actor, on: datetime.date, change: Change, wanted: Wanted, search: str = "") -> Page[Hit]:
    """Return one page of the purchased products that a change hits."""
    by.require_partner(catalog.VIEW_CATALOGUE)
    where = ["c.partner_id = %s", "c.kind = %s", _HIT]
    values: list[Any] = [by.partner_id, change.kind]
    if search.strip():
        found, words = lists.matching("k.sort_name || ' ' || h.sort_name", search)
        where += found or ["false"]
        values += words
    page = lists.page(
        columns=_HIT_COLUMNS,
        tables=f"{_changes(by, on, only=_one_of('p.id', [change.id]))} CROSS JOIN {_holdings(on)} {_SORTED}",
        where=where,
        values=values,
        id_column="h.id",
        sorts=HIT_SORTS,
        wanted=wanted,
        row=_Raw,
        names=_CUSTOMER,
        most_counted=MOST_SUMMED,
    )
    return page.showing(_rated(by=by, rows=page.rows))


def all_hits(
    *, by: Actor, on: datetime.date, change: Change, search: str = "", sort: str = "customer", descending: bool = False
) -> Iterator[Hit]:
    """Yield the purchased products that a change hits in a filtered list's order, for exports."""
    return lists.everything(
        lambda wanted: hits_page(by=by, on=on, change=change, wanted=wanted, search=search),
        sort=sort,
        descending=descending,
    )


def totals(*, by: Actor, on: datetime.date, changes: Sequence[Change]) -> dict[tuple[uuid.UUID, str], Totals]:
    """Return what each of some changes does in all, in two statements; one that hits nobody is left out."""
    by.require_partner(catalog.VIEW_CATALOGUE)
    if not changes:
        return {}
    # One change that hits many must not hide what the others do.
    most = max(MOST_SUMMED // len(changes), 1)
    grouped: dict[tuple[uuid.UUID, str], list[Hit]] = {}
    for hit in _hits(by=by, on=on, only=_one_of("p.id", {one.id for one in changes}), most=most + 1):
        grouped.setdefault(hit.change, []).append(hit)
    return {
        one.key: _total(grouped[one.key][:most], more=len(grouped[one.key]) > most)
        for one in changes
        if one.key in grouped
    }


def ahead_of(*, by: Actor, on: datetime.date, product: PurchasedProduct) -> list[Hit]:
    """Return what lies ahead for one purchased product, the nearest first; for the partner's own people."""
    by.require_partner(catalog.VIEW_CATALOGUE)
    rows = _hits(
        by=by, on=on, only=_one_of("p.sku_id", [product.sku_id]), most=1, where="h.id = %s", values=[product.id]
    )
    return sorted(rows, key=lambda hit: hit.effect_on)


def changes_of(*, by: Actor, on: datetime.date, product_id: uuid.UUID) -> int:
    """Return how many changes of a product in the catalogue hit customers, counted up to a hundred."""
    by.require_partner(catalog.VIEW_CATALOGUE)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT count(*) FROM (
                SELECT 1 FROM {_changes(by, on, only=_one_of("p.product_id", [product_id]))}
                WHERE c.partner_id = %s AND (SELECT true FROM {_holdings(on)} WHERE {_HIT} LIMIT 1) LIMIT 100
            ) one
            """,  # noqa: S608 - a date, and ids as the actor has them
            [by.partner_id],
        )
        return int(cursor.fetchone()[0])


def _total(hits: Sequence[Hit], *, more: bool) -> Totals:
    differences = [hit.difference for hit in hits if hit.difference is not None]
    return Totals(
        customers=len({hit.customer_id for hit in hits}),
        products=len(hits),
        quantity=sum(hit.quantity for hit in hits),
        difference=sum(differences, Decimal(0)) if differences else None,
        first_on=min(hit.effect_on for hit in hits),
        last_on=max(hit.effect_on for hit in hits),
        more=more,
    )


def _hits(
    *, by: Actor, on: datetime.date, only: str, most: int, where: str = "true", values: Sequence[Any] = ()
) -> list[Hit]:
    """Return up to so many hits of each of some changes."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT x.* FROM {_changes(by, on, only=only)} CROSS JOIN LATERAL (
                SELECT {_HIT_COLUMNS} FROM {_holdings(on)} {_CUSTOMER} WHERE {where} AND {_HIT} LIMIT %s
            ) x WHERE c.partner_id = %s
            """,  # noqa: S608 - own SQL, every value is a parameter
            [*values, most, by.partner_id],
        )
        return _rated(by=by, rows=[_Raw(*row) for row in cursor.fetchall()])


@dataclasses.dataclass(frozen=True, slots=True)
class _Raw:
    """A hit before the discount of its day is known; `list_then` is for the whole term."""

    price_id: uuid.UUID
    kind: str
    product_id: uuid.UUID
    customer_id: uuid.UUID
    customer: str
    product: str
    sku_id: uuid.UUID
    quantity: int
    currency: str
    term: str
    plan: str
    list_now: Decimal
    percent_now: Decimal
    unit_now: Decimal
    effect_on: datetime.date
    list_then: Decimal | None


def _rated(*, by: Actor, rows: Sequence[_Raw]) -> list[Hit]:
    """Return hits with the price after the discount that the customer has on the day of its renewal."""
    asked = [
        AskedFor(customer_id=row.customer_id, sku_id=row.sku_id, on=row.effect_on, quantity=row.quantity)
        for row in rows
    ]
    return [_hit(row, rate) for row, rate in zip(rows, rates.rates_of_many(by=by, asked=asked), strict=True)]


def _hit(row: _Raw, rate: discounts.Rate | None) -> Hit:
    percent = rate.percent if rate else Decimal(0)
    list_then = unit_then = None
    if row.list_then is not None:
        # As a purchase computes it: the discount first, then what falls on one charge, kept with six places.
        after = discounts.price_after(list_price=row.list_then, percent=percent)
        list_then = prices.kept(prices.per_period(row.list_then, term=row.term, plan=row.plan))
        unit_then = prices.kept(prices.per_period(after, term=row.term, plan=row.plan))
    return Hit(
        change=(row.price_id, row.kind),
        product_id=row.product_id,
        customer_id=row.customer_id,
        customer=row.customer,
        product=row.product,
        quantity=row.quantity,
        currency=row.currency,
        term=row.term,
        plan=row.plan,
        list_now=row.list_now,
        percent_now=row.percent_now,
        unit_now=row.unit_now,
        effect_on=row.effect_on,
        list_then=list_then,
        percent_then=percent,
        reason_then=rate.reason if rate else "",
        unit_then=unit_then,
    )


# Looked up for each change: a join would be planned by what was known of tables before a sync filled them (a list took
# a minute while the first one ran, all products paired with all SKUs).
_NAMES = """
    CROSS JOIN LATERAL (
        SELECT s.title, s.sort_title FROM catalog_sku s WHERE s.partner_id = c.partner_id AND s.id = c.sku_id LIMIT 1
    ) s
    CROSS JOIN LATERAL (
        SELECT r.title, r.sort_title, r.vendor_id FROM catalog_product r
        WHERE r.partner_id = c.partner_id AND r.id = c.product_id LIMIT 1
    ) r
    CROSS JOIN LATERAL (
        SELECT v.code FROM catalog_vendor v WHERE v.partner_id = c.partner_id AND v.id = r.vendor_id LIMIT 1
    ) v
"""
# The price before is the one that ends on the day the new one begins; looked for by SKU only (see `prices.FITS`). What
# is shown and not sorted by are scalars: they are asked for the rows of a page, never joined to all of them.
_FORMER = """FROM catalog_price o {joined}
    WHERE o.partner_id = c.partner_id AND o.sku_id = c.sku_id AND coalesce(o.market, '') = c.market
        AND coalesce(o.currency, '') = c.currency AND o.segment = c.segment AND o.term = c.term
        AND o.plan = c.plan AND o.tier_from = c.tier_from AND o.valid_from - 0 < c.from_on
        AND o.valid_before = c.from_on
    ORDER BY o.valid_from DESC LIMIT 1"""
_COST = "catalog_pricecost {0} ON {0}.partner_id = {1}.partner_id AND {0}.price_id = {1}.id"
_COLUMNS = f"""c.id, c.kind, c.product_id, r.title, c.sku_id, s.title, v.code, c.market, c.currency, c.segment, c.term,
    c.plan, c.from_on, (SELECT o.list_price {_FORMER.format(joined="")}),
    CASE WHEN c.kind <> '{ChangeKind.GONE}' THEN c.list_price END,
    (SELECT b.cost {_FORMER.format(joined="LEFT JOIN " + _COST.format("b", "o"))}),
    CASE WHEN c.kind <> '{ChangeKind.GONE}' THEN (
        SELECT a.cost FROM catalog_pricecost a WHERE a.partner_id = c.partner_id AND a.price_id = c.id
    ) END"""  # noqa: S608 - own SQL
_SORTED = "JOIN customers_customer k ON k.partner_id = h.partner_id AND k.id = h.customer_id"
_CUSTOMER = """
    JOIN accounts_tenant n ON n.partner_id = h.partner_id AND n.id = h.customer_id
    JOIN entitlements_holdingperiod q ON q.partner_id = h.partner_id AND q.purchased_product_id = h.id
        AND q.ends_on IS NULL
"""
_HIT_COLUMNS = f"""c.id, c.kind, h.id, h.customer_id, n.name, h.sku_name, h.sku_id, h.quantity, h.currency, h.term,
    h.plan, q.list_price, q.discount_percent, q.unit_price, d.day,
    CASE WHEN c.kind <> '{ChangeKind.GONE}' THEN c.list_price END"""


# What renews by itself; as the index `purchased_renewing` has it.
_RENEWING = f"h.state = '{State.ACTIVE}' AND h.auto_renew AND h.term_ends_on IS NOT NULL"
_KEYS = "h.sku_id, h.term, h.plan, h.currency, h.market"


def _changes(by: Actor, on: datetime.date, *, only: str = "", hitting: bool = False) -> str:
    """Return the changes there may be, as a table `c`: coming prices, and others of what somebody holds.

    What is held is found by skipping from one kind of product, country and term to the next in the index. `only` is a
    condition on prices `p` that names few of them: then nothing has to be found. `hitting`: no coming prices of what
    nobody holds. The day and the partner are no user's input: a date and a UUID.
    """
    partner, day = f"uuid '{by.partner_id}'", f"date '{on:%Y-%m-%d}'"
    columns = """p.id, p.partner_id, p.product_id, p.sku_id, p.market, p.currency, p.segment, p.term, p.plan,
        p.tier_from, p.list_price, p.valid_before"""
    same = """l.partner_id = p.partner_id AND l.sku_id = p.sku_id AND coalesce(l.market, '') = p.market
        AND coalesce(l.currency, '') = p.currency AND l.segment = p.segment AND l.term = p.term AND l.plan = p.plan
        AND l.tier_from = p.tier_from"""
    held, those = "", f"catalog_price p WHERE p.partner_id = {partner} AND {only}"
    if not only:
        held = f"""WITH RECURSIVE held AS (
            (SELECT {_KEYS} FROM entitlements_purchasedproduct h WHERE h.partner_id = {partner} AND {_RENEWING}
             ORDER BY {_KEYS} LIMIT 1)
            UNION ALL
            SELECT n.* FROM held CROSS JOIN LATERAL (
                SELECT {_KEYS} FROM entitlements_purchasedproduct h
                WHERE h.partner_id = {partner} AND {_RENEWING}
                    AND ({_KEYS}) > (held.sku_id, held.term, held.plan, held.currency, held.market)
                ORDER BY {_KEYS} LIMIT 1
            ) n
        )"""  # noqa: S608 - as said above
        those = f"""held h JOIN catalog_price p ON p.partner_id = {partner} AND p.sku_id = h.sku_id
            AND p.market IN (h.market, '') AND p.currency = h.currency AND p.term = h.term AND p.plan = h.plan
            WHERE true"""
    coming = f"SELECT DISTINCT ON (p.id) '{ChangeKind.COMING}' AS kind, p.valid_from AS from_on, {columns} FROM {those}"  # noqa: S608
    if not hitting and not only:
        coming = f"""SELECT '{ChangeKind.COMING}' AS kind, p.valid_from AS from_on, {columns} FROM catalog_price p
            WHERE p.partner_id = {partner}"""  # noqa: S608 - as said above
    return f"""(
        {held}
        ({coming} AND p.valid_from > {day})
        UNION ALL
        (SELECT DISTINCT ON (p.id) '{ChangeKind.IN_FORCE}', p.valid_from, {columns} FROM {those}
            AND p.valid_from <= {day} AND (p.valid_before IS NULL OR p.valid_before > {day}) ORDER BY p.id)
        UNION ALL
        (SELECT DISTINCT ON (p.id) '{ChangeKind.GONE}', p.valid_before, {columns} FROM {those}
            AND p.valid_before IS NOT NULL AND p.valid_before > p.valid_from
            AND NOT EXISTS (SELECT 1 FROM catalog_price l WHERE {same} AND l.valid_from - 0 >= p.valid_before)
         ORDER BY p.id)
    ) c"""  # noqa: S608 - as said above


def _one_of(column: str, ids: Iterable[uuid.UUID]) -> str:
    """Return the condition that a column is one of some UUIDs, which stand in it."""
    return f"{column} IN ({', '.join(f"uuid '{uuid.UUID(str(one))}'" for one in ids)})"


def _holdings(on: datetime.date) -> str:
    """Return the purchased products that renew, with the day `d.day` on which the change `c` would hold for each."""
    day = f"date '{on:%Y-%m-%d}'"
    return f"""entitlements_purchasedproduct h
        LEFT JOIN customers_cspaccount t ON t.partner_id = h.partner_id AND t.id = h.csp_account_id
            AND h.vendor = '{VendorCode.MICROSOFT}'
        CROSS JOIN LATERAL (
            SELECT entitlements_renewal_on(h.anchor_on, h.term_ends_on, h.term, greatest(c.from_on, {day})) AS day
        ) d"""


def _price_on(day: str) -> str:
    """Return the id of the price that holds for `h` on a day, as an SQL scalar."""
    return f"""(
        SELECT p.id FROM (
            SELECT h.sku_id, h.market, h.currency, {buyers.SEGMENTS} AS segments, h.term, h.plan, h.quantity,
                {day} AS day
        ) a JOIN catalog_price p ON p.partner_id = h.partner_id AND {prices.FITS}
        ORDER BY {prices.BEST_FIRST} LIMIT 1
    )"""  # noqa: S608 - own SQL


# The new price is the one that holds at that renewal and differs from the list price that is kept, which has six
# places. Of what is no longer sold none holds then, and it was this one that did until its last day. What is cheap to
# know stands first: what a price in force differs from, and whether it still is in force when the product renews.
_HIT = f"""h.partner_id = c.partner_id AND h.sku_id = c.sku_id AND h.term = c.term AND h.plan = c.plan
    AND h.currency = c.currency AND {_RENEWING}
    AND (c.market = '' OR h.market = c.market)
    AND CASE WHEN c.kind = '{ChangeKind.GONE}'
        THEN {_price_on("d.day")} IS NULL AND {_price_on("c.from_on - 1")} = c.id
        ELSE abs(h.list_price - c.list_price / {prices.PERIODS.format("c")}) > 0.000001
            AND (c.valid_before IS NULL OR d.day < c.valid_before)
            AND (c.segment = '' OR c.segment = ANY(string_to_array({buyers.SEGMENTS}, ',')))
            AND {_price_on("d.day")} = c.id
        END"""
