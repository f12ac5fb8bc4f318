"""Carts, checkouts and orders: what is sent, and how honest the client is about what came of it."""

import uuid
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from tests.microsoft import spelling

from msphub.microsoft import errors
from msphub.microsoft import order_shapes as shapes

CARTS = "/v1/customers/c-1/carts"
CHECKOUT = f"{CARTS}/k-1/checkout"
LINE = shapes.NewLine(catalog_item_id="P:S:A", quantity=5, billing_cycle="monthly", term_duration="P1Y")
CART = {
    "id": "k-1",
    "creationTimestamp": "2023-07-11T21:16:11.55149Z",
    "expirationTimestamp": "2023-07-18T21:16:17.2480482Z",
    "status": "Active",
    "lineItems": [
        {
            "id": 0,
            "catalogItemId": "P:S:A",
            "quantity": 5,
            "currencyCode": "USD",
            "billingCycle": "monthly",
            "termDuration": "P1Y",
            "provisioningContext": {},
            "orderGroup": "0",
            "pricing": {"listPrice": 30.4, "proratedPrice": "30.40", "extendedPrice": 364.8},
        },
        {
            "id": "1",
            "catalogId": "P:S:B",
            "quantity": 300,
            "error": {
                "errorCode": "10015",
                "errorDescription": "Max allowed seats exceeded.",
                "additionalInformation": {"availableQuantity": 20, "purchasedQuantity": "280", "new": True},
            },
        },
    ],
    "somethingNew": {"kept": 1},
}
ORDER = {
    "id": "7d8a3d7d3dbf",
    "alternateId": "7d8a3d7d3dbf",
    "referenceCustomerId": "c-1",
    "billingCycle": "monthly",
    "currencyCode": "USD",
    "creationDate": "2021-08-18T07:52:23.1921872Z",
    "status": "a brand-new status",
    "transactionType": "UserPurchase",
    "totalPrice": 152.0,
    "lineItems": [
        {
            "lineItemNumber": "0",
            "offerId": "P:S:A",
            "subscriptionId": "ebc0beef-7ffb-4044-c074-16f324432139",
            "termDuration": "P1Y",
            "transactionType": "New",
            "quantity": 5,
            "renewsTo": [{"termDuration": "P1Y"}],
            "additionalPartnerIdsOnRecord": ["5357564"],
        },
        {"lineItemNumber": 1, "offerId": "P:S:C", "termDuration": "", "quantity": 1},
    ],
    "attributes": {"objectType": "Order"},
}


def create(client: Any, *lines: shapes.NewLine, request_id: uuid.UUID | None = None) -> shapes.Cart:
    cart = client.carts.create(request_id=request_id or uuid.uuid4(), customer_id="c-1", lines=lines or [LINE])
    assert isinstance(cart, shapes.Cart)
    return cart


def checkout(client: Any, request_id: uuid.UUID | None = None) -> shapes.CheckoutResult:
    result = client.carts.checkout(request_id=request_id or uuid.uuid4(), customer_id="c-1", cart_id="k-1")
    assert isinstance(result, shapes.CheckoutResult)
    return result


