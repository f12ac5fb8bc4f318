"""Prices of products that are not Microsoft's from a CSV file: what each line would do, then all lines or none."""

import csv
import dataclasses
import datetime
import io
import re
import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from msphub.audit import actions as audit
from msphub.catalog import events, own_writes, permissions
from msphub.catalog.choices import ImportOutcome
from msphub.catalog.own_entries import REQUIRED, Entry, read_entry
from msphub.kit.actor import Actor

MOST_ROWS = 10_000
MOST_BYTES = 5_000_000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong with a line of a file (the header is line 1)."""

    line: int
    column: str
    message: str


def read_file(*, content: bytes, on: datetime.date) -> tuple[dict[int, Entry], list[Problem]]:
    """Return the entries of a CSV file by line, and what is wrong line by line. Semicolons and tabs are understood."""
    if len(content) > MOST_BYTES:
        return {}, [Problem(line=1, column="", message=_("The file is larger than 5 MB."))]
    try:
        decoded = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return {}, [Problem(line=1, column="", message=_("Save the file as CSV in UTF-8."))]
    first = decoded.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(decoded), delimiter=delimiter)
    try:
        heads = [re.sub(r"[\s-]+", "_", head.strip().casefold()) for head in next(reader, [])]
        missing = [name for name in REQUIRED if name not in heads]
        if missing:
            words = _("These columns are missing: %(columns)s.") % {"columns": ", ".join(missing)}
            return {}, [Problem(line=1, column="", message=words)]
        return _read_lines(reader, heads, on=on)
    except csv.Error as error:
        return {}, [Problem(line=reader.line_num, column="", message=str(error))]


def _read_lines(reader: Any, heads: list[str], *, on: datetime.date) -> tuple[dict[int, Entry], list[Problem]]:
    entries: dict[int, Entry] = {}
    problems: list[Problem] = []
    seen: dict[tuple[str, ...], int] = {}
    called: dict[tuple[str, ...], tuple[int, str]] = {}
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
            for column, key, name in (
                ("product", (entry.vendor, entry.product_id), entry.product),
                ("sku", (entry.vendor, entry.product_id, entry.sku_id), entry.sku),
            ):
                earlier = called.setdefault(key, (line, name))
                if earlier[1] != name:
                    words = _("Line %(line)s calls it “%(name)s”.") % {"line": earlier[0], "name": earlier[1]}
                    problems.append(Problem(line=line, column=column, message=words))
            entries[line] = entry
        if len(entries) > MOST_ROWS:
            words = _("At most %(most)s lines at once.") % {"most": MOST_ROWS}
            return {}, [Problem(line=line, column="", message=words)]
    if not entries and not problems:
        problems.append(Problem(line=1, column="", message=_("The file has no lines.")))
    return entries, problems


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of a file (the header is 1) that keeps the rules, and what it does.

    `former` is the list price that it ends or replaces. `renames`: what product and SKU are called until now, where
    the line calls them otherwise.
    """

    number: int
    entry: Entry
    outcome: ImportOutcome
    former: Decimal | None
    renames: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A file that was looked through: its lines, or its problems. With any problem nothing of it is saved."""

    lines: list[Line]
    problems: list[Problem]


def check_file(*, by: Actor, content: bytes, on: datetime.date) -> Checked:
    """Return what each line of a CSV file would do, or what is wrong with it line by line; saves nothing."""
    by.require_partner(permissions.MANAGE_CATALOGUE)
    entries, problems = read_file(content=content, on=on)
    if problems:
        return Checked(lines=[], problems=problems)
    return Checked(lines=_lines(partner_id=by.partner_id, entries=entries), problems=[])


def import_file(*, by: Actor, content: bytes, at: datetime.datetime) -> Checked:
    """Save every price of a CSV file in one transaction and return what each did; with any problem nothing is saved."""
    by.require_partner(permissions.MANAGE_CATALOGUE)
    entries, problems = read_file(content=content, on=at.date())
    if problems:
        return Checked(lines=[], problems=problems)
    with transaction.atomic():
        lines = _lines(partner_id=by.partner_id, entries=entries)
        own_writes.write(
            partner_id=by.partner_id,
            entries=list(entries.values()),
            priced=[line.entry for line in lines if line.outcome != ImportOutcome.SAME],
            at=at,
        )
        audit.record(
            by=by,
            event=events.PRICES_IMPORTED,
            at=at,
            object_type="catalogue",
            object_id=None,
            object_label="",
            details={
                "Prices": len(entries),
                "Products": len({(one.vendor, one.product_id) for one in entries.values()}),
            },
        )
    return Checked(lines=lines, problems=[])


def _lines(*, partner_id: uuid.UUID, entries: Mapping[int, Entry]) -> list[Line]:
    """Compare entries with what the catalogue holds, in one statement."""
    given = entries.values()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT p.title, s.title, s.active, same.list_price, k.cost, former.list_price, l.cost
            FROM unnest(%(vendors)s::text[], %(products)s::text[], %(skus)s::text[], %(countries)s::text[],
                    %(currencies)s::text[], %(terms)s::text[], %(plans)s::text[], %(days)s::date[])
                WITH ORDINALITY a(vendor, product, sku, market, currency, term, plan, day, line)
            LEFT JOIN catalog_vendor v ON v.partner_id = %(partner)s AND v.code = a.vendor
            LEFT JOIN catalog_product p ON p.partner_id = %(partner)s AND p.vendor_id = v.id
                AND p.external_id = a.product
            LEFT JOIN catalog_sku s ON s.partner_id = %(partner)s AND s.product_id = p.id AND s.external_id = a.sku
            LEFT JOIN LATERAL (
                SELECT c.id, c.list_price FROM catalog_price c
                WHERE c.partner_id = %(partner)s AND c.sku_id = s.id AND c.market = a.market
                    AND c.currency = a.currency AND c.segment = '' AND c.term = a.term AND c.plan = a.plan
                    AND c.tier_from = 1 AND c.valid_from = a.day
            ) same ON true
            LEFT JOIN catalog_pricecost k ON k.partner_id = %(partner)s AND k.price_id = same.id
            LEFT JOIN LATERAL (
                SELECT c.id, c.list_price FROM catalog_price c
                WHERE c.partner_id = %(partner)s AND c.sku_id = s.id AND c.market = a.market
                    AND c.currency = a.currency AND c.segment = '' AND c.term = a.term AND c.plan = a.plan
                    AND c.tier_from = 1 AND c.valid_from < a.day AND (c.valid_before IS NULL OR c.valid_before > a.day)
                ORDER BY c.valid_from DESC LIMIT 1
            ) former ON true
            LEFT JOIN catalog_pricecost l ON l.partner_id = %(partner)s AND l.price_id = former.id
            ORDER BY a.line
            """,
            {
                "partner": partner_id,
                "vendors": [one.vendor for one in given],
                "products": [one.product_id for one in given],
                "skus": [one.sku_id for one in given],
                "countries": [one.country for one in given],
                "currencies": [one.currency for one in given],
                "terms": [one.term for one in given],
                "plans": [one.plan for one in given],
                "days": [one.valid_from for one in given],
            },
        )
        return [_line(*one, *row) for one, row in zip(entries.items(), cursor.fetchall(), strict=True)]


def _line(
    number: int,
    entry: Entry,
    product: str | None,
    sku: str | None,
    active: bool | None,
    same: Decimal | None,
    same_cost: Decimal | None,
    former: Decimal | None,
    former_cost: Decimal | None,
) -> Line:
    """Compare a line with what holds for the same on its day: a price that begins that day, or the one before."""
    named = ((product, entry.product), (sku, entry.sku))
    there = (former, former_cost) if same is None else (same, same_cost)
    if product is None:
        outcome = ImportOutcome.NEW_PRODUCT
    elif sku is None:
        outcome = ImportOutcome.NEW_SKU
    elif there == (entry.list_price, entry.cost) and active:
        outcome = ImportOutcome.SAME
    elif same is not None:
        outcome = ImportOutcome.REPLACES
    else:
        outcome = ImportOutcome.NEW_PRICE if former is None else ImportOutcome.FOLLOWS
    return Line(
        number=number,
        entry=entry,
        outcome=outcome,
        former=there[0],
        renames=tuple(before for before, after in named if before is not None and before != after),
    )
