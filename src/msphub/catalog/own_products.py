"""Products that are not Microsoft's: a partner's own services, Coro, MSP Hub, with prices entered or imported.

One entry is one price of one SKU. A form saves one, a CSV file many, by the same rules and the same statements.
"""

import csv
import dataclasses
import datetime
import io
import re
import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from msphub.audit import actions as audit
from msphub.catalog import events, permissions, prices
from msphub.catalog.choices import SHELF_OF, Category, Plan, Term, VendorCode
from msphub.catalog.models import Sku
from msphub.kit import addresses, ids, money, text
from msphub.kit.actor import Actor
from msphub.kit.errors import NotFound, Refused, Text

MOST_ROWS = 10_000
MOST_BYTES = 5_000_000
VENDORS = (VendorCode.OWN, VendorCode.CORO, VendorCode.MSP_HUB)
# Columns of the CSV, in the order of the example that is offered.
COLUMNS = (
    "vendor",
    "product_id",
    "product",
    "sku_id",
    "sku",
    "category",
    "description",
    "unit",
    "country",
    "currency",
    "term",
    "billing_frequency",
    "list_price",
    "cost",
    "minimum",
    "maximum",
    "valid_from",
)
REQUIRED = ("vendor", "product_id", "product", "sku_id", "sku", "currency", "billing_frequency", "list_price")
PLANS_OF: dict[str, tuple[Plan, ...]] = {
    Term.MONTH: (Plan.MONTHLY,),
    Term.YEAR: (Plan.MONTHLY, Plan.ANNUAL),
    Term.THREE_YEARS: (Plan.MONTHLY, Plan.ANNUAL, Plan.TRIENNIAL),
    Term.NONE: (Plan.ONE_TIME,),
}
_AMOUNT = re.compile(r"\d{1,12}(\.\d{1,6})?", re.ASCII)
_WHOLE = re.compile(r"\d{1,9}", re.ASCII)
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}", re.ASCII)
_LONGEST = {"product": 300, "sku": 300, "description": 4000, "unit": 100}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A price of a SKU that keeps the rules. Amounts are for one unit and the whole term; no country: every country."""

    vendor: str
    product_id: str
    product: str
    sku_id: str
    sku: str
    category: str
    description: str
    unit: str
    country: str
    currency: str
    term: str
    plan: str
    list_price: Decimal
    cost: Decimal | None
    minimum: int
    maximum: int | None
    valid_from: datetime.date

    @property
    def key(self) -> tuple[str, ...]:
        """What only one price may be for."""
        return (
            self.vendor, self.product_id, self.sku_id, self.country, self.currency, self.term, self.plan,
            self.valid_from.isoformat(),
        )  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong with a line of a file (the header is line 1)."""

    line: int
    column: str
    message: str


def read_entry(values: Mapping[str, str], *, on: datetime.date) -> tuple[Entry | None, dict[str, Text]]:
    """Return an entry and no problems, or what is wrong with each field. `on` is the present UTC day.

    Amounts are written with a point. A price begins today or later: what has been charged is never rewritten.
    """
    clean = {name: text.tidy(values.get(name) or "") for name in COLUMNS}
    problems = _check_texts(clean)
    vendor = _word(clean["vendor"], {one.value: str(one.label) for one in VENDORS})
    category = _word(clean["category"] or Category.ONLINE, {one.value: str(one.label) for one in Category})
    if vendor is None:
        problems.setdefault("vendor", _("Choose Own services, Coro or MSP Hub."))
    if category is None:
        problems["category"] = _("There is no such category.")
    country, currency = _check_codes(clean, problems)
    term, plan = _check_term(clean, problems)
    list_price = _amount(clean, "list_price", problems)
    cost = _amount(clean, "cost", problems)
    minimum = _whole(clean, "minimum", problems)
    maximum = _whole(clean, "maximum", problems)
    if maximum is not None and maximum < (minimum or 1):
        problems["maximum"] = _("It is less than the minimum.")
    valid_from = _day(clean["valid_from"], on=on, problems=problems)
    if problems or list_price is None or vendor is None or category is None or term is None or plan is None:
        return None, problems
    return (
        Entry(
            vendor=vendor,
            product_id=clean["product_id"],
            product=clean["product"],
            sku_id=clean["sku_id"],
            sku=clean["sku"],
            category=category,
            description=clean["description"],
            unit=clean["unit"],
            country=country,
            currency=currency,
            term=term,
            plan=plan,
            list_price=list_price,
            cost=cost,
            minimum=minimum or 1,
            maximum=maximum,
            valid_from=valid_from,
        ),
        {},
    )