def test_a_line_is_sent_with_what_is_known_of_it(client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on("POST", CARTS, reply(status=201, body=CART))
    request_id = uuid.uuid4()
    full = shapes.NewLine(
        catalog_item_id="P:S:B",
        quantity=300,
        billing_cycle="annual",
        term_duration="P1Y",
        friendly_name="Büro",
        currency_code="EUR",
        order_group="one",
        resellers=("517285", "5357564"),
        provisioning_context={"ParentSubscriptionId": "97555B61"},
        promotion_id="promo",
        renews_to_term="P1Y",
        is_attestation_accepted=True,
        custom_term_ends_on=date(2027, 6, 30),
    )

    create(client, LINE, full, request_id=request_id)

    (call,) = microsoft.calls()
    assert call.headers["ms-requestid"] == str(request_id)
    assert call.json == {
        "lineItems": [
            {"id": 0, "catalogItemId": "P:S:A", "quantity": 5, "billingCycle": "monthly", "termDuration": "P1Y"},
            {
                "id": 1,
                "catalogItemId": "P:S:B",
                "quantity": 300,
                "billingCycle": "annual",
                "termDuration": "P1Y",
                "friendlyName": "Büro",
                "currencyCode": "EUR",
                "orderGroup": "one",
                "participants": [
                    [
                        {"key": "transaction_reseller", "value": "517285"},
                        {"key": "additional_transaction_reseller", "value": "5357564"},
                    ]
                ],
                "provisioningContext": {"ParentSubscriptionId": "97555B61"},
                "promotionId": "promo",
                "renewsTo": {"termDuration": "P1Y"},
                "attestationAccepted": True,
                "customTermEndDate": "2027-06-30T00:00:00Z",
            },
        ],
        "PartnerOnRecordAttestationAccepted": True,
    }
    with pytest.raises(ValueError, match="at least one"):
        client.carts.create(request_id=uuid.uuid4(), customer_id="c-1", lines=[])


@pytest.mark.parametrize("status", [200, 201])
@pytest.mark.parametrize("body", [CART, spelling.pascal(CART)])
def test_lines_that_cant_be_bought_stand_beside_the_others(
    client: Any, microsoft: Any, reply: Any, status: int, body: Any
) -> None:
    microsoft.on("POST", CARTS, reply(status=status, body=body))

    cart = create(client)

    good, refused = cart.lines
    assert (cart.id, cart.status) == ("k-1", "Active")
    assert cart.expires_at == datetime(2023, 7, 18, 21, 16, 17, 248048, tzinfo=UTC)
    assert good.pricing == shapes.Pricing(
        list_price=Decimal("30.4"),
        prorated_price=Decimal("30.40"),
        extended_price=Decimal("364.8"),
    )
    assert cart.refused_lines == (refused,)
    assert refused.catalog_item_id == "P:S:B"
    assert refused.error is not None
    assert (refused.number, refused.error.code) == (1, 10015)
    assert (refused.error.available_quantity, refused.error.purchased_quantity) == (20, 280)
    assert refused.error.description == "Max allowed seats exceeded."
    assert refused.error.message == "The customer would have more seats of it than Microsoft allows."


def test_line_error_of_an_unknown_code_keeps_microsofts_words(client: Any, microsoft: Any, reply: Any) -> None:
    lines = [
        {"id": 0, "catalogItemId": "x", "error": {"errorCode": 19999, "errorDescription": "Something new."}},
        {"id": 1, "catalogItemId": "x", "error": {"code": 400041}},
        {"id": 2, "catalogItemId": "x", "error": {}},
        {"id": 3, "catalogItemId": "x", "error": None},
    ]
    microsoft.on("GET", f"{CARTS}/k-1", reply(body={**CART, "lineItems": lines}))

    found = client.carts.get(customer_id="c-1", cart_id="k-1")

    messages = [line.error.message for line in found.refused_lines]
    assert messages == ["Something new.", "The add-on needs a product that the customer doesn't own."]


def test_price_is_read_as_it_was_printed(client: Any, microsoft: Any, reply: Any) -> None:
    body = b'{"id":"k-1","lineItems":[{"id":0,"catalogItemId":"x","pricing":{"price":0.123456789012345678}}]}'
    microsoft.on("GET", f"{CARTS}/k-1", reply(body=body))

    (line,) = client.carts.get(customer_id="c-1", cart_id="k-1").lines

    assert line.pricing.price == Decimal("0.123456789012345678")


@pytest.mark.parametrize("status", [200, 201])
def test_update_sends_the_whole_cart(client: Any, microsoft: Any, reply: Any, status: int) -> None:
    microsoft.on("GET", f"{CARTS}/k-1", reply(body=CART))
    microsoft.on("PUT", f"{CARTS}/k-1", reply(status=status, body={**CART, "lineItems": []}))

    cart = client.carts.get(customer_id="c-1", cart_id="k-1")
    changed = client.carts.update(request_id=uuid.uuid4(), customer_id="c-1", cart=cart, lines=[LINE])

    sent = microsoft.calls()[-1].json
    assert changed.lines == ()
    assert (sent["id"], sent["somethingNew"], sent["status"]) == ("k-1", {"kept": 1}, "Active")
    assert sent["lineItems"] == [
        {"id": 0, "catalogItemId": "P:S:A", "quantity": 5, "billingCycle": "monthly", "termDuration": "P1Y"}
    ]


@pytest.mark.parametrize(
    "body",
    [
        {"orders": [ORDER]},
        spelling.pascal({"orders": [ORDER]}),
        {"orders": [ORDER], "orderErrors": []},
        ORDER,
        spelling.pascal(ORDER),
    ],
    ids=["result", "pascal", "no errors", "bare order", "bare pascal"],
)
@pytest.mark.parametrize("status", [200, 201, 202])
def test_checkout(client: Any, microsoft: Any, reply: Any, body: Any, status: int) -> None:
    microsoft.on("POST", CHECKOUT, reply(status=status, body=body))
    request_id = uuid.uuid4()

    result = checkout(client, request_id)

    (call,) = microsoft.calls()
    assert (call.headers["ms-requestid"], call.body) == (str(request_id), b"")
    assert result.is_complete
    (order,) = result.orders
    assert (order.id, order.status, order.total_price) == ("7d8a3d7d3dbf", "a brand-new status", Decimal("152.0"))
    first, second = order.lines
    assert (first.number, first.catalog_item_id) == (0, "P:S:A")
    assert first.subscription_id == "ebc0beef-7ffb-4044-c074-16f324432139"
    assert (first.renews_to_term, first.additional_partner_ids_on_record) == ("P1Y", ("5357564",))
    assert (second.subscription_id, second.term_duration) == (None, None)


def test_checkout_in_part(client: Any, microsoft: Any, reply: Any) -> None:
    failed = [
        {"orderGroupId": "1", "code": "800023", "description": "Credit."},
        {"orderGroupId": 2, "code": 123456, "description": "New."},
    ]
    microsoft.on("POST", CHECKOUT, reply(status=201, body={"orders": [ORDER], "orderErrors": failed}))

    result = checkout(client)

    assert not result.is_complete
    assert len(result.orders) == 1
    assert [(error.order_group, error.code) for error in result.errors] == [("1", 800023), ("2", 123456)]
    assert [error.message for error in result.errors] == [
        "The partner's credit line at Microsoft is too small for this purchase.",
        "New.",
    ]


def test_checkout_of_which_nothing_was_bought(client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on(
        "POST",
        CHECKOUT,
        reply(status=201, body={"orders": None, "orderErrors": [{"code": 800066, "description": "No"}]}),
    )

    result = checkout(client)

    assert (result.orders, result.is_complete, result.errors[0].code) == ((), False, 800066)


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 201, "body": {"orders": []}},
        {"status": 201, "body": None},
        {"status": 201, "body": b"<html>"},
        {"status": 200, "body": CART},
        {"status": 200, "body": {**CART, "attributes": {"objectType": "Cart"}}},
        {"status": 200, "body": {"id": "x", "code": 800003, "description": "Oops."}},
        {"status": 201, "body": {"orders": [ORDER, {"status": "pending"}]}},
        {"status": 500, "body": {"code": 800005, "description": "Order creation failed"}},
        {"status": 408},
        {"drop": True},
    ],
)
def test_checkout_without_a_result_is_unknown_and_not_repeated(
    client: Any, microsoft: Any, reply: Any, answer: Any
) -> None:
    microsoft.on("POST", CHECKOUT, reply(**answer))
    request_id = uuid.uuid4()

    with pytest.raises(errors.UnknownOutcome) as raised:
        checkout(client, request_id)

    assert raised.value.request_id == str(request_id)
    assert len(microsoft.calls()) == 1


