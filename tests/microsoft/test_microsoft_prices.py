"""Price sheets and exchange rates: streamed, row by row, whatever Microsoft packs them in."""

import gzip
import io
import itertools
import tracemalloc
import zipfile
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from msphub.microsoft import connection, errors, price_rows

HEADER = (
    "ProductTitle,ProductId,SkuId,SkuTitle,Publisher,SkuDescription,UnitOfMeasure,TermDuration,BillingPlan,Market,"
    "Currency,UnitPrice,PricingTierRangeMin,PricingTierRangeMax,EffectiveStartDate,EffectiveEndDate,Tags,ERP Price,"
    "Segment"
)
ROW = (
    'Microsoft 365,CFQ7TTC0LH18,0001,Business Basic,Microsoft,"Mail, files, ""chat""",,P1Y,Monthly,US,USD,120.96,,,'
    "2026-11-01T00:00:00.0000000Z,9999-12-31T23:59:59.0000000,,144.000000000000000001,Commercial"
)
SHEET = "/v1.0/sales/pricesheets(Market='US',PricesheetView='updatedlicensebased')/$value"


def rows(text: str | bytes, pieces: int = 7) -> list[price_rows.PriceRow | price_rows.BadRow]:
    content = text.encode() if isinstance(text, str) else text
    chunks = (content[start : start + pieces] for start in range(0, len(content), pieces))
    with price_rows.unpacked(chunks=chunks) as file:
        return list(price_rows.price_rows(file=file))


def zipped(text: str, name: str = "sheet.csv") -> bytes:
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("read me.txt", "nothing")
        archive.writestr(name, text)
    return kept.getvalue()


def test_price_row() -> None:
    (row,) = rows(f"\ufeff{HEADER}\r\n{ROW}\r\n")

    assert row == price_rows.PriceRow(
        number=2,
        product_title="Microsoft 365",
        product_id="CFQ7TTC0LH18",
        sku_id="0001",
        sku_title="Business Basic",
        publisher="Microsoft",
        sku_description='Mail, files, "chat"',
        term_duration="P1Y",
        billing_plan="Monthly",
        market="US",
        currency="USD",
        unit_price=Decimal("120.96"),
        erp_price=Decimal("144.000000000000000001"),
        segment="Commercial",
        effective_starts_at=datetime(2026, 11, 1, tzinfo=UTC),
        effective_ends_at=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    "packed",
    [
        zipped(f"\ufeff{HEADER}\n{ROW}\n"),
        gzip.compress(f"\ufeff{HEADER}\n".encode()) + gzip.compress(f"{ROW}\n".encode()),
        zlib.compress(f"\ufeff{HEADER}\n{ROW}\n".encode()),
    ],
    ids=["zip", "gzip of two members", "zlib"],
)
@pytest.mark.parametrize("pieces", [1, 3, 1 << 20])
def test_packed_sheets(packed: bytes, pieces: int) -> None:
    (row,) = rows(packed, pieces)

    assert isinstance(row, price_rows.PriceRow)
    assert row.unit_price == Decimal("120.96")


def test_deflate_without_a_header() -> None:
    many = "".join(f"{ROW}\n" for _ in range(200))

    found = rows(zlib.compress(f"\ufeff{HEADER}\n{many}".encode())[2:-4])

    assert [row.number for row in found] == list(range(2, 202))


def test_columns_in_other_order_and_spelling_and_new_ones() -> None:
    (row,) = rows("NewColumn,Currency,unit_price,SKUID,productid,ErpPrice\nx,eur,'10.08,0002,P,0E-20\n")

    assert isinstance(row, price_rows.PriceRow)
    assert (row.product_id, row.sku_id, row.currency, row.unit_price) == ("P", "0002", "EUR", Decimal("10.08"))
    assert (row.erp_price, row.other) == (Decimal(0), {"NewColumn": "x"})


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ("P,,USD,1.00,", "SkuId"),
        ("P,S,,1.00,", "Currency"),
        ("P,S,USD,,", "UnitPrice"),
        ("P,S,USD,free,", "'free'"),
        ("P,S,USD,NaN,", "NaN"),
        ("P,S,USD,1e999999,", "1e999999"),
        ("P,S,USD,-1.00,", "-1.00"),
        ("P,S,Dollar,1.00,", "Dollar"),
        ("P,S,USD,1.00,soon", "soon"),
        ("P,S,USD,1.00", "4 values for 5 columns"),
        ("P,S,USD,1,00,", "6 values for 5 columns"),
    ],
)
def test_bad_row_is_named_and_the_next_one_read(values: str, named: str) -> None:
    header = "ProductId,SkuId,Currency,UnitPrice,EffectiveStartDate"
    good = "P,S,USD,1.00,11/1/2026 12:00:00 AM"

    first, bad, last = rows(f"{header}\n{good}\n\n{values}\n{good}\n")

    assert isinstance(bad, price_rows.BadRow)
    assert bad.number == 4
    assert named in bad.reason
    for row, number in ((first, 2), (last, 5)):
        assert isinstance(row, price_rows.PriceRow)
        assert (row.number, row.effective_starts_at) == (number, datetime(2026, 11, 1, tzinfo=UTC))


