"""The commerce half's answers have every member, of the same kind, that Microsoft's published samples have.

An answer may have more than its sample: the contract's tables know members that a sample leaves out.
"""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from emulator_client import SAMPLES
from shop import AZURE_PLAN, BASIC, COPILOT, E3, OFFICE_E1, PERPETUAL, RESERVATION, SOFTWARE, STANDARD, Shop

pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="Microsoft's samples are not on this machine")

# Answers about what the emulator doesn't sell: offers and Azure subscriptions from before the new commerce.
LEGACY = {
    "cart.create.legacy-addon-existing-parent.response.json",
    "cart.checkout.mixed.response.json",
    "subscription.get.azure-legacy.response.json",
    "subscription.patch.quantity-legacy.response.json",
    "subscription.patch.suspend.response.json",
    "subscriptions.list.legacy.response.json",
}
COMMERCE = ("product", "sku", "availabilit", "promotion", "cart", "order", "subscription", "customer-products")


def sample(name: str) -> Any:
    return json.loads((SAMPLES / name).read_text(encoding="utf-8"))


def missing(answer: Any, published: Any, *, at: str = "answer") -> list[str]:
    """Members of a sample that an answer lacks, or has as another kind of value."""
    if isinstance(published, dict):
        if not isinstance(answer, dict):
            return [f"{at} is no object"]
        found = [f"{at} lacks {name}" for name in published if name not in answer]
        for name in published.keys() & answer.keys():
            found += missing(answer[name], published[name], at=f"{at}.{name}")
        return found
    if isinstance(published, list):
        if not isinstance(answer, list):
            return [f"{at} is no list"]
        return missing(answer[0], published[0], at=f"{at}[0]") if answer and published else []
    kinds = (int, float) if isinstance(published, float) else (type(published),)
    return [] if isinstance(answer, kinds) else [f"{at} is {answer!r}, not {type(published).__name__}"]


def azure(shop: Shop) -> Any:
    return shop.subscription_of(shop.line(AZURE_PLAN, term="", cycle="one_time"))


def reserved(shop: Shop) -> Any:
    context = {"subscriptionId": azure(shop)["id"], "scope": "shared"}
    return shop.bought(shop.line(RESERVATION, cycle="one_time", provisioningContext=context))["orders"][0]


def software(shop: Shop) -> Any:
    return shop.subscription_of(shop.line(SOFTWARE, term="P3Y", cycle="triennial"))


def scheduled(document: Any, *, cycle: str, term: str) -> Any:
    product, sku, availability = document["offerId"].split(":")
    product = {"productId": product, "skuId": sku, "availabilityId": availability}
    return {"product": product | {"billingCycle": cycle, "termDuration": term}, "quantity": document["quantity"]}


def resold(shop: Shop) -> httpx.Response:
    named = [[{"key": "transaction_reseller", "value": "4847411"}]]
    first, second = shop.line(STANDARD), shop.line(BASIC, participants=named)
    return shop.check_out(shop.cart(first, second, PartnerOnRecordAttestationAccepted=True))


def cancelled_software(shop: Shop) -> httpx.Response:
    (order,) = shop.bought(shop.line(SOFTWARE, term="P3Y", cycle="triennial"))["orders"]
    body = {"id": order["id"], "lineItems": [{"lineItemNumber": 0, "quantity": 0}]}
    return shop.owner.call("PATCH", f"{shop.base}/orders/{order['id']}", json=body)


def cancelled_order(shop: Shop) -> httpx.Response:
    (order,) = shop.bought(shop.line(PERPETUAL, term="", cycle="one_time"))["orders"]
    body = sample("order.cancel.sandbox.request.json") | {"id": order["id"]}
    return shop.owner.call("PATCH", f"{shop.base}/orders/{order['id']}", json=body)


def held(shop: Shop) -> httpx.Response:
    document = shop.subscription_of(shop.line(BASIC, quantity=15))
    return shop.owner.get(f"{shop.base}/subscriptions/{document['id']}")


def addon(shop: Shop) -> httpx.Response:
    base = shop.subscription_of(shop.line(BASIC))
    line = shop.line(COPILOT, cycle="annual", provisioningContext={"ParentSubscriptionId": base["id"]})
    document = shop.subscription_of(line)
    return shop.owner.get(f"{shop.base}/subscriptions/{document['id']}")


def decreased(shop: Shop) -> httpx.Response:
    document = shop.subscription_of(shop.line(BASIC, quantity=5))
    shop.advance("P8D")
    return shop.patch(shop.subscription(document["id"]), quantity=4)


