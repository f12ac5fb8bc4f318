"""Which price holds for whom: reads of price lists, and how a term's price falls into charge periods."""

import dataclasses
import datetime
import decimal
import re
import uuid
from collections.abc import Iterable, Sequence
from decimal import Decimal

from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from msphub.catalog import permissions
from msphub.catalog.choices import Plan, Term
from msphub.kit.actor import Actor

_EXACT = decimal.Context(prec=40)
_TERM = re.compile(r"P(\d{1,3})([MY])", re.ASCII)
_MONTHS_OF_PLAN = {Plan.MONTHLY: 1, Plan.ANNUAL: 12, Plan.TRIENNIAL: 36}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Whose prices are looked for: a country, a currency, and the segments a buyer belongs to, the best first."""

    market: str
    currency: str
    segments: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What a price is asked for. Term and plan are Microsoft's words; quantity is that of one purchase."""

    sku_id: uuid.UUID
    scope: Scope
    term: str
    plan: str
    quantity: int
    on: datetime.date


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A price in force. Amounts are for one unit and the whole term; `cost` only for the partner's own people."""

    id: uuid.UUID
    sku_id: uuid.UUID
    market: str
    currency: str
    segment: str
    term: str
    plan: str
    tier_from: int
    tier_to: int | None
    list_price: Decimal
    valid_from: datetime.date
    valid_before: datetime.date | None
    cost: Decimal | None

    @property
    def periods(self) -> int:
        """How many charges one term falls into."""
        return periods(term=self.term, plan=self.plan)


def term_months(term: str) -> int | None:
    """Return the length of a term in months (P1M, P1Y, P3Y, also others of that form); None for none."""
    found = _TERM.fullmatch(term)
    if found is None:
        return None
    return int(found[1]) * (12 if found[2] == "Y" else 1) or None


def periods(*, term: str, plan: str) -> int:
    """Return how many charges a term falls into: 12 for a year billed monthly, 1 where all is billed at once."""
    months, step = term_months(term), _MONTHS_OF_PLAN.get(Plan(plan)) if plan in Plan.values else None
    if months is None or step is None or months % step:
        return 1
    return months // step


def per_period(amount: Decimal, *, term: str, plan: str) -> Decimal:
    """Return what of a term's amount falls on one charge; not rounded, a line is (nce-rules.md §1, §9)."""
    return _EXACT.divide(amount, Decimal(periods(term=term, plan=plan)))


def kept(amount: Decimal) -> Decimal:
    """Return a unit price with the six places that documents keep."""
    return amount.quantize(Decimal("0.000001"))


# `periods` of a price {0}, for set-based SQL: terms that Microsoft may name besides fall into one.
PERIODS = """(CASE WHEN {0}.plan = 'monthly' THEN CASE {0}.term WHEN 'P1Y' THEN 12 WHEN 'P3Y' THEN 36 ELSE 1 END
    WHEN {0}.plan = 'annual' AND {0}.term = 'P3Y' THEN 3 ELSE 1 END)"""


def term_words(term: str) -> str:
    """Say a term in words."""
    if term in Term.values:
        return str(Term(term).label)
    months = term_months(term)
    return ngettext("%(n)s month", "%(n)s months", months) % {"n": months} if months else term


def plan_words(plan: str) -> str:
    """Say how often is billed, in words."""
    return str(Plan(plan).label) if plan in Plan.values else plan


def period_words(*, term: str, plan: str) -> str:
    """Say what a price per charge is for: “per month”, “per year”, “once”."""
    if periods(term=term, plan=plan) == 1 and (months := term_months(term)) is not None and plan != Plan.ONE_TIME:
        return {1: _("per month"), 12: _("per year"), 36: _("per 3 years")}.get(months, _("per term"))
    return {
        Plan.MONTHLY.value: _("per month"),
        Plan.ANNUAL.value: _("per year"),
        Plan.TRIENNIAL.value: _("per 3 years"),
    }.get(plan, _("once"))


_COLUMNS = """p.id, p.sku_id, p.market, p.currency, p.segment, p.term, p.plan, p.tier_from, p.tier_to, p.list_price,
    p.valid_from, p.valid_before, c.cost"""
# Behind its policy the table of costs is empty for a customer's users, so the same statement serves both.
_COSTS = "LEFT JOIN catalog_pricecost c ON c.partner_id = p.partner_id AND c.price_id = p.id"


# The conditions that a price `p` holds for what `a` asks (SKU, market, currency, segments with commas between, term,
# plan, quantity, day), and the order in which the first of several is the one: a price for the buyer's own segment
# beats one for everybody, and so does one for its country. Set-based SQL of other rooms joins by them too. `coalesce`
# and `- 0` leave the planner the index by SKU only, also before anything is known of a table just filled: by market or
# day it would read a whole price list for each line.
FITS = """p.sku_id = a.sku_id AND coalesce(p.market, '') IN (a.market, '') AND coalesce(p.currency, '') = a.currency
    AND p.term = a.term
    AND p.plan = a.plan AND (p.segment = '' OR p.segment = ANY(string_to_array(a.segments, ',')))
    AND p.tier_from <= a.quantity AND (p.tier_to IS NULL OR p.tier_to >= a.quantity)
    AND p.valid_from - 0 <= a.day AND (p.valid_before IS NULL OR p.valid_before > a.day)"""
