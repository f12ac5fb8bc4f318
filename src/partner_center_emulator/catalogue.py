"""What there is to buy, from `data/offers.csv`: products, SKUs, terms. Prices are plausible, not Microsoft's.

A price is for one unit and one term: twelve months bought at once, a twentieth more when billed by the month, a fifth
more for a single month (nce-rules.md §1); the partner pays four fifths of it.
"""

import csv
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path

from partner_center_emulator.wellknown import stable_id

_DATA = Path(__file__).parent / "data"
_COPY = re.compile(r".{4}X(?P<place>\d{3})(?P<number>\d{4})$")
_LETTERS = "0123456789ABCDEFGHJKLMNPQRSTVWXYZ"
LICENCE, ADDON, SOFTWARE, PERPETUAL, AZURE = "licence", "addon", "software", "perpetual", "azure"
SUSE, RESERVATION, SAAS = "suse", "reservation", "saas"
# What is licensed by the seat in the new commerce; most rules of nce-rules.md are for these alone.
SEATS = (LICENCE, ADDON)
NCE = "OnlineServicesNCE"
PRODUCT_TYPES = {
    LICENCE: (NCE, NCE),
    ADDON: (NCE, NCE),
    SOFTWARE: ("Software", "Software"),
    PERPETUAL: ("Software", "Software"),
    SUSE: ("Software", "Software"),
    AZURE: ("Azure", "Azure plan"),
    RESERVATION: ("Azure", "Azure"),
    SAAS: ("SaaS", "SaaS"),
}
# The views of a catalogue (contract §7.1): what is in them, of which sub-type.
VIEWS = {
    "onlineservices": (SEATS, ""),
    "software": ((SOFTWARE, PERPETUAL, SUSE), ""),
    "softwaresuselinux": ((SUSE,), ""),
    "softwareperpetual": ((PERPETUAL,), ""),
    "softwaresubscriptions": ((SOFTWARE,), ""),
    "specializedoffers": ((), ""),
    "marketplacesaas": ((SAAS,), ""),
    "microsoftazure": ((AZURE,), ""),
    "azure": ((AZURE, RESERVATION), ""),
    "azurereservations": ((RESERVATION,), ""),
    "azurereservationsvm": ((RESERVATION,), "VirtualMachines"),
    "azurereservationssql": ((RESERVATION,), "SqlDatabases"),
    "azurereservationscosmosdb": ((RESERVATION,), "CosmosDb"),
}
SEGMENTS = {
    "Commercial": "commercial",
    "Education": "education",
    "Charity": "nonprofit",
    "Government": "government",
}
UNLIMITED = 999999
EXTENDED = " - Extended Service Term"
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
    ("P1Y", "one_time"): Decimal(12),
    ("P3Y", "one_time"): Decimal(36),
    ("", "one_time"): Decimal(24),
}
_LICENCE_TERMS = (("P1M", "monthly"), ("P1Y", "monthly"), ("P1Y", "annual"))
_THREE_YEARS = (("P3Y", "monthly"), ("P3Y", "annual"), ("P3Y", "triennial"))
# Products that are sold for three years too.
_LONG = ("E3", "E5", "Dynamics", "Windows 365", "Copilot")
TERM_WORDS = {"P1M": "One-Month", "P1Y": "One-Year", "P3Y": "Three-Year"}
# Billing cycles as terms of an availability print them; the others are in lower case (contract §0.4).
_TITLES = {"monthly": "Monthly", "annual": "Annual", "triennial": "Triennial"}
_SOFTWARE_TERMS = (("P1Y", "annual"), ("P3Y", "annual"), ("P3Y", "triennial"))
# An extended service term costs so much more than a monthly term, which all our seats are sold for (nce-rules.md §5.1).
_EXTENSION = Decimal("1.03")


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
    prerequisites: tuple[str, ...] = ()
    published: str = ""
    must_attest: bool = False
    upgrades: tuple[str, ...] = ()
    detail: tuple[tuple[str, str], ...] = ()
    is_extended: bool = False

    @property
    def key(self) -> str:
        """`product:sku`."""
        return f"{self.product_id}:{self.sku_id}"

    @property
    def is_seats(self) -> bool:
        """Whether it is licensed by the seat in the new commerce (OnlineServicesNCE)."""
        return self.kind in SEATS

    @property
    def sub_type(self) -> str:
        """What kind of Azure reservation it is."""
        return dict(self.detail).get("subType", "")

    @property
    def publisher(self) -> str:
        """Who makes it: Microsoft, but for the marketplace's services."""
        return self.product.split(" ", 1)[0] if self.kind == SAAS else "Microsoft Corporation"

    @property
    def provisioning_id(self) -> str:
        """The licence that its seats are, in a customer's directory."""
        return stable_id(name=f"provisioning {self.key}")

    @property
    def terms(self) -> tuple[tuple[str, str], ...]:
        """Durations and billing cycles it is sold for."""
        if self.is_trial:
            return (("P1M", "none"),)
        if self.is_extended:
            return (("P1M", "monthly"),)
        if self.kind in (PERPETUAL, AZURE):
            return (("", "one_time"),)
        if self.kind in (RESERVATION, SUSE):
            return (("P3Y" if "3 Year" in self.sku else "P1Y", "one_time"),)
        if self.kind == SAAS:
            return (("P1M", "monthly"), ("P1Y", "annual"))
        if self.kind == SOFTWARE:
            return _SOFTWARE_TERMS
        return _LICENCE_TERMS + (_THREE_YEARS if any(word in self.sku for word in _LONG) else ())

    def availability_id(self, *, epoch: int) -> str:
        """The id of its availability, which changes with the epoch: ids are to be fetched just before use."""
        if self.published and epoch == 0:
            return self.published
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
        factor = _FACTORS[term, cycle] * (_EXTENSION if self.is_extended else 1)
        amount = self.month * factor * Decimal(_RATES.get(currency, "1"))
        return amount.quantize(smallest_unit(currency), ROUND_HALF_UP)

    def cost(self, *, term: str, cycle: str, currency: str) -> Decimal:
        """What a partner pays for it."""
        amount = self.price(term=term, cycle=cycle, currency=currency) * Decimal("0.8")
        return amount.quantize(smallest_unit(currency), ROUND_HALF_UP)


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
                maximum=int(row["maximum"] or UNLIMITED),
                is_trial=bool(row["trial"]),
                month=Decimal(row["month_usd"]),
                prerequisites=tuple(one for one in row["prerequisites"].split(";") if one),
                published=row["availability"],
                must_attest=bool(row["attestation"]),
                upgrades=tuple(one for one in row["upgrades"].split(";") if one),
                detail=tuple(tuple(one.split("=", 1)) for one in row["detail"].split(";") if one),
            )
            for row in csv.DictReader(file)
        )


