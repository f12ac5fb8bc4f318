"""Takes a price sheet over into the catalogue: into a temporary table in batches, from there as changes only.

While the sheet is still arriving no transaction is open: each batch is a COPY of its own into a table that only this
connection sees. Nothing of the catalogue changes before the sheet is complete; then all of it does, in one transaction.
"""

import dataclasses
import datetime
import itertools
import re
import uuid
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from msphub.catalog.choices import SEGMENT_WORDS, SHELF_OF, Category, Plan
from msphub.kit import ids, text
from msphub.kit.errors import Refused
from msphub.microsoft.price_rows import BadRow, PriceRow

BATCH_ROWS = 5_000
KEPT_REFUSALS = 50
# A sheet that lacks more than this share of what is sold today has been cut, or somebody should look at it.
MOST_LOST = Decimal("0.5")
FEW = 20

_TEMPORARY = """
DROP TABLE IF EXISTS pg_temp.catalog_sheet;
CREATE TEMPORARY TABLE catalog_sheet (
    line int, software boolean, product text, product_title text, publisher text, sku text,
    sku_title text, sku_description text, unit text, currency text, segment text, term text, plan text, tier_from int,
    tier_to int, list_price numeric, cost numeric, valid_from date, valid_before date,
    product_id uuid, sku_id uuid, price_id uuid DEFAULT gen_random_uuid(), known boolean DEFAULT false,
    changed boolean DEFAULT false, cost_changed boolean DEFAULT false
)
"""
_COPY = """
COPY pg_temp.catalog_sheet (line, software, product, product_title, publisher, sku, sku_title, sku_description, unit,
    currency, segment, term, plan, tier_from, tier_to, list_price, cost, valid_from, valid_before) FROM STDIN
"""
_PLANS = {
    "": Plan.NONE,
    "none": Plan.NONE,
    "onetime": Plan.ONE_TIME,
    "monthly": Plan.MONTHLY,
    "annual": Plan.ANNUAL,
    "triennial": Plan.TRIENNIAL,
}
_TERM = re.compile(r"P\d{1,3}[MY]", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


@dataclasses.dataclass(slots=True, kw_only=True)
class Loaded:
    """How far a sheet has been read: rows taken, rows refused and the first reasons."""

    rows: int = 0
    refused: int = 0
    refusals: list[dict[str, Any]] = dataclasses.field(default_factory=list)

    def refuse(self, *, line: int, reason: str) -> None:
        """Count a row that can't be used, and keep why."""
        self.refused += 1
        if len(self.refusals) < KEPT_REFUSALS:
            self.refusals.append({"line": line, "reason": reason})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What a sheet has changed."""

    products_added: int
    skus_added: int
    prices_added: int
    prices_changed: int
    prices_ended: int


def begin() -> None:
    """Make the empty temporary table on this connection; a former one goes."""
    with connection.cursor() as cursor:
        cursor.execute(_TEMPORARY)


def end() -> None:
    """Drop the temporary table; the connection goes back to a pool."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS pg_temp.catalog_sheet")


def load(
    *, rows: Iterable[PriceRow | BadRow], market: str, today: datetime.date, software: bool, loaded: Loaded
) -> Iterator[Loaded]:
    """Copy rows into the temporary table batch by batch, and yield after each. Outside any transaction.

    `software` marks rows of Microsoft's software sheet, which may be missing without the other one being cut.
    """
    arriving = iter(rows)
    while batch := list(itertools.islice(arriving, BATCH_ROWS)):
        lines = []
        for row in batch:
            if isinstance(row, BadRow):
                loaded.refuse(line=row.number, reason=row.reason)
                continue
            if row.is_withdrawn:
                continue
            try:
                lines.append(_values(row, market=market, today=today, software=software))
            except ValueError as error:
                loaded.refuse(line=row.number, reason=str(error))
        with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
            for line in lines:
                copy.write_row(line)
        loaded.rows += len(lines)
        yield loaded


