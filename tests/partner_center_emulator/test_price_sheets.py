"""Price sheets and exchange rates over raw HTTP, held against contract §7.7."""

import csv
import io
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from emulator_client import PartnerClient
from shop import Shop, refusal

from partner_center_emulator.testing import Running
from partner_center_emulator.wellknown import CONTOSO, PARTNER_API

COLUMNS = [
    "ProductTitle",
    "ProductId",
    "SkuId",
    "SkuTitle",
    "Publisher",
    "SkuDescription",
    "UnitOfMeasure",
    "TermDuration",
    "BillingPlan",
    "Market",
    "Currency",
    "UnitPrice",
    "PricingTierRangeMin",
    "PricingTierRangeMax",
    "EffectiveStartDate",
    "EffectiveEndDate",
    "Tags",
    "ERP Price",
    "Segment",
]


@pytest.fixture
def sales(emulator: Running) -> Iterator[PartnerClient]:
    client = PartnerClient(url=emulator.url, partner=CONTOSO, audience=PARTNER_API)
    yield client
    client.http.close()


def address(market: str = "US", view: str = "updatedlicensebased", query: str = "") -> str:
    return f"/v1.0/sales/pricesheets(Market='{market}',PricesheetView='{view}')/$value{query}"


def rows(sales: PartnerClient, *arguments: str) -> list[dict[str, Any]]:
    response = sales.get(address(*arguments), headers={"Accept-Encoding": "identity"})
    assert response.status_code == 200, response.text
    assert response.headers["Content-Type"].startswith("text/csv")
    reader = csv.DictReader(io.StringIO(response.content.decode("utf-8-sig")))
    found = list(reader)
    assert list(reader.fieldnames or []) == COLUMNS
    return found


def test_a_sheet_has_every_sku_with_prices_for_the_whole_term(sales: PartnerClient) -> None:
    found = [one for one in rows(sales) if (one["ProductId"], one["SkuId"]) == ("CFQ7TTC0LH18", "0001")]
    assert {(one["TermDuration"], one["BillingPlan"]) for one in found} == {
        ("P1M", "Monthly"),
        ("P1Y", "Monthly"),
        ("P1Y", "Annual"),
    }
    assert {(one["Market"], one["Currency"], one["Segment"]) for one in found} == {("US", "USD", "Commercial")}
    year = {one["BillingPlan"]: Decimal(one["UnitPrice"]) for one in found if one["TermDuration"] == "P1Y"}
    assert year["Monthly"] > year["Annual"] > 12


def test_the_cart_charges_what_the_sheet_says(sales: PartnerClient, shop: Shop) -> None:
    (row,) = [
        one
        for one in rows(sales)
        if (one["ProductId"], one["SkuId"], one["TermDuration"], one["BillingPlan"])
        == ("CFQ7TTC0LH18", "0001", "P1Y", "Monthly")
    ]
    (line,) = shop.cart(shop.line("CFQ7TTC0LH18:0001", quantity=3))["lineItems"]
    assert Decimal(str(line["pricing"]["extendedPrice"])) == 3 * Decimal(row["UnitPrice"])
    assert Decimal(str(line["pricing"]["listPrice"])) * 12 == Decimal(row["UnitPrice"])


def test_other_views(sales: PartnerClient) -> None:
    assert {one["ProductId"][:4] for one in rows(sales, "US", "software")} <= {"DG7G", "DZH3"}
    assert all("Reserv" in one["SkuTitle"] or "Cosmos" in one["SkuTitle"] or "SQL" in one["SkuTitle"]
               for one in rows(sales, "US", "azure_reservations"))  # fmt: skip
    assert "Barracuda" in {one["Publisher"] for one in rows(sales, "US", "marketplace")}
    assert rows(sales, "US", "licensebasedeos") == []


def test_an_extended_service_term_costs_three_per_cent_more_than_a_month(sales: PartnerClient) -> None:
    (month,) = [
        one
        for one in rows(sales)
        if (one["ProductId"], one["SkuId"], one["TermDuration"]) == ("CFQ7TTC0LH18", "0001", "P1M")
    ]
    (extended,) = [
        one
        for one in rows(sales, "US", "licensebasedest")
        if one["SkuTitle"] == "Microsoft 365 Business Basic - Extended Service Term"
    ]
    assert (extended["TermDuration"], extended["BillingPlan"]) == ("P1M", "Monthly")
    assert abs(Decimal(extended["ERP Price"]) - Decimal(month["ERP Price"]) * Decimal("1.03")) < Decimal("0.01")


