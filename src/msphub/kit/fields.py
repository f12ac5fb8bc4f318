"""Checks of single values that every form and every API call need. Each returns the clean value and what is wrong."""

from functools import lru_cache

import phonenumbers
from django.utils.translation import gettext as _
from email_validator import EmailNotValidError, validate_email

from msphub.kit import text

type Checked = tuple[str, str | None]


def line(value: str, *, most: int, missing: str | None) -> Checked:
    """Check one line of text: not empty when `missing` says what to do, not longer than `most`, nothing unprintable."""
    if text.has_control_characters(value):
        return value, _("Remove the invisible control characters.")
    clean = text.tidy(value)
    if not clean:
        return clean, missing
    if len(clean) > most:
        return clean, _("At most %(most)s characters; this has %(count)s.") % {"most": most, "count": len(clean)}
    return clean, None


def company_name(value: str, *, missing: str) -> Checked:
    """Check a company's name as Microsoft does (validation.md §5): more than one character, not punctuation only."""
    clean, problem = line(value, most=200, missing=missing)
    if problem is None and (len(clean) < 2 or not any(c.isalnum() or ord(c) > 0x2FFF for c in clean)):
        return clean, _("Enter the legal name of the company, with more than one character.")
    return clean, problem


def email(value: str, *, missing: str | None) -> Checked:
    """Check an e-mail address by its form only, never by asking DNS. The domain is kept in lower case."""
    clean = value.strip()
    if not clean:
        return clean, missing
    if len(clean) > 254 or text.has_control_characters(clean):
        return clean[:254], _("Enter an e-mail address such as name@company.com.")
    normalized = _normalized_email(clean)
    if normalized is None:
        return clean, _("“%(value)s” is not an e-mail address such as name@company.com.") % {"value": clean[:80]}
    return normalized, None


# A wizard checks the same addresses at each step and again when it creates; that took a tenth of a creation.
@lru_cache(maxsize=1024)
def _normalized_email(value: str) -> str | None:
    try:
        return validate_email(value, check_deliverability=False, globally_deliverable=False).normalized
    except EmailNotValidError:
        return None


def phone(value: str, *, country: str) -> Checked:
    """Turn a phone number as typed into E.164; `country` is the one whose calling code holds without a “+”."""
    clean = text.tidy(value)
    if not clean:
        return "", None
    try:
        number = phonenumbers.parse(clean[:60], country or None)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_possible_number(number):
        return clean[:60], _("“%(value)s” is not a phone number here. Choose its country code, or begin with “+”.") % {
            "value": clean[:40]
        }
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), None


def shown_phone(value: str) -> str:
    """Return an E.164 number as people read it."""
    if not value:
        return ""
    try:
        number = phonenumbers.parse(value)
    except phonenumbers.NumberParseException:
        return value
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def calling_codes() -> list[tuple[str, str]]:
    """Return (country, "+code") of every country that has a calling code."""
    return [
        (region, f"+{phonenumbers.country_code_for_region(region)}")
        for region in sorted(phonenumbers.SUPPORTED_REGIONS)
    ]
