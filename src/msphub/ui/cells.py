"""Small values that know their HTML: what a grid's cell, a definition list or an audit entry shows.

Every type escapes what it is given and answers `str(value)` / `__html__` in about a microsecond, so a page of 25 rows
stays far below its budget. Formatting follows the active locale.
"""

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from html import escape as _escape
from typing import Any, Literal, Protocol, runtime_checkable

from babel import Locale
from babel.dates import format_date, format_time
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from msphub.kit import locales, money

Tone = Literal["ok", "info", "warn", "danger", "muted"]
TONES: frozenset[str] = frozenset({"ok", "info", "warn", "danger", "muted"})
_special = re.compile(r"[&<>\"']").search
NOTHING = SafeString('<span class="nothing" aria-hidden="true">\u2013</span>')


def escape(text: str) -> str:
    """HTML-escaped text; most texts have nothing to escape and are returned as they are."""
    return _escape(text) if _special(text) else text


@runtime_checkable
class Html(Protocol):
    """Anything that renders itself to safe HTML."""

    def __html__(self) -> str:
        """The safe HTML."""
        ...


def html(value: Any) -> str:
    """Safe HTML of a cell's value: types render themselves, text is escaped, None and "" show a dash."""
    if value is None or value == "":
        return NOTHING
    rendered = getattr(value, "__html__", None)
    return escape(str(value)) if rendered is None else str(rendered())


@dataclass(frozen=True, slots=True)
class Text:
    """Words, with an optional quieter second line."""

    text: str
    sub: str = ""

    def __html__(self) -> str:
        """Escaped text, the second line below it."""
        if not self.text and not self.sub:
            return NOTHING
        if self.sub:
            return f'{escape(self.text)}<span class="sub">{escape(self.sub)}</span>'
        return escape(self.text)


@dataclass(frozen=True, slots=True)
class Link:
    """A real link; without a URL it is plain text. Only http(s), mailto, tel and local addresses become links."""

    text: str
    url: str | None
    sub: str = ""

    def __html__(self) -> str:
        """The anchor, the second line below it."""
        below = f'<span class="sub">{escape(self.sub)}</span>' if self.sub else ""
        if not self.url or not is_safe_url(self.url):
            return (escape(self.text) or NOTHING) + below
        return f'<a href="{escape(self.url)}">{escape(self.text)}</a>{below}'


@dataclass(frozen=True, slots=True)
class Status:
    """A dot and a word, never colour alone, with an optional quieter second line."""

    word: str
    tone: Tone = "muted"
    title: str = ""
    sub: str = ""

    def __html__(self) -> str:
        """The dot and the word; an unknown tone is muted."""
        tone = self.tone if self.tone in TONES else "muted"
        title = f' title="{escape(self.title)}"' if self.title else ""
        below = f'<span class="sub">{escape(self.sub)}</span>' if self.sub else ""
        return f'<span class="state state-{tone}"{title}>{escape(str(self.word))}</span>{below}'


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in its currency, formatted by locale, in tabular figures."""

    amount: Decimal | None
    currency: str

    def __html__(self) -> str:
        """The formatted amount."""
        if self.amount is None:
            return NOTHING
        return f'<span class="num">{escape(money.shown(self.amount, self.currency))}</span>'


@dataclass(frozen=True, slots=True)
class Number:
    """A figure, grouped by locale."""

    value: int | Decimal | None

    def __html__(self) -> str:
        """The formatted figure."""
        if self.value is None:
            return NOTHING
        return f'<span class="num">{escape(money.number(self.value))}</span>'


@dataclass(frozen=True, slots=True)
class Date:
    """A day or an instant: what is shown, what machines read, and the exact instant on hover."""

    iso: str
    shown: str
    title: str = ""

    def __html__(self) -> str:
        """The `<time>` element."""
        title = f' title="{escape(self.title)}"' if self.title else ""
        return f'<time datetime="{escape(self.iso)}"{title}>{escape(self.shown)}</time>'


@dataclass(frozen=True, slots=True)
class Mark:
    """Yes or no, as an icon-free word so that it reads everywhere."""

    value: bool | None

    def __html__(self) -> str:
        """Yes, No, or a dash."""
        if self.value is None:
            return NOTHING
        return escape(_("Yes") if self.value else _("No"))


def is_safe_url(url: str) -> bool:
    """Whether a URL may be an href: local, http(s), mailto or tel; never javascript: or data:."""
    head = url.strip().split("?", 1)[0].split("#", 1)[0]
    if head.startswith("//") or "\\" in head:
        return False
    scheme, colon, _rest = head.partition(":")
    return not colon or "/" in scheme or scheme.lower() in {"http", "https", "mailto", "tel"}


def locale() -> Locale:
    """Babel's locale of the active language, English if unknown."""
    return locales.of(locales.language())


@lru_cache(maxsize=4096)
def _shown_day(language: str, value: dt.date) -> str:
    return format_date(value, "medium", locale=locales.of(language))


@lru_cache(maxsize=4096)
def _shown_time(language: str, value: dt.time) -> str:
    return format_time(value, "short", locale=locales.of(language))


def day(value: dt.date | None) -> Date | None:
    """A calendar day, by locale."""
    if value is None:
        return None
    return Date(iso=value.isoformat(), shown=_shown_day(locales.language(), value))


def moment(value: dt.datetime | None, *, with_time: bool = True) -> Date | None:
    """An instant in the viewer's zone (Django's current one), the exact instant with its offset on hover."""
    if value is None:
        return None
    zone = timezone.get_current_timezone() if value.tzinfo is not None else None
    return _moment(locales.language(), value, value.isoformat(), zone, with_time)


def moments(*, with_time: bool = True) -> Callable[[dt.datetime], Date]:
    """`moment` for a column of instants: asks once, not in every row, for language and zone."""
    language, zone = locales.language(), timezone.get_current_timezone()
    return lambda value: _moment(language, value, value.isoformat(), zone, with_time)


@lru_cache(maxsize=8192)
def _moment(language: str, value: dt.datetime, iso: str, zone: dt.tzinfo | None, with_time: bool) -> Date:
    local = value.astimezone(zone) if zone is not None else value
    shown = _shown_day(language, local.date())
    if with_time:
        shown = f"{shown}, {_shown_time(language, dt.time(local.hour, local.minute))}"
    return Date(iso=iso, shown=shown, title=f"{local:%Y-%m-%d %H:%M:%S} {local:%Z}".strip())


def ago(value: dt.datetime | None, *, now: dt.datetime) -> Date | None:
    """How long ago (or until) an instant is, against the given now; a day far away shows as a date."""
    if value is None:
        return None
    exact = moment(value)
    if exact is None:
        return None
    seconds = (now - value).total_seconds()
    return Date(iso=exact.iso, shown=_distance(seconds) or exact.shown, title=exact.title)


def _distance(seconds: float) -> str:
    """Words for a distance of up to 30 days, past if positive; "" beyond that."""
    size = abs(seconds)
    if size < 45:
        return _("just now") if seconds >= 0 else _("in a moment")
    if size < 3570:
        count = max(1, round(size / 60))
        words = ngettext("%(count)d minute", "%(count)d minutes", count)
    elif size < 86_000:
        count = round(size / 3600)
        words = ngettext("%(count)d hour", "%(count)d hours", count)
    elif size < 30 * 86_400:
        count = round(size / 86_400)
        words = ngettext("%(count)d day", "%(count)d days", count)
    else:
        return ""
    distance = words % {"count": count}
    return (_("%(distance)s ago") if seconds > 0 else _("in %(distance)s")) % {"distance": distance}
