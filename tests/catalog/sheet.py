"""Price sheets as Microsoft sends them, for tests: CSV through the real reader into the catalogue."""

import csv
import datetime
import io
import uuid
from collections.abc import Iterable, Mapping

from django.db import connection, transaction
from tests import factories

from msphub.catalog import sheets
from msphub.microsoft import price_rows

COLUMNS = [
    "ProductTitle", "ProductId", "SkuId", "SkuTitle", "Publisher", "SkuDescription", "UnitOfMeasure", "TermDuration",
    "BillingPlan", "Market", "Currency", "UnitPrice", "PricingTierRangeMin", "PricingTierRangeMax",
    "EffectiveStartDate", "EffectiveEndDate", "Tags", "ERP Price", "Segment", "ChangeIndicator",
]  # fmt: skip
TODAY = factories.NOW.date()


def row(product: str = "CFQ7TTC0LH18", sku: str = "0001", **changes: str) -> dict[str, str]:
    """Return a row of a sheet: Business Basic for a year, billed monthly."""
    values = {
        "ProductTitle": "Microsoft 365 Business Basic",
        "ProductId": product,
        "SkuId": sku,
        "SkuTitle": "Microsoft 365 Business Basic",
        "Publisher": "Microsoft Corporation",
        "SkuDescription": "Mail and apps",
        "UnitOfMeasure": "1 License",
        "TermDuration": "P1Y",
        "BillingPlan": "Monthly",
        "Market": "US",
        "Currency": "USD",
        "UnitPrice": "60.48",
        "EffectiveStartDate": "2026-11-01T00:00:00Z",
        "EffectiveEndDate": "9999-12-31T23:59:59Z",
        "ERP Price": "75.60",
        "Segment": "Commercial",
    }
    return values | {name.replace("_", " "): value for name, value in changes.items()}


def file(rows: Iterable[Mapping[str, str]]) -> io.BytesIO:
    """Return rows as the file that Microsoft sends."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    return io.BytesIO(text.getvalue().encode())


def take_over(
    partner_id: uuid.UUID,
    rows: Iterable[Mapping[str, str]],
    *,
    market: str = "US",
    today: datetime.date = TODAY,
    accept_losses: bool = False,
    software: bool = False,
    with_software: bool = True,
) -> tuple[sheets.Loaded, sheets.Applied]:
    """Load and apply a sheet, in the scope that the connection is in."""
    loaded = sheets.Loaded()
    sheets.begin()
    read = price_rows.price_rows(file=file(rows))
    for state in sheets.load(rows=read, market=market, today=today, software=software, loaded=loaded):
        loaded = state
    with transaction.atomic():
        applied = sheets.apply(
            partner_id=partner_id,
            market=market,
            today=today,
            at=factories.NOW,
            with_software=with_software,
            accept_losses=accept_losses,
        )
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    sheets.end()
    return loaded, applied
