"""Promotions and the inventory check over raw HTTP, held against contract §7.5, §7.6 and errors.md §6."""

from typing import Any

import contract_shapes as shapes
import pytest
from emulator_client import PartnerClient
from shop import BASIC, BASIC_TRIAL, COPILOT, E3, RESERVATION, Shop, refusal

ENDED = "39NFJQT1PJQB:0001:39NFJQT1Q5KN"
F3, F3_PROMOTION, F1 = "CFQ7TTC0LH05:0001", "39NFJQT1SNC7:0001:39NFJQT1Q5KM", "CFQ7TTC0MBMD:0002"
E3_PROMOTION, E3_THREE_YEARS = "39NFJQT1E365:0001:39NFJQT1Q6A1", "39NFJQT1E365:0002:39NFJQT1Q6A1"
COPILOT_PROMOTION = "39NFJQT1COPI:0001:39NFJQT1Q6A2"
PROJECT, PROJECT_PROMOTION = "CFQ7TTC0HDB0:0001", "39NFJQT1PROJ:0001:39NFJQT1Q6A3"
FUTURE, VISIO = "39NFJQT1VIS2:0001:39NFJQT1Q6A4", "CFQ7TTC0HD32:0001"
ANSWER = {
    "id": "int",
    "catalogItemId": "str",
    "quantity": "int",
    "billingCycle": "str",
    "termDuration": "str",
    "eligibilities": [{"promotionId?": "str", "isEligible": "bool", "errors?": ["object"]}],
    "attributes": {"objectType": {"PromotionEligibilities"}},
}


def listed(app: PartnerClient, query: str) -> list[Any]:
    response = app.get(f"/v1/productpromotions?{query}")
    assert response.status_code == 200, response.text
    assert shapes.faults(response.json(), shapes.collection(shapes.PROMOTION, has_links=False)) == []
    return list(response.json()["items"])


def test_the_list_has_what_is_not_over(app: PartnerClient) -> None:
    found = {one["id"] for one in listed(app, "country=US&segment=commercial")}
    assert {E3_PROMOTION, F3_PROMOTION, FUTURE} <= found
    assert ENDED not in found
    assert found == {one["id"] for one in listed(app, "country=DE")}
    education = listed(app, "country=US&segment=Education")
    assert [one["requiredProducts"][0]["skuId"] for one in education] == ["000E"]


def test_one_promotion_also_when_it_is_over(app: PartnerClient) -> None:
    for promotion_id in (E3_PROMOTION, ENDED.replace(":", "%3A"), F3_PROMOTION.lower()):
        response = app.get(f"/v1/productpromotions/{promotion_id}?country=US")
        assert response.status_code == 200
        assert shapes.faults(response.json(), shapes.PROMOTION) == []
    ended = app.get(f"/v1/productpromotions/{ENDED}?country=US").json()
    assert (ended["startDate"], ended["endDate"]) == ("2021-09-23T00:00:00+00:00", "2021-10-14T23:59:59+00:00")
    assert ended["requiredProducts"][0]["pricingPolicies"] == [{"policyType": "PercentDiscount", "value": "0.05"}]


def test_bad_questions(app: PartnerClient, shop: Shop) -> None:
    assert refusal(app.get("/v1/productpromotions/x:y:z?country=US")) == (404, 1000)
    assert refusal(app.get(f"/v1/productpromotions/{E3_PROMOTION}")) == (400, 3000)
    assert refusal(app.get("/v1/productpromotions?segment=commercial")) == (400, 3000)
    assert refusal(app.get("/v1/productpromotions?country=US&segment=x")) == (403, 400030)
    path = f"{shop.base}/promotionEligibilities"
    assert refusal(app.post(path, json={})) == (400, 3000)
    assert refusal(app.post(path, json={"items": [{"catalogItemId": shop.item(BASIC), "quantity": "x"}]})) == (
        400,
        3000,
    )


def asked(shop: Shop, sku: str, *, quantity: int, term: str = "P1Y", cycle: str = "Annual", **more: Any) -> Any:
    item = {"id": "0", "catalogItemId": more.pop("item", None) or shop.item(sku), "quantity": quantity}
    body = {"items": [item | {"termDuration": term, "billingCycle": cycle} | more]}
    response = shop.owner.post(f"{shop.base}/promotionEligibilities", json=body)
    assert response.status_code == 200, response.text
    assert shapes.faults(response.json(), shapes.collection(ANSWER, has_links=False)) == []
    (one,) = response.json()["items"]
    return one["eligibilities"]


