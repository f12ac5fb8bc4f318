"""Terms, charge cycles and pro rata of Microsoft products, as Microsoft counts them (nce-rules.md §9.1-9.3).

All dates are UTC dates. A `Period` is half-open, as everywhere in this code base; Microsoft's own dates name the last
day, which is `Period.last_on`. Everything is counted from the day of purchase, the anchor, which is stored and never
replaced by a later start: Jan 31, Feb 28, Mar 31 and not Jan 31, Feb 28, Mar 28 (§9.1 rule 4 leaves that open).

Which day a cycle starts:

- in a monthly term, and at the start of every term: the anchor's day of the month, or the month's last day if it has
  no such day (rule 1);
- within longer terms charged monthly: bought on the last day of a month or on the day before it, the same distance
  from the end of every month (rule 2); on any other day as above (rule 3). Day 29 of a month of 31 is "any other".

A term always starts by rule 1, whatever the plan, so that changing the plan doesn't move the end of a term. That is
seen only by terms bought at the end of a February: 2023-02-28 renews on 2024-02-28, not on the 29th.
"""

import calendar
import dataclasses
import datetime
import decimal
import itertools
import re
from collections.abc import Iterator
from decimal import Decimal

from msphub.catalog.choices import Plan

_TERM = re.compile(r"P([1-9]\d?)([MY])", re.ASCII)  # P1M, P1Y, P3Y, and what else Microsoft may come to sell
_PLAN_MONTHS: dict[str, int] = {Plan.MONTHLY: 1, Plan.ANNUAL: 12, Plan.TRIENNIAL: 36}
# Enough for every digit that counts: prices have at most 18 digits before and after the point, quantities 9.
_EXACT = decimal.Context(prec=60, rounding=decimal.ROUND_HALF_EVEN)


@dataclasses.dataclass(frozen=True, kw_only=True, order=True, slots=True)
class Period:
    """Days from `starts_on` up to, and without, `ends_before`."""

    starts_on: datetime.date
    ends_before: datetime.date

    @property
    def last_on(self) -> datetime.date:
        """The last day, which is what Microsoft calls an end date."""
        return self.ends_before - datetime.timedelta(days=1)

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.ends_before - self.starts_on).days

    def __contains__(self, day: datetime.date) -> bool:
        return self.starts_on <= day < self.ends_before


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Charge:
    """What one line costs: the price of one unit for the days billed, unrounded, and the line's rounded amount."""

    effective_unit_price: Decimal
    amount: Decimal


def term_end(*, starts_on: datetime.date, term: str) -> datetime.date:
    """Return the last day, inclusive, of the first term: Microsoft's `commitmentEndDate`.

    Refuses (ValueError) what has no term. Not for a trial, which has 30 days whatever its month.
    """
    return _months_later(starts_on, _term_months(term)) - datetime.timedelta(days=1)


def terms(*, starts_on: datetime.date, term: str) -> Iterator[Period]:
    """Yield the first term and every renewal of it, without an end, all counted from `starts_on`."""
    months = _term_months(term)
    return _periods(_months_later(starts_on, months * number) for number in itertools.count())


def cycles(*, starts_on: datetime.date, term: str, plan: str) -> Iterator[Period]:
    """Yield the charge cycles of a purchase, without an end: they run on through its renewals.

    Gapless, and every term is covered by whole cycles: one if paid at once, otherwise as many as the plan asks for.
    Refuses (ValueError) at once what has no term, plan `none` (trials aren't charged), and plans that don't divide it.
    """
    months = _cycle_months(term=term, plan=plan)
    return _periods(
        _cycle_start(starts_on, number * months, term_months=_term_months(term), plan=plan)
        for number in itertools.count()
    )


def cycle_of(*, day: datetime.date, starts_on: datetime.date, term: str, plan: str) -> Period:
    """Return the charge cycle that a day lies in, without counting up from the start.

    Refuses (ValueError) a day before `starts_on`, and what `cycles` refuses.
    """
    if day < starts_on:
        raise ValueError(f"{day} is before the purchase on {starts_on}.")
    months, term_months = _cycle_months(term=term, plan=plan), _term_months(term)
    elapsed = (day.year - starts_on.year) * 12 + day.month - starts_on.month
    number = elapsed // months
    start = _cycle_start(starts_on, number * months, term_months=term_months, plan=plan)
    if start > day:  # the month's start is yet to come
        number -= 1
        start = _cycle_start(starts_on, number * months, term_months=term_months, plan=plan)
    return Period(
        starts_on=start,
        ends_before=_cycle_start(starts_on, (number + 1) * months, term_months=term_months, plan=plan),
    )


