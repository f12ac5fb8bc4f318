"""Products, SKUs and availabilities over raw HTTP, held against contract §7.1-7.4."""

from typing import Any

import contract_shapes as shapes
import pytest
from emulator_client import PartnerClient
from shop import AZURE_PLAN, BASIC, BASIC_TRIAL, EDUCATION, NONPROFIT, RESERVATION, UNATTENDED, Shop, refusal

VIEWS = [
    "Azure",
    "AzureReservations",
    "AzureReservationsVM",
    "AzureReservationsSQL",
    "AzureReservationsCosmosDb",
    "MicrosoftAzure",
    "OnlineServices",
    "Software",
    "SoftwareSUSELinux",
    "SoftwarePerpetual",
    "SoftwareSubscriptions",
    "SpecializedOffers",
    "MarketplaceSaaS",
]


def listed(app: PartnerClient, path: str, shape: Any) -> list[Any]:
    response = app.get(path)
    assert response.status_code == 200, response.text
    assert shapes.faults(response.json(), shapes.collection(shape, has_links=True)) == []
    assert response.json()["totalCount"] == len(response.json()["items"])
    return list(response.json()["items"])


def sku_path(sku: str, rest: str = "?country=US") -> str:
    product_id, sku_id = sku.split(":")
    return f"/v1/products/{product_id}/skus/{sku_id}{rest}"


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_of_the_contract_is_answered(app: PartnerClient, shop: Shop, view: str) -> None:
    by_country = listed(app, f"/v1/products?country=US&targetView={view}", shapes.PRODUCT)
    by_customer = listed(app, f"{shop.base}/products?targetView={view.lower()}", shapes.PRODUCT)

    assert by_country == by_customer
    assert by_country or view == "SpecializedOffers"  # the emulator has none of these


def test_views_have_what_they_are_named_for(app: PartnerClient) -> None:
    kinds = {
        view: {
            one["productType"]["id"]
            for one in listed(app, f"/v1/products?country=US&targetView={view}", shapes.PRODUCT)
        }
        for view in VIEWS
    }
    assert kinds["OnlineServices"] == {"OnlineServicesNCE"}
    assert kinds["MicrosoftAzure"] == kinds["AzureReservations"] == {"Azure"}
    assert kinds["Software"] == kinds["SoftwarePerpetual"] == {"Software"}
    (plan,) = listed(app, "/v1/products?country=US&targetView=MicrosoftAzure", shapes.PRODUCT)
    assert plan["id"] == "DZH318Z0BPS6"
    reservations = listed(
        app, "/v1/products?country=US&targetView=AzureReservationsVM&reservationScope=AzurePlan", shapes.PRODUCT
    )
    assert {one["productType"]["subType"]["id"] for one in reservations} == {"VirtualMachines"}


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("country=US", 403, 400036),
        ("country=US&targetView=", 403, 400036),
        ("country=US&targetView=Everything", 403, 400036),
        ("country=US&targetView=OnlineServices&targetSegment=charity", 403, 400030),
        ("targetView=OnlineServices", 400, 3000),
        ("country=XX&targetView=OnlineServices", 400, 3000),
    ],
)
def test_a_bad_question_is_refused(app: PartnerClient, query: str, status: int, code: int) -> None:
    assert refusal(app.get(f"/v1/products?{query}")) == (status, code)


def test_the_segment_is_refused_wherever_it_is_named(app: PartnerClient, shop: Shop) -> None:
    paths = [
        "/v1/products/CFQ7TTC0LH18/skus?country=US&targetSegment=x",
        sku_path(BASIC, "/availabilities?country=US&targetSegment=x"),
        f"{shop.base}/products?targetView=OnlineServices&targetSegment=x",
    ]
    assert {refusal(app.get(path)) for path in paths} == {(403, 400030)}


