"""Carts over raw HTTP, held against contract §8.1-8.2 and errors.md §4: a bad line is an error inside a 201."""

from typing import Any

import pytest
from emulator_client import PartnerClient
from shop import (
    AZURE_PLAN,
    BASIC,
    BASIC_TRIAL,
    COPILOT,
    E3,
    EDUCATION,
    NONPROFIT,
    PERPETUAL,
    RESERVATION,
    SOFTWARE,
    UNATTENDED,
    Shop,
    refusal,
)

from partner_center_emulator.testing import Running
from partner_center_emulator.wellknown import FABRIKAM

RESELLER, OTHER_RESELLER = "4847411", "4847433"


def test_a_cart_and_its_prices(shop: Shop) -> None:
    cart = shop.cart(shop.line(BASIC, quantity=2, friendlyName="Front desk"))
    (line,) = cart["lineItems"]
    assert cart["status"] == "Active"
    assert cart["expirationTimestamp"][:10] > cart["creationTimestamp"][:10]
    assert line["catalogItemId"] == "CFQ7TTC0LH18:0001:CFQ7TTC0K971"
    assert (line["id"], line["orderGroup"], line["currencyCode"], line["friendlyName"]) == (0, "0", "USD", "Front desk")
    pricing = line["pricing"]
    assert pricing["listPrice"] == pricing["discountedPrice"] == pricing["proratedPrice"] == pricing["price"]
    assert pricing["extendedPrice"] == pytest.approx(pricing["price"] * 2 * 12)
    again = shop.owner.get(f"{shop.base}/carts/{cart['id']}")
    assert (again.status_code, again.json()) == (200, cart)
    assert cart["links"]["self"]["uri"] == f"/customers/{shop.customer}/carts/{cart['id']}"


def test_names_and_cycles_in_any_case(shop: Shop) -> None:
    body = {
        "LineItems": [
            {
                "Id": "0",
                "CatalogItemId": shop.item(BASIC),
                "Quantity": 1,
                "BillingCycle": "Monthly",
                "TermDuration": "p1m",
            }
        ]
    }
    response = shop.owner.post(f"{shop.base}/carts", json=body)
    assert response.status_code == 201
    (line,) = response.json()["lineItems"]
    assert (line["billingCycle"], line["termDuration"], line["id"]) == ("monthly", "P1M", 0)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"catalogItemId": "CFQ7TTC0LH18:0001:CFQ7TTC0XXXX"}, 10001),
        ({"catalogItemId": "CFQ7TTC0LH18:9999:CFQ7TTC0K971"}, 10001),
        ({"catalogItemId": "CFQ7TTC0LH18:0001"}, 10001),
        ({"catalogItemId": "MS-AZR-0145P"}, 10001),
        ({"catalogItemId": "CFQ7TTC0LH18:E001:CFQ7TTC0K971"}, 10001),
        ({"currencyCode": "EUR"}, 10000),
        ({"quantity": 0}, 10010),
        ({"quantity": -3}, 10010),
        ({"billingCycle": "annual", "termDuration": "P1M"}, 10013),
        ({"billingCycle": "triennial"}, 10013),
        ({"termDuration": "P3Y"}, 10010),
        ({"termDuration": ""}, 10010),
        ({"promotionId": "39NFJQT1SNC7:0001:39NFJQT1Q5KM"}, 10014),
        ({"promotionId": "no such promotion"}, 10014),
        ({"customTermEndDate": "2020-01-31T00:00:00Z"}, 10017),
        ({"customTermEndDate": "tomorrow"}, 10017),
        ({"quantity": 301}, 10015),
        ({"renewsTo": {"termDuration": "P9Y"}}, 10010),
    ],
)
def test_what_is_wrong_with_a_line_is_said_in_it(shop: Shop, change: dict[str, Any], code: int) -> None:
    error = shop.error_of(shop.line(BASIC) | change)
    assert error["errorCode"] == code
    assert error["errorDescription"]


def test_a_bad_line_harms_no_other(shop: Shop) -> None:
    bad, good = shop.line(BASIC, quantity=0), shop.line(E3)
    first, second = shop.cart(bad, good)["lineItems"]
    assert (first["quantity"], first["error"]["errorCode"]) == (0, 10010)
    assert "error" not in second
    assert second["pricing"]["price"] > 0