def test_a_quote_that_never_ends_costs_its_lines_only() -> None:
    many = "".join(f"P{number},S,USD,1.00\n" for number in range(20_000))

    found = rows(f'ProductId,SkuId,Currency,UnitPrice\nP,S,USD,1.00\n"P,S,USD,1.00\n{many}', 1 << 16)

    bad = [row for row in found if isinstance(row, price_rows.BadRow)]
    assert len(bad) == 1
    assert (bad[0].number, "lines 3 to" in bad[0].reason) == (3, True)
    assert isinstance(found[-1], price_rows.PriceRow)
    assert found[-1].product_id == "P19999"


NEEDED = "ProductId,SkuId,Currency,UnitPrice"


@pytest.mark.parametrize(
    "end",
    ["P,S,USD", "P,S,US", "P", 'P,"S', 'P,"S,USD,1.00', 'P,S,USD,"1.00', 'P,"two\nlines'],
)
def test_a_table_that_ends_amid_a_row_is_cut(end: str) -> None:
    with pytest.raises(errors.Unavailable, match=r"ends in the middle of line [34]\."):
        rows(f"{NEEDED}\nP,S,USD,1.00\n{end}")


def test_a_table_without_a_last_line_break_is_whole() -> None:
    found = rows(f'{NEEDED}\nP,S,USD,1.00\nP,"S ""2""",EUR,2.00')

    assert [row.sku_id for row in found if isinstance(row, price_rows.PriceRow)] == ["S", 'S "2"']


def test_rows_of_nothing_are_none() -> None:
    found = rows(f"{NEEDED}\n,,,\n\nP,S,USD,1.00\n,,,\n")

    assert [row.number for row in found] == [4]


def test_several_currencies_tiers_and_withdrawn_prices() -> None:
    header = (
        "\ufeffChangeIndicator,ProductTitle,ProductId,SkuId,TermDuration,BillingPlan,Market,Currency,UnitPrice,"
        "PricingTierRangeMin,PricingTierRangeMax,EffectiveStartDate,EffectiveEndDate,Tags,ERP Price,Segment,"
        "PreviousValues"
    )
    tail = "2026-11-01T00:00:00Z,0001-01-01T00:00:00,License;NewCommerce,144.00,Commercial,"
    found = rows(
        f"{header}\r\n"
        f'Unchanged,"Office ""365"", E3",P,0001,P1Y,Annual,FR,EUR,120.00,1,300,{tail}\r\n'
        f"Changed,Office,P,0001,P1Y,Annual,FR,CHF,130.00,301.0,,{tail}\r\n"
        f"Deleted,Office,P,0002,,None,FR,EUR,0,,,{tail}\r\n",
        1 << 16,
    )

    first, second, gone = (row for row in found if isinstance(row, price_rows.PriceRow))
    assert (first.product_title, first.currency, first.tier_minimum, first.tier_maximum) == (
        'Office "365", E3',
        "EUR",
        1,
        300,
    )
    assert (second.currency, second.tier_minimum, second.tier_maximum) == ("CHF", 301, None)
    assert (first.tags, first.effective_ends_at, first.other) == ("License;NewCommerce", None, {"PreviousValues": ""})
    assert [row.is_withdrawn for row in (first, second, gone)] == [False, False, True]
    assert (gone.term_duration, gone.unit_price) == ("", Decimal(0))


def test_grouped_thousands_are_read_and_other_commas_are_not() -> None:
    header = "ProductId,SkuId,Currency,UnitPrice"

    grouped, comma = rows(f'{header}\nP,S,USD,"1,234,567.80"\nP,S,EUR,"10,08"\n')

    assert isinstance(grouped, price_rows.PriceRow)
    assert grouped.unit_price == Decimal("1234567.80")
    assert isinstance(comma, price_rows.BadRow)


@pytest.mark.parametrize("text", ["", "<html>busy</html>", '{"code": 1}', "ProductId,SkuId\nP,S\n"])
def test_what_is_no_price_sheet_is_said_so(text: str) -> None:
    with pytest.raises(errors.Unavailable, match="lacks"):
        rows(text)


@pytest.mark.parametrize(
    "packed", [zipped("x")[:-30], gzip.compress(HEADER.encode() * 90)[:-9], zlib.compress(b"x")[:-2]]
)
def test_what_arrives_in_part_is_unavailable(packed: bytes) -> None:
    with pytest.raises(errors.Unavailable):
        rows(packed)