def _values(row: PriceRow, *, market: str, today: datetime.date, software: bool) -> tuple[Any, ...]:
    if row.market and row.market.upper() != market:
        raise ValueError(_("It is for the market %(market)s.") % {"market": row.market})
    if row.erp_price is None:
        raise ValueError(_("It has no ERP price, so no list price."))
    term = row.term_duration.strip().upper()
    if term and not _TERM.fullmatch(term):
        raise ValueError(_("Its term can't be read: %(term)s") % {"term": term[:20]})
    segment = re.sub(r"[^a-z]", "", row.segment.casefold())
    plan = re.sub(r"[^a-z]", "", row.billing_plan.casefold())
    tier_from = max(row.tier_minimum or 1, 1)
    tier_to = row.tier_maximum or None
    if tier_to is not None and tier_to < tier_from:
        raise ValueError(_("Its quantity band ends before it begins."))
    starts = row.effective_starts_at.date() if row.effective_starts_at else today
    before = _day_after(row.effective_ends_at)
    if before is not None and before < starts:
        raise ValueError(_("It ends before it begins."))
    if max(row.erp_price, row.unit_price) >= 10**12:
        raise ValueError(_("Its price is too large."))
    return (
        row.number,
        software,
        _plain(row.product_id, 60),
        _plain(row.product_title or row.sku_title or row.product_id, 300),
        _plain(row.publisher, 200),
        _plain(row.sku_id, 60),
        _plain(row.sku_title or row.product_title or row.sku_id, 300),
        _plain(row.sku_description, 4000),
        _plain(row.unit_of_measure, 100),
        row.currency,
        SEGMENT_WORDS.get(segment, segment[:20]),
        term,
        str(_PLANS.get(plan, plan[:12])),
        min(tier_from, 2**31 - 1),
        None if tier_to is None else min(tier_to, 2**31 - 1),
        round(row.erp_price, 6),
        round(row.unit_price, 6),
        starts,
        before,
    )


def _plain(value: str, most: int) -> str:
    return _CONTROL.sub(" ", value).strip()[:most]


def _day_after(instant: datetime.datetime | None) -> datetime.date | None:
    """Return the first day a price no longer holds: Microsoft ends days at 23:59:59, and never ends in 9999."""
    if instant is None or instant.year >= 9999:
        return None
    return (instant + datetime.timedelta(minutes=1)).date() if instant.hour == 23 else instant.date()


