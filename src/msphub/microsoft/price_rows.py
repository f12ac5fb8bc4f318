"""Reads Microsoft's price sheets and exchange rates row by row, however large they are (contract §7.7).

Columns are found by name without case, blanks and underscores; unknown ones are kept aside. A row that can't be read
becomes a `BadRow` that names it, and the next one follows.
"""

import codecs
import csv
import functools
import gzip
import io
import itertools
import lzma
import re
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Buffer, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import BinaryIO, cast

from msphub.microsoft import errors, reading

_ZIP, _GZIP = b"PK\x03\x04", b"\x1f\x8b"
_GROUPED = re.compile(r"-?\d{1,3}(,\d{3})+(\.\d+)?")
_AMERICAN = ("%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y")
_SHOWN_OF_VALUE = 40
_KNOWN = frozenset(
    {
        "producttitle",
        "productid",
        "skuid",
        "skutitle",
        "publisher",
        "skudescription",
        "unitofmeasure",
        "termduration",
        "billingplan",
        "market",
        "currency",
        "unitprice",
        "pricingtierrangemin",
        "pricingtierrangemax",
        "effectivestartdate",
        "effectiveenddate",
        "tags",
        "erpprice",
        "segment",
        "changeindicator",
    }
)
# What goes wrong in an archive that isn't one, or only a part of one.
_BROKEN = (
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,  # encrypted, or packed in an unknown way
    ValueError,
    LookupError,
)


@dataclass(frozen=True, kw_only=True)
class PriceRow:
    """A price of a SKU for one term and billing plan. `unit_price` is for the whole term (contract §7.7).

    `number` is the line of the file it starts on, the header being 1. `erp_price` is Microsoft's recommended retail
    price. Rows of a tiered price have `tier_minimum` and `tier_maximum`. `change_indicator` says what is new since the
    last sheet, where the sheet has that column. `other` holds columns this code doesn't know.
    """

    number: int
    product_id: str
    sku_id: str
    currency: str
    unit_price: Decimal
    product_title: str = ""
    sku_title: str = ""
    sku_description: str = ""
    publisher: str = ""
    unit_of_measure: str = ""
    term_duration: str = ""
    billing_plan: str = ""
    market: str = ""
    segment: str = ""
    tags: str = ""
    erp_price: Decimal | None = None
    tier_minimum: int | None = None
    tier_maximum: int | None = None
    effective_starts_at: datetime | None = None
    effective_ends_at: datetime | None = None
    change_indicator: str = ""
    other: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def is_withdrawn(self) -> bool:
        """Say whether the row only tells that there is no such price any more."""
        return self.change_indicator.casefold() in {"deleted", "delete", "del", "removed"}


@dataclass(frozen=True, kw_only=True)
class FxRate:
    """What one unit of a currency is worth in US dollars in a month (YYYYMM)."""

    number: int
    currency: str
    usd_per_unit: Decimal
    month: str


@dataclass(frozen=True, kw_only=True)
class BadRow:
    """A row that can't be read, and why. `number` is the line of the file it starts on, the header being 1."""

    number: int
    reason: str


class _Unreadable(ValueError):
    """Why a row can't be read."""


def price_rows(*, file: io.BufferedIOBase) -> Iterator[PriceRow | BadRow]:
    """Yield the prices of a CSV file. Raises Unavailable when it isn't a price sheet at all."""
    return _rows(file, needed=("ProductId", "SkuId", "UnitPrice", "Currency"), read=_price)


def fx_rates(*, file: io.BufferedIOBase) -> Iterator[FxRate | BadRow]:
    """Yield the exchange rates of a CSV file. Raises Unavailable when it isn't one of rates."""
    return _rows(file, needed=("CurrencyCode", "USDPerUnit"), read=_rate)