def test_currency_of_the_customers_market(owner: PartnerClient) -> None:
    german = Shop(owner, country="DE")
    (line,) = german.cart(german.line(BASIC, currencyCode="eur"))["lineItems"]
    assert line["currencyCode"] == "EUR"
    error = german.error_of(german.line(BASIC, currencyCode="USD"))
    assert error["errorCode"] == 10000


def test_seats_are_pooled_over_a_tenant(shop: Shop, emulator: Running) -> None:
    shop.bought(shop.line(BASIC, quantity=200))
    error = shop.error_of(shop.line(BASIC, quantity=101))
    assert error["errorCode"] == 10015
    assert error["additionalInformation"] == {"availableQuantity": 100, "purchasedQuantity": 200}
    first, second = shop.cart(shop.line(BASIC, quantity=60), shop.line(BASIC, quantity=60))["lineItems"]
    assert "error" not in first
    assert second["error"]["additionalInformation"] == {"availableQuantity": 40, "purchasedQuantity": 200}


def test_seats_are_pooled_over_partners(owner: PartnerClient, emulator: Running) -> None:
    other = PartnerClient(url=emulator.url, partner=FABRIKAM)
    tenants = owner.http.get("/_emulator/tenants").json()
    shared = next(one for one in tenants if len(one["customer_of"]) == 2)
    country = shared["country"]
    shops = [Shop(owner, country=country), Shop(other, country=country)]
    for shop in shops:
        shop.customer, shop.base = shared["tenant_id"], f"/v1/customers/{shared['tenant_id']}"
        shop.control("agreement", customer=shop.customer, signed=True)
    shops[0].bought(shops[0].line(BASIC, quantity=290))
    error = shops[1].error_of(shops[1].line(BASIC, quantity=11))
    assert error["additionalInformation"] == {"availableQuantity": 10, "purchasedQuantity": 290}
    other.http.close()


def test_an_addon_needs_a_base_that_is_owned(shop: Shop) -> None:
    assert shop.error_of(shop.line(COPILOT, cycle="annual"))["errorCode"] == 400041
    base = shop.subscription_of(shop.line(BASIC, quantity=5))
    context = {"ParentSubscriptionId": base["id"]}
    (line,) = shop.cart(shop.line(COPILOT, cycle="annual", provisioningContext=context))["lineItems"]
    assert "error" not in line
    assert line["provisioningContext"] == {"parentSubscriptionId": base["id"]}
    stranger = {"ParentSubscriptionId": "11111111-1111-1111-1111-111111111111"}
    error = shop.error_of(shop.line(COPILOT, cycle="annual", provisioningContext=stranger))
    assert error["errorCode"] == 400041


def test_multi_geo_is_for_a_twentieth_of_the_seats(shop: Shop) -> None:
    shop.bought(shop.line(E3, quantity=100))
    assert shop.error_of(shop.line("CFQ7TTC0PSC6:0001", quantity=4))["errorCode"] == 10019
    (line,) = shop.cart(shop.line("CFQ7TTC0PSC6:0001", quantity=5))["lineItems"]
    assert "error" not in line


@pytest.mark.parametrize(
    ("sku", "segment", "qualification"),
    [(EDUCATION, "education", "education"), (NONPROFIT, "nonprofit", "nonprofit")],
)
def test_a_segment_is_for_qualified_customers(shop: Shop, sku: str, segment: str, qualification: str) -> None:
    line = shop.line(sku, catalogItemId=shop.item(sku, segment=segment))
    assert shop.error_of(line)["errorCode"] == 10006
    shop.owner.call("PUT", f"{shop.base}/qualification", json=qualification)
    assert "error" not in shop.cart(line)["lineItems"][0]


def test_attestation(shop: Shop) -> None:
    assert shop.error_of(shop.line(UNATTENDED))["errorCode"] == 10012
    assert shop.error_of(shop.line(UNATTENDED, attestationAccepted=False))["errorCode"] == 10012
    (line,) = shop.cart(shop.line(UNATTENDED, attestationAccepted=True))["lineItems"]
    assert line["attestationAccepted"] is True
    assert "error" not in line


@pytest.mark.parametrize(
    ("sku", "term", "cycle"),
    [
        (SOFTWARE, "P3Y", "triennial"),
        (PERPETUAL, "", "one_time"),
        (BASIC_TRIAL, "P1M", "none"),
        (AZURE_PLAN, "", "one_time"),
    ],
)
def test_only_paid_seats_can_have_an_end_of_their_own(shop: Shop, sku: str, term: str, cycle: str) -> None:
    line = shop.line(sku, term=term, cycle=cycle)
    assert "error" not in shop.cart(line)["lineItems"][0]
    assert shop.error_of(line | {"customTermEndDate": "2027-01-31T00:00:00Z"})["errorCode"] == 10016