def upgradable(shop: Shop) -> Any:
    shop.subscription_of(shop.line(STANDARD, term="P1M"))
    return shop.subscription_of(shop.line(BASIC))


def transitioned(shop: Shop) -> tuple[str, httpx.Response]:
    document = shop.subscription_of(shop.line(OFFICE_E1, quantity=2, term="P1M"))
    body = {"toCatalogItemId": shop.item("CFQ7TTC0LF8R:0001"), "quantity": 2, "transitionType": "transition_only"}
    path = f"{shop.base}/subscriptions/{document['id']}/transitions"
    return path, shop.owner.post(path, json=body)


def aligned(shop: Shop) -> httpx.Response:
    shop.subscription_of(shop.line(BASIC, term="P1M"))
    return shop.owner.get(f"{shop.base}/subscriptions/customTermEndDates?term_duration=P1M")


CASES: dict[str, Callable[[Shop], httpx.Response]] = {
    "products.list.nce.response.json": lambda shop: shop.owner.get("/v1/products?country=US&targetView=OnlineServices"),
    "customer-products.list.nce.response.json": lambda shop: shop.owner.get(
        f"{shop.base}/products?targetView=OnlineServices"
    ),
    "product.get.nce.response.json": lambda shop: shop.owner.get("/v1/products/CFQ7TTC0LH18?country=US"),
    "product.get.reservation.response.json": lambda shop: shop.owner.get("/v1/products/DZH318Z0BQ3Q?country=US"),
    "skus.list.nce.response.json": lambda shop: shop.owner.get("/v1/products/CFQ7TTC0LH18/skus?country=US"),
    "skus.list.reservation.response.json": lambda shop: shop.owner.get("/v1/products/DZH318Z0BQ5S/skus?country=US"),
    "sku.get.reservation.response.json": lambda shop: shop.owner.get("/v1/products/DZH318Z0BQ3V/skus/00G1?country=US"),
    "availabilities.list.reservation.response.json": lambda shop: shop.owner.get(
        "/v1/products/DZH318Z0BQ3Q/skus/0001/availabilities?country=US"
    ),
    "availability.get.nce.response.json": lambda shop: shop.owner.get(
        "/v1/products/CFQ7TTC0LH18/skus/0001/availabilities/CFQ7TTC0K971?country=US"
    ),
    "promotions.list.response.json": lambda shop: shop.owner.get("/v1/productpromotions?country=US&segment=commercial"),
    "promotion.get.response.json": lambda shop: shop.owner.get(
        "/v1/productpromotions/39NFJQT1SNC7%3A0001%3A39NFJQT1Q5KM?country=US"
    ),
    "promotion-eligibilities.without-promotion-id.response.json": lambda shop: shop.owner.post(
        f"{shop.base}/promotionEligibilities", json=sample("promotion-eligibilities.without-promotion-id.request.json")
    ),
    "cart.create.nce.response.json": lambda shop: shop.put_into_cart(shop.line("CFQ7TTC0LF8S:0001")),
    "cart.checkout.indirect-participants.response.json": resold,
    "orders.list.by-billing-type.response.json": lambda shop: (
        reserved(shop) and shop.owner.get(f"{shop.base}/orders?billingType=onetime")
    ),
    "orders.list.response.json": lambda shop: reserved(shop) and shop.owner.get(f"{shop.base}/orders"),
    "order.get.response.json": lambda shop: shop.owner.get(f"{shop.base}/orders/{reserved(shop)['id']}"),
    "order.provisioning-status.response.json": lambda shop: shop.owner.get(
        f"{shop.base}/orders/{reserved(shop)['id']}/provisioningstatus"
    ),
    "order.cancel.software-line.response.json": cancelled_software,
    "order.cancel.sandbox.response.json": cancelled_order,
    "subscription.get.nce.response.json": held,
    "subscription.get.addon.response.json": addon,
    "subscription.patch.autorenew.response.json": lambda shop: shop.patch(
        shop.subscription_of(shop.line(E3)), autoRenewEnabled=False
    ),
    "subscription.patch.cancel.response.json": lambda shop: shop.patch(
        shop.subscription_of(shop.line("DZH318Z0BXWC:0001", term="P1M")), status="deleted"
    ),
    "subscription.patch.quantity-decrease-not-allowed.error.json": decreased,
    "subscription.patch.software-billing-frequency.response.json": lambda shop: shop.patch(
        one := software(shop), scheduledNextTermInstructions=scheduled(one, cycle="Annual", term="P3Y")
    ),
    "subscription.provisioning-status.response.json": lambda shop: shop.owner.get(
        f"{shop.base}/subscriptions/{shop.subscription_of(shop.line(BASIC))['id']}/provisioningstatus"
    ),
    "subscriptions.custom-term-end-dates.response.json": aligned,
    "subscription.transition-eligibilities.response.json": lambda shop: shop.owner.get(
        f"{shop.base}/subscriptions/{upgradable(shop)['id']}/transitionEligibilities?eligibilityType=immediate"
    ),
    "subscription.transition.response.json": lambda shop: transitioned(shop)[1],
    "subscription.transitions.list.response.json": lambda shop: shop.owner.get(transitioned(shop)[0]),
}
# The sample's add-on is a legacy offer; ours has a product, a SKU and an availability instead.
FREE = {"answer.links lacks offer"}


