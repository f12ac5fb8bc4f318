"""Amounts of money and currencies in forms: read and shown as the viewer's language writes them."""

import datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from babel.numbers import (
    NumberFormatError,
    format_decimal,
    get_currency_name,
    get_territory_currencies,
    list_currencies,
    parse_decimal,
)
from django.utils.translation import get_language

from msphub.kit import addresses
from msphub.ui import cells

_LONGEST = 40


def read_amount(value: str) -> Decimal | None:
    """Read an amount as the viewer's language writes it (“1,234.50” or “1.234,50”); None for anything else."""
    clean = value.strip()
    if not clean or len(clean) > _LONGEST or any(sign.isalpha() for sign in clean):
        return None
    try:
        amount = parse_decimal(clean, locale=cells.locale(), strict=True)
    except (NumberFormatError, InvalidOperation, ValueError):
        return None
    return amount if amount.is_finite() else None


def plain(amount: Decimal) -> str:
    """Return an amount as the viewer's language writes it, without needless decimals, to be edited."""
    return str(format_decimal(amount, format="#,##0.##", locale=cells.locale()))


def example() -> str:
    """Return how an amount is written in the viewer's language."""
    return str(format_decimal(Decimal("1234.5"), format="#,##0.00", locale=cells.locale()))


def currencies() -> tuple[tuple[str, str], ...]:
    """Return (code, code and name) of every currency in use somewhere, by code."""
    return _currencies(get_language() or "en")


def currency_of(country: str, *, on: datetime.date) -> str:
    """Return the currency of a country on a day, or an empty text when it has none that we know."""
    if country not in addresses.country_codes():
        return ""
    found: list[str] = get_territory_currencies(country, start_date=on, end_date=on)
    return found[0] if found else ""


@lru_cache(maxsize=32)
def _currencies(_language: str) -> tuple[tuple[str, str], ...]:
    known = {
        code
        for country in addresses.country_codes()
        for code in get_territory_currencies(country, start_date=datetime.date(2020, 1, 1), end_date=None)
    }
    return tuple(
        (code, f"{code} \u2013 {get_currency_name(code, locale=cells.locale())}")
        for code in sorted(known & list_currencies())
    )