@contextmanager
def unpacked(*, chunks: Iterable[bytes]) -> Iterator[io.BufferedIOBase]:
    """Give what arrives in pieces as a file, unpacked if it is a zip, gzip or zlib stream, whatever its headers say.

    A zip lies on disk meanwhile, as its table of contents comes last. Raises Unavailable when it can't be unpacked,
    also while the file is being read.
    """
    arriving = iter(chunks)
    head = b""
    for chunk in arriving:
        head += chunk
        if len(head) >= len(_ZIP):
            break
    whole = itertools.chain((head,), arriving)
    try:
        if head.startswith(_ZIP):
            with tempfile.TemporaryFile() as kept:
                shutil.copyfileobj(_file(whole), kept)
                with zipfile.ZipFile(kept) as archive, archive.open(_table_in(archive)) as member:
                    yield cast("io.BufferedIOBase", member)
        elif head.startswith(_GZIP):
            with gzip.GzipFile(fileobj=_file(whole)) as member:
                yield member
        elif len(head) > 1 and head[0] & 0x0F == 8 and int.from_bytes(head[:2]) % 31 == 0:  # RFC 1950
            yield _file(_inflated(whole, zlib.MAX_WBITS))
        elif head and head[0] >= 0x80 and not head.startswith(codecs.BOM_UTF8):  # some "deflate" lacks zlib's header
            yield _file(_inflated(whole, -zlib.MAX_WBITS))
        else:
            yield _file(whole)
    except _BROKEN as error:
        raise errors.Unavailable(f"Microsoft's file can't be unpacked ({error}).") from None


