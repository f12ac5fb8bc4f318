"""Phone numbers in the shape a country's `phoneNumberRegex` wants; the regular expression is Microsoft's data."""

import re
from collections.abc import Iterator

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat

_NAMED_GROUP = re.compile(r"\(\?<(?=[A-Za-z_])")  # as .NET writes it


def shaped(*, number: str, country: str | None, regex: str | None) -> str | None:
    """Return the number in the first usual shape that the regular expression accepts, None when it accepts none.

    `number` may be E.164 or written as people of `country` do. Without a usable expression (Microsoft's are written
    for .NET) the national digits are returned.
    """
    pattern = _compiled(regex)
    for candidate in _candidates(number=number.strip(), country=country):
        if pattern is None or pattern.search(candidate):
            return candidate
    return None


def country_of(*, number: str) -> str | None:
    """Return the ISO-3166 alpha-2 country of an international number, None when it can't be told."""
    parsed = _parsed(number=number, country=None)
    return phonenumbers.region_code_for_number(parsed) if parsed is not None else None


def _candidates(*, number: str, country: str | None) -> Iterator[str]:
    parsed = _parsed(number=number, country=country)
    if parsed is not None:
        national = phonenumbers.national_significant_number(parsed)
        trunk = phonenumbers.format_number(parsed, PhoneNumberFormat.NATIONAL)
        international = phonenumbers.format_number(parsed, PhoneNumberFormat.INTERNATIONAL)
        yield national
        yield re.sub(r"\D", "", trunk)
        yield f"{parsed.country_code}{national}"
        yield f"+{parsed.country_code}{national}"
        yield trunk
        yield re.sub(r"\W+", "-", trunk).strip("-")
        yield international
        yield re.sub(r"[^\d+]+", "-", international)
        yield international.removeprefix("+")
        yield f"00{parsed.country_code}{national}"
    else:
        yield re.sub(r"\D", "", number)
    yield number


def _parsed(*, number: str, country: str | None) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(number, country.upper() if country else None)
    except phonenumbers.NumberParseException:
        return None


def _compiled(regex: str | None) -> re.Pattern[str] | None:
    if not regex:
        return None
    try:
        return re.compile(_NAMED_GROUP.sub("(?P<", regex))
    except (re.error, OverflowError, RecursionError):
        return None
