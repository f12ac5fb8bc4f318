"""Upgrades and conversions of trials over raw HTTP, held against contract §10.6, errors.md §5 and nce-rules.md §8."""

from typing import Any

import contract_shapes as shapes
import httpx
import pytest
from emulator_client import PartnerClient
from shop import BASIC, BASIC_TRIAL, COPILOT, E3, E5, OFFICE_E1, PREMIUM, STANDARD, Shop, refusal
from test_subscriptions import scheduled

ERRORS = [{"code": "int", "description": "str"}]
ELIGIBILITY = {
    "operationId": "str",
    "catalogItemId": "str",
    "title": "str",
    "description": "str",
    "quantity": "int",
    "subscriptionEligibilities?": [
        {
            "isEligible": "bool",
            "subscriptionId": "str",
            "subscriptionFriendlyName": "str",
            "subscriptionTermDuration": shapes.TERMS,
            "subscriptionBillingCycle": shapes.CYCLES,
            "errors": ERRORS,
        }
    ],
    "eligibilities": [
        {
            "isEligible": "bool",
            "transitionType": {"transition_only", "transition_with_license_transfer"},
            "errors": ERRORS,
        }
    ],
    "attributes": {"objectType": {"TransitionEligibility"}},
}
LISTED = {
    "operationId": "str",
    "FromCatalogItemId": "str",
    "FromSubscriptionId": "str",
    "ToCatalogItemId": "str",
    "ToSubscriptionId": "str",
    "quantity": "int",
    "transitionType": {"transition_only", "transition_with_license_transfer"},
    "Events": [shapes.EVENT],
    "attributes": {"objectType": {"Transition"}},
}


def asked(shop: Shop, document: Any, kind: str = "immediate") -> dict[str, Any]:
    """Eligibilities by the title of the target."""
    path = f"{shop.base}/subscriptions/{document['id']}/transitionEligibilities?eligibilityType={kind}"
    response = shop.owner.get(path)
    assert response.status_code == 200, response.text
    assert shapes.faults(response.json(), shapes.collection(ELIGIBILITY, has_links=False)) == []
    return {one["title"]: one for one in response.json()["items"]}


def moved(shop: Shop, document: Any, sku: str, **body: Any) -> httpx.Response:
    wanted = {"quantity": document["quantity"], "transitionType": "transition_only"} | body
    if "toCatalogItemId" not in wanted:
        wanted["toCatalogItemId"] = shop.item(sku)
    return shop.owner.post(f"{shop.base}/subscriptions/{document['id']}/transitions", json=wanted)


def done(shop: Shop, document: Any, sku: str, **body: Any) -> Any:
    response = moved(shop, document, sku, **body)
    assert response.status_code == 200, response.text
    assert shapes.faults(response.json(), shapes.TRANSITION) == []
    return response.json()


def test_what_a_subscription_may_become(shop: Shop, app: PartnerClient) -> None:
    document = shop.subscription_of(shop.line(BASIC, quantity=3))
    found = asked(shop, document)
    assert set(found) == {"Microsoft 365 Business Standard", "Office 365 E1", "Microsoft 365 Business Premium"}
    standard = found["Microsoft 365 Business Standard"]
    assert (standard["catalogItemId"], standard["quantity"]) == (shop.item(STANDARD), 3)
    assert [(one["transitionType"], one["isEligible"]) for one in standard["eligibilities"]] == [
        ("transition_only", True),
        ("transition_with_license_transfer", True),
    ]
    assert "subscriptionEligibilities" not in standard
    assert set(asked(shop, document, "scheduled")) == set(found)
    path = f"{shop.base}/subscriptions/{document['id']}/transitionEligibilities"
    assert refusal(shop.owner.get(f"{path}?eligibilityType=x")) == (400, 900126)
    assert refusal(app.get(path)) == (403, 900329)
    assert asked(shop, shop.subscription_of(shop.line(E5))) == {}