def cycle_days(*, cycle: Period, plan: str) -> int:
    """Return the days that a whole cycle counts for pro rata: what the price of a cycle is divided by.

    Charged monthly it is the number of days of the calendar month in which the cycle starts (§9.2); that is the cycle's
    length, except for cycles at the end of a month (Jan 31 to Feb 27 counts 31). Otherwise its length: 365 or 366 for
    a year.
    """
    if plan == Plan.MONTHLY:
        return _month_days(cycle.starts_on)
    return cycle.days


def billing_days(*, cycle: Period, plan: str, from_on: datetime.date) -> int:
    """Return the days to bill, or to give back, when something changes on a day of a cycle.

    From that day to the cycle's last, both of them counted (§9.2). From its first day a cycle counts whole, so that it
    costs its price, and never more than whole, though Feb 28 to Mar 30 has 31 days and counts 28. Refuses (ValueError)
    a day outside the cycle.
    """
    if from_on not in cycle:
        raise ValueError(f"{from_on} is not in the cycle {cycle.starts_on} to {cycle.last_on}.")
    whole = cycle_days(cycle=cycle, plan=plan)
    if from_on == cycle.starts_on:
        return whole
    return min((cycle.ends_before - from_on).days, whole)


def charge(*, unit_price: Decimal, cycle_days: int, billing_days: int, quantity: int, minor_digits: int = 2) -> Charge:
    """Return what a customer is charged for some days of a cycle; the line is rounded half up to the minor unit.

    `unit_price` is per unit and whole cycle, negative for what is given back: a refund is the exact opposite of its
    charge. The line is computed from the unrounded price. `minor_digits` of the currency: 2 for EUR, 0 for JPY.
    Refuses (ValueError) days and quantities below 1 and more days than the cycle has.
    """
    return _charge(unit_price, cycle_days, billing_days, quantity, minor_digits, decimal.ROUND_HALF_UP)


def microsoft_charge(
    *, unit_price: Decimal, cycle_days: int, billing_days: int, quantity: int, minor_digits: int = 2
) -> Charge:
    """Return what Microsoft charges a partner for some days of a cycle: as `charge`, but the line is truncated.

    Formula A of §9.3: ROUNDDOWN(unrounded effective unit price × quantity, 2). Microsoft's own cancellation and
    conversion lines may truncate the unit price first (formula B), which is why reconciliation allows 0.01 a unit.
    """
    return _charge(unit_price, cycle_days, billing_days, quantity, minor_digits, decimal.ROUND_DOWN)


def _charge(
    unit_price: Decimal, cycle_days: int, billing_days: int, quantity: int, minor_digits: int, rounding: str
) -> Charge:
    if cycle_days < 1 or billing_days < 1 or quantity < 1:
        raise ValueError("There are at least 1 of cycle days, billing days and quantity.")
    if billing_days > cycle_days:
        raise ValueError(f"A cycle of {cycle_days} days can't be billed for {billing_days}.")
    # Divide last: a line that comes out even in the minor unit must not lose one to a rounded quotient.
    unit_days = _EXACT.multiply(unit_price, Decimal(billing_days))
    line = _EXACT.divide(_EXACT.multiply(unit_days, Decimal(quantity)), Decimal(cycle_days))
    return Charge(
        effective_unit_price=_EXACT.divide(unit_days, Decimal(cycle_days)),
        amount=line.quantize(Decimal(1).scaleb(-minor_digits), rounding=rounding, context=_EXACT),
    )


def _term_months(term: str) -> int:
    found = _TERM.fullmatch(term)
    if found is None:
        raise ValueError(f"A term of {term!r} has no end and no cycles." if term else "What has no term has no cycles.")
    return int(found.group(1)) * (12 if found.group(2) == "Y" else 1)


def _cycle_months(*, term: str, plan: str) -> int:
    term_months = _term_months(term)
    if plan == Plan.ONE_TIME:
        return term_months
    months = _PLAN_MONTHS.get(plan)
    if months is None:
        raise ValueError(f"Plan {plan} has no charge cycles.")
    if term_months % months:
        raise ValueError(f"A term of {term} can't be charged by plan {plan}.")
    return months


def _cycle_start(anchor: datetime.date, months: int, *, term_months: int, plan: str) -> datetime.date:
    """Return the start of the cycle that begins so many months after the anchor."""
    same_day = _months_later(anchor, months)
    from_end = _month_days(anchor) - anchor.day
    if plan != Plan.MONTHLY or months % term_months == 0 or from_end > 1:
        return same_day
    return same_day.replace(day=_month_days(same_day) - from_end)


def _months_later(day: datetime.date, months: int) -> datetime.date:
    """Return the same day of a later month, or the last one of a month that is shorter."""
    years, month = divmod(day.month - 1 + months, 12)
    first = datetime.date(day.year + years, month + 1, 1)
    return first.replace(day=min(day.day, _month_days(first)))


def _month_days(day: datetime.date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def _periods(starts: Iterator[datetime.date]) -> Iterator[Period]:
    return (Period(starts_on=start, ends_before=following) for start, following in itertools.pairwise(starts))