def test_a_months_end_shortens_the_term_and_its_price(shop: Shop) -> None:
    shop.move_to("2026-11-15T10:00:00Z")
    line = shop.line(E3, quantity=2, cycle="annual", customTermEndDate="2027-05-31T00:00:00Z")
    (made,) = shop.cart(line)["lineItems"]
    pricing = made["pricing"]
    assert made["customTermEndDate"] == "2027-05-31T00:00:00Z"
    # 15 November to 31 May are 198 of the 365 days to 14 November.
    assert pricing["proratedPrice"] == pytest.approx(pricing["discountedPrice"] * 198 / 365, abs=0.01)
    assert pricing["extendedPrice"] == pytest.approx(2 * pricing["proratedPrice"])
    monthly = shop.line(E3, quantity=1, customTermEndDate="2027-05-31T00:00:00Z")
    (made,) = shop.cart(monthly)["lineItems"]
    # Six whole cycles and 17 days of May.
    price = made["pricing"]["price"]
    assert made["pricing"]["extendedPrice"] == pytest.approx(price * 6 + price * 17 / 31, abs=0.01)


def test_one_azure_plan_for_each_customer(shop: Shop) -> None:
    line = shop.line(AZURE_PLAN, term="", cycle="one_time")
    assert shop.error_of(line | {"quantity": 2})["errorCode"] == 10015
    shop.bought(line)
    assert shop.error_of(line)["errorCode"] == 10015


def test_a_trial_is_had_once(shop: Shop) -> None:
    line = shop.line(BASIC_TRIAL, quantity=5, term="P1M", cycle="none")
    first, second = shop.cart(line, line)["lineItems"]
    assert ("error" in first, second["error"]["errorCode"]) == (False, 10006)
    waiting = shop.cart(line)
    shop.bought(line)
    assert shop.error_of(line)["errorCode"] == 10006
    assert [one["code"] for one in shop.check_out(waiting).json()["orderErrors"]] == [800020]
    shop.advance("P40D")  # it has become the product itself
    assert [one["isTrial"] for one in shop.subscriptions()] == [False]
    assert shop.error_of(line)["errorCode"] == 10006


def test_a_reservation_needs_an_azure_plan(shop: Shop) -> None:
    line = shop.line(RESERVATION, cycle="one_time")
    assert shop.error_of(line)["errorCode"] == 10007
    context = {"scope": "shared", "subscriptionId": "1C461A25-F729-4FA5-AADB-280947DD05E8"}
    assert shop.error_of(line | {"provisioningContext": context})["errorCode"] == 10007
    plan = shop.subscription_of(shop.line(AZURE_PLAN, term="", cycle="one_time"))
    (made,) = shop.cart(line | {"provisioningContext": context | {"subscriptionId": plan["id"]}})["lineItems"]
    assert "error" not in made


def test_what_is_out_of_stock(shop: Shop) -> None:
    shop.control("settings", restricted=["CFQ7TTC0LH18"])
    assert shop.error_of(shop.line(BASIC))["errorCode"] == 10003


# Resellers on record


def participants(*values: str) -> list[Any]:
    keys = ["transaction_reseller"] + ["additional_transaction_reseller"] * (len(values) - 1)
    return [[{"key": key, "value": value} for key, value in zip(keys, values, strict=True)]]


def test_a_reseller_needs_the_partners_word(shop: Shop) -> None:
    line = shop.line(BASIC, participants=participants(RESELLER))
    assert refusal(shop.put_into_cart(line)) == (400, 900206)
    assert refusal(shop.put_into_cart(line, PartnerOnRecordAttestationAccepted=False)) == (400, 900206)
    cart = shop.cart(line, PartnerOnRecordAttestationAccepted=True)
    assert cart["lineItems"][0]["participants"] == participants(RESELLER)
    result = shop.check_out(cart).json()
    ordered = result["orders"][0]["lineItems"][0]
    assert ordered["partnerIdOnRecord"] == RESELLER
    assert shop.subscription(ordered["subscriptionId"])["partnerId"] == RESELLER
    listed = shop.owner.get(f"{shop.base}/subscriptions?mpn_id={RESELLER}").json()
    assert [one["id"] for one in listed["items"]] == [ordered["subscriptionId"]]
    assert shop.owner.get(f"{shop.base}/subscriptions?mpn_id=1").json()["items"] == []