def test_obstacles_of_other_subscriptions(shop: Shop) -> None:
    shop.move_to("2026-11-01T12:00:00Z")
    early = shop.subscription_of(shop.line(STANDARD))
    month = shop.subscription_of(shop.line(STANDARD, term="P1M"))
    gone = shop.patched(shop.subscription_of(shop.line(STANDARD)), status="suspended")
    shop.move_to("2026-11-20T12:00:00Z")
    source = shop.subscription_of(shop.line(BASIC, customTermEndDate="2027-10-31T00:00:00Z"))
    later = shop.subscription_of(shop.line(BASIC))
    fresh = shop.subscription_of(shop.line(STANDARD))
    expected = {early["id"]: None, month["id"]: 3, gone["id"]: 1, fresh["id"]: 2}
    found = asked(shop, source)["Microsoft 365 Business Standard"]["subscriptionEligibilities"]
    assert {one["subscriptionId"]: one["errors"][0]["code"] if one["errors"] else None for one in found} == expected
    found = asked(shop, later)["Microsoft 365 Business Standard"]["subscriptionEligibilities"]
    codes = {one["subscriptionId"]: one["errors"][0]["code"] if one["errors"] else None for one in found}
    assert codes == expected | {early["id"]: 4}
    for target, code in ((gone, 900258), (fresh, 900261), (month, 900267), (early, 900236)):
        response = moved(shop, later, STANDARD, toSubscriptionId=target["id"])
        assert refusal(response) == (400, code)
    assert refusal(moved(shop, later, PREMIUM, toSubscriptionId=early["id"])) == (400, 900260)
    assert refusal(moved(shop, later, STANDARD, toSubscriptionId=later["id"])) == (400, 900259)
    assert refusal(moved(shop, later, STANDARD, toSubscriptionId="11111111-1111-1111-1111-111111111111")) == (
        404,
        20003,
    )


def test_a_whole_upgrade_keeps_the_id_and_the_end(shop: Shop) -> None:
    document = shop.subscription_of(shop.line(BASIC, quantity=3, cycle="annual"))
    shop.patched(document, scheduledNextTermInstructions=scheduled(shop, BASIC, quantity=1))
    shop.advance("P2D")
    answer = done(shop, document, STANDARD)
    assert (answer["fromCatalogItemId"], answer["toCatalogItemId"]) == (document["offerId"], shop.item(STANDARD))
    assert answer["fromSubscriptionId"] == answer["toSubscriptionId"] == document["id"]
    assert [(event["name"], event["status"]) for event in answer["Events"]] == [("Conversion", "Started")]
    after = shop.subscription(document["id"])
    assert (after["offerId"], after["offerName"]) == (shop.item(STANDARD), "Microsoft 365 Business Standard")
    assert after["friendlyName"] == "Microsoft 365 Business Standard"
    for name in ("quantity", "commitmentEndDate", "termDuration", "billingCycle", "orderId", "effectiveStartDate"):
        assert after[name] == document[name]
    # No window to cancel or to take seats back is left, and nothing that was planned.
    assert not {"cancellationAllowedUntilDate", "scheduledNextTermInstructions"} & set(after)
    assert (after["refundOptions"], after["refundableQuantity"]["totalQuantity"]) == ([], 0)
    assert refusal(shop.patch(after, status="deleted")) == (400, 900213)
    assert refusal(shop.patch(after, quantity=2)) == (400, 800090)


def test_an_upgrade_into_a_longer_term(shop: Shop) -> None:
    shop.move_to("2026-11-15T12:00:00Z")
    document = shop.subscription_of(shop.line(E3, quantity=3))
    answer = done(shop, document, E5, termDuration="P3Y", billingCycle="triennial")
    assert (answer["termDuration"], answer["billingCycle"]) == ("P3Y", "triennial")
    after = shop.subscription(document["id"])
    assert after["commitmentEndDate"] == "2029-11-14T00:00:00Z"
    assert "cancellationAllowedUntilDate" not in after


def test_some_seats_become_a_subscription_that_ends_with_its_source(shop: Shop) -> None:
    document = shop.subscription_of(shop.line(BASIC, quantity=5))
    shop.advance("P20D")
    answer = done(shop, document, PREMIUM, quantity=2)
    assert answer["toSubscriptionId"] != document["id"]
    made, left = shop.subscription(answer["toSubscriptionId"]), shop.subscription(document["id"])
    assert (made["quantity"], left["quantity"], left["offerId"]) == (2, 3, document["offerId"])
    assert made["commitmentEndDate"] == left["commitmentEndDate"] == document["commitmentEndDate"]
    assert (made["offerName"], made["status"]) == ("Microsoft 365 Business Premium", "active")
    assert "cancellationAllowedUntilDate" not in made


def test_seats_move_into_another_subscription(shop: Shop) -> None:
    source = shop.subscription_of(shop.line(BASIC, quantity=5))
    target = shop.subscription_of(shop.line(STANDARD, quantity=7))
    shop.advance("P8D")
    answer = done(shop, source, STANDARD, quantity=2, toSubscriptionId=target["id"])
    assert answer["toSubscriptionId"] == target["id"]
    assert shop.subscription(source["id"])["quantity"] == 3
    assert shop.subscription(target["id"])["quantity"] == 9
    done(shop, shop.subscription(source["id"]), STANDARD, quantity=3, toSubscriptionId=target["id"])
    assert shop.subscription(source["id"])["status"] == "deleted"
    assert shop.subscription(target["id"])["quantity"] == 12


