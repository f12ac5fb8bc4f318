"""A language that nobody speaks, made while a test runs: every translated text wears accents between ⟦ and ⟧.

What a page then shows in plain letters never went through gettext.
"""

import re

from django.utils.translation import trans_real

# Placeholders, markup and entities stay what they are.
_KEPT = re.compile(r"(%\(\w+\)[#0 +-]*\d*(?:\.\d+)?[a-zA-Z]|%[sdifrx%]|\{[^{}]*\}|<[^<>]+>|&#?\w+;)")
_PLAIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ACCENTED = "åƀçđéƒĝĥîĵķļɱñöþǫŕšŧûṽŵẋýžÅƁÇÐÉƑĜĤÎĴĶĻṀÑÖÞǪŔŠŦÛṼŴẊÝŽ"
_LETTERS = str.maketrans(_PLAIN, _ACCENTED)


def pseudo(text: str) -> str:
    """Return a text in the language."""
    if not any(letter in _PLAIN for letter in text):
        return text
    parts = _KEPT.split(text)
    return "⟦" + "".join(part if number % 2 else part.translate(_LETTERS) for number, part in enumerate(parts)) + "⟧"


class Translations(trans_real.DjangoTranslation):  # type: ignore[misc]
    """Translates everything that is asked of it, with or without a catalogue."""

    def __init__(self) -> None:
        super().__init__("en")

    def gettext(self, message: str) -> str:
        return pseudo(message.rpartition(trans_real.CONTEXT_SEPARATOR)[2])

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self.gettext(msgid1 if n == 1 else msgid2)


def speak() -> None:
    """Let this process speak the language from now on. For a process of its own: texts made once are kept."""
    trans_real._translations["en"] = trans_real._default = Translations()
