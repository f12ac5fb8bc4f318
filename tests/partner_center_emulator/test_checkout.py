"""Checkout and orders over raw HTTP, held against contract §8.3, §9 and §18."""

import uuid
from typing import Any

import contract_shapes as shapes
import httpx
import pytest
from emulator_client import PartnerClient
from shop import AZURE_PLAN, BASIC, COPILOT, E3, PERPETUAL, RESERVATION, SOFTWARE, STANDARD, Shop, refusal

from partner_center_emulator.testing import Running
from partner_center_emulator.wellknown import SANDBOX


def orders(shop: Shop, query: str = "") -> Any:
    response = shop.owner.get(f"{shop.base}/orders{query}")
    assert response.status_code == 200, response.text
    assert shapes.faults(response.json(), shapes.collection(shapes.ORDER, has_links=True)) == []
    return response.json()["items"]


def test_an_order_and_its_subscription(shop: Shop) -> None:
    result = shop.bought(shop.line(BASIC, quantity=2, friendlyName="Front desk", renewsTo={"termDuration": "P1M"}))
    assert "orderErrors" not in result
    (order,) = result["orders"]
    (line,) = order["lineItems"]
    assert len(order["id"]) == 12
    assert int(order["id"], 16)
    assert (order["billingCycle"], order["currencyCode"], order["currencySymbol"]) == ("monthly", "USD", "$")
    assert (line["lineItemNumber"], line["quantity"], line["termDuration"]) == (0, 2, "P1Y")
    assert line["pricing"]["extendedPrice"] == pytest.approx(line["pricing"]["price"] * 24)
    assert line["renewsTo"] == {"termDuration": "P1M"}
    assert line["links"]["subscription"]["uri"].endswith(f"/subscriptions/{line['subscriptionId']}")
    held = shop.subscription(line["subscriptionId"])
    assert (held["orderId"], held["offerId"], held["quantity"]) == (order["id"], line["offerId"], 2)
    assert (held["friendlyName"], held["renewalTermDuration"]) == ("Front desk", "P1M")
    listed = shop.owner.get(f"{shop.base}/subscriptions?order_id={order['id']}").json()["items"]
    assert [one["id"] for one in listed] == [line["subscriptionId"]]
    assert orders(shop) == [order]
    assert shop.owner.get(f"{shop.base}/orders/{order['id']}").json() == order


def test_one_order_for_each_group(shop: Shop) -> None:
    lines = [shop.line(BASIC, orderGroup="a"), shop.line(STANDARD, orderGroup="a"), shop.line(E3, orderGroup="b")]
    result = shop.bought(*lines)
    assert [len(order["lineItems"]) for order in result["orders"]] == [2, 1]
    assert [line["lineItemNumber"] for line in result["orders"][0]["lineItems"]] == [0, 1]


def test_a_cart_with_errors_buys_nothing(shop: Shop) -> None:
    cart = shop.cart(shop.line(E3), shop.line(BASIC, quantity=0))
    assert refusal(shop.check_out(cart)) == (400, 800009)
    assert orders(shop) == []
    changed = cart | {"lineItems": [shop.line(E3)]}
    assert shop.owner.call("PUT", f"{shop.base}/carts/{cart['id']}", json=changed).status_code == 200
    assert shop.check_out(cart).status_code == 201


def test_a_checkout_repeated_is_answered_again_and_buys_once(shop: Shop) -> None:
    cart = shop.cart(shop.line(BASIC))
    request_id = str(uuid.uuid4())
    first, again = shop.check_out(cart, request_id=request_id), shop.check_out(cart, request_id=request_id.upper())
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert again.headers["MS-RequestId"] == request_id.upper()
    assert refusal(shop.check_out(cart)) == (400, 800065)
    assert refusal(shop.owner.post(f"{shop.base}/carts/{cart['id']}/checkout")) == (400, 800065)
    assert len(orders(shop)) == 1
    assert shop.owner.get(f"{shop.base}/carts/{cart['id']}").json()["status"] == "Ordered"
    assert refusal(shop.owner.call("PUT", f"{shop.base}/carts/{cart['id']}", json=cart)) == (400, 800065)