def _check_texts(clean: Mapping[str, str]) -> dict[str, Text]:
    problems: dict[str, Text] = {name: _("Enter it.") for name in REQUIRED if not clean[name]}
    for name, most in _LONGEST.items():
        if len(clean[name]) > most:
            problems[name] = _("At most %(most)s characters.") % {"most": most}
        elif text.has_control_characters(clean[name], multiline=name == "description"):
            problems[name] = _("It holds characters that can't be shown.")
    for name in ("product_id", "sku_id"):
        if clean[name] and not _CODE.fullmatch(clean[name]):
            problems[name] = _("Letters, figures, point, hyphen and underscore only, at most 60.")
    return problems


def _check_codes(clean: Mapping[str, str], problems: dict[str, Text]) -> tuple[str, str]:
    country, currency = clean["country"].upper(), clean["currency"].upper()
    if country and country not in addresses.country_codes():
        problems["country"] = _("There is no country with this code.")
    if currency and currency not in dict(money.currencies()):
        problems["currency"] = _("There is no currency with this code.")
    return country, currency


def _check_term(clean: Mapping[str, str], problems: dict[str, Text]) -> tuple[str | None, str | None]:
    term = _word(clean["term"], {one.value: str(one.label) for one in Term})
    plan = _word(clean["billing_frequency"], {one.value: str(one.label) for one in Plan})
    if term is None:
        problems["term"] = _("A term is P1M, P1Y, P3Y or empty.")
    elif clean["billing_frequency"] and (plan is None or Plan(plan) not in PLANS_OF[term]):
        words = ", ".join(str(one.label) for one in PLANS_OF[term])
        problems["billing_frequency"] = _("With this term it can be billed: %(plans)s.") % {"plans": words}
    return term, plan


def _word(typed: str, known: Mapping[str, str]) -> str | None:
    """Return the code of a word, typed as code or as people call it."""
    folded = text.fold(typed)
    return next((code for code, label in known.items() if folded in (code.casefold(), text.fold(label))), None)


def _amount(clean: Mapping[str, str], name: str, problems: dict[str, Text]) -> Decimal | None:
    typed = clean[name]
    if not typed:
        return None
    if not _AMOUNT.fullmatch(typed):
        problems[name] = _("Write an amount like 1234.50.")
        return None
    return Decimal(typed)


def _whole(clean: Mapping[str, str], name: str, problems: dict[str, Text]) -> int | None:
    typed = clean[name]
    if not typed:
        return None
    if not _WHOLE.fullmatch(typed) or int(typed) < 1:
        problems[name] = _("Enter a whole number, 1 or more.")
        return None
    return int(typed)


def _day(typed: str, *, on: datetime.date, problems: dict[str, Text]) -> datetime.date:
    if not typed:
        return on
    try:
        day = datetime.date.fromisoformat(typed)
    except ValueError:
        problems["valid_from"] = _("Write a day like 2026-12-01.")
        return on
    if day < on:
        problems["valid_from"] = _("A price can't begin in the past.")
    elif day.year > on.year + 10:
        problems["valid_from"] = _("A price can't begin that late.")
    return day