def extended(offer: Offer) -> Offer:
    """The SKU that an offer's seats move to for their extended service term (nce-rules.md §5.1)."""
    sku_id = f"E{offer.sku_id[1:]}"
    return replace(
        offer, sku_id=sku_id, sku=offer.sku + EXTENDED, is_extended=True, published="", must_attest=False, upgrades=()
    )


@cache
def extensions() -> dict[str, Offer]:
    """The extended service terms of all seats, by `product:sku` of what they extend."""
    return {offer.key: extended(offer) for offer in offers() if offer.is_seats and not offer.is_trial}


class _Offers(dict[str, Offer]):
    """SKUs by `product:sku`; those of a copied product are made when they are asked for."""

    def __missing__(self, key: str) -> Offer:
        product_id, _colon, sku_id = key.partition(":")
        found = _original(product_id)
        if found is None:
            raise KeyError(key)
        self[key] = offer = copied(self[f"{found[0]}:{sku_id}"], number=found[1])
        return offer

    def get(self, key: str, default: Offer | None = None) -> Offer | None:  # type: ignore[override]
        """One SKU, or the default."""
        try:
            return self[key]
        except KeyError:
            return default


@cache
def by_key() -> _Offers:
    """SKUs by `product:sku`, in upper case; extended service terms, which nobody can buy, are among them."""
    return _Offers({offer.key.upper(): offer for offer in (*offers(), *extensions().values())})


