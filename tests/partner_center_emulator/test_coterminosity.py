"""Ends of terms aligned with others, over raw HTTP, held against contract §10.5 and nce-rules.md §7."""

from typing import Any

import contract_shapes as shapes
import pytest
from shop import BASIC, BASIC_TRIAL, E3, Shop, refusal

DATE = {
    "allowedCustomTermEndDateType": {"calendarMonthAligned", "subscriptionAligned"},
    "allowedCustomTermEndDate": "instant",
    "cotermSubscriptionIds?": ["str"],
}


def dates(shop: Shop, query: str) -> dict[str, Any]:
    """Days by kind, and the subscriptions behind them."""
    response = shop.owner.get(f"{shop.base}/subscriptions/customTermEndDates?{query}")
    assert response.status_code == 200, response.text
    body = response.json()
    assert not [
        fault
        for fault in shapes.faults(body, shapes.collection(DATE, has_links=True))
        if "allowedCustomTermEndDate is no instant" not in fault  # Microsoft writes these without a zone
    ]
    return {
        one["allowedCustomTermEndDate"][:10]: one.get("cotermSubscriptionIds", "month's end") for one in body["items"]
    }


def end_of(shop: Shop, wanted: str, *, term: str = "P1Y", sku: str = E3) -> Any:
    """When a subscription with this end would end, or the code of what is wrong."""
    line = shop.line(sku, term=term, customTermEndDate=f"{wanted}T00:00:00Z")
    (made,) = shop.cart(line)["lineItems"]
    return made["error"]["errorCode"] if "error" in made else made["customTermEndDate"][:10]


@pytest.mark.parametrize(("term", "expected"), [("P1Y", "2023-06-30"), ("P3Y", "2025-06-30"), ("P1M", "2022-07-31")])
def test_the_last_months_end_inside_a_term(shop: Shop, term: str, expected: str) -> None:
    """Microsoft's examples of a purchase on 15 July 2022."""
    shop.move_to("2022-07-15T12:00:00Z")
    assert dates(shop, f"term_duration={term}") == {expected: "month's end"}
    assert end_of(shop, expected, term=term) == expected


def test_the_published_example_of_a_month(shop: Shop) -> None:
    shop.move_to("2023-06-02T12:00:00Z")
    aligned = [shop.subscription_of(shop.line(BASIC, term="P1M"))["id"] for _ in range(2)]
    shop.subscription_of(shop.line(BASIC_TRIAL, term="P1M", cycle="none"))
    shop.move_to("2023-07-02T12:00:00Z")
    assert dates(shop, "term_duration=P1M") == {"2023-07-31": "month's end", "2023-08-01": aligned}


def test_three_years_aligned_with_shorter_and_equal_terms(shop: Shop) -> None:
    """Microsoft's example: the latest anniversary inside the term, but the very day of one that is as long."""
    shop.move_to("2021-10-02T12:00:00Z")
    year = shop.subscription_of(shop.line(BASIC))
    assert year["commitmentEndDate"].startswith("2022-10-01")
    shop.move_to("2022-07-01T12:00:00Z")
    found = dates(shop, "term_duration=P3Y")
    assert found["2024-10-01"] == [year["id"]]
    assert end_of(shop, "2024-10-01", term="P3Y") == "2024-10-01"
    assert end_of(shop, "2022-10-01", term="P1Y") == "2022-10-01"


def test_an_equal_term_ends_on_the_very_day(shop: Shop) -> None:
    shop.move_to("2019-10-02T12:00:00Z")
    old = shop.subscription_of(shop.line(E3, term="P3Y"))
    assert old["commitmentEndDate"].startswith("2022-10-01")
    shop.move_to("2022-07-01T12:00:00Z")
    assert dates(shop, f"term_duration=P3Y&targetCotermSubscriptionId={old['id']}") == {"2022-10-01": [old["id"]]}