@pytest.mark.parametrize("packing", [lambda content: content, gzip.compress, zlib.compress])
def test_memory_stays_flat(packing: Any) -> None:
    content = packing("".join([HEADER, "\n", *(f"{ROW}\n" for _ in range(60_000))]).encode())
    chunks: Iterator[bytes] = iter(lambda: arriving.read(1 << 16), b"")
    arriving = io.BytesIO(content)
    tracemalloc.start()
    try:
        with price_rows.unpacked(chunks=chunks) as file:
            count = sum(isinstance(row, price_rows.PriceRow) for row in price_rows.price_rows(file=file))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert count == 60_000
    assert peak < 4_000_000


def test_sheet_over_http(client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on("GET", SHEET, reply(body=zipped(f"{HEADER}\n{ROW}\n"), headers={"Content-Encoding": "deflate"}))

    (row,) = client.prices.sheet(market="us", timeline="history", month="202610")

    assert row.unit_price == Decimal("120.96")
    (call,) = microsoft.calls()
    assert call.query == {"timeline": "history", "month": "202610"}
    assert call.headers["accept-encoding"] == "deflate"
    assert call.headers["authorization"].startswith("Bearer refresh_token")
    (token,) = microsoft.token_requests()
    assert token.form["scope"].split()[0] == "https://api.partner.microsoft.com/.default"


def test_sheet_is_asked_for_when_its_first_row_is_wanted(client: Any, microsoft: Any, reply: Any) -> None:
    many = "".join(f"{ROW}\n" for _ in range(20_000))
    microsoft.on("GET", SHEET, reply(body=f"{HEADER}\n{many}".encode()))

    sheet = client.prices.sheet(market="US", compressed=False)
    assert microsoft.calls() == []
    first = list(itertools.islice(sheet, 3))
    sheet.close()

    assert [row.number for row in first] == [2, 3, 4]
    assert microsoft.calls()[0].headers["accept-encoding"] == "identity"
    assert len(list(client.prices.sheet(market="US"))) == 20_000


def test_sheet_is_opened_again_after_an_outage_and_a_stale_token(client: Any, microsoft: Any, reply: Any) -> None:
    sheet = reply(body=f"{HEADER}\n{ROW}\n".encode())
    microsoft.on("GET", SHEET, reply(status=503), reply(drop=True), reply(status=401), sheet)

    assert len(list(client.prices.sheet(market="US"))) == 1
    assert len(microsoft.calls()) == 4


@pytest.mark.parametrize(
    ("status", "expected"), [(403, errors.Forbidden), (404, errors.NotFound), (429, errors.Throttled)]
)
def test_sheet_that_is_refused(make_client: Any, microsoft: Any, reply: Any, status: int, expected: Any) -> None:
    microsoft.on("GET", SHEET, reply(status=status, body={"code": 800043, "description": "No access to pricing."}))

    with pytest.raises(expected):
        list(make_client(read_retries=0).prices.sheet(market="US"))


def test_connection_that_breaks_amid_the_rows(client: Any, microsoft: Any, reply: Any) -> None:
    many = "".join(f"{ROW}\n" for _ in range(5_000))
    microsoft.on("GET", SHEET, reply(body=f"{HEADER}\n{many}".encode(), cut=100))

    found: list[Any] = []
    with pytest.raises(errors.Unavailable, match="amid the answer"):
        found.extend(client.prices.sheet(market="US", compressed=False))

    assert len(microsoft.calls()) == 1
    assert len(found) > 1_000


def test_fx_rates(client: Any, microsoft: Any, reply: Any) -> None:
    content = b"\xef\xbb\xbfCurrencyCode,USDPerUnit,Month\r\nEUR,1.0834512345,202610\r\nXXX,0,202610\r\n"
    microsoft.on("GET", "/v1.0/sales/fxrates(Month='202610')/$value", reply(body=content))

    euro, bad = client.prices.fx_rates(month="202610")

    assert euro == price_rows.FxRate(number=2, currency="EUR", usd_per_unit=Decimal("1.0834512345"), month="202610")
    assert (bad.number, bad.reason) == (3, "USDPerUnit is 0.")


def test_what_cant_stand_in_the_address_is_refused(client: Any, microsoft: Any) -> None:
    for wrong in (
        {"market": "USA"},
        {"market": "US", "view": "x')/$value?"},
        {"market": "US", "timeline": "soon"},
        {"market": "US", "month": "202613"},
    ):
        with pytest.raises(ValueError, match=r"market|timeline|month"):
            client.prices.sheet(**wrong)
    with pytest.raises(ValueError, match="month"):
        client.prices.fx_rates(month="2026-10")
    assert microsoft.calls() == []


def test_address_of_prices_follows_from_partner_center() -> None:
    assert connection.Endpoints().prices == "https://api.partner.microsoft.com"
    assert connection.Endpoints(partner_center="https://api.partnercenter.microsoft.com/v1/").prices == (
        "https://api.partner.microsoft.com"
    )
    assert connection.Endpoints(partner_center="http://127.0.0.1:8123/v1").prices == "http://127.0.0.1:8123"
    assert connection.Endpoints(prices="https://prices.example/v1.0/").prices == "https://prices.example"