@cache
def _product_ids() -> tuple[str, ...]:
    return tuple(dict.fromkeys(offer.product_id for offer in offers()))


def copied(offer: Offer, *, number: int) -> Offer:
    """The same SKU of another product: what makes a catalogue as large as one likes. Number 0 is the original."""
    if number == 0:
        return offer
    place = _product_ids().index(offer.product_id)
    product_id = f"{offer.product_id[:4]}X{place:03d}{number:04d}"
    product, sku = f"{offer.product} ({number})", f"{offer.sku} ({number})"
    return replace(offer, product_id=product_id, published="", product=product, sku=sku)


def _original(product_id: str) -> tuple[str, int] | None:
    """Which product is copied by an id, and the number of the copy."""
    match = _COPY.match(product_id)
    if match is None or int(match["place"]) >= len(_product_ids()):
        return None
    original = _product_ids()[int(match["place"])]
    return (original, int(match["number"])) if original[:4] == product_id[:4] else None


def of_item(catalog_item_id: str) -> Offer | None:
    """The SKU that a `product:sku:availability` is of, whether or not the availability is good."""
    return by_key().get(":".join(catalog_item_id.upper().split(":")[:2]))


@cache
def _markets() -> dict[str, str]:
    with (_DATA / "csp-markets.csv").open(encoding="utf-8", newline="") as file:
        return {row["iso2"]: row["currency"] for row in csv.DictReader(file)}


def is_market(country: str) -> bool:
    """Whether Microsoft's partners sell in a country."""
    return country.upper() in _markets()


def currency_of(country: str) -> str:
    """The currency that Microsoft sells in there; dollars for a country that its list doesn't have."""
    found = _markets().get(country.upper(), "USD")
    return found if found in _RATES else "USD"


def symbol_of(currency: str) -> str:
    """How a currency is abbreviated."""
    return {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}.get(currency, currency)


def smallest_unit(currency: str) -> Decimal:
    """What amounts in a currency are rounded to."""
    return Decimal(1) if currency in _NO_MINOR_UNIT else Decimal("0.01")


def printed_cycle(cycle: str) -> str:
    """A billing cycle as terms of an availability print it."""
    return _TITLES.get(cycle, cycle)


def rates() -> dict[str, str]:
    """How much of each currency a dollar buys."""
    return dict(_RATES)


def offers_of(*, product_id: str) -> list[Offer]:
    """A product's SKUs."""
    original, number = _original(product_id.upper()) or (product_id.upper(), 0)
    return [copied(offer, number=number) for offer in offers() if offer.product_id == original]


def products(*, view: str, segment: str, copies: int = 1) -> Iterator[Offer]:
    """One offer for each product of a view; an empty segment is all but nonprofit, which is hidden by default."""
    kinds, sub_type = VIEWS[view]
    seen: dict[str, Offer] = {}
    for offer in offers():
        if offer.kind in kinds and sub_type in ("", offer.sub_type) and shown(offer, segment=segment):
            seen.setdefault(offer.product_id, offer)
    for number in range(max(1, copies)):
        for offer in seen.values():
            yield copied(offer, number=number)


def shown(offer: Offer, *, segment: str) -> bool:
    """Whether a catalogue shows an offer to who asks for a segment, "" for none (contract §7.3)."""
    own = SEGMENTS[offer.segment]
    return own == segment.lower() if segment else own != "nonprofit"
