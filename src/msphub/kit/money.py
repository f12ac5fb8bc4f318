"""Amounts of money: rounded to the currency's minor unit at this one place, and shown by locale."""

import dataclasses
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from babel.core import get_global
from babel.numbers import get_currency_precision, get_currency_symbol, get_territory_currencies

from msphub.kit import locales


@dataclasses.dataclass(frozen=True, slots=True)
class Amount:
    """An amount in its currency, as a value among others; in words it follows the locale of who reads it."""

    amount: Decimal
    currency: str

    def __str__(self) -> str:
        return shown(self.amount, self.currency)


def minor_digits(currency: str) -> int:
    """Return how many places a currency's amounts have: 2 for EUR, 0 for JPY."""
    return int(get_currency_precision(currency.upper()))


def currencies() -> list[tuple[str, str]]:
    """Return (code, words) of every currency that some country pays in now, by code, in the viewer's language."""
    return list(_currencies(locales.language()))


def rounded(amount: Decimal, currency: str) -> Decimal:
    """Return an amount rounded half up to the currency's minor unit, as every line of a document is."""
    return amount.quantize(Decimal(1).scaleb(-minor_digits(currency)), ROUND_HALF_UP)


def shown(amount: Decimal, currency: str) -> str:
    """Return the amount in the currency's minor unit, by the active locale: `$1,234.50`, `1.234,50 €`."""
    return _shown(locales.language(), Decimal(amount), currency)


def shown_exactly(amount: Decimal, currency: str) -> str:
    """Return an amount with as many places as it has, at least those of its currency: `$6.615`, `6,615 €`."""
    places = -int(amount.normalize().as_tuple().exponent)
    if places <= minor_digits(currency):
        return shown(amount, currency)
    _places, _point, _group, before, after, minus = _shape(locales.language(), currency.upper())
    return f"{minus if amount < 0 else ''}{before}{number(abs(amount).normalize())}{after}"


def number(value: int | Decimal) -> str:
    """Return a figure grouped by the active locale."""
    _places, point, group, *_rest = _shape(locales.language(), "USD")
    whole, dot, fraction = f"{value:,}".partition(".")
    return whole.replace(",", group) + (point + fraction if dot else "")


@lru_cache(maxsize=8192)
def _shown(language: str, amount: Decimal, currency: str) -> str:
    _places, point, group, before, after, minus = _shape(language, currency.upper())
    text = f"{rounded(amount, currency):,f}"
    sign = ""
    if text.startswith("-"):
        sign, text = minus, text[1:]
    whole, _dot, fraction = text.partition(".")
    whole = whole.replace(",", group)
    return f"{sign}{before}{whole}{point + fraction if fraction else ''}{after}"


@lru_cache(maxsize=512)
def _shape(language: str, currency: str) -> tuple[int, str, str, str, str, str]:
    """Places, decimal point, group sign, and what stands before and after, of a currency in a language."""
    locale = locales.of(language)
    pattern = locale.currency_formats["standard"]
    symbols = locale.number_symbols.get("latn", locale.number_symbols)
    symbol = get_currency_symbol(currency, locale)
    before, after = pattern.prefix[0].replace("¤", symbol), pattern.suffix[0].replace("¤", symbol)
    if before and before[-1].isalpha():
        before += "\u00a0"
    return minor_digits(currency), symbols["decimal"], symbols["group"], before, after, symbols["minusSign"]


@lru_cache(maxsize=8)
def _currencies(language: str) -> tuple[tuple[str, str], ...]:
    codes = {code for country in get_global("territory_currencies") for code in get_territory_currencies(country)}
    names = locales.of(language).currencies
    return tuple((code, f"{code} ({names.get(code, code)})") for code in sorted(codes))