def test_what_is_not_there_has_its_own_code(app: PartnerClient) -> None:
    assert refusal(app.get("/v1/products/NOSUCHTHING1?country=US")) == (404, 400013)
    assert refusal(app.get("/v1/products/NOSUCHTHING1/skus?country=US")) == (404, 400013)
    assert refusal(app.get("/v1/products/CFQ7TTC0LH18/skus/9999?country=US")) == (404, 400018)
    assert refusal(app.get("/v1/products/CFQ7TTC0LH18/skus/9999/availabilities?country=US")) == (404, 400018)
    assert refusal(app.get(sku_path(BASIC, "/availabilities/CFQ7TTC0XXXX?country=US"))) == (404, 400019)


def test_a_product_and_its_skus(app: PartnerClient, shop: Shop) -> None:
    product = app.get("/v1/products/cfq7ttc0lh18?country=US").json()
    assert shapes.faults(product, shapes.PRODUCT) == []
    assert product["links"]["skus"]["uri"] == "/products/CFQ7TTC0LH18/skus?country=US"
    skus = listed(app, "/v1/products/CFQ7TTC0LH18/skus?country=US", shapes.SKU)
    assert skus == listed(app, f"{shop.base}/products/CFQ7TTC0LH18/skus", shapes.SKU)
    for sku in skus:
        assert shapes.faults(sku["dynamicAttributes"], shapes.NCE_ATTRIBUTES) == []
        assert sku == app.get(sku_path(f"{sku['productId']}:{sku['id']}")).json()
    basic, trial = skus
    assert basic["dynamicAttributes"]["upgradeTargetOffers"][:2] == ["CFQ7TTC0LDPB:0001", "CFQ7TTC0LF8Q:0001"]
    assert (basic["maximumQuantity"], basic["isTrial"], trial["isTrial"]) == (300, False, True)
    assert trial["supportedBillingCycles"] == ["none"]


def test_a_sku_says_what_its_purchase_needs(app: PartnerClient) -> None:
    reservation = app.get(sku_path(RESERVATION)).json()
    assert "InventoryCheck" in reservation["purchasePrerequisites"]
    assert reservation["dynamicAttributes"]["armRegionName"] == "westus2"
    addon = app.get(sku_path("CFQ7TTC0MM8R:0002")).json()
    assert addon["dynamicAttributes"]["isAddon"]
    assert BASIC in addon["dynamicAttributes"]["prerequisiteSkus"]
    assert addon["provisioningVariables"] == ["ParentSubscriptionId"]
    attested = app.get(sku_path(UNATTENDED)).json()["attestationProperties"]
    assert attested == {"attestationType": "Other", "enforceAttestation": True}


def test_an_availability_alone_has_its_product_and_sku(app: PartnerClient) -> None:
    (one,) = listed(app, sku_path(BASIC, "/availabilities?country=US"), shapes.AVAILABILITY)
    alone = app.get(sku_path(BASIC, f"/availabilities/{one['id']}?country=US")).json()
    assert shapes.faults(alone, shapes.AVAILABILITY) == []
    assert alone["sku"] == app.get(sku_path(BASIC)).json()
    assert alone["product"] == app.get("/v1/products/CFQ7TTC0LH18?country=US").json()
    assert alone["catalogItemId"] == f"{BASIC}:{one['id']}"
    terms = {(term["duration"], term["billingCycle"]) for term in alone["terms"]}
    assert terms == {("P1M", "Monthly"), ("P1Y", "Monthly"), ("P1Y", "Annual")}
    assert alone["renewalInstructions"][0]["applicableTermIds"] == [term["id"] for term in alone["terms"]]
    assert alone["terms"][0]["cancellationPolicies"][0]["refundOptions"][0] == {
        "sequenceId": 0,
        "type": "Full",
        "expiresAfter": "P1D",
    }


@pytest.mark.parametrize(("sku", "expected"), [(BASIC_TRIAL, [("P1M", "none")]), (AZURE_PLAN, [(None, "one_time")])])
def test_terms_of_trials_and_the_azure_plan(app: PartnerClient, sku: str, expected: Any) -> None:
    (one,) = listed(app, sku_path(sku, "/availabilities?country=US"), shapes.AVAILABILITY)
    assert [(term.get("duration"), term["billingCycle"]) for term in one["terms"]] == expected


