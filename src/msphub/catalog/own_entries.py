"""What is entered about products that are not Microsoft's, by form or CSV: one entry is one price of one SKU."""

import dataclasses
import datetime
import re
from collections.abc import Mapping
from decimal import Decimal

from django.utils.translation import gettext as _

from msphub.catalog.choices import Category, Plan, Term, VendorCode
from msphub.kit import addresses, money, text
from msphub.kit.errors import Text

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


# What an entry says of a price, beside the price itself; without any of these it is about product and SKU only.
OF_PRICE = ("list_price", "cost", "valid_from")


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