def test_the_euro_market_has_two_currencies(sales: PartnerClient) -> None:
    assert {one["Currency"] for one in rows(sales, "DE")} == {"EUR", "USD"}
    assert {one["Currency"] for one in rows(sales, "JP")} == {"JPY"}


def test_timelines_follow_each_other(sales: PartnerClient) -> None:
    now, later = rows(sales)[0], rows(sales, "US", "updatedlicensebased", "?timeline=future")[0]
    before = rows(sales, "US", "updatedlicensebased", "?timeline=history")[0]
    month = rows(sales, "US", "updatedlicensebased", "?timeline=history&month=202403")[0]
    assert month["EffectiveStartDate"].startswith("2024-03-01")
    assert month["EffectiveEndDate"].startswith("2024-03-31T23:59:59")
    starts = [one["EffectiveStartDate"] for one in (month, before, now, later)]
    assert starts == sorted(set(starts))
    assert before["EffectiveEndDate"] < now["EffectiveStartDate"]
    assert now["EffectiveEndDate"].startswith("9999")


def test_a_zip_comes_to_who_takes_deflate(sales: PartnerClient) -> None:
    response = sales.get(address(), headers={"Accept-Encoding": "deflate"})
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        (name,) = archive.namelist()
        assert archive.read(name).decode("utf-8-sig").splitlines()[0].split(",") == COLUMNS


@pytest.mark.parametrize(
    ("market", "view", "query", "name"),
    [
        ("XX", "updatedlicensebased", "", "Market"),
        ("USA", "updatedlicensebased", "", "Market"),
        ("", "updatedlicensebased", "", "Market"),
        ("KP", "updatedlicensebased", "", "Market"),
        ("US", "everything", "", "PricesheetView"),
        ("US", "updatedlicensebased", "?timeline=yesterday", "timeline"),
        ("US", "updatedlicensebased", "?timeline=history&month=202413", "month"),
        ("US", "updatedlicensebased", "?timeline=history&month=0000-1", "month"),
    ],
)
def test_a_bad_question_is_refused(sales: PartnerClient, market: str, view: str, query: str, name: str) -> None:
    response = sales.get(address(market, view, query))
    assert refusal(response) == (400, 3000)
    assert response.json()["data"] == [name]


def test_it_needs_a_user_and_its_own_audience(owner: PartnerClient, emulator: Running) -> None:
    assert owner.get(address()).status_code == 401
    app = PartnerClient(url=emulator.url, partner=CONTOSO, is_user=False, audience=PARTNER_API)
    assert refusal(app.get(address())) == (403, 900329)
    app.http.close()


def test_exchange_rates(sales: PartnerClient) -> None:
    response = sales.get("/v1.0/sales/fxrates(Month='202611')/$value")
    found = list(csv.DictReader(io.StringIO(response.text)))
    assert response.headers["Content-Type"].startswith("text/csv")
    assert list(found[0]) == ["CurrencyCode", "USDPerUnit", "Month"]
    assert {one["CurrencyCode"]: one["Month"] for one in found}["EUR"] == "202611"


def test_a_multiplied_catalogue_has_products_of_their_own_that_can_be_bought(sales: PartnerClient, shop: Shop) -> None:
    once = rows(sales)
    shop.control("settings", catalogue_copies=3)
    found = rows(sales)
    assert len(found) == 3 * len(once)
    lines = [(one["ProductId"], one["SkuId"], one["TermDuration"], one["BillingPlan"], one["Segment"]) for one in found]
    assert len(set(lines)) == len(set(lines[: len(once)])) * 3
    listed = shop.owner.get("/v1/products?country=US&targetView=OnlineServices").json()["items"]
    assert len({one["id"] for one in listed}) == len(listed)
    copy = next(one for one in found if one["SkuTitle"] == "Microsoft 365 Business Basic (2)")
    assert copy["ProductId"] in {one["id"] for one in listed}
    held = shop.subscription_of(shop.line(f"{copy['ProductId']}:{copy['SkuId']}", quantity=2))
    assert (held["offerName"], held["quantity"]) == ("Microsoft 365 Business Basic (2)", 2)
    assert refusal(shop.owner.get("/v1/products/CFQ7X9990001?country=US")) == (404, 400013)