# One row for each price and day: of two in one sheet the later line counts; each ends where its next one begins.
_TIDY = (
    """
    DELETE FROM pg_temp.catalog_sheet d USING (
        SELECT ctid, row_number() OVER (
            PARTITION BY product, sku, currency, segment, term, plan, tier_from, valid_from ORDER BY line DESC
        ) AS place FROM pg_temp.catalog_sheet
    ) n WHERE n.ctid = d.ctid AND n.place > 1
    """,
    """
    UPDATE pg_temp.catalog_sheet s SET valid_before = n.next_from FROM (
        SELECT ctid, lead(valid_from) OVER (
            PARTITION BY product, sku, currency, segment, term, plan, tier_from ORDER BY valid_from
        ) AS next_from FROM pg_temp.catalog_sheet
    ) n WHERE n.ctid = s.ctid AND n.next_from IS NOT NULL
        AND (s.valid_before IS NULL OR s.valid_before > n.next_from)
    """,
)
_SKUS_ADDED = """
    INSERT INTO catalog_sku (
        id, partner_id, product_id, external_id, title, sort_title, description, unit, minimum_quantity, is_trial,
        usage_based, active, created_at, updated_at
    )
    SELECT gen_random_uuid(), %(partner)s, p.id, s.sku, s.sku_title, lower(s.sku_title), s.sku_description, s.unit, 1,
        s.trial, false, true, %(at)s, %(at)s
    FROM (
        SELECT DISTINCT ON (product, sku) product, sku, sku_title, sku_description, unit,
            bool_and(plan = 'none') OVER (PARTITION BY product, sku) AS trial
        FROM pg_temp.catalog_sheet ORDER BY product, sku, line DESC
    ) s
    JOIN catalog_product p ON p.partner_id = %(partner)s AND p.vendor_id = %(vendor)s AND p.external_id = s.product
    ORDER BY s.product, s.sku
    ON CONFLICT (partner_id, product_id, external_id) DO NOTHING
    RETURNING product_id
"""
_SKUS_CHANGED = """
    UPDATE catalog_sku k SET title = s.sku_title, description = s.sku_description, unit = s.unit,
        sort_title = lower(s.sku_title), updated_at = %(at)s
    FROM (
        SELECT DISTINCT ON (product, sku) product, sku, sku_title, sku_description, unit
        FROM pg_temp.catalog_sheet ORDER BY product, sku, line DESC
    ) s
    JOIN catalog_product p ON p.partner_id = %(partner)s AND p.vendor_id = %(vendor)s AND p.external_id = s.product
    WHERE k.partner_id = %(partner)s AND k.product_id = p.id AND k.external_id = s.sku
        AND (k.title, k.description) IS DISTINCT FROM (s.sku_title, s.sku_description)
    RETURNING k.product_id
"""
_PRODUCTS_CHANGED = """
    UPDATE catalog_product p SET title = s.product_title, publisher = s.publisher, updated_at = %(at)s
    FROM (
        SELECT DISTINCT ON (product) product, product_title, publisher
        FROM pg_temp.catalog_sheet ORDER BY product, line DESC
    ) s
    WHERE p.partner_id = %(partner)s AND p.vendor_id = %(vendor)s AND p.external_id = s.product
        AND (p.title, p.publisher) IS DISTINCT FROM (s.product_title, s.publisher)
    RETURNING p.id
"""
_IDS = """
    UPDATE pg_temp.catalog_sheet s SET product_id = k.product_id, sku_id = k.id
    FROM catalog_product p
    JOIN catalog_sku k ON k.partner_id = p.partner_id AND k.product_id = p.id
    WHERE p.partner_id = %(partner)s AND p.vendor_id = %(vendor)s AND p.external_id = s.product
        AND k.external_id = s.sku
"""
# What the catalogue holds of this market, once: joins between the two temporary tables have statistics and no policies.
_HELD = """
    CREATE TEMPORARY TABLE catalog_held ON COMMIT DROP AS
    SELECT p.id, p.sku_id, p.currency::text, p.segment::text, p.term::text, p.plan::text, p.tier_from, p.tier_to,
        p.list_price, c.cost, p.valid_from, p.valid_before, r.shelf = 'software' AS software
    FROM catalog_price p
    JOIN catalog_product r ON r.partner_id = p.partner_id AND r.id = p.product_id AND r.vendor_id = %(vendor)s
    LEFT JOIN catalog_pricecost c ON c.partner_id = p.partner_id AND c.price_id = p.id
    WHERE p.partner_id = %(partner)s AND p.market = %(market)s
"""
_KNOWN = """
    UPDATE pg_temp.catalog_sheet s SET price_id = h.id, known = true,
        changed = (h.list_price, h.tier_to, h.valid_before) IS DISTINCT FROM (s.list_price, s.tier_to, s.valid_before),
        cost_changed = h.cost IS DISTINCT FROM s.cost
    FROM pg_temp.catalog_held h
    WHERE h.sku_id = s.sku_id AND h.currency = s.currency AND h.segment = s.segment AND h.term = s.term
        AND h.plan = s.plan AND h.tier_from = s.tier_from AND h.valid_from = s.valid_from
"""
# Prices that are not over and not in the sheet; without a software sheet those of software are left as they are.
_MISSING = """
    NOT EXISTS (SELECT 1 FROM pg_temp.catalog_sheet l WHERE l.price_id = h.id)
        AND (h.valid_before IS NULL OR h.valid_before > %(today)s) AND (%(software)s OR NOT h.software)
"""
_ENDED = f"""
    UPDATE catalog_price e SET valid_before = n.ends_on
    FROM (
        SELECT h.id, h.valid_before, greatest(h.valid_from, coalesce(min(s.valid_from), %(today)s::date)) AS ends_on
        FROM pg_temp.catalog_held h
        LEFT JOIN pg_temp.catalog_sheet s ON s.sku_id = h.sku_id AND s.currency = h.currency
            AND s.segment = h.segment AND s.term = h.term AND s.plan = h.plan AND s.tier_from = h.tier_from
            AND s.valid_from > h.valid_from
        WHERE {_MISSING} AND h.valid_from <= %(today)s
        GROUP BY h.id, h.valid_before, h.valid_from
    ) n
    WHERE e.partner_id = %(partner)s AND e.id = n.id AND n.valid_before IS DISTINCT FROM n.ends_on
"""  # noqa: S608 - no values
# A price that was to come and is no longer announced never held: nothing refers to it.
_WITHDRAWN = f"""
    DELETE FROM catalog_price d
    USING (SELECT h.id FROM pg_temp.catalog_held h WHERE {_MISSING} AND h.valid_from > %(today)s) n
    WHERE d.partner_id = %(partner)s AND d.id = n.id
"""  # noqa: S608 - no values
_LOST = """
    SELECT count(*), count(*) FILTER (WHERE s.sku_id IS NULL)
    FROM pg_temp.catalog_held h
    LEFT JOIN (SELECT DISTINCT sku_id, currency, segment, term, plan FROM pg_temp.catalog_sheet) s
        ON s.sku_id = h.sku_id AND s.currency = h.currency AND s.segment = h.segment AND s.term = h.term
        AND s.plan = h.plan
    WHERE h.valid_from <= %(today)s AND (h.valid_before IS NULL OR h.valid_before > %(today)s)
        AND (%(software)s OR NOT h.software)
"""
_CHANGED = """
    UPDATE catalog_price p SET list_price = s.list_price, tier_to = s.tier_to, valid_before = s.valid_before
    FROM pg_temp.catalog_sheet s
    WHERE s.changed AND p.partner_id = %(partner)s AND p.id = s.price_id
"""
_ADDED = """
    INSERT INTO catalog_price (
        id, partner_id, product_id, sku_id, market, currency, segment, term, plan, tier_from, tier_to, list_price,
        valid_from, valid_before, created_at
    )
    SELECT price_id, %(partner)s, product_id, sku_id, %(market)s, currency, segment, term, plan, tier_from, tier_to,
        list_price, valid_from, valid_before, %(at)s
    FROM pg_temp.catalog_sheet WHERE NOT known
"""
_COSTS_CHANGED = """
    UPDATE catalog_pricecost c SET cost = s.cost FROM pg_temp.catalog_sheet s
    WHERE s.cost_changed AND c.partner_id = %(partner)s AND c.price_id = s.price_id
"""
_COSTS_ADDED = """
    INSERT INTO catalog_pricecost (price_id, partner_id, cost)
    SELECT price_id, %(partner)s, cost FROM pg_temp.catalog_sheet WHERE NOT known
"""


