"""Ends of terms that are aligned with another subscription or a month's end (contract §10.5, nce-rules.md §7)."""

from collections.abc import Iterator
from datetime import date
from urllib.parse import urlencode

from partner_center_emulator import holdings, renewals, terms
from partner_center_emulator.calls import Answer, Call, Operation, link
from partner_center_emulator.catalogue import Offer
from partner_center_emulator.errors import Json, invalid_property

_PAGE = 300
_TOKEN = "MS-ContinuationToken"  # noqa: S105 - a header's name
NOT_FOR_PRODUCT, OUTSIDE_TERM, MATCHES_NOTHING = "product", "term", "match"


def problem(call: Call, *, offer: Offer, term: str, starts_on: date, wanted: date, beside: str = "") -> str:
    """Why a term can't end on a day, or ""; the end of the subscription it is the term of (`beside`) doesn't count."""
    if not offer.is_seats or offer.is_trial or term not in terms.MONTHS:
        return NOT_FOR_PRODUCT
    if term == "P1M" and wanted.day in (28, 29, 30) and not terms.is_month_end(day=wanted):
        return OUTSIDE_TERM
    if not starts_on <= wanted <= terms.added(day=starts_on, months=terms.MONTHS[term]):
        return OUTSIDE_TERM
    if terms.is_month_end(day=wanted) and wanted <= terms.last_day(starts_on=starts_on, term=term):
        return ""
    for document in _others(call, term=term, beside=beside):
        if wanted in _ends(document, term=term, starts_on=starts_on):
            return ""
    return MATCHES_NOTHING


def _others(call: Call, *, term: str, beside: str) -> Iterator[Json]:
    """Subscriptions that a term of this length may be aligned with."""
    for document in holdings.every(call):
        is_seats = renewals.offer_of(document).is_seats
        if document["status"] != "active" or not is_seats or document["isTrial"] or document["id"] == beside:
            continue
        if document["termDuration"] != "P1M" or term == "P1M":
            yield document


def _ends(document: Json, *, term: str, starts_on: date) -> list[date]:
    """The days inside a term of this length on which another subscription ends, or will end when it is renewed."""
    first, limit = renewals.ends_on(document), terms.added(day=starts_on, months=terms.MONTHS[term])
    found: list[date] = []
    number = 0
    while first is not None:
        end = terms.added(day=first, months=terms.MONTHS[document["termDuration"]] * number)
        if end > limit:
            break
        if end >= starts_on:
            found.append(end)
        number += 1
    return found


def list_dates(call: Call) -> Answer:
    """The days that a new term may end on: the last month's end inside it, and the latest end of each subscription."""
    term = (call.query.get("term_duration") or call.query.get("termduration") or "").upper()
    if term not in terms.MONTHS:
        raise invalid_property(name="TermDuration", description="TermDuration must be P1M, P1Y or P3Y.")
    starts_on = _start(call)
    target = (
        call.query.get("targetcotermsubscriptionid") or call.query.get("target_coterm_subscription_id") or ""
    ).lower()
    dates: dict[date, list[str]] = {}
    for document in _others(call, term=term, beside=""):
        if target and document["id"] != target:
            continue
        ends = [
            end
            for end in _ends(document, term=term, starts_on=starts_on)
            if term != "P1M" or end.day not in (28, 29, 30) or terms.is_month_end(day=end)
        ]
        if ends:
            dates.setdefault(ends[-1], []).append(document["id"])
    items: list[Json] = []
    month_end = terms.month_end_before(day=terms.last_day(starts_on=starts_on, term=term))
    if not target and month_end >= starts_on:
        items.append(_item("calendarMonthAligned", month_end))
    items += [_item("subscriptionAligned", day) | {"cotermSubscriptionIds": dates[day]} for day in sorted(dates)]
    return _page(call, items, term=term)


def _start(call: Call) -> date:
    text = call.query.get("termstartdate") or call.query.get("term_start_date")
    if not text:
        return call.now.date()
    try:
        return terms.day_of(text=text)
    except ValueError as error:
        raise invalid_property(name="TermStartDate", description=f"'{text}' is no date.") from error


def _item(kind: str, day: date) -> Json:
    return {"allowedCustomTermEndDateType": kind, "allowedCustomTermEndDate": f"{day.isoformat()}T00:00:00"}


def _page(call: Call, items: list[Json], *, term: str) -> Answer:
    """Up to 300 of them; the rest waits behind a token in a header of the answer."""
    given = call.headers.get(_TOKEN.lower(), "0")
    first = int(given) if given.isascii() and given.isdigit() else 0
    shown = items[first : first + _PAGE]
    path = f"/customers/{call.customer.tenant_id}/subscriptions/customTermEndDates"
    content = {
        "totalCount": len(shown),
        "items": shown,
        "links": {"self": link(uri=f"{path}?{urlencode({'term_duration': term})}")},
        "attributes": {"objectType": "Collection"},
    }
    headers = {_TOKEN: str(first + _PAGE)} if len(items) > first + _PAGE else {}
    return Answer(content=content, headers=headers)


OPERATIONS: tuple[Operation, ...] = (
    Operation(method="GET", path="/v1/customers/{customer}/subscriptions/customTermEndDates", handler=list_dates),
)
