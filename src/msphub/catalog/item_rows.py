"""Rates of products as rows of text: pasted from a spreadsheet, out of a CSV file, or typed one by one.

A row is product id, SKU id (empty: the whole product) and percentage. A heading row may name the columns in any order
and among others; `PRODUCT:SKU` in one cell is understood too.
"""

import codecs
import csv
import dataclasses
import io
import uuid
from collections.abc import Sequence

from django.db import connection
from django.utils.translation import gettext as _

from msphub.catalog import inputs, permissions
from msphub.catalog.choices import DiscountCategory
from msphub.catalog.inputs import Item
from msphub.kit import text
from msphub.kit.actor import Actor
from msphub.kit.errors import Refused

_PRODUCT = {"product id", "productid", "product_id", "product"}
_SKU = {"sku id", "skuid", "sku_id", "sku"}
_PERCENT = {"percentage", "percent", "rate", "discount", "discount percentage", "discount %", "%"}
_LONGEST = 60


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TypedRow:
    """A row as it was written. `line` is the one of the text it came from, beginning with 1."""

    line: int
    product: str
    sku: str
    percent: str

    @property
    def key(self) -> tuple[str, str]:
        """What tells rows apart: the ids, however they are capitalised."""
        return self.product.upper(), self.sku.upper()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong with a row; line 0 is the whole text."""

    line: int
    message: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class KnownRow:
    """A row with the product it is of: None when the vendor has no such product or SKU."""

    typed: TypedRow
    product_id: uuid.UUID | None
    sku_id: uuid.UUID | None
    title: str
    problem: str | None
    item: Item | None


def decode(data: bytes) -> str:
    """Return the text of a file: UTF-8 with or without a mark, UTF-16 with one, else Windows' western code page.

    Refuses what is no text.
    """
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if data.startswith(mark):
            return _decoded(data, name)
    try:
        return _decoded(data, "utf-8")
    except Refused:
        return _decoded(data, "cp1252")


def _decoded(data: bytes, name: str) -> str:
    try:
        found = data.decode(name)
    except UnicodeDecodeError as error:
        raise Refused("not_text", _("This is not a CSV file."), field="items") from error
    if "\x00" in found:
        raise Refused("not_text", _("This is not a CSV file. Save the sheet as CSV first."), field="items")
    return found


def read(source: str) -> tuple[list[TypedRow], list[Problem]]:
    """Split a text into rows, whatever divides its cells: tab, semicolon or comma. Says which rows can't be read."""
    lines = source.replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff")
    first = next((line for line in lines.split("\n") if line.strip()), "")
    divider = next((sign for sign in "\t;," if sign in first), "\t")
    rows: list[TypedRow] = []
    problems: list[Problem] = []
    seen: dict[tuple[str, str], int] = {}
    columns: tuple[int, int, int] | None = None
    reader = csv.reader(io.StringIO(lines), delimiter=divider)
    try:
        for written in reader:
            cells = _trimmed(written)
            if not cells:
                continue
            if columns is None:
                columns = _columns(cells)
                if columns is not None:
                    continue
                columns = (0, 1 if len(cells) > 2 else -1, -1)
            if len(rows) + len(problems) >= inputs.MOST_ITEMS:
                most = _("At most %(most)s rows at once.") % {"most": inputs.MOST_ITEMS}
                return [], [Problem(line=0, message=most)]
            row = _row(cells, columns, line=reader.line_num)
            problem = _row_problem(row, cells) or _twice(row, seen)
            if problem:
                problems.append(Problem(line=row.line, message=problem))
            else:
                seen[row.key] = row.line
                rows.append(row)
    except csv.Error:
        problems.append(Problem(line=reader.line_num, message=_("This row can't be read: a quotation mark is open.")))
    if not rows and not problems:
        problems.append(Problem(line=0, message=_("There are no rows in it.")))
    return rows, problems


def _trimmed(cells: Sequence[str]) -> list[str]:
    found = [text.tidy(cell) for cell in cells]
    while found and not found[-1]:
        found.pop()
    return found


def _columns(cells: Sequence[str]) -> tuple[int, int, int] | None:
    """Return where product, SKU and percentage stand if this is a heading row; None if it is not."""
    words = [cell.casefold() for cell in cells]
    product = next((number for number, word in enumerate(words) if word in _PRODUCT), None)
    percent = next((number for number, word in enumerate(words) if word in _PERCENT), None)
    if product is None or percent is None:
        return None
    return product, next((number for number, word in enumerate(words) if word in _SKU), -1), percent


def _row(cells: Sequence[str], columns: tuple[int, int, int], *, line: int) -> TypedRow:
    product_at, sku_at, percent_at = columns
    product = cells[product_at] if product_at < len(cells) else ""
    sku = cells[sku_at] if 0 <= sku_at < len(cells) else ""
    percent = cells[percent_at] if percent_at < len(cells) else ""
    if ":" in product and not sku:
        product, _colon, sku = product.partition(":")
    return TypedRow(line=line, product=product.strip(), sku=sku.strip(), percent=percent)


