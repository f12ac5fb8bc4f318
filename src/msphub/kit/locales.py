"""Babel's locale of the language that is being spoken."""

from functools import lru_cache

from babel import Locale, UnknownLocaleError
from django.utils import translation


def language() -> str:
    """Return the active language; English while none is."""
    return translation.get_language() or "en"


@lru_cache(maxsize=64)
def of(name: str) -> Locale:
    """Return Babel's locale of a language, English if unknown."""
    try:
        return Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return Locale.parse("en")