def test_a_trial_becomes_paid(shop: Shop) -> None:
    shop.move_to("2026-11-15T12:00:00Z")
    trial = shop.subscription_of(shop.line(BASIC_TRIAL, quantity=25, term="P1M", cycle="none"))
    assert set(asked(shop, trial)) == {"Microsoft 365 Business Basic"}
    assert refusal(moved(shop, trial, BASIC, quantity=24, termDuration="P1Y", billingCycle="monthly")) == (400, 2002)
    done(shop, trial, BASIC, termDuration="P1Y", billingCycle="annual")
    paid = shop.subscription(trial["id"])
    assert (paid["isTrial"], paid["quantity"], paid["offerId"]) == (False, 25, shop.item(BASIC))
    assert (paid["termDuration"], paid["billingCycle"]) == ("P1Y", "annual")
    assert paid["commitmentEndDate"] == "2027-11-14T00:00:00Z"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"toCatalogItemId": ""}, (400, 3000)),
        ({"toCatalogItemId": f"{STANDARD}:CFQ7TTC0XXXX"}, (404, 400019)),
        ({"transitionType": ""}, (400, 3000)),
        ({"transitionType": "x"}, (400, 900126)),
        ({"quantity": 0}, (400, 2002)),
        ({"quantity": 4}, (400, 2002)),
        ({"quantity": "x"}, (400, 3000)),
        ({"termDuration": "P1M"}, (400, 900267)),
        ({"termDuration": "P9Y"}, (400, 900268)),
        ({"billingCycle": "weekly"}, (400, 900269)),
        ({"billingCycle": "triennial"}, (400, 900270)),
    ],
)
def test_transitions_that_can_not_be(shop: Shop, body: Any, expected: tuple[int, int]) -> None:
    document = shop.subscription_of(shop.line(BASIC, quantity=3))
    assert refusal(moved(shop, document, STANDARD, **body)) == expected
    assert shop.subscription(document["id"]) == document


def test_only_upwards_and_never_to_itself(shop: Shop) -> None:
    document = shop.subscription_of(shop.line(STANDARD))
    assert refusal(moved(shop, document, BASIC)) == (400, 800024)
    assert refusal(moved(shop, document, STANDARD)) == (400, 900259)
    suspended = shop.patched(document, status="suspended")
    assert refusal(moved(shop, suspended, PREMIUM)) == (400, 800012)
    (one,) = [one for title, one in asked(shop, suspended).items() if title == "Microsoft 365 Business Premium"]
    assert one["eligibilities"][0]["errors"][0]["code"] == 2


def test_addons_stand_against_it(shop: Shop) -> None:
    base = shop.subscription_of(shop.line(BASIC))
    shop.bought(shop.line(COPILOT, cycle="annual", provisioningContext={"ParentSubscriptionId": base["id"]}))
    one = asked(shop, base)["Office 365 E1"]
    assert [entry["errors"][0]["code"] for entry in one["eligibilities"]] == [6, 6]
    assert refusal(moved(shop, base, OFFICE_E1)) == (400, 800024)


def test_licences_are_transferred_by_who_may(shop: Shop) -> None:
    document = shop.subscription_of(shop.line(BASIC))
    path = f"{shop.base}/subscriptions/{document['id']}/transitions"
    done(shop, document, STANDARD, transitionType="transition_with_license_transfer")
    (one,) = shop.owner.get(path).json()["transition"]
    assert [event["name"] for event in one["Events"]] == ["Conversion"] * 2 + ["LicenseReassignment"] * 2
    shop.owner.call("PATCH", shop.base, json={"AllowDelegatedAccess": False})
    again = shop.subscription(document["id"])
    only, licences = asked(shop, again)["Microsoft 365 Business Premium"]["eligibilities"]
    assert (only["isEligible"], licences["isEligible"], licences["errors"][0]["code"]) == (True, False, 13)
    assert refusal(moved(shop, again, PREMIUM, transitionType="transition_with_license_transfer")) == (400, 800024)
    assert moved(shop, again, PREMIUM).status_code == 200


def test_transitions_are_followed(shop: Shop) -> None:
    shop.control("settings", provisioning_seconds=600)
    document = shop.subscription_of(shop.line(BASIC))
    path = f"{shop.base}/subscriptions/{document['id']}/transitions"
    first = done(shop, document, STANDARD)
    second = done(shop, shop.subscription(document["id"]), PREMIUM)
    listed = shop.owner.get(path).json()
    assert shapes.faults(listed, {"transition": [LISTED], "attributes": {"objectType": {"Collection"}}}) == []
    assert [one["operationId"] for one in listed["transition"]] == [first["operationId"], second["operationId"]]
    assert [event["status"] for event in listed["transition"][0]["Events"]] == ["Started"]
    shop.advance("PT10M")
    (one,) = shop.owner.get(f"{path}?operationId={second['operationId']}").json()["transition"]
    assert [event["status"] for event in one["Events"]] == ["Started", "Completed"]
    assert one["ToCatalogItemId"] == second["toCatalogItemId"]