def apply(
    *,
    partner_id: uuid.UUID,
    market: str,
    today: datetime.date,
    at: datetime.datetime,
    with_software: bool,
    accept_losses: bool,
) -> Applied:
    """Bring the catalogue to what the temporary table says, in the caller's transaction, by set-based changes only.

    Refuses an empty sheet, and one that lacks more than half of what is sold today unless `accept_losses`: a download
    that was cut must not take the catalogue off the market.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("a price sheet is applied in a transaction")
    with connection.cursor() as cursor:
        values: dict[str, Any] = {
            "partner": partner_id,
            "market": market,
            "today": today,
            "at": at,
            "software": with_software,
        }
        # Rows of a first sync have no statistics yet, and behind policies the planner takes them for few: a nested loop
        # over 50,000 of them takes minutes where a hash takes a second.
        cursor.execute("SET LOCAL enable_nestloop = off; SET LOCAL work_mem = '64MB'")
        for statement in _TIDY:
            cursor.execute(statement)
        cursor.execute("ANALYZE pg_temp.catalog_sheet")
        cursor.execute("SELECT count(*) FROM pg_temp.catalog_sheet")
        if not cursor.fetchone()[0]:
            raise Refused("empty_sheet", _("Microsoft's price sheet holds no price that can be used."))
        cursor.execute("SELECT id FROM catalog_vendor WHERE partner_id = %(partner)s AND code = 'microsoft'", values)
        values["vendor"] = cursor.fetchone()[0]
        added = _add_products(cursor, values)
        touched = set(added)
        cursor.execute(_SKUS_ADDED, values)
        new_skus = cursor.fetchall()
        touched |= {row[0] for row in new_skus}
        for statement in (_PRODUCTS_CHANGED, _SKUS_CHANGED):
            cursor.execute(statement, values)
            touched |= {row[0] for row in cursor.fetchall()}
        _describe(cursor, partner_id=partner_id, product_ids=list(touched))
        cursor.execute(_IDS, values)
        cursor.execute("ANALYZE pg_temp.catalog_sheet (product_id, sku_id)")
        cursor.execute(_HELD, values)
        cursor.execute("ANALYZE pg_temp.catalog_held")
        cursor.execute(_KNOWN, values)
        cursor.execute("ANALYZE pg_temp.catalog_sheet (price_id, known, changed, cost_changed)")
        if not accept_losses:
            _refuse_losses(cursor, values)
        ended = _rows(cursor, _ENDED, values) + _rows(cursor, _WITHDRAWN, values)
        cursor.execute("SELECT count(*) FROM pg_temp.catalog_sheet WHERE changed OR cost_changed")
        changed = cursor.fetchone()[0]
        for statement in (_CHANGED, _COSTS_CHANGED):
            cursor.execute(statement, values)
        prices_added = _rows(cursor, _ADDED, values)
        cursor.execute(_COSTS_ADDED, values)
        cursor.execute("DROP TABLE pg_temp.catalog_held")
        cursor.execute("SET LOCAL enable_nestloop = DEFAULT; SET LOCAL work_mem = DEFAULT")
    return Applied(
        products_added=len(added),
        skus_added=len(new_skus),
        prices_added=prices_added,
        prices_changed=changed,
        prices_ended=ended,
    )


def _rows(cursor: Any, statement: str, values: dict[str, Any]) -> int:
    cursor.execute(statement, values)
    count: int = cursor.rowcount
    return count


def _refuse_losses(cursor: Any, values: dict[str, Any]) -> None:
    """Refuse a sheet in which much of what is sold today is neither listed nor followed by a newer price."""
    cursor.execute(_LOST, values)
    known, lost = cursor.fetchone()
    if lost > FEW and lost > known * MOST_LOST:
        raise Refused(
            "much_is_gone",
            _(
                "Of %(known)s prices that hold today the sheet lacks %(lost)s. It may have been cut on its way, so "
                "nothing has been changed. Sync again; if Microsoft really stopped selling them, accept it."
            )
            % {"known": known, "lost": lost},
        )


def _add_products(cursor: Any, values: dict[str, Any]) -> list[uuid.UUID]:
    cursor.execute(
        """
        SELECT DISTINCT ON (s.product) s.product, s.product_title, s.publisher, s.software,
            bool_or(s.term <> '') OVER (PARTITION BY s.product)
        FROM pg_temp.catalog_sheet s
        WHERE NOT EXISTS (
            SELECT 1 FROM catalog_product p
            WHERE p.partner_id = %(partner)s AND p.vendor_id = %(vendor)s AND p.external_id = s.product
        )
        ORDER BY s.product, s.line DESC
        """,
        values,
    )
    rows: Sequence[tuple[str, str, str, bool, bool]] = cursor.fetchall()
    added: list[uuid.UUID] = []
    for part in itertools.batched(rows, BATCH_ROWS, strict=False):
        categories = [_category(software=row[3], has_term=row[4]) for row in part]
        cursor.execute(
            """
            INSERT INTO catalog_product (
                id, partner_id, vendor_id, external_id, title, publisher, description, category, shelf, sort_title,
                search_text, active, created_at, updated_at
            )
            SELECT r.id, %s, %s, r.external_id, r.title, r.publisher, '', r.category, r.shelf, '', '', true, %s, %s
            FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
                r(id, external_id, title, publisher, category, shelf)
            ON CONFLICT (partner_id, vendor_id, external_id) DO NOTHING
            RETURNING id
            """,
            [
                values["partner"],
                values["vendor"],
                values["at"],
                values["at"],
                [ids.new_id() for _row in part],
                [row[0] for row in part],
                [row[1] for row in part],
                [row[2] for row in part],
                [category.value for category in categories],
                [SHELF_OF[category] for category in categories],
            ],
        )
        added += [row[0] for row in cursor.fetchall()]
    return added


def _category(*, software: bool, has_term: bool) -> Category:
    """Return what a product seems to be; reading its SKUs may tell more (add-ons)."""
    if not software:
        return Category.ONLINE
    return Category.SOFTWARE if has_term else Category.PERPETUAL


def _describe(cursor: Any, *, partner_id: uuid.UUID, product_ids: Sequence[uuid.UUID]) -> None:
    """Write the folded titles and words of products whose texts or SKUs have changed."""
    for part in itertools.batched(product_ids, BATCH_ROWS, strict=False):
        cursor.execute(
            """
            SELECT p.id, p.title, p.publisher, p.external_id, array_agg(DISTINCT s.title ORDER BY s.title)
            FROM catalog_product p
            LEFT JOIN catalog_sku s ON s.partner_id = p.partner_id AND s.product_id = p.id
            WHERE p.partner_id = %s AND p.id = ANY(%s) GROUP BY p.id
            """,
            [partner_id, list(part)],
        )
        rows = cursor.fetchall()
        cursor.execute(
            """
            UPDATE catalog_product p SET sort_title = r.sort_title, search_text = r.search_text
            FROM unnest(%s::uuid[], %s::text[], %s::text[]) r(id, sort_title, search_text)
            WHERE p.partner_id = %s AND p.id = r.id
            """,
            [
                [row[0] for row in rows],
                [text.fold(row[1]) for row in rows],
                [text.search_text(row[1], row[2], row[3], *(title for title in row[4] if title)) for row in rows],
                partner_id,
            ],
        )
        cursor.execute(
            """
            SELECT id, title FROM catalog_sku
            WHERE partner_id = %s AND product_id = ANY(%s) AND title COLLATE "C" ~ '[^ -~]'
            """,
            [partner_id, list(part)],
        )
        foreign = cursor.fetchall()  # lower() is all that the others need
        cursor.execute(
            """
            UPDATE catalog_sku s SET sort_title = r.sort_title FROM unnest(%s::uuid[], %s::text[]) r(id, sort_title)
            WHERE s.partner_id = %s AND s.id = r.id
            """,
            [[row[0] for row in foreign], [text.fold(row[1]) for row in foreign], partner_id],
        )