def save_price(*, by: Actor, values: Mapping[str, str], at: datetime.datetime) -> uuid.UUID:
    """Save one price, with its product and SKU, and return the product's id. Refuses what breaks a rule, by field."""
    by.require_partner(permissions.MANAGE_CATALOGUE)
    entry, problems = read_entry(values, on=at.date())
    if entry is None:
        raise Refused("invalid", _("Check the fields."), fields=problems)
    with transaction.atomic():
        _save(partner_id=by.partner_id, entries=[entry], at=at)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT p.id FROM catalog_product p JOIN catalog_vendor v ON v.partner_id = p.partner_id "
                "AND v.id = p.vendor_id WHERE p.partner_id = %s AND v.code = %s AND p.external_id = %s",
                [by.partner_id, entry.vendor, entry.product_id],
            )
            product_id: uuid.UUID = cursor.fetchone()[0]
        audit.record(
            by=by,
            event=events.PRICES_CHANGED,
            at=at,
            object_type="product",
            object_id=product_id,
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
    return product_id


def read_file(*, content: bytes, on: datetime.date) -> tuple[list[Entry], list[Problem]]:
    """Return the entries of a CSV file, and what is wrong with it line by line. Semicolons and tabs are understood."""
    if len(content) > MOST_BYTES:
        return [], [Problem(line=1, column="", message=_("The file is larger than 5 MB."))]
    try:
        decoded = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return [], [Problem(line=1, column="", message=_("Save the file as CSV in UTF-8."))]
    first = decoded.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(decoded), delimiter=delimiter)
    try:
        heads = [re.sub(r"[\s-]+", "_", head.strip().casefold()) for head in next(reader, [])]
        missing = [name for name in REQUIRED if name not in heads]
        if missing:
            words = _("These columns are missing: %(columns)s.") % {"columns": ", ".join(missing)}
            return [], [Problem(line=1, column="", message=words)]
        return _read_lines(reader, heads, on=on)
    except csv.Error as error:
        return [], [Problem(line=reader.line_num, column="", message=str(error))]


def _read_lines(reader: Any, heads: list[str], *, on: datetime.date) -> tuple[list[Entry], list[Problem]]:
    entries: list[Entry] = []
    problems: list[Problem] = []
    seen: dict[tuple[str, ...], int] = {}
    for values in reader:
        line = reader.line_num
        if not any(value.strip() for value in values):
            continue
        if len(values) > len(heads):
            problems.append(Problem(line=line, column="", message=_("It has more values than there are columns.")))
            continue
        entry, wrong = read_entry(dict(zip(heads, values, strict=False)), on=on)
        problems += [Problem(line=line, column=name, message=str(words)) for name, words in wrong.items()]
        if entry is not None:
            if (former := seen.setdefault(entry.key, line)) != line:
                words = _("Line %(line)s gives the same price.") % {"line": former}
                problems.append(Problem(line=line, column="", message=words))
            entries.append(entry)
        if len(entries) > MOST_ROWS:
            words = _("At most %(most)s lines at once.") % {"most": MOST_ROWS}
            return [], [Problem(line=line, column="", message=words)]
    if not entries and not problems:
        problems.append(Problem(line=1, column="", message=_("The file has no lines.")))
    return entries, problems


def import_file(*, by: Actor, content: bytes, at: datetime.datetime) -> tuple[int, list[Problem]]:
    """Save every price of a CSV file in one transaction and return how many; with any problem nothing is saved."""
    by.require_partner(permissions.MANAGE_CATALOGUE)
    entries, problems = read_file(content=content, on=at.date())
    if problems:
        return 0, problems
    with transaction.atomic():
        _save(partner_id=by.partner_id, entries=entries, at=at)
        audit.record(
            by=by,
            event=events.PRICES_IMPORTED,
            at=at,
            object_type="catalogue",
            object_id=None,
            object_label="",
            details={"Prices": len(entries), "Products": len({(one.vendor, one.product_id) for one in entries})},
        )
    return len(entries), []


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
        sort_title = excluded.sort_title, updated_at = excluded.updated_at
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
        maximum_quantity = excluded.maximum_quantity, active = true, updated_at = excluded.updated_at
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


def _save(*, partner_id: uuid.UUID, entries: Sequence[Entry], at: datetime.datetime) -> None:
    """Write entries in a handful of statements, however many there are; of one SKU's facts the last line counts."""
    products = {(one.vendor, one.product_id): one for one in entries}
    skus = {(one.vendor, one.product_id, one.sku_id): one for one in entries}
    common: dict[str, Any] = {"partner": partner_id, "at": at}
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
        cursor.execute(_CHAIN, [partner_id, [row[0] for row in found], partner_id])
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