@pytest.mark.parametrize("name", sorted(CASES))
def test_answer_has_what_the_sample_has(shop: Shop, name: str) -> None:
    response = CASES[name](shop)

    assert response.status_code < 500
    assert [one for one in missing(response.json(), sample(name)) if one not in FREE] == []


def test_a_list_of_availabilities_wraps_what_the_sample_has(shop: Shop) -> None:
    """The documentation shows one availability where the list is asked for."""
    answer = shop.owner.get("/v1/products/CFQ7TTC0LH18/skus/0001/availabilities?country=US").json()

    assert missing(answer["items"][0], sample("availabilities.list.nce.response.json")) == []


def test_every_answer_of_the_commerce_half_is_held_against_its_sample() -> None:
    published = {
        path.name
        for path in SAMPLES.glob("*.json")
        if path.name.startswith(COMMERCE) and path.name.endswith((".response.json", ".error.json"))
    }
    assert published - set(CASES) - LEGACY == {"availabilities.list.nce.response.json"}


def test_published_promotion_is_answered_as_published(shop: Shop) -> None:
    answer = shop.owner.get("/v1/productpromotions/39NFJQT1SNC7:0001:39NFJQT1Q5KM?country=US").json()

    assert answer == sample("promotion.get.response.json")


def test_published_eligibilities_are_answered_as_published(shop: Shop) -> None:
    request = sample("promotion-eligibilities.without-promotion-id.request.json")
    answer = shop.owner.post(f"{shop.base}/promotionEligibilities", json=request).json()

    assert answer == sample("promotion-eligibilities.without-promotion-id.response.json")


def test_published_refusal_of_fewer_seats_is_answered_as_published(shop: Shop) -> None:
    assert decreased(shop).json() == sample("subscription.patch.quantity-decrease-not-allowed.error.json")


# Requests as published


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cart.create.mixed.request.json", [10001, 10007, 10007, None, None, None]),
        ("cart.create.nce-addon.request.json", [None, 400041]),
        ("cart.create.legacy-addon-existing-parent.request.json", [10001]),
    ],
)
def test_published_cart_is_taken(shop: Shop, name: str, expected: list[int | None]) -> None:
    response = shop.owner.post(f"{shop.base}/carts", json=sample(name))

    assert response.status_code == 201, response.text
    assert [line.get("error", {}).get("errorCode") for line in response.json()["lineItems"]] == expected


def test_published_change_of_a_cart_is_taken(shop: Shop) -> None:
    cart = shop.cart(shop.line(BASIC))
    response = shop.owner.call("PUT", f"{shop.base}/carts/{cart['id']}", json=sample("cart.update.request.json"))

    assert response.status_code == 200, response.text
    (line,) = response.json()["lineItems"]
    assert line["error"]["errorCode"] == 10001  # the sample's availability is not today's
    assert line["friendlyName"] == "A_sample_Azure_RI"


@pytest.mark.parametrize(
    ("name", "status"),
    [("quantity-nce", 202), ("autorenew-nce", 200), ("suspend", 200), ("cancel", 200), ("quantity-legacy", 202)],
)
def test_published_change_of_a_subscription_is_taken(shop: Shop, name: str, status: int) -> None:
    body = sample(f"subscription.patch.{name}.request.json")
    quantity = 5 if name.startswith("quantity") else body.get("quantity") or body["Quantity"]
    document = shop.subscription_of(shop.line(BASIC, quantity=quantity))
    response = shop.owner.call("PATCH", f"{shop.base}/subscriptions/{document['id']}", json=body)

    assert response.status_code == status, response.text
    assert response.json()["id"] == document["id"]
