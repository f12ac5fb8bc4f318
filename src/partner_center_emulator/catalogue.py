"""What there is to buy, from `data/offers.csv`: products, SKUs, terms. Prices are plausible, not Microsoft's.

A price is for one unit and one term: twelve months bought at once, a twentieth more when billed by the month, a fifth
more for a single month (nce-rules.md §1); the partner pays four fifths of it.
"""

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path

_DATA = Path(__file__).parent / "data"
_LETTERS = "0123456789ABCDEFGHJKLMNPQRSTVWXYZ"
LICENCE, ADDON, SOFTWARE, PERPETUAL, AZURE = "licence", "addon", "software", "perpetual", "azure"
PRODUCT_TYPES = {
    LICENCE: ("OnlineServicesNCE", "OnlineServicesNCE"),
    ADDON: ("OnlineServicesNCE", "OnlineServicesNCE"),
    SOFTWARE: ("SoftwareSubscriptions", "Software Subscriptions"),
    PERPETUAL: ("Software", "Software"),
    AZURE: ("Azure", "Azure plan"),
}
# The views of a catalogue (contract §7.1), by what is in them.
VIEWS = {
    "onlineservices": (LICENCE, ADDON),
    "software": (SOFTWARE, PERPETUAL),
    "softwareperpetual": (PERPETUAL,),
    "softwaresubscriptions": (SOFTWARE,),
    "azure": (AZURE,),
    "azureazureplan": (AZURE,),
    "azurereservations": (),
    "azurereservationsvm": (),
    "saas": (),
}
SEGMENTS = {"Commercial": "commercial", "Education": "education", "Charity": "nonprofit"}
# What a dollar is in other currencies, good enough for prices that are only plausible.
_RATES = {
    "USD": "1",
    "EUR": "0.95",
    "GBP": "0.82",
    "CAD": "1.37",
    "AUD": "1.53",
    "NZD": "1.66",
    "CHF": "0.91",
    "SEK": "10.6",
    "NOK": "10.9",
    "DKK": "7.1",
    "JPY": "150",
    "INR": "83",
    "KRW": "1350",
    "BRL": "5.1",
}
_NO_MINOR_UNIT = frozenset({"JPY", "KRW"})
_FACTORS = {
    ("P1M", "monthly"): Decimal("1.2"),
    ("P1Y", "annual"): Decimal(12),
    ("P1Y", "monthly"): Decimal("12.6"),
    ("P3Y", "annual"): Decimal(36),
    ("P3Y", "triennial"): Decimal(36),
    ("P3Y", "monthly"): Decimal("37.8"),
    ("", "one_time"): Decimal(24),
}
_LICENCE_TERMS = (("P1M", "monthly"), ("P1Y", "monthly"), ("P1Y", "annual"))
_THREE_YEARS = (("P3Y", "monthly"), ("P3Y", "annual"), ("P3Y", "triennial"))
# Products that are sold for three years too.
_LONG = ("E3", "E5", "Dynamics", "Windows 365", "Copilot")
TERM_WORDS = {"P1M": "One-Month", "P1Y": "One-Year", "P3Y": "Three-Year"}


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A SKU of one segment. `month` is what one unit costs a month in dollars when a year is paid at once."""

    product_id: str
    sku_id: str
    product: str
    sku: str
    kind: str
    segment: str
    minimum: int
    maximum: int
    is_trial: bool
    month: Decimal
    prerequisites: tuple[str, ...]

    @property
    def key(self) -> str:
        """`product:sku`."""
        return f"{self.product_id}:{self.sku_id}"

    @property
    def terms(self) -> tuple[tuple[str, str], ...]:
        """Durations and billing cycles it is sold for."""
        if self.is_trial:
            return (("P1M", "none"),)
        if self.kind in (PERPETUAL, AZURE):
            return (("", "one_time"),)
        if self.kind == SOFTWARE:
            return (("P1Y", "annual"), ("P3Y", "triennial"))
        return _LICENCE_TERMS + (_THREE_YEARS if any(word in self.sku for word in _LONG) else ())

    def availability_id(self, *, epoch: int) -> str:
        """The id of its availability, which changes with the epoch: ids are to be fetched just before use."""
        number = int.from_bytes(hashlib.sha256(f"{self.key}:{self.segment}:{epoch}".encode()).digest()[:8])
        letters = ""
        for _place in range(4):
            number, digit = divmod(number, len(_LETTERS))
            letters += _LETTERS[digit]
        return self.product_id[:8] + letters

    def catalog_item_id(self, *, epoch: int) -> str:
        """`product:sku:availability`."""
        return f"{self.key}:{self.availability_id(epoch=epoch)}"

    def price(self, *, term: str, cycle: str, currency: str) -> Decimal:
        """The recommended retail price of one unit for the whole term."""
        if self.is_trial or self.kind == AZURE:
            return Decimal(0)
        amount = self.month * _FACTORS[term, cycle] * Decimal(_RATES.get(currency, "1"))
        return amount.quantize(Decimal(1) if currency in _NO_MINOR_UNIT else Decimal("0.01"), ROUND_HALF_UP)

    def cost(self, *, term: str, cycle: str, currency: str) -> Decimal:
        """What a partner pays for it."""
        amount = self.price(term=term, cycle=cycle, currency=currency) * Decimal("0.8")
        return amount.quantize(Decimal(1) if currency in _NO_MINOR_UNIT else Decimal("0.01"), ROUND_HALF_UP)


@cache
def offers() -> tuple[Offer, ...]:
    """Every SKU there is, in the file's order."""
    with (_DATA / "offers.csv").open(encoding="utf-8", newline="") as file:
        return tuple(
            Offer(
                product_id=row["product_id"],
                sku_id=row["sku_id"],
                product=row["product"],
                sku=row["sku"],
                kind=row["kind"],
                segment=row["segment"],
                minimum=int(row["minimum"] or 1),
                maximum=int(row["maximum"] or 999999),
                is_trial=bool(row["trial"]),
                month=Decimal(row["month_usd"]),
                prerequisites=tuple(one for one in row["prerequisites"].split(";") if one),
            )
            for row in csv.DictReader(file)
        )


@cache
def by_key() -> dict[str, Offer]:
    """SKUs by `product:sku`, in upper case."""
    return {offer.key.upper(): offer for offer in offers()}


@cache
def currency_of(country: str) -> str:
    """The currency that Microsoft sells in there; dollars for a country that its list doesn't have."""
    with (_DATA / "csp-markets.csv").open(encoding="utf-8", newline="") as file:
        known = {row["iso2"]: row["currency"] for row in csv.DictReader(file)}
    found = known.get(country.upper(), "USD")
    return found if found in _RATES else "USD"


def rates() -> dict[str, str]:
    """How much of each currency a dollar buys."""
    return dict(_RATES)


def offers_of(*, product_id: str) -> list[Offer]:
    """A product's SKUs."""
    return [offer for offer in offers() if offer.product_id == product_id.upper()]


def products(*, kinds: tuple[str, ...], segment: str) -> Iterator[Offer]:
    """One offer for each product of these kinds; an empty segment is all but nonprofit, which is hidden by default."""
    seen = set()
    for offer in offers():
        if offer.kind in kinds and offer.product_id not in seen and shown(offer, segment=segment):
            seen.add(offer.product_id)
            yield offer


def shown(offer: Offer, *, segment: str) -> bool:
    """Whether a catalogue shows an offer to who asks for a segment (contract §7.3)."""
    own = SEGMENTS[offer.segment]
    return own == segment.lower() if segment else own != "nonprofit"