@pytest.mark.parametrize("mode", ["timeout_before", "timeout_after", "reset_after"])
@pytest.mark.parametrize("path", ["/carts$", "/checkout$"])
def test_a_lost_answer_is_repeated_with_its_id(shop: Shop, mode: str, path: str) -> None:
    line = shop.line(BASIC)
    cart = shop.cart(line) if path == "/checkout$" else None
    shop.control("faults", method="POST", path=path, mode=mode)
    request_id = str(uuid.uuid4())
    body = None if cart else {"lineItems": [line]}
    address = f"{shop.base}/carts/{cart['id']}/checkout" if cart else f"{shop.base}/carts"
    with pytest.raises((httpx.ReadTimeout, httpx.NetworkError)):
        shop.owner.post(address, json=body, headers={"MS-RequestId": request_id}, timeout=0.3)
    assert len(orders(shop)) == (1 if cart and mode.endswith("_after") else 0)
    again = shop.owner.post(address, json=body, headers={"MS-RequestId": request_id})
    assert again.status_code == 201
    assert len(orders(shop)) == (1 if cart else 0)


def test_some_groups_may_fail(shop: Shop) -> None:
    shop.control("settings", failing_groups=1)
    cart = shop.cart(shop.line(BASIC, orderGroup="x"), shop.line(E3, orderGroup="y"))
    result = shop.check_out(cart).json()
    assert shapes.faults(result, shapes.CHECKOUT) == []
    (error,) = result["orderErrors"]
    assert (error["orderGroupId"], error["code"]) == ("x", 800005)
    assert [order["lineItems"][0]["offerId"][:12] for order in result["orders"]] == ["CFQ7TTC0LFLX"]
    assert refusal(shop.check_out(cart)) == (400, 800065)


def test_a_group_whose_seats_are_gone_meanwhile_fails_alone(shop: Shop) -> None:
    waiting = shop.cart(shop.line(BASIC, quantity=200, orderGroup="x"), shop.line(E3, orderGroup="y"))
    shop.bought(shop.line(BASIC, quantity=200))
    result = shop.check_out(waiting).json()
    assert [(one["orderGroupId"], one["code"]) for one in result["orderErrors"]] == [("x", 800088)]
    assert len(result["orders"]) == 1


def test_an_addon_whose_base_was_cancelled_meanwhile_fails(shop: Shop) -> None:
    base = shop.subscription_of(shop.line(BASIC))
    waiting = shop.cart(shop.line(COPILOT, cycle="annual"))
    shop.patched(base, status="deleted")
    result = shop.check_out(waiting).json()
    assert [one["code"] for one in result["orderErrors"]] == [400041]
    assert result["orders"] == []


def test_a_stale_availability_stops_the_checkout(shop: Shop) -> None:
    cart = shop.cart(shop.line(BASIC))
    shop.control("settings", availability_epoch=1)
    assert refusal(shop.check_out(cart)) == (404, 400019)
    assert orders(shop) == []


@pytest.mark.parametrize(
    ("status", "code"), [("UnderReview", 800073), ("Unknown", 800074), ("NotAllowed", 800075), ("Allowed", None)]
)
def test_customers_under_review_buy_nothing(shop: Shop, status: str, code: int | None) -> None:
    cart = shop.cart(shop.line(BASIC))
    shop.control("account-status", customer=shop.customer, status=status)
    response = shop.check_out(cart)
    assert response.status_code == 201 if code is None else refusal(response) == (403, code)


def test_the_agreement_and_the_credit_are_conditions(owner: PartnerClient) -> None:
    shop = Shop(owner, is_signed=False)
    cart = shop.cart(shop.line(BASIC))
    assert refusal(shop.check_out(cart)) == (403, 13605)
    shop.control("agreement", customer=shop.customer, signed=True)
    shop.control("settings", has_credit=False)
    assert refusal(shop.check_out(cart)) == (403, 800023)
    shop.control("settings", has_credit=True)
    assert shop.check_out(cart).status_code == 201


# Orders