def errors(eligibilities: Any) -> list[str]:
    (one,) = eligibilities
    assert one["isEligible"] == ("errors" not in one)
    assert all(set(error) >= {"type", "description"} for error in one.get("errors", []))
    return [error["type"] for error in one.get("errors", [])]


def test_who_may_have_a_promotion(shop: Shop) -> None:
    assert asked(shop, E3, quantity=25) == [{"promotionId": E3_PROMOTION, "isEligible": True}]
    assert asked(shop, E3, quantity=25, promotionId=E3_PROMOTION) == [{"promotionId": E3_PROMOTION, "isEligible": True}]


def test_every_kind_of_error(shop: Shop) -> None:
    assert errors(asked(shop, E3, quantity=25, item=f"{E3}:CFQ7TTC0XXXX")) == ["InvalidCatalogItemId"]
    assert errors(asked(shop, E3, quantity=25, promotionId="x")) == ["InvalidPromotion"]
    assert errors(asked(shop, BASIC, quantity=25, promotionId=E3_PROMOTION)) == ["InvalidPromotion"]
    assert errors(asked(shop, VISIO, quantity=25, promotionId=FUTURE)) == ["InvalidPromotion"]
    assert errors(asked(shop, BASIC, quantity=25)) == ["NoPromotionsAvailable"]
    (seats,) = asked(shop, E3, quantity=24)
    assert [error["type"] for error in seats["errors"]] == ["SeatCount"]
    assert seats["errors"][0]["minimumRequiredSeats"] == 25
    assert seats["errors"][0]["maximumRequiredSeats"] == seats["errors"][0]["availableSeats"] == 2400
    (term,) = asked(shop, E3, quantity=25, cycle="Monthly", promotionId=E3_PROMOTION)
    assert term["errors"][0]["type"] == "Term"
    assert term["errors"][0]["eligibleTerms"] == [{"billingCycle": "Annual", "duration": "P1Y"}]
    assert errors(asked(shop, F3, quantity=10)) == ["PrerequisiteProductOwnership"]
    shop.bought(shop.line(F1))
    assert errors(asked(shop, F3, quantity=10)) == []
    shop.bought(shop.line(F3, quantity=1))
    assert errors(asked(shop, F3, quantity=10)) == ["OfferPurchasedPreviously"]


def test_redemptions_are_counted_over_the_tenant(shop: Shop) -> None:
    line = shop.line(E3, term="P3Y", cycle="triennial", promotionId=E3_THREE_YEARS)
    document = shop.subscription_of(line)
    assert document["promotionId"] == E3_THREE_YEARS
    (answer,) = asked(shop, E3, quantity=1, term="P3Y", cycle="Triennial")
    assert answer["errors"][0]["type"] == "RedemptionLimit"
    assert answer["errors"][0]["maxPromotionRedemptionCount"] == 1
    assert answer["errors"][0]["remainingPromotionRedemptionCount"] == 0
    assert shop.error_of(line)["errorCode"] == 10014


def test_a_named_promotion_lowers_the_price(shop: Shop) -> None:
    shop.bought(shop.line(BASIC, quantity=20))
    plain = shop.line(COPILOT, cycle="annual", quantity=10)
    (before,) = shop.cart(plain)["lineItems"]
    (after,) = shop.cart(plain | {"promotionId": COPILOT_PROMOTION.lower()})["lineItems"]
    assert "promotionId" not in before
    assert after["promotionId"] == COPILOT_PROMOTION
    assert after["pricing"]["listPrice"] == before["pricing"]["listPrice"]
    assert after["pricing"]["discountedPrice"] == pytest.approx(before["pricing"]["listPrice"] * 0.85, abs=0.01)
    assert after["pricing"]["extendedPrice"] == pytest.approx(after["pricing"]["discountedPrice"] * 10)
    (order,) = shop.bought(plain | {"promotionId": COPILOT_PROMOTION})["orders"]
    assert order["lineItems"][0]["promotionId"] == COPILOT_PROMOTION
    # 10 of 300 seats of the promotion are used up now.
    (left,) = asked(shop, COPILOT, quantity=291, promotionId=COPILOT_PROMOTION)
    assert left["errors"][0]["availableSeats"] == 290
    assert errors(asked(shop, COPILOT, quantity=290, promotionId=COPILOT_PROMOTION)) == []


