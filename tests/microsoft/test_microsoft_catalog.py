"""What the client asks of Microsoft's catalogue, and what it makes of the answers."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from tests.microsoft import spelling

from msphub.microsoft import catalog, errors
from msphub.microsoft import catalog_shapes as shapes

PRODUCT = {
    "id": "CFQ7TTC0LH18",
    "title": "Microsoft 365 Business Basic",
    "productType": {"id": "OnlineServicesNCE", "displayName": "OnlineServicesNCE"},
    "isMicrosoftProduct": True,
    "publisherName": "Microsoft Corporation",
    "madeUpTomorrow": {"deep": [1]},
}
SKU = {
    "id": "0001",
    "title": "Microsoft 365 Business Basic",
    "minimumQuantity": 1,
    "maximumQuantity": "300",
    "isTrial": False,
    "supportedBillingCycles": ["annual", "monthly", "fortnightly"],
    "purchasePrerequisites": ["MicrosoftCloudAgreement"],
    "dynamicAttributes": {
        "isAddon": "true",
        "hasConstraints": True,
        "prerequisiteSkus": ["CFQ7TTC0LDPB:0001"],
        "upgradeTargetOffers": ["CFQ7TTC0LF8Q:0001"],
        "provisioningId": "3b555118",
    },
    "attestationProperties": {"attestationType": "WindowsSomething", "enforceAttestation": True},
}
AVAILABILITY = {
    "id": "CFQ7TTC0K971",
    "catalogItemId": "CFQ7TTC0LH18:0001:CFQ7TTC0K971",
    "defaultCurrency": {"code": "USD", "symbol": "$"},
    "segment": "commercial",
    "country": "US",
    "isPurchasable": True,
    "isRenewable": True,
    "renewalInstructions": [
        {
            "applicableTermIds": ["5aeco6mffyxo"],
            "renewalOptions": [{"renewToId": "CFQ7TTC0LH18:0001", "isAutoRenewable": True}],
        }
    ],
    "terms": [
        {
            "id": "5aeco6mffyxo",
            "duration": "P1Y",
            "billingCycle": "Annual",
            "cancellationPolicies": [
                {
                    "refundOptions": [
                        {"sequenceId": 0, "type": "Full", "expiresAfter": "P1D"},
                        {"sequenceId": 1, "type": "Partial", "expiresAfter": "P7D"},
                    ]
                }
            ],
        },
        {"duration": "P1M", "billingCycle": "none"},
    ],
}


def collection(*items: Any, following: str | None = None, token: str | None = None) -> dict[str, Any]:
    links: dict[str, Any] = {"self": {"uri": "/x", "method": "GET"}}
    if following:
        headers = [{"key": "MS-ContinuationToken", "value": token}] if token else []
        links["next"] = {"uri": following, "method": "GET", "headers": headers}
    return {"totalCount": len(items), "items": list(items), "links": links, "attributes": {"objectType": "Collection"}}


def test_products_of_a_country_page_by_page(client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on(
        "GET",
        "/v1/products",
        reply(body=collection(PRODUCT, {"title": "no id"}, following="/products?country=DE&size=1", token="next!")),
        reply(body=collection({"id": "second"})),
    )

    found = client.catalog.products(target_view=catalog.ONLINE_SERVICES, country="de", segment="education")
    first = next(found)
    assert len(microsoft.calls()) == 1
    (second,) = found

    assert first == shapes.Product(
        id="CFQ7TTC0LH18",
        title="Microsoft 365 Business Basic",
        type_id="OnlineServicesNCE",
        type_name="OnlineServicesNCE",
        is_microsoft_product=True,
        publisher_name="Microsoft Corporation",
    )
    assert second.id == "second"
    asked, more = microsoft.calls()
    assert asked.query == {"country": "DE", "targetView": "OnlineServices", "targetSegment": "education"}
    assert more.query == {"country": "DE", "size": "1", "seekOperation": "Next"}
    assert more.headers["ms-continuationtoken"] == "next!"
    assert asked.headers["authorization"].startswith("Bearer client_credentials")


def test_products_of_a_customer_are_asked_with_get(client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on("GET", "/v1/customers/c-1/products", reply(body=collection(PRODUCT)))
    microsoft.on("GET", "/v1/customers/c-1/products/CFQ7TTC0LH18", reply(body=PRODUCT))

    (listed,) = client.catalog.products(target_view="OnlineServices", customer_id="c-1")
    read = client.catalog.product(product_id="CFQ7TTC0LH18", customer_id="c-1")

    assert listed == read
    assert [call.query for call in microsoft.calls()] == [{"targetView": "OnlineServices"}, {}]


def test_a_list_that_goes_in_circles_ends(client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on("GET", "/v1/products", reply(body=collection(PRODUCT, following="/v1/products?page=2")))

    with pytest.raises(errors.Unavailable, match="circles"):
        list(client.catalog.products(target_view="OnlineServices", country="US"))


@pytest.mark.parametrize("spelled", [SKU, spelling.pascal(SKU)])
def test_skus(client: Any, microsoft: Any, reply: Any, spelled: Any) -> None:
    microsoft.on("GET", "/v1/products/P/skus", reply(body=collection(spelled)))
    microsoft.on("GET", "/v1/products/P/skus/0001", reply(body=spelled))

    (listed,) = client.catalog.skus(product_id="P", country="US")

    assert listed == client.catalog.sku(product_id="P", sku_id="0001", country="US")
    assert (listed.product_id, listed.id, listed.maximum_quantity) == ("P", "0001", 300)
    assert listed.billing_cycles == ("annual", "monthly", "fortnightly")
    assert (listed.is_addon, listed.is_trial, listed.must_attest) == (True, False, True)
    assert listed.prerequisite_skus == ("CFQ7TTC0LDPB:0001",)
    assert listed.upgrade_targets == ("CFQ7TTC0LF8Q:0001",)


@pytest.mark.parametrize(
    "body", [collection(AVAILABILITY), AVAILABILITY, [AVAILABILITY], spelling.pascal(collection(AVAILABILITY))]
)
def test_availabilities_with_and_without_a_collection(client: Any, microsoft: Any, reply: Any, body: Any) -> None:
    microsoft.on("GET", "/v1/products/CFQ7TTC0LH18/skus/0001/availabilities", reply(body=body))

    (found,) = client.catalog.availabilities(
        product_id="CFQ7TTC0LH18", sku_id="0001", country="US", include_life_cycle_state=True
    )

    assert microsoft.calls()[0].query == {"country": "US", "IncludeLifeCycleState": "true"}
    assert (found.id, found.catalog_item_id, found.currency) == (
        "CFQ7TTC0K971",
        "CFQ7TTC0LH18:0001:CFQ7TTC0K971",
        "USD",
    )
    annual, trial = found.terms
    assert (annual.duration, annual.billing_cycle) == ("P1Y", "Annual")
    assert [(policy.type, policy.expires_after) for policy in annual.refund_policies] == [
        ("Full", "P1D"),
        ("Partial", "P7D"),
    ]
    assert (trial.duration, trial.billing_cycle) == ("P1M", "none")
    assert found.renewals == (
        shapes.RenewalOption(term_ids=("5aeco6mffyxo",), renews_to="CFQ7TTC0LH18:0001", is_auto_renewable=True),
    )


def test_stale_availability_is_not_found(client: Any, microsoft: Any, reply: Any) -> None:
    path = "/v1/customers/c-1/products/P/skus/S/availabilities/A"
    microsoft.on("GET", path, reply(status=404, body={"code": "400019", "description": "Not found."}))

    with pytest.raises(errors.NotFound) as raised:
        client.catalog.availability(product_id="P", sku_id="S", availability_id="A", customer_id="c-1")

    assert (raised.value.code, raised.value.field) == (400019, "catalogItemId")
    assert "Read the availability again" in (raised.value.advice or "")


def test_promotions(client: Any, microsoft: Any, reply: Any) -> None:
    promotion = {
        "id": "39NFJQT1PJQB:0001:39NFJQT1Q5KN",
        "name": "Visio Plan 1",
        "startDate": "2021-09-23T00:00:00+00:00",
        "endDate": "9999-12-31T23:59:59-08:00",
        "properties": [{"isAutoApplicable": True}],
        "requiredProducts": [
            {
                "productId": "CFQ7TTC0HD33",
                "skuId": "0003",
                "term": {"duration": "P1Y", "billingCycle": "Annual"},
                "pricingPolicies": [{"policyType": "PercentDiscount", "value": "0.167"}, {"type": "?", "value": 0.05}],
            }
        ],
        "promotionConstraints": {
            "seatConstraints": [{"minSeats": 10, "maxSeats": 100, "type": "SubscriptionQuantity"}]
        },
    }
    microsoft.on("GET", "/v1/productpromotions", reply(body=collection(promotion)))
    microsoft.on("GET", f"/v1/productpromotions/{promotion['id']}", reply(body=promotion))

    (listed,) = client.catalog.promotions(country="us")

    assert listed == client.catalog.promotion(promotion_id="39NFJQT1PJQB:0001:39NFJQT1Q5KN", country="US")
    assert (listed.starts_at, listed.ends_at) == (datetime(2021, 9, 23, tzinfo=UTC), None)
    assert [policy.value for policy in listed.products[0].pricing_policies] == [Decimal("0.167"), Decimal("0.05")]
    assert listed.seat_constraints == (shapes.SeatConstraint(type="SubscriptionQuantity", minimum=10, maximum=100),)
    assert listed.is_auto_applicable is True
    assert microsoft.calls()[0].query == {"country": "US", "segment": "commercial"}


def test_promotion_eligibilities(client: Any, microsoft: Any, reply: Any) -> None:
    eligibilities = [
        {"promotionId": "one", "isEligible": True},
        {"promotionId": "two", "isEligible": False, "errors": [{"type": "SeatCount", "description": "Too few."}]},
    ]
    microsoft.on(
        "POST",
        "/v1/customers/c-1/promotionEligibilities",
        reply(status=503),
        reply(body=collection({"id": "0", "catalogItemId": "P:S:A", "eligibilities": eligibilities})),
    )
    question = shapes.EligibilityQuestion(
        catalog_item_id="P:S:A", quantity=25, term_duration="P1Y", billing_cycle="monthly"
    )

    (answer,) = client.catalog.promotion_eligibilities(customer_id="c-1", questions=[question])

    assert microsoft.calls()[-1].json == {
        "items": [
            {"id": "0", "catalogItemId": "P:S:A", "quantity": 25, "termDuration": "P1Y", "billingCycle": "monthly"}
        ]
    }
    assert (answer.number, [found.is_eligible for found in answer.eligibilities]) == (0, [True, False])
    assert answer.eligibilities[1].errors == (shapes.EligibilityError(type="SeatCount", description="Too few."),)


def test_country_or_customer_is_asked_for(client: Any, microsoft: Any) -> None:
    for where in ({}, {"country": "US", "customer_id": "c-1"}, {"country": " "}, {"customer_id": ".."}):
        with pytest.raises(ValueError, match=r"country|empty"):
            list(client.catalog.products(target_view="OnlineServices", **where))
    assert microsoft.calls() == []


def test_inventory(client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on(
        "POST",
        "/v1/extensions/product/checkinventory",
        reply(
            body=[
                {"productId": "P", "skuId": "0001", "isRestricted": False, "restrictions": []},
                {
                    "ProductId": "P",
                    "SkuId": "0002",
                    "IsRestricted": "true",
                    "Restrictions": [
                        {"ReasonCode": "NotAvailableForSubscription", "Description": "No.", "Properties": {}}
                    ],
                },
                {"productId": "P", "skuId": "0003", "restrictions": [{"reasonCode": "New"}]},
            ]
        ),
    )

    found = client.catalog.check_inventory(country="US", customer_id="c", items=[("P", None)])

    assert [(one.sku_id, one.is_restricted) for one in found] == [("0001", False), ("0002", True), ("0003", True)]
    assert found[1].restrictions[0].reason == "NotAvailableForSubscription"