def test_orders_by_billing_type(shop: Shop) -> None:
    shop.bought(shop.line(BASIC))
    shop.bought(shop.line(AZURE_PLAN, term="", cycle="one_time"))
    shop.bought(shop.line(PERPETUAL, term="", cycle="one_time"))
    found = {kind: [one["lineItems"][0]["offerId"] for one in orders(shop, f"?billingType={kind}")]
             for kind in ("license", "usage", "onetime")}  # fmt: skip
    assert {kind: [offer.split(":")[0] for offer in offers] for kind, offers in found.items()} == {
        "license": ["CFQ7TTC0LH18"],
        "usage": ["DZH318Z0BPS6"],
        "onetime": ["DG7GMGF0DWT0"],
    }
    assert len(orders(shop)) == 3
    assert refusal(shop.owner.get(f"{shop.base}/orders?billingType=x")) == (400, 900126)


def test_the_price_of_an_order_is_told_to_who_asks(shop: Shop) -> None:
    result = shop.bought(shop.line(BASIC, quantity=2), shop.line(E3))
    order_id = result["orders"][0]["id"]
    total = sum(line["pricing"]["extendedPrice"] for line in result["orders"][0]["lineItems"])
    priced = shop.owner.get(f"{shop.base}/orders/{order_id}?includePrice=true").json()
    assert shapes.faults(priced, shapes.ORDER) == []
    assert priced["totalPrice"] == pytest.approx(total)
    assert "totalPrice" not in shop.owner.get(f"{shop.base}/orders/{order_id}").json()


def test_orders_are_seen_and_provided_after_a_while(shop: Shop, app: PartnerClient) -> None:
    shop.control("settings", order_list_seconds=900, provisioning_seconds=600, hidden_subscriptions=1)
    (order,) = shop.bought(shop.line(BASIC, quantity=2))["orders"]
    assert order["status"] == "pending"
    assert "subscriptionId" not in order["lineItems"][0]
    assert orders(shop) == []
    path = f"{shop.base}/orders/{order['id']}"
    assert shop.owner.get(path).status_code == 200
    line = {
        "orderLineItemId": "int",
        "lineItemNumber": "int",
        "status": {"fulfilled", "unfulfilled", "prefulfillmentPending"},
        "quantityProvisioningInformation": [{"quantity": "int", "status": "str"}],
    }
    waiting = shop.owner.get(f"{path}/provisioningstatus").json()
    assert shapes.faults(waiting, shapes.collection(line, has_links=False)) == []
    assert waiting["items"][0]["status"] == "unfulfilled"
    shop.advance("PT10M")
    done = shop.owner.get(path).json()
    assert done["status"] == "completed"
    assert shop.subscription(done["lineItems"][0]["subscriptionId"])["quantity"] == 2
    assert shop.owner.get(f"{path}/provisioningstatus").json()["items"][0]["status"] == "fulfilled"
    assert orders(shop) == []
    shop.advance("PT5M")
    assert [one["id"] for one in orders(shop)] == [order["id"]]
    app.token = app.tokens(is_user=False)["access_token"]
    assert refusal(app.get(f"{path}/provisioningstatus")) == (403, 900329)


def test_an_order_of_nobody(shop: Shop) -> None:
    assert refusal(shop.owner.get(f"{shop.base}/orders/7d8a3d7d3dbf")) == (404, 20000)
    assert refusal(shop.owner.call("PATCH", f"{shop.base}/orders/7d8a3d7d3dbf", json={"status": "cancelled"})) == (
        404,
        20000,
    )


def cancelled(shop: Shop, order: Any, **body: Any) -> httpx.Response:
    sent = {"id": order["id"], "referenceCustomerId": shop.customer, "billingCycle": order["billingCycle"]}
    return shop.owner.call("PATCH", f"{shop.base}/orders/{order['id']}", json=sent | (body or {"status": "cancelled"}))


def test_perpetual_software_is_cancelled_within_thirty_days(shop: Shop) -> None:
    first, second = (shop.bought(shop.line(PERPETUAL, term="", cycle="one_time"))["orders"][0] for _ in range(2))
    shop.advance("P29D")
    response = cancelled(shop, first)
    assert (response.status_code, response.json()["status"]) == (200, "cancelled")
    assert shapes.faults(response.json(), shapes.ORDER) == []
    assert refusal(cancelled(shop, first)) == (400, 800061)
    shop.advance("P2D")
    assert refusal(cancelled(shop, second)) == (400, 800061)


