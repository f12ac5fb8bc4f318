"""Days of terms and charge cycles (nce-rules.md §9.1). Last days are inclusive; every day is UTC."""

import calendar
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from partner_center_emulator.clock import parse_instant, written

MONTHS = {"P1M": 1, "P1Y": 12, "P3Y": 36}
CYCLE_MONTHS = {"monthly": 1, "annual": 12, "triennial": 36}
DAY = timedelta(days=1)
_TRIAL_DAYS = 30


def added(*, day: date, months: int) -> date:
    """The same day so many months later, or the last one of a month that hasn't so many days."""
    years, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def is_month_end(*, day: date) -> bool:
    """Whether it is the last day of its month."""
    return (day + DAY).day == 1


def month_end_before(*, day: date) -> date:
    """The last month's end that isn't after a day."""
    return day if is_month_end(day=day) else day.replace(day=1) - DAY


def last_day(*, starts_on: date, term: str, number: int = 0, is_trial: bool = False) -> date:
    """The last day of a term, or of the `number`-th one after it, counted from the first one's start."""
    if is_trial:
        return starts_on + timedelta(days=_TRIAL_DAYS - 1)
    return added(day=starts_on, months=MONTHS[term] * (number + 1)) - DAY


def cycle_start(*, anchor: date, months: int) -> date:
    """When a charge cycle starts so many months after a purchase: its distance from a month's end is kept (rule 2)."""
    days = calendar.monthrange(anchor.year, anchor.month)[1]
    if anchor.day == days or (anchor.day == 30 and days == 31):
        return added(day=anchor.replace(day=1), months=months + 1) - timedelta(days=days - anchor.day + 1)
    return added(day=anchor, months=months)


def cycles(*, starts_on: date, ends_on: date, cycle: str, term: str) -> Iterator[tuple[date, date, date]]:
    """First and last day of each charge cycle of a term, and the day it would have ended had the term gone on."""
    months = CYCLE_MONTHS.get(cycle, 0)
    if not months or months >= MONTHS[term]:
        yield starts_on, ends_on, last_day(starts_on=starts_on, term=term)
        return
    number, first = 0, starts_on
    while first <= ends_on:
        number += 1
        whole = cycle_start(anchor=starts_on, months=months * number) - DAY
        yield first, min(whole, ends_on), whole
        first = whole + DAY


def midnight(*, day: date) -> str:
    """A day as Partner Center writes ends of terms."""
    return f"{day.isoformat()}T00:00:00Z"


def day_of(*, text: str) -> date:
    """The day of an instant as a request or a document writes it. ValueError if unreadable."""
    return parse_instant(text=text).date()


def start_of(*, day: date) -> datetime:
    """The first instant of a day."""
    return datetime.combine(day, time(), tzinfo=UTC)


def end_of(*, day: date) -> str:
    """The last second of a day, as Partner Center writes it."""
    return written(instant=datetime.combine(day, time(23, 59, 59), tzinfo=UTC)).replace(".000Z", "Z")