class _Pieces(io.RawIOBase):
    """Pieces of bytes as a file."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        room = memoryview(buffer)
        count = min(len(room), len(self._rest))
        room[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


def _file(pieces: Iterable[bytes]) -> io.BufferedReader:
    return io.BufferedReader(_Pieces(pieces), buffer_size=1 << 16)


def _inflated(pieces: Iterable[bytes], window: int) -> Iterator[bytes]:
    inflating = zlib.decompressobj(window)
    for piece in pieces:
        waiting = piece
        while waiting:
            yield inflating.decompress(waiting, 1 << 20)
            waiting = inflating.unconsumed_tail
    yield inflating.flush()
    if not inflating.eof:
        raise EOFError("it ends too early")


def _table_in(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    files = [info for info in archive.infolist() if not info.is_dir()]
    tables = [info for info in files if info.filename.casefold().endswith(".csv")]
    if not files:
        raise zipfile.BadZipFile("it is empty")
    return (tables or files)[0]


class _Row:
    """The values of one row, by any spelling of their columns."""

    def __init__(self, number: int, values: dict[str, str], other: dict[str, str]) -> None:
        self.number = number
        self.other = other
        self._values = values

    def text(self, column: str) -> str:
        return self._values.get(_folded(column), "").strip()

    def required(self, column: str) -> str:
        text = self.text(column)
        if not text:
            raise _Unreadable(f"{column} is empty.")
        return text

    def currency(self, column: str) -> str:
        text = self.required(column)
        if not re.fullmatch(r"[A-Za-z]{3}", text):
            raise _Unreadable(f"{column} is no currency: {_shown(text)}")
        return text.upper()

    def optional_amount(self, column: str) -> Decimal | None:
        text = self.text(column).removeprefix("'")  # how a spreadsheet keeps a number from being changed
        if not text:
            return None
        number = reading.exact(text.replace(",", "") if _GROUPED.fullmatch(text) else text)
        if number is None or number < 0:
            raise _Unreadable(f"{column} is no amount: {_shown(text)}")
        return number

    def amount(self, column: str) -> Decimal:
        number = self.optional_amount(column)
        if number is None:
            raise _Unreadable(f"{column} is empty.")
        return number

    def whole(self, column: str) -> int | None:
        number = self.optional_amount(column)
        if number is not None and number != number.to_integral_value():
            raise _Unreadable(f"{column} is no whole number: {number}")
        return int(number) if number is not None else None

    def instant(self, column: str) -> datetime | None:
        text = self.text(column)
        if not text or text.startswith("0001-01-01"):  # how Microsoft's services write that there is none
            return None
        found = _instant(text)
        if found is None:
            raise _Unreadable(f"{column} is no date: {_shown(text)}")
        return found


def _price(row: _Row) -> PriceRow:
    return PriceRow(
        number=row.number,
        product_id=row.required("ProductId"),
        sku_id=row.required("SkuId"),
        currency=row.currency("Currency"),
        unit_price=row.amount("UnitPrice"),
        product_title=row.text("ProductTitle"),
        sku_title=row.text("SkuTitle"),
        sku_description=row.text("SkuDescription"),
        publisher=row.text("Publisher"),
        unit_of_measure=row.text("UnitOfMeasure"),
        term_duration=row.text("TermDuration"),
        billing_plan=row.text("BillingPlan"),
        market=row.text("Market"),
        segment=row.text("Segment"),
        tags=row.text("Tags"),
        erp_price=row.optional_amount("ERP Price"),
        tier_minimum=row.whole("PricingTierRangeMin"),
        tier_maximum=row.whole("PricingTierRangeMax"),
        effective_starts_at=row.instant("EffectiveStartDate"),
        effective_ends_at=row.instant("EffectiveEndDate"),
        change_indicator=row.text("ChangeIndicator"),
        other=row.other,
    )


def _rate(row: _Row) -> FxRate:
    rate = row.amount("USDPerUnit")
    if not rate:
        raise _Unreadable("USDPerUnit is 0.")
    return FxRate(number=row.number, currency=row.currency("CurrencyCode"), usd_per_unit=rate, month=row.text("Month"))


def _rows[T](file: io.BufferedIOBase, *, needed: tuple[str, ...], read: Callable[[_Row], T]) -> Iterator[T | BadRow]:
    """Yield what is read of each row. Raises Unavailable for a table that ends amid a row: the rest is missing."""
    text = _Lines(io.TextIOWrapper(cast("BinaryIO", file), encoding="utf-8-sig", errors="replace", newline=""))
    lines = csv.reader(text)
    columns = _header(lines, needed=needed)
    names = [_folded(column) for column in columns]
    unknown = [place for place, name in enumerate(names) if name not in _KNOWN]
    while True:
        number = lines.line_num + 1
        text.quotes = 0
        try:
            values = next(lines, None)
            if values is None:
                return
            if text.is_cut and (text.quotes % 2 or len(values) < len(names)):
                raise errors.Unavailable(f"Microsoft's table ends in the middle of line {lines.line_num}.")
            if not any(values):
                continue
            yield read(_Row(number, _named(names, values), {columns[place]: values[place] for place in unknown}))
        except (_Unreadable, csv.Error) as error:
            upto = f" (lines {number} to {lines.line_num})" if lines.line_num > number else ""
            yield BadRow(number=number, reason=f"{error}{upto}")


class _Lines:
    """The lines of a text, and how the last one read ended."""

    def __init__(self, text: Iterable[str]) -> None:
        self._lines = iter(text)
        self.quotes = 0
        self.is_cut = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.quotes += line.count('"')
        self.is_cut = line[-1] not in "\r\n"
        return line.replace("\0", "")  # which no database keeps


def _named(names: list[str], values: list[str]) -> dict[str, str]:
    if len(values) != len(names):
        raise _Unreadable(f"It has {len(values)} values for {len(names)} columns.")
    return dict(zip(names, values, strict=True))


def _header(lines: Iterator[list[str]], *, needed: tuple[str, ...]) -> list[str]:
    try:
        columns = next(lines, [])
    except csv.Error:
        columns = []
    known = {_folded(column) for column in columns}
    missing = [column for column in needed if _folded(column) not in known]
    if missing:
        raise errors.Unavailable(f"Microsoft's table can't be read: it lacks {', '.join(missing)}.")
    return columns


@functools.lru_cache(maxsize=256)  # the same few dates in every row
def _instant(text: str) -> datetime | None:
    found = reading.instant(text)
    for shape in _AMERICAN:
        if found is None:
            with suppress(ValueError):
                found = datetime.strptime(text, shape).replace(tzinfo=UTC)
    return found


@functools.lru_cache(maxsize=256)
def _folded(column: str) -> str:
    return re.sub(r"[\W_]", "", column).casefold()


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN_OF_VALUE else text[:_SHOWN_OF_VALUE] + "…")
