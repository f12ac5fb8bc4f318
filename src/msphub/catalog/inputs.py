"""What a discount is made of as people give it, and the rules it must keep."""

import dataclasses
import datetime
import re
import uuid
from collections.abc import Sequence
from decimal import Decimal

from django.utils.translation import gettext as _

from msphub.catalog.choices import BY_ITEM, CATEGORIES_OF, ONE_RATE, DiscountCategory, VendorCode
from msphub.kit import addresses, fields
from msphub.kit.errors import Refused, Text

MOST_ITEMS = 10_000
MOST_BANDS = 100
# Beyond any purchase; fits the column.
MOST_QUANTITY = 1_000_000_000
_PERCENT = re.compile(r"^(\d{1,3})(?:[.,](\d*))?\s*%?$", re.ASCII)
_WHOLE = re.compile(r"^\d{1,10}$", re.ASCII)
_SPACES = "\u00a0\u202f\u2009"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """The rate of a product, or of one SKU of it."""

    product_id: uuid.UUID
    sku_id: uuid.UUID | None
    percent: Decimal


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """The rate of quantities from first to last, both included; no `to_quantity` means and up."""

    from_quantity: int
    to_quantity: int | None
    percent: Decimal


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """The rates of one version; which of the three counts follows from the discount's category."""

    percent: Decimal | None = None
    items: tuple[Item, ...] = ()
    bands: tuple[Band, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """What a discount is for; only the name can change later."""

    name: str
    vendor: str
    country: str
    category: str


def read_percent(value: str) -> tuple[Decimal | None, str | None]:
    """Read a percentage as people write it: “5”, “5.5”, “5,5”, “5 %”. Returns it, and what is wrong.

    A comma is a decimal sign too: up to 100 nothing is ever grouped in thousands, so nothing is ambiguous.
    """
    clean = value.strip().strip(_SPACES)
    if not clean:
        return None, _("Enter a percentage from 0 to 100.")
    found = _PERCENT.match(clean)
    if found is None:
        return None, _("“%(value)s” is not a percentage from 0 to 100, such as 5 or 7.5.") % {"value": clean[:40]}
    places = found[2] or ""
    if len(places) > 2:
        return None, _("At most two decimals, such as 7.25.")
    percent = Decimal(f"{found[1]}.{places or '0'}")
    problem = percent_problem(percent)
    return (None, problem) if problem else (percent, None)


def percent_problem(percent: Decimal) -> str | None:
    """Say what is wrong with a percentage: it must be 0 to 100 with at most two decimals."""
    if not percent.is_finite() or not 0 <= percent <= 100:
        return _("A percentage is from 0 to 100.")
    if percent != percent.quantize(Decimal("0.01")):
        return _("At most two decimals, such as 7.25.")
    return None


def read_quantity(value: str) -> tuple[int | None, str | None]:
    """Read a quantity from 1 up; empty gives None without a complaint."""
    clean = value.strip().strip(_SPACES)
    if not clean:
        return None, None
    if not _WHOLE.match(clean) or not 1 <= int(clean) <= MOST_QUANTITY:
        return None, _("“%(value)s” is not a whole number from 1 up.") % {"value": clean[:40]}
    return int(clean), None


def check_heading(heading: Heading) -> tuple[Heading, dict[str, Text]]:
    """Check name, vendor, country and category. Returns it tidied, and what is wrong by field."""
    problems: dict[str, Text] = {}
    name, problem = fields.line(heading.name, most=100, missing=_("Enter a name for the discount."))
    if problem:
        problems["name"] = problem
    if heading.vendor not in VendorCode.values:
        problems["vendor"] = _("Choose a vendor.")
    elif heading.category not in CATEGORIES_OF[heading.vendor]:
        problems["category"] = _("Choose one of the categories of %(vendor)s.") % {
            "vendor": VendorCode(heading.vendor).label
        }
    if heading.country not in addresses.country_codes():
        problems["country"] = _("Choose a country.")
    return dataclasses.replace(heading, name=name), problems


def check_valid_from(valid_from: datetime.date | None, *, today: datetime.date) -> dict[str, Text]:
    """Check the day that a version holds from: it is never past."""
    if valid_from is None:
        return {"valid_from": _("Enter the day it is valid from.")}
    if valid_from < today:
        return {
            "valid_from": _("“Valid From” can't be in the past. The earliest is today, %(today)s (UTC).")
            % {"today": today.isoformat()}
        }
    return {}


def check_rates(rates: Rates, *, category: str) -> tuple[Rates, dict[str, Text]]:
    """Check the rates that a category needs, and leave out those it has no use for. Bands come back in order.

    Whether items are products of the vendor is checked where they are saved.
    """
    if category in ONE_RATE:
        if rates.percent is None:
            return Rates(), {"percent": _("Enter a percentage from 0 to 100.")}
        problem = percent_problem(rates.percent)
        return Rates(percent=rates.percent), {"percent": problem} if problem else {}
    if category in BY_ITEM:
        problem = _items_problem(rates.items, by_sku=category == DiscountCategory.ITEMIZED)
        return Rates(items=rates.items), {"items": problem} if problem else {}
    bands = tuple(sorted(rates.bands, key=lambda band: band.from_quantity))
    problem = bands_problem(bands)
    return Rates(bands=bands), {"bands": problem} if problem else {}


def bands_problem(bands: Sequence[Band]) -> str | None:
    """Say where bands in order leave a gap or overlap: each quantity from 1 up must have one rate."""
    if not bands:
        return _("Enter at least one band.")
    if len(bands) > MOST_BANDS:
        return _("At most %(most)s bands.") % {"most": MOST_BANDS}
    expected: int | None = 1
    for number, band in enumerate(bands, start=1):
        problem = _band_problem(band, number=number) or _join_problem(band, expected=expected, before=bands[number - 2])
        if problem:
            return problem
        expected = None if band.to_quantity is None else band.to_quantity + 1
    if expected is None:
        return None
    return _("Gap: quantities from %(first)s up have no rate. Leave the end of the last band empty.") % {
        "first": expected
    }


def _band_problem(band: Band, *, number: int) -> str | None:
    problem = percent_problem(band.percent)
    if problem:
        return _("Band %(number)s: %(problem)s") % {"number": number, "problem": problem}
    if not 1 <= band.from_quantity <= MOST_QUANTITY:
        return _("Band %(number)s must begin with a quantity from 1 up.") % {"number": number}
    if band.to_quantity is not None and band.to_quantity < band.from_quantity:
        return _("Band %(number)s ends at %(last)s, before it begins at %(first)s.") % {
            "number": number,
            "first": band.from_quantity,
            "last": band.to_quantity,
        }
    return None


def _join_problem(band: Band, *, expected: int | None, before: Band) -> str | None:
    """Say whether a band begins right after the one before it; `expected` is that quantity, None if that has no end."""
    if expected is None:
        return _("Overlap: a band without an end begins at %(first)s, and another at %(next)s.") % {
            "first": before.from_quantity,
            "next": band.from_quantity,
        }
    if band.from_quantity > expected:
        return _("Gap: quantities %(first)s to %(last)s have no rate.") % {
            "first": expected,
            "last": band.from_quantity - 1,
        }
    if band.from_quantity < expected:
        return _("Overlap: quantities %(first)s to %(last)s are in two bands.") % {
            "first": band.from_quantity,
            "last": min(expected - 1, band.to_quantity or expected - 1),
        }
    return None


def _items_problem(items: Sequence[Item], *, by_sku: bool) -> str | None:
    if not items:
        return _("Add at least one product.")
    if len(items) > MOST_ITEMS:
        return _("At most %(most)s products and SKUs.") % {"most": MOST_ITEMS}
    seen = set()
    for number, item in enumerate(items, start=1):
        problem = percent_problem(item.percent)
        if problem:
            return _("Row %(number)s: %(problem)s") % {"number": number, "problem": problem}
        if item.sku_id is not None and not by_sku:
            return _("This category has one rate for each product, none for a SKU.")
        key = (item.product_id, item.sku_id)
        if key in seen:
            return _("Row %(number)s is of a product or SKU that another row has a rate for.") % {"number": number}
        seen.add(key)
    return None


def refuse(problems: dict[str, Text]) -> None:
    """Raise `Refused` with a message for each field at fault, if there are any."""
    if problems:
        raise Refused("invalid", _("Some entries need your attention."), fields=problems)