def test_a_software_subscription_is_cancelled_with_its_order(shop: Shop) -> None:
    lines = [
        shop.line(SOFTWARE, term="P3Y", cycle="triennial"),
        shop.line("DG7GMGF0DVT7:000C", term="P3Y", cycle="triennial"),
    ]
    (order,) = shop.bought(*lines)["orders"]
    first, second = (line["subscriptionId"] for line in order["lineItems"])
    response = cancelled(shop, order, lineItems=[{"lineItemNumber": 0, "quantity": 0}])
    assert response.json()["status"] == "completed"
    assert [line["quantity"] for line in response.json()["lineItems"]] == [0, 1]
    assert (shop.subscription(first)["status"], shop.subscription(second)["status"]) == ("deleted", "active")
    assert refusal(cancelled(shop, order, status="completed")) == (400, 800061)
    shop.advance("P8D")
    assert refusal(cancelled(shop, order)) == (400, 800061)


@pytest.mark.parametrize(
    ("sku", "term", "cycle", "expected"),
    [
        (BASIC, "P1Y", "monthly", (400, 800063)),
        ("DZH318Z0BXWC:0002", "P1M", "monthly", (403, 800077)),
    ],
)
def test_seats_are_not_cancelled_by_their_order(shop: Shop, sku: str, term: str, cycle: str, expected: Any) -> None:
    (order,) = shop.bought(shop.line(sku, term=term, cycle=cycle))["orders"]
    assert refusal(cancelled(shop, order)) == expected
    assert shop.subscriptions()[0]["status"] == "active"


def test_a_reservation_is_cancelled_in_a_sandbox_only(shop: Shop, emulator: Running) -> None:
    sandbox = PartnerClient(url=emulator.url, partner=SANDBOX)
    tenants = sandbox.http.get("/_emulator/tenants").json()
    country = next(one["country"] for one in tenants if SANDBOX.tenant_id in one["customer_of"])
    outcomes = []
    for one in (shop, Shop(sandbox, country=country)):
        plan = one.subscription_of(one.line(AZURE_PLAN, term="", cycle="one_time"))
        context = {"subscriptionId": plan["id"], "scope": "shared"}
        (order,) = one.bought(one.line(RESERVATION, cycle="one_time", provisioningContext=context))["orders"]
        assert "subscriptionId" not in order["lineItems"][0]
        response = cancelled(one, order)
        outcomes.append(response.json().get("code") or response.json()["status"])
        line = one.line(AZURE_PLAN, term="", cycle="one_time")
        outcomes.append(one.error_of(line)["errorCode"])
    assert outcomes == [800019, 10015, "cancelled", 10009]
    sandbox.http.close()


# The end of a relationship (§4.7)


def test_a_relationship_ends_when_every_subscription_has(shop: Shop) -> None:
    plan = shop.subscription_of(shop.line(AZURE_PLAN, term="", cycle="one_time"))
    seats = shop.subscription_of(shop.line(BASIC))
    ending = {"relationshipToPartner": "none"}
    assert refusal(shop.owner.call("PATCH", shop.base, json=ending)) == (400, 800024)
    shop.patched(seats, status="suspended")
    assert refusal(shop.owner.call("PATCH", shop.base, json=ending)) == (400, 800024)
    shop.patched(shop.subscription(seats["id"]), status="deleted")
    assert refusal(shop.owner.call("PATCH", shop.base, json=ending)) == (400, 800024)
    shop.patched(plan, status="suspended")
    assert shop.owner.call("PATCH", shop.base, json=ending).status_code == 200
    assert refusal(shop.owner.get(shop.base)) == (403, 20002)


def test_a_sandboxs_customer_is_deleted_after_its_orders(emulator: Running) -> None:
    sandbox = PartnerClient(url=emulator.url, partner=SANDBOX)
    tenants = sandbox.http.get("/_emulator/tenants").json()
    country = next(one["country"] for one in tenants if SANDBOX.tenant_id in one["customer_of"])
    shop = Shop(sandbox, country=country)
    (order,) = shop.bought(shop.line(PERPETUAL, term="", cycle="one_time"))["orders"]
    assert refusal(sandbox.call("DELETE", shop.base)) == (400, 800024)
    assert cancelled(shop, order).status_code == 200
    assert sandbox.call("DELETE", shop.base).status_code == 204
    sandbox.http.close()
