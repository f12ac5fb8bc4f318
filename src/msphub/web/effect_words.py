"""What a change of a customer type would do, in sentences: “41 customers will pay 5 % less from tomorrow.”"""

import datetime
import uuid
from decimal import Decimal
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from msphub.catalog import described
from msphub.catalog.queries import DiscountRow, Span
from msphub.customers import credit_terms
from msphub.customers.customer_types import rate
from msphub.customers.type_effects import CountryEffect, DiscountEffect
from msphub.kit import addresses
from msphub.ui import cells
from msphub.web import shown


def country(effect: CountryEffect, *, type_id: uuid.UUID, today: datetime.date) -> dict[str, Any]:
    """Return one country's effects for the page: who, what of the credit term, which prices from when."""
    before = credit_terms.described(effect.term_before) if effect.term_before else {}
    after = credit_terms.described(effect.term_after) if effect.term_after else {}
    changed = effect.term_before != effect.term_after
    return {
        "name": addresses.country_name(effect.country),
        "customers": shown.counted(effect.customers),
        "customers_url": shown.customers_url(type_id=type_id, country=effect.country),
        "term": [
            (label, before.get(label), after.get(label))
            for label in dict.fromkeys([*before, *after])
            if label != "Country" and before.get(label) != after.get(label)
        ]
        if changed
        else [],
        "discounts": [_discount(one, who=shown.counted(effect.customers), today=today) for one in effect.discounts],
        "refusal": _refusal(effect),
        "in_the_way": [
            {"name": one.name, "url": reverse("customer", kwargs={"customer_id": one.id, "tab": "profile"})}
            for one in effect.in_the_way[:10]
        ],
        "more_in_the_way": len(effect.in_the_way) > 10,
    }


def _refusal(effect: CountryEffect) -> str:
    if not effect.in_the_way:
        return ""
    if effect.term_after is None:
        return _("These customers would have no credit terms. Give them another type first.")
    return _("These customers are charged in another currency than %(currency)s by their Partner Subscription.") % {
        "currency": effect.term_after.currency
    }


def _discount(effect: DiscountEffect, *, who: str, today: datetime.date) -> dict[str, Any]:
    one = effect.after or effect.before
    if one is None:
        raise ValueError("a discount comes or goes")
    return {
        "vendor": str(one.vendor.label),
        "category": str(one.category.label),
        "before": _named(effect.before),
        "after": _named(effect.after),
        "sentences": [
            _sentence(who=who, old=old, new=new, on=on, today=today) for on, old, new in _steps(effect, today)
        ],
    }


def _steps(effect: DiscountEffect, today: datetime.date) -> list[tuple[datetime.date, Span | None, Span | None]]:
    """Return the days on which what is paid begins to differ, with the rates before and after the change."""
    days = {today}
    for one in (effect.before, effect.after):
        if one is not None and one.coming is not None:
            days.add(one.coming.valid_from)
    found: list[tuple[datetime.date, Span | None, Span | None]] = []
    for day in sorted(days):
        old, new = _on(effect.before, day), _on(effect.after, day)
        if _shape(old) != _shape(new) or (
            found and (_shape(old), _shape(new)) != (_shape(found[-1][1]), _shape(found[-1][2]))
        ):
            found.append((day, old, new))
    return found


def _on(row: DiscountRow | None, day: datetime.date) -> Span | None:
    if row is None:
        return None
    return row.coming if row.coming is not None and row.coming.valid_from <= day else row.in_force


def _shape(span: Span | None) -> tuple[Decimal | None, Decimal | None]:
    return (Decimal(0), Decimal(0)) if span is None else (span.lowest, span.highest)


def _sentence(*, who: str, old: Span | None, new: Span | None, on: datetime.date, today: datetime.date) -> str:
    """Say who pays how much less or more, in percent of the list price, and from when."""
    shown_day = cells.day(on)
    day = shown_day.shown if shown_day else ""
    when = {0: _("from today"), 1: _("from tomorrow")}.get((on - today).days, _("from %(day)s") % {"day": day})
    before, after = _single(old), _single(new)
    if before is None or after is None:
        return _("%(who)s will get %(new)s instead of %(old)s off the list price %(when)s.") % {
            "who": who,
            "new": rate(new) if new else described.percent(Decimal(0)),
            "old": rate(old) if old else described.percent(Decimal(0)),
            "when": when,
        }
    difference = after - before
    values = {"who": who, "points": described.percent(abs(difference)), "when": when}
    if difference == 0:
        return _("%(who)s will pay the same %(when)s.") % values
    if before == 0:
        return _("%(who)s will pay %(points)s less %(when)s.") % values
    if difference > 0:
        return _("%(who)s will pay %(points)s of the list price less %(when)s.") % values
    return _("%(who)s will pay %(points)s of the list price more %(when)s.") % values


def _single(span: Span | None) -> Decimal | None:
    """Return the one rate of a version; None where rates differ by product or quantity."""
    if span is None:
        return Decimal(0)
    return span.lowest if span.lowest == span.highest else None


def _named(row: DiscountRow | None) -> str:
    if row is None:
        return _("none")
    return f"{row.name} ({rate(row.in_force or row.coming)})"