def _row_problem(row: TypedRow, cells: Sequence[str]) -> str | None:
    if any(text.has_control_characters(cell) for cell in (row.product, row.sku, row.percent)):
        return _("Remove the invisible control characters.")
    if not row.product:
        return _("The product id is missing.")
    if len(cells) < 2:
        return _("A row needs a product id and a percentage.")
    if len(row.product) > _LONGEST or len(row.sku) > _LONGEST:
        return _("“%(value)s…” is longer than any product id.") % {"value": max(row.product, row.sku, key=len)[:20]}
    return inputs.read_percent(row.percent)[1]


def _twice(row: TypedRow, seen: dict[tuple[str, str], int]) -> str | None:
    if row.key not in seen:
        return None
    return _("%(name)s stands in row %(line)s already.") % {"name": name_of(row), "line": seen[row.key]}


def name_of(row: TypedRow) -> str:
    """Return a row's product and SKU in one word."""
    return f"{row.product}:{row.sku}" if row.sku else row.product


def merge(former: Sequence[TypedRow], new: Sequence[TypedRow]) -> list[TypedRow]:
    """Return the former rows with the new ones behind them; a new row of the same product replaces the former."""
    rows = {row.key: row for row in former}
    for row in new:
        rows[row.key] = row
    return [dataclasses.replace(row, line=line) for line, row in enumerate(rows.values(), start=1)]


def look_up(*, by: Actor, vendor: str, category: str, rows: Sequence[TypedRow]) -> list[KnownRow]:
    """Find the products and SKUs of rows among a vendor's, in one statement, and say what is wrong with each row.

    Capitals make no difference, and a SKU id that a spreadsheet took for a number (“1” for “0001”) is understood.
    """
    by.require_partner(permissions.VIEW_DISCOUNTS)
    products = _products(by=by, vendor=vendor, ids={row.product for row in rows})
    known = [_known(row, products, by_sku=category == DiscountCategory.ITEMIZED) for row in rows]
    seen: dict[tuple[uuid.UUID | None, uuid.UUID | None], int] = {}
    for position, one in enumerate(known):
        if one.item is None:
            continue
        key = (one.product_id, one.sku_id)
        if key in seen:
            message = _twice(one.typed, {one.typed.key: seen[key]})
            known[position] = dataclasses.replace(one, problem=message, item=None)
        else:
            seen[key] = one.typed.line
    return known


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Product:
    id: uuid.UUID
    title: str
    skus: dict[str, tuple[uuid.UUID, str]]


def _products(*, by: Actor, vendor: str, ids: set[str]) -> dict[str, _Product]:
    """Return products with their SKUs by the vendor's id in capitals."""
    forms = {form for one in ids for form in (one, one.upper(), one.lower())}
    found: dict[str, _Product] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT p.external_id, p.id, p.title, s.external_id, s.id, s.title
            FROM catalog_vendor v
            JOIN catalog_product p ON p.partner_id = v.partner_id AND p.vendor_id = v.id AND p.external_id = ANY(%s)
            LEFT JOIN catalog_sku s ON s.partner_id = p.partner_id AND s.product_id = p.id
            WHERE v.partner_id = %s AND v.code = %s
            """,
            [list(forms), by.partner_id, vendor],
        )
        for external_id, product_id, title, sku, sku_id, sku_title in cursor.fetchall():
            product = found.setdefault(external_id.upper(), _Product(id=product_id, title=title, skus={}))
            if sku is not None:
                product.skus[sku.upper()] = (sku_id, sku_title)
    return found


def _known(row: TypedRow, products: dict[str, _Product], *, by_sku: bool) -> KnownRow:
    product = products.get(row.product.upper())
    percent, problem = inputs.read_percent(row.percent)
    if product is None:
        message = _("%(name)s is no product of this vendor.") % {"name": row.product}
        return KnownRow(typed=row, product_id=None, sku_id=None, title="", problem=message, item=None)
    sku_id, title = None, product.title
    if row.sku:
        sku = product.skus.get(row.sku.upper()) or product.skus.get(row.sku.upper().zfill(4))
        if not by_sku:
            problem = _("This category has one rate for each product. Leave the SKU id empty.")
        elif sku is None:
            problem = _("%(product)s has no SKU %(sku)s.") % {"product": product.title, "sku": row.sku}
        else:
            sku_id, title = sku
    item = None
    if problem is None and percent is not None:
        item = Item(product_id=product.id, sku_id=sku_id, percent=percent)
    return KnownRow(typed=row, product_id=product.id, sku_id=sku_id, title=title, problem=problem, item=item)
