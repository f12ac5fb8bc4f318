"""Price sheets: large CSV files with Microsoft's quirks, with an audience of their own (contract §7.7)."""

import csv
import io
import re
import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from partner_center_emulator import catalogue
from partner_center_emulator.catalogue import Offer
from partner_center_emulator.errors import PartnerCenterRefusal, invalid_property
from partner_center_emulator.settings import Settings

PREFIX = "/v1.0/sales/"
_SHEET = re.compile(r"^/v1\.0/sales/pricesheets\((?P<keys>[^)]*)\)/\$value$", re.IGNORECASE)
_RATES = re.compile(r"^/v1\.0/sales/fxrates\(Month='(?P<month>\d{6})'\)/\$value$", re.IGNORECASE)
_KEY = re.compile(r"(\w+)='([^']*)'")
_MONTH = re.compile(r"^20\d{2}(0[1-9]|1[0-2])$")
_COLUMNS = (
    "ProductTitle",
    "ProductId",
    "SkuId",
    "SkuTitle",
    "Publisher",
    "SkuDescription",
    "UnitOfMeasure",
    "TermDuration",
    "BillingPlan",
    "Market",
    "Currency",
    "UnitPrice",
    "PricingTierRangeMin",
    "PricingTierRangeMax",
    "EffectiveStartDate",
    "EffectiveEndDate",
    "Tags",
    "ERP Price",
    "Segment",
)
_VIEWS = {
    "updatedlicensebased": catalogue.SEATS,
    "software": (catalogue.SOFTWARE, catalogue.PERPETUAL, catalogue.SUSE),
    "azure_consumption": (),
    "azure_reservations": (catalogue.RESERVATION,),
    "marketplace": (catalogue.SAAS,),
    "licensebasedest": catalogue.SEATS,
    "licensebasedeos": (),
}
_EXTENDED = "licensebasedest"
_PLANS = {"monthly": "Monthly", "annual": "Annual", "triennial": "Triennial", "one_time": "OneTime"}
_EURO = ("EUR", "USD")
_FOREVER = "9999-12-31T23:59:59.0000000Z"


def serves(*, path: str) -> bool:
    """Whether a path is of the sales service."""
    return path.lower().startswith(PREFIX)


def file_of(
    *, path: str, query: dict[str, str], settings: Settings, now: datetime, compressed: bool
) -> tuple[bytes, str]:
    """The bytes of the file at a path, and their media type; a zip where the client takes one."""
    if match := _RATES.match(path):
        return _fx_rates(month=match["month"]).encode(), "text/csv"
    match = _SHEET.match(path)
    if match is None:
        raise PartnerCenterRefusal(status=404, code=1000, description="The requested resource was not found.")
    keys = {name.lower(): value for name, value in _KEY.findall(match["keys"])}
    view, market = keys.get("pricesheetview", "").lower(), keys.get("market", "").upper()
    if view not in _VIEWS:
        raise invalid_property(name="PricesheetView", description=f"The view '{view}' is not supported.")
    if not catalogue.is_market(market):
        raise invalid_property(name="Market", description=f"The market '{market}' is not supported.")
    timeline = query.get("timeline", "current").lower()
    if timeline not in {"current", "history", "future"}:
        raise invalid_property(name="timeline", description=f"The timeline '{timeline}' is not supported.")
    month = query.get("month", "")
    if month and not _MONTH.match(month):
        raise invalid_property(name="month", description=f"The month '{month}' is not written YYYYMM.")
    text = io.StringIO()
    text.write("\ufeff")
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    starts, ends, factor = _period(timeline=timeline, month=month, now=now)
    for number in range(max(1, settings.catalogue_copies)):
        for offer in _listed(view=view):
            sold = catalogue.copied(offer, number=number)
            writer.writerows(_rows(sold, market=market, starts=starts, ends=ends, factor=factor))
    content = text.getvalue().encode()
    if not compressed:
        return content, "text/csv"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{view}_{market}.csv", content)
    return packed.getvalue(), "application/zip"


def _listed(*, view: str) -> Iterator[Offer]:
    for offer in catalogue.offers():
        if offer.kind in _VIEWS[view] and not offer.is_trial:
            yield catalogue.extensions()[offer.key] if view == _EXTENDED else offer


def _period(*, timeline: str, month: str, now: datetime) -> tuple[datetime, datetime | None, Decimal]:
    """From when prices hold, until when where they no longer do, and what they are times today's."""
    this = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    if timeline == "current":
        return this, None, Decimal(1)
    if timeline == "future":
        return (this + timedelta(days=32)).replace(day=1), None, Decimal("1.05")
    starts = (this - timedelta(days=1)).replace(day=1)
    if month:
        starts = this.replace(year=int(month[:4]), month=int(month[4:]))
    return starts, (starts + timedelta(days=32)).replace(day=1) - timedelta(seconds=1), Decimal("0.97")


def _rows(
    offer: Offer, *, market: str, starts: datetime, ends: datetime | None, factor: Decimal
) -> Iterator[list[str]]:
    home = catalogue.currency_of(market)
    for currency in _EURO if home == "EUR" else (home,):
        for term, cycle in offer.terms:
            yield _row(
                offer, market=market, currency=currency, term=term, cycle=cycle, factor=factor,
                starts=starts, ends=ends,
            )  # fmt: skip


def _row(
    offer: Offer,
    *,
    market: str,
    currency: str,
    term: str,
    cycle: str,
    factor: Decimal,
    starts: datetime,
    ends: datetime | None,
) -> list[str]:
    price = offer.price(term=term, cycle=cycle, currency=currency) * factor
    cost = offer.cost(term=term, cycle=cycle, currency=currency) * factor
    return [
        offer.product,
        offer.product_id,
        offer.sku_id,
        offer.sku,
        offer.publisher,
        f"{offer.sku}, per user, as sold by partners",
        "1 License",
        term,
        _PLANS[cycle],
        market,
        currency,
        f"{cost:.2f}",
        "",
        "",
        starts.strftime("%Y-%m-%dT%H:%M:%S.0000000Z"),
        ends.strftime("%Y-%m-%dT%H:%M:%S.0000000Z") if ends else _FOREVER,
        "",
        f"{price:.2f}",
        offer.segment,
    ]


def _fx_rates(*, month: str) -> str:
    lines = ["CurrencyCode,USDPerUnit,Month"]
    lines += [f"{code},{1 / float(rate):.6f},{month}" for code, rate in catalogue.rates().items()]
    return "\r\n".join(lines) + "\r\n"