def test_currencies_follow_the_country(app: PartnerClient, owner: PartnerClient) -> None:
    for country, currency in (("US", "USD"), ("DE", "EUR"), ("GB", "GBP"), ("JP", "JPY")):
        (one,) = listed(app, sku_path(BASIC, f"/availabilities?country={country}"), shapes.AVAILABILITY)
        assert (one["country"], one["defaultCurrency"]["code"]) == (country, currency)
    (german,) = listed(
        app, f"{Shop(owner, country='DE').base}/products/CFQ7TTC0LH18/skus/0001/availabilities", shapes.AVAILABILITY
    )
    assert german["country"] == "DE"


def test_ids_of_availabilities_go_stale(app: PartnerClient, shop: Shop) -> None:
    (before,) = listed(app, sku_path(BASIC, "/availabilities?country=US"), shapes.AVAILABILITY)
    shop.control("settings", availability_epoch=1)
    (after,) = listed(app, sku_path(BASIC, "/availabilities?country=US"), shapes.AVAILABILITY)
    assert before["id"] != after["id"]
    assert refusal(app.get(sku_path(BASIC, f"/availabilities/{before['id']}?country=US"))) == (404, 400019)
    assert app.get(sku_path(BASIC, f"/availabilities/{after['id']}?country=US")).status_code == 200


# Segments: all but nonprofit unless one is asked for (§7.3)


def test_nonprofit_is_for_who_asks(app: PartnerClient, shop: Shop) -> None:
    path = sku_path(NONPROFIT, "/availabilities?country=US")
    assert listed(app, path, shapes.AVAILABILITY) == []
    (one,) = listed(app, f"{path}&targetSegment=nonprofit", shapes.AVAILABILITY)
    assert one["segment"] == "nonprofit"
    by_customer = f"{shop.base}/products/CFQ7TTC0LCHC/skus/000J/availabilities"
    assert listed(app, by_customer, shapes.AVAILABILITY) == []
    skus = listed(app, "/v1/products/CFQ7TTC0LCHC/skus?country=US", shapes.SKU)
    assert "000J" not in {sku["id"] for sku in skus}
    skus = listed(app, "/v1/products/CFQ7TTC0LCHC/skus?country=US&targetSegment=Nonprofit", shapes.SKU)
    assert {sku["id"] for sku in skus} == {"000J"}


def test_a_nonprofit_customer_is_shown_what_is_its_own(app: PartnerClient, shop: Shop) -> None:
    shop.owner.call("PUT", f"{shop.base}/qualification", json="nonprofit")
    (one,) = listed(app, f"{shop.base}/products/CFQ7TTC0LCHC/skus/000J/availabilities", shapes.AVAILABILITY)
    assert one["segment"] == "nonprofit"


@pytest.mark.parametrize("segment", ["commercial", "education", "government", "nonprofit"])
def test_a_segment_narrows_every_list(app: PartnerClient, segment: str) -> None:
    products = listed(app, f"/v1/products?country=US&targetView=OnlineServices&targetSegment={segment}", shapes.PRODUCT)
    assert products
    product_id = products[0]["id"]
    for sku in listed(app, f"/v1/products/{product_id}/skus?country=US&targetSegment={segment}", shapes.SKU):
        path = sku_path(f"{product_id}:{sku['id']}", f"/availabilities?country=US&targetSegment={segment}")
        assert {one["segment"] for one in listed(app, path, shapes.AVAILABILITY)} == {segment}


def test_education_is_listed_unasked_and_hidden_from_another_segment(app: PartnerClient) -> None:
    path = sku_path(EDUCATION, "/availabilities?country=US")
    assert [one["segment"] for one in listed(app, path, shapes.AVAILABILITY)] == ["education"]
    assert listed(app, f"{path}&targetSegment=commercial", shapes.AVAILABILITY) == []


def test_the_catalogue_is_read_only(app: PartnerClient) -> None:
    response = app.post("/v1/products?country=US&targetView=OnlineServices", json={})
    assert refusal(response) == (405, 800042)
    assert response.headers["Allow"] == "GET"