def test_what_a_term_can_not_be_aligned_with(shop: Shop) -> None:
    shop.move_to("2026-11-10T12:00:00Z")
    month = shop.subscription_of(shop.line(BASIC, term="P1M"))  # ends on 9 December
    shop.move_to("2026-11-20T12:00:00Z")
    assert end_of(shop, "2026-12-09", term="P1M") == "2026-12-09"
    # A year or three can't be aligned with a month, and nothing with a day that is nobody's.
    assert end_of(shop, "2026-12-09", term="P1Y") == 10017
    assert "2026-12-09" not in dates(shop, "term_duration=P1Y")
    assert end_of(shop, "2026-12-10", term="P1M") == 10017
    # Only active ones count.
    shop.patched(shop.subscription(month["id"]), status="suspended")
    assert end_of(shop, "2026-12-09", term="P1M") == 10017


def test_days_outside_of_the_term(shop: Shop) -> None:
    shop.move_to("2026-11-15T12:00:00Z")
    assert end_of(shop, "2026-10-31") == 10017
    assert end_of(shop, "2026-11-30") == "2026-11-30"
    assert end_of(shop, "2027-10-31") == "2027-10-31"
    assert end_of(shop, "2027-11-30") == 10017


def test_a_month_is_not_aligned_with_the_28th_to_30th(shop: Shop) -> None:
    shop.move_to("2026-12-30T12:00:00Z")
    shop.subscription_of(shop.line(BASIC, term="P1M"))  # ends on 29 January
    shop.move_to("2027-01-05T12:00:00Z")
    assert end_of(shop, "2027-01-29", term="P1M") == 10017
    assert "2027-01-29" not in dates(shop, "term_duration=P1M")
    shop.move_to("2027-02-05T12:00:00Z")
    assert end_of(shop, "2027-02-28", term="P1M") == "2027-02-28"


def test_an_aligned_subscription_is_shorter_once(shop: Shop) -> None:
    shop.move_to("2026-11-15T12:00:00Z")
    document = shop.subscription_of(shop.line(E3, customTermEndDate="2027-05-31T00:00:00Z"))
    assert document["commitmentEndDate"] == "2027-05-31T00:00:00Z"
    shop.move_to("2027-06-01T00:00:01Z")
    assert shop.subscription(document["id"])["commitmentEndDate"] == "2028-05-31T00:00:00Z"


def test_seats_never_move_the_end(shop: Shop) -> None:
    document = shop.subscription_of(
        shop.line(E3, customTermEndDate=f"{min(dates(shop, 'term_duration=P1Y'))}T00:00:00Z")
    )
    assert shop.patched(document, quantity=4)["commitmentEndDate"] == document["commitmentEndDate"]


def test_questions(shop: Shop) -> None:
    path = f"{shop.base}/subscriptions/customTermEndDates"
    assert refusal(shop.owner.get(path)) == (400, 3000)
    assert refusal(shop.owner.get(f"{path}?term_duration=P2Y")) == (400, 3000)
    assert refusal(shop.owner.get(f"{path}?TermDuration=P1Y&TermStartDate=x")) == (400, 3000)
    assert dates(shop, "TermDuration=P1Y&TermStartDate=2030-01-15T00:00:00Z") == {"2030-12-31": "month's end"}


def test_pages_of_three_hundred(shop: Shop) -> None:
    """Ends on 302 days: the token for the rest is in a header of the answer."""
    shop.control("settings", throttling=False)
    shop.move_to("2026-01-01T12:00:00Z")
    item = shop.item(E3)
    for _day in range(302):
        shop.bought({"catalogItemId": item, "quantity": 1, "billingCycle": "annual", "termDuration": "P1Y"})
        shop.advance("P1D")
    path = f"{shop.base}/subscriptions/customTermEndDates?term_duration=P1Y"
    first = shop.owner.get(path)
    token = first.headers["MS-ContinuationToken"]
    second = shop.owner.get(path, headers={"MS-ContinuationToken": token})
    assert len(first.json()["items"]) == 300
    assert "MS-ContinuationToken" not in second.headers
    days = [one["allowedCustomTermEndDate"] for one in first.json()["items"] + second.json()["items"]]
    # 302 subscriptions and the last month's end, which is a subscription's too.
    assert (len(days), len(set(days))) == (303, 302)