def test_resellers_that_can_not_be_named(shop: Shop, owner: PartnerClient, emulator: Running) -> None:
    accepted = {"PartnerOnRecordAttestationAccepted": True}
    assert shop.error_of(shop.line(BASIC, participants=participants("1")), **accepted)["errorCode"] == 10010
    two = participants(RESELLER, OTHER_RESELLER)
    assert shop.error_of(shop.line(BASIC, participants=two), **accepted)["errorCode"] == 10010  # not in Europe
    german = Shop(owner, country="DE")
    result = german.bought(german.line(BASIC, participants=two), **accepted)
    assert result["orders"][0]["lineItems"][0]["additionalPartnerIdsOnRecord"] == [OTHER_RESELLER]
    direct = PartnerClient(url=emulator.url, partner=FABRIKAM)
    theirs = Shop(direct)
    assert theirs.error_of(theirs.line(BASIC, participants=participants(RESELLER)), **accepted)["errorCode"] == 10004
    direct.http.close()


# What fails the call


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"catalogItemId": ""}, 900142),
        ({"billingCycle": "weekly"}, 900126),
        ({"billingCycle": ""}, 3000),
        ({"quantity": "two"}, 3000),
        ({"quantity": True}, 3000),
        ({"quantity": None}, 3000),
        ({"id": 1}, 800071),
        ({"id": "x"}, 800071),
        ({"provisioningContext": []}, 3000),
        ({"participants": {}}, 3000),
    ],
)
def test_what_can_not_be_read_fails_the_call(shop: Shop, change: dict[str, Any], code: int) -> None:
    assert refusal(shop.put_into_cart(shop.line(BASIC) | change)) == (400, code)


def test_an_empty_cart_or_one_with_a_number_twice(shop: Shop) -> None:
    assert refusal(shop.put_into_cart()) == (400, 3000)
    line = shop.line(BASIC) | {"id": 0}
    assert refusal(shop.put_into_cart(line, line)) == (400, 3000)
    assert refusal(shop.owner.post(f"{shop.base}/carts", content=b"{")) == (400, 800002)


def test_groups_are_kept_or_given(shop: Shop) -> None:
    lines = [
        shop.line(BASIC),
        shop.line(BASIC, cycle="annual"),
        shop.line(E3),
        shop.line(E3, orderGroup="0"),
        shop.line(SOFTWARE, term="P3Y", cycle="annual"),
    ]
    groups = [line["orderGroup"] for line in shop.cart(*lines)["lineItems"]]
    assert groups == ["1", "2", "1", "0", "3"]


# Get and put


def test_other_lines_are_put_into_a_cart(shop: Shop) -> None:
    cart = shop.cart(shop.line(BASIC, quantity=0))
    shop.advance("PT1M")
    changed = cart | {"lineItems": [shop.line(E3, quantity=4)]}
    response = shop.owner.call("PUT", f"{shop.base}/carts/{cart['id']}", json=changed)
    assert response.status_code == 200
    after = response.json()
    assert (after["id"], after["creationTimestamp"]) == (cart["id"], cart["creationTimestamp"])
    assert after["lastModifiedTimestamp"] > cart["lastModifiedTimestamp"]
    assert [line["quantity"] for line in after["lineItems"]] == [4]
    assert shop.owner.get(f"{shop.base}/carts/{cart['id']}").json() == after


def test_a_cart_of_nobody_or_of_last_week(shop: Shop, owner: PartnerClient) -> None:
    path = f"{shop.base}/carts/11111111-1111-1111-1111-111111111111"
    assert refusal(owner.get(path)) == (404, 800008)
    assert refusal(owner.call("PUT", path, json={"lineItems": []})) == (404, 800008)
    assert refusal(owner.post(f"{path}/checkout")) == (404, 800008)
    cart = shop.cart(shop.line(BASIC))
    german = Shop(owner, country="DE")
    assert refusal(owner.get(f"{german.base}/carts/{cart['id']}")) == (404, 800008)
    shop.advance("P8D")
    assert refusal(owner.call("PUT", f"{shop.base}/carts/{cart['id']}", json=cart)) == (404, 800008)
    assert refusal(shop.check_out(cart)) == (404, 800008)
