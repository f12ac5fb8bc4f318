"""Text as people write it, folded for searching and sorting, and checked for what no name may hold."""

import re
import unicodedata

# Read alike by Python and PostgreSQL.
WORD_BREAKS = r"[\s@._\-/\\,;:()\[\]\"'+&|!?*]+"
_WORD_BREAKS = re.compile(WORD_BREAKS)
_SPACES = re.compile(r"[ \t\u00a0\u2000-\u200a\u202f\u205f\u3000]+")
# Bidirectional overrides can make a name read as another one; joiners (ZWJ, ZWNJ) are part of many scripts and emoji.
_BIDI_OVERRIDES = {"\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068", "\u2069"}


def tidy(value: str) -> str:
    """Normalise to NFC, trim, and fold runs of blanks into one."""
    return _SPACES.sub(" ", unicodedata.normalize("NFC", value)).strip()


def has_control_characters(value: str, *, multiline: bool = False) -> bool:
    """Tell whether a text holds control, override or unassigned characters that no name or address line needs."""
    for character in value:
        if multiline and character in "\n\r\t":
            continue
        if character in _BIDI_OVERRIDES or unicodedata.category(character) in {"Cc", "Cs", "Co", "Cn"}:
            return True
    return False


def fold(value: str) -> str:
    """Return the text in lower case without accents: the form in which names are compared and sorted."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", value).casefold())
    bare = "".join(c for c in folded if not unicodedata.combining(c))
    return unicodedata.normalize("NFKC", bare).casefold().strip()


def search_words(value: str) -> list[str]:
    """Split folded text into words; e-mail addresses and domains split at @ . _ - so that each part is found."""
    return [word for word in _WORD_BREAKS.split(fold(value)) if word]


def search_text(*values: str) -> str:
    """Return the distinct words of several texts, for a `simple` tsvector."""
    seen: dict[str, None] = {}
    for value in values:
        for word in search_words(value):
            seen.setdefault(word[:200])
    return " ".join(seen)


def prefix_query(value: str, *, most_words: int = 8) -> str:
    """Return a tsquery in which every word must begin some word of the text; empty when there is nothing to search."""
    words = [re.sub(r"[^\w]", "", word) for word in search_words(value)[:most_words]]
    return " & ".join(f"'{word}':*" for word in words if word)