@pytest.mark.parametrize(
    ("status", "code", "expected", "field", "wait"),
    [
        (404, 400019, errors.NotFound, "catalogItemId", None),
        (409, 800060, errors.Conflict, None, 120.0),
        (409, 800064, errors.Conflict, None, 120.0),
        (400, 800065, errors.AlreadyExists, None, None),
        (403, 13605, errors.Forbidden, None, None),
        (403, 800073, errors.Forbidden, None, None),
        (403, 800023, errors.Forbidden, None, None),
        (403, 800088, errors.Forbidden, "quantity", None),
        (403, 800089, errors.Forbidden, "quantity", None),
        (400, 900203, errors.Refused, "attestationAccepted", None),
        (400, 900242, errors.Refused, "customTermEndDate", None),
        (400, 900252, errors.Refused, None, None),
    ],
)
def test_refused_checkout(
    client: Any,
    microsoft: Any,
    reply: Any,
    status: int,
    code: int,
    expected: type[errors.Refused],
    field: str | None,
    wait: float | None,
) -> None:
    microsoft.on("POST", CHECKOUT, reply(status=status, body={"code": code, "description": "Microsoft's words."}))

    with pytest.raises(errors.Refused) as raised:
        checkout(client)

    assert type(raised.value) is expected
    assert (raised.value.code, raised.value.message) == (code, "Microsoft's words.")
    assert (raised.value.field, raised.value.retry_after) == (field, wait)
    assert raised.value.advice
    assert len(microsoft.calls()) == 1


def test_throttled_checkout_was_not_done(client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on("POST", CHECKOUT, reply(status=429, body={"message": "Rate limit. Try again in 57 seconds."}))

    with pytest.raises(errors.Throttled) as raised:
        checkout(client)

    assert raised.value.retry_after == 57.0
    assert len(microsoft.calls()) == 1


def test_orders(client: Any, microsoft: Any, reply: Any) -> None:
    following = {"next": {"uri": "/customers/c-1/orders?page=2"}}
    microsoft.on(
        "GET",
        "/v1/customers/c-1/orders",
        reply(body={"items": [ORDER], "links": following}),
        reply(body=[spelling.pascal(ORDER)]),
    )
    microsoft.on("GET", "/v1/customers/c-1/orders/7d8a3d7d3dbf", reply(body=ORDER))

    first, second = client.orders.list(customer_id="c-1", billing_type="license")

    assert first == second == client.orders.get(customer_id="c-1", order_id="7d8a3d7d3dbf")
    assert [call.query for call in microsoft.calls()] == [{"billingType": "license"}, {"page": "2"}, {}]


def test_orders_provisioning_is_asked_as_a_user(client: Any, microsoft: Any, reply: Any) -> None:
    items = [
        {
            "orderLineItemId": 0,
            "status": "Fulfilled",
            "quantityProvisioningInformation": [{"quantity": "1", "status": "fulfilled"}],
        },
        {"lineItemNumber": 1, "status": "prefulfillmentPending"},
    ]
    microsoft.on("GET", "/v1/customers/c-1/orders/o-1/provisioningstatus", reply(body={"items": items}))

    done, pending = client.orders.provisioning_status(customer_id="c-1", order_id="o-1")

    assert (done.line_number, done.is_fulfilled, done.quantities) == (0, True, (("fulfilled", 1),))
    assert (pending.line_number, pending.is_fulfilled) == (1, False)
    assert microsoft.calls()[0].headers["authorization"].startswith("Bearer refresh_token")