BEST_FIRST = """p.market = '', coalesce(array_position(string_to_array(a.segments, ','), p.segment::text), 99),
    p.tier_from DESC, p.valid_from DESC"""


def prices_for(*, by: Actor, lines: Sequence[Line]) -> list[Found | None]:
    """Return the price of each line on its UTC day, in that order, in one statement; None where there is none.

    A price for the buyer's own segment beats one for everybody, and so does one for its country.
    """
    by.require(permissions.VIEW_MARKETPLACE)
    if not lines:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH asked AS MATERIALIZED (
                SELECT * FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],
                    %s::bigint[], %s::date[])
                WITH ORDINALITY a(sku_id, market, currency, segments, term, plan, quantity, day, line)
            )
            SELECT DISTINCT ON (a.line) a.line, {_COLUMNS}
            FROM asked a
            JOIN catalog_price p ON p.partner_id = %s AND {FITS}
            {_COSTS}
            ORDER BY a.line, {BEST_FIRST}
            """,  # noqa: S608 - columns only
            [
                [line.sku_id for line in lines],
                [line.scope.market for line in lines],
                [line.scope.currency for line in lines],
                [",".join(line.scope.segments) for line in lines],
                [line.term for line in lines],
                [line.plan for line in lines],
                [line.quantity for line in lines],
                [line.on for line in lines],
                by.partner_id,
            ],
        )
        found = {row[0]: Found(**dict(zip(_FIELDS, row[1:], strict=True))) for row in cursor.fetchall()}
    return [found.get(number) for number in range(1, len(lines) + 1)]


_FIELDS = tuple(field.name for field in dataclasses.fields(Found))


def prices_of_product(
    *, by: Actor, product_id: uuid.UUID, scope: Scope, on: datetime.date, quantity: int = 1
) -> list[Found]:
    """Return every price of a product's SKUs that holds for a buyer on a UTC day: one for each SKU, term and plan."""
    by.require(permissions.VIEW_MARKETPLACE)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT DISTINCT ON (p.sku_id, p.term, p.plan) {_COLUMNS}
            FROM catalog_price p
            {_COSTS}
            WHERE p.partner_id = %s AND p.product_id = %s AND p.market IN (%s, '') AND p.currency = %s
                AND (p.segment = '' OR p.segment = ANY(%s))
                AND p.tier_from <= %s AND (p.tier_to IS NULL OR p.tier_to >= %s)
                AND p.valid_from <= %s AND (p.valid_before IS NULL OR p.valid_before > %s)
            ORDER BY p.sku_id, p.term, p.plan, p.market = '', coalesce(array_position(%s, p.segment::text), 99),
                p.tier_from DESC, p.valid_from DESC
            """,  # noqa: S608 - columns only
            [
                by.partner_id,
                product_id,
                scope.market,
                scope.currency,
                list(scope.segments),
                quantity,
                quantity,
                on,
                on,
                list(scope.segments),
            ],
        )
        return [Found(**dict(zip(_FIELDS, row, strict=True))) for row in cursor.fetchall()]


def history(*, by: Actor, sku_id: uuid.UUID) -> list[Found]:
    """Return every price a SKU has and had, list by list, the oldest of each first."""
    by.require_partner(permissions.VIEW_CATALOGUE)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {_COLUMNS} FROM catalog_price p {_COSTS} WHERE p.partner_id = %s AND p.sku_id = %s "  # noqa: S608
            "ORDER BY p.market, p.currency, p.term, p.plan, p.tier_from, p.valid_from LIMIT 500",
            [by.partner_id, sku_id],
        )
        return [Found(**dict(zip(_FIELDS, row, strict=True))) for row in cursor.fetchall()]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SoldAs:
    """Where, in which currency and to whom a SKU has a price on a day: what a refusal is explained with."""

    sku_id: uuid.UUID
    market: str
    currency: str
    segment: str


def sold_as(*, by: Actor, sku_ids: Iterable[uuid.UUID], market: str, on: datetime.date) -> list[SoldAs]:
    """Return in which currencies and segments SKUs have prices in a country."""
    by.require(permissions.VIEW_MARKETPLACE)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT sku_id, market, currency, segment FROM catalog_price
            WHERE partner_id = %s AND sku_id = ANY(%s) AND market IN (%s, '')
                AND valid_from <= %s AND (valid_before IS NULL OR valid_before > %s)
            """,
            [by.partner_id, list(sku_ids), market, on, on],
        )
        return [SoldAs(sku_id=row[0], market=row[1], currency=row[2], segment=row[3]) for row in cursor.fetchall()]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PriceList:
    """A country and currency there are prices in."""

    market: str
    currency: str


def price_lists(*, by: Actor) -> list[PriceList]:
    """Return the countries and currencies of the partner's prices, by skipping from one to the next in the index."""
    by.require(permissions.VIEW_MARKETPLACE)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE lists AS (
                (SELECT market, currency FROM catalog_price WHERE partner_id = %s
                 ORDER BY market, currency LIMIT 1)
                UNION ALL
                SELECT n.market, n.currency FROM lists l
                CROSS JOIN LATERAL (
                    SELECT market, currency FROM catalog_price
                    WHERE partner_id = %s AND (market, currency) > (l.market, l.currency)
                    ORDER BY market, currency LIMIT 1
                ) n
            )
            SELECT market, currency FROM lists
            """,
            [by.partner_id, by.partner_id],
        )
        return [PriceList(market=row[0], currency=row[1]) for row in cursor.fetchall()]