def test_some_promotions_apply_themselves(shop: Shop) -> None:
    (few,) = shop.cart(shop.line(E3, quantity=24, cycle="annual"))["lineItems"]
    (many,) = shop.cart(shop.line(E3, quantity=25, cycle="annual"))["lineItems"]
    assert "promotionId" not in few
    assert many["promotionId"] == E3_PROMOTION
    assert many["pricing"]["price"] == pytest.approx(few["pricing"]["price"] * 0.9, abs=0.01)
    assert shop.subscription_of(shop.line(PROJECT))["promotionId"] == PROJECT_PROMOTION
    assert "promotionId" not in shop.subscription_of(shop.line(PROJECT))


def test_a_trial_has_no_promotion(shop: Shop) -> None:
    line = shop.line(BASIC_TRIAL, term="P1M", cycle="none", promotionId=E3_PROMOTION)
    assert shop.error_of(line)["errorCode"] == 10014


# Inventory


RESULT = {
    "productId": "str",
    "skuId": "str",
    "isRestricted": "bool",
    "restrictions": [{"reasonCode": "str", "description": "str", "properties": "object"}],
}
CONTEXT = {
    "customerId": "d6bf25b7-e0a8-4f2d-a31b-97b55cfc774d",
    "azureSubscriptionId": "3A231FBE-37FE-4410-93FD-730D3D5D4C75",
    "armRegionName": "westus2",
}


def checked(app: PartnerClient, *targets: Any, **context: str) -> Any:
    body = {"TargetItems": list(targets), "InventoryContext": CONTEXT | context}
    response = app.post("/v1/extensions/product/checkinventory?country=US", json=body)
    assert response.status_code == 200, response.text
    assert shapes.faults(response.json(), [RESULT]) == []
    return response.json()


def test_what_can_be_had(app: PartnerClient) -> None:
    found = checked(app, {"ProductId": "DZH318Z0BQ5S"})
    assert [(one["skuId"], one["isRestricted"], one["restrictions"]) for one in found] == [
        ("0001", False, []),
        ("0002", False, []),
    ]
    assert [one["skuId"] for one in checked(app, {"ProductId": "DZH318Z0BQ5S", "SkuId": "0002"})] == ["0002"]
    assert checked(app, {"ProductId": "NOSUCHTHING1"}) == []


def test_what_can_not(app: PartnerClient, shop: Shop) -> None:
    (one,) = checked(app, {"productId": RESERVATION.split(":")[0]}, armRegionName="japanwest")
    assert one["isRestricted"]
    assert one["restrictions"][0]["reasonCode"] == "NotAvailableForSubscription"
    assert one["restrictions"][0]["properties"] == {"type": "Location", "values": "westus2"}
    shop.control("settings", restricted=[RESERVATION])
    (one,) = checked(app, {"productId": RESERVATION.split(":")[0]})
    assert [entry["reasonCode"] for entry in one["restrictions"]] == ["NotAvailable"]


def test_inventory_is_asked_rightly(app: PartnerClient) -> None:
    path = "/v1/extensions/product/checkinventory"
    body = {"targetItems": [{"productId": "DZH318Z0BQ3Q"}], "inventoryContext": CONTEXT}
    assert refusal(app.post(path, json=body)) == (400, 3000)
    assert refusal(app.post(f"{path}?country=US", json={"targetItems": []})) == (400, 3000)
    assert refusal(app.post(f"{path}?country=US", json={"targetItems": [{"skuId": "0001"}]})) == (400, 3000)
    assert refusal(app.post(f"{path}?country=US")) == (400, 800002)
    lacking = {name: value for name, value in CONTEXT.items() if name != "azureSubscriptionId"}
    assert refusal(app.post(f"{path}?country=US", json=body | {"inventoryContext": lacking})) == (400, 400026)
