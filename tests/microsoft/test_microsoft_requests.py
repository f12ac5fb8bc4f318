"""Each request as it goes out, to the letter of Microsoft's contract: address, query, whose token, headers, body."""

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

from msphub.microsoft import catalog_shapes, connection, login, pace, shapes
from msphub.microsoft import client as microsoft_client
from msphub.microsoft import order_shapes as commerce

PARTNER_CENTER = "https://api.partnercenter.microsoft.com"
GRAPH = "https://graph.microsoft.com"
PRICES = "https://api.partner.microsoft.com"
V1 = f"{PARTNER_CENTER}/v1"
ID = uuid.UUID("11111111-2222-4333-8444-555555555555")
C = "dfd8cc0a-c592-468c-8461-869a38d24738"
ADDRESS = shapes.Address(
    country="US",
    state="WA",
    city="Redmond",
    postal_code="98052",
    address_line1="One Microsoft Way",
    address_line2="",
    first_name="Gena",
    last_name="Soto",
    phone_number="+1 425 555 0101",
)
CUSTOMER = shapes.NewCustomer(
    domain="wingtiptoys.onmicrosoft.com",
    company_name="Wingtip Toys",
    email="gena@wingtiptoys.com",
    culture="en-US",
    language="en",
    address=ADDRESS,
    organization_registration_number="",
    enable_gdap_by_default=True,
)
CUSTOMER_BODY = {
    "enableGDAPByDefault": True,
    "CompanyProfile": {"Domain": "wingtiptoys.onmicrosoft.com"},
    "BillingProfile": {
        "Culture": "en-US",
        "Email": "gena@wingtiptoys.com",
        "Language": "en",
        "CompanyName": "Wingtip Toys",
        "FirstName": "Gena",
        "LastName": "Soto",
        "DefaultAddress": {
            "Country": "US",
            "City": "Redmond",
            "State": "WA",
            "AddressLine1": "One Microsoft Way",
            "PostalCode": "98052",
            "FirstName": "Gena",
            "LastName": "Soto",
            "PhoneNumber": "4255550101",
        },
    },
}
PROFILE = {
    "id": "b",
    "email": "a@contoso.com",
    "companyName": "Contoso",
    "defaultAddress": {"country": "US", "region": None, "city": "Redmond", "newMember": 1},
    "links": {"self": {"uri": "/customers/c/profiles/billing", "method": "GET", "headers": []}},
    "attributes": {"etag": 'W/"5"', "objectType": "CustomerBillingProfile"},
}
SUBSCRIPTION = {
    "id": "s",
    "quantity": 5,
    "status": "active",
    "autoRenewEnabled": True,
    "scheduledNextTermInstructions": {"product": {"productId": "P"}, "quantity": 4},
    "scheduledActions": [{"scheduleType": "TermEnd", "actionType": "RenewToNewTerm"}],
    "unknownMember": {"kept": [1, 2.50]},
    "attributes": {"etag": "abc", "objectType": "Subscription"},
}
READ = commerce.Subscription(id="s", etag="abc", raw=SUBSCRIPTION)
LINE = commerce.NewLine(catalog_item_id="P:0001:A", quantity=5, billing_cycle="monthly", term_duration="P1Y")
CART = {"id": "k", "status": "Active", "lineItems": [{"id": 0, "catalogItemId": "P:0001:A", "quantity": 1}]}


@dataclass(frozen=True, kw_only=True)
class Expected:
    """A request to Microsoft. `token` is whose and for which service; `answer` is what it gets."""

    method: str
    url: str
    token: tuple[str, str] = ("app", PARTNER_CENTER)
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    answer: Any = None
    status: int = 200
    is_write: bool = False


USER = ("user", PARTNER_CENTER)
ITEMS: dict[str, Any] = {"totalCount": 0, "items": []}

type Operation = Callable[[microsoft_client.Client], Any]


def reads(url: str, answer: Any = ITEMS, **other: Any) -> Expected:
    return Expected(method="GET", url=url, answer=answer, **other)


def writes(method: str, url: str, body: Any, answer: Any = None, **other: Any) -> Expected:
    return Expected(method=method, url=url, body=body, answer=answer or {"id": "new"}, is_write=True, **other)


def products(ours: microsoft_client.Client, **where: Any) -> Any:
    return list(ours.catalog.products(target_view="OnlineServices", segment="education", **where))


def listed(ours: microsoft_client.Client, **where: Any) -> Any:
    return list(
        ours.catalog.availabilities(
            product_id="P", sku_id="0001", segment="nonprofit", include_life_cycle_state=True, **where
        )
    )


# By section of the contract.
CASES: dict[str, tuple[Operation, Expected]] = {
    "2 domain": (
        lambda ours: ours.domain_exists(domain=" contoso.onmicrosoft.com "),
        Expected(method="HEAD", url=f"{V1}/domains/contoso.onmicrosoft.com"),
    ),
    "3 address": (
        lambda ours: ours.check_address(address=ADDRESS),
        Expected(
            method="POST",
            url=f"{V1}/validations/address",
            body={
                "AddressLine1": "One Microsoft Way",
                "City": "Redmond",
                "State": "WA",
                "PostalCode": "98052",
                "Country": "US",
            },
            answer={"status": "Verified"},
        ),
    ),
    "3 country": (
        lambda ours: ours.country_rules(country="us"),
        reads(f"{V1}/countryvalidationrules/US", {"iso2Code": "US"}),
    ),
    "4.1 create": (
        lambda ours: ours.create_customer(request_id=ID, customer=CUSTOMER),
        writes("POST", f"{V1}/customers", CUSTOMER_BODY, status=201),
    ),
    "4.2 list": (lambda ours: list(ours.customers(page_size=40)), reads(f"{V1}/customers?size=40")),
    "4.2 by name": (
        lambda ours: list(ours.customers(name_starts_with="A+B & Söhne")),
        reads(
            f"{V1}/customers?size=500&filter=%7B%22Field%22%3A%22CompanyName%22%2C%22Value%22%3A%22A%2BB%20%26%20"
            "S%5Cu00f6hne%22%2C%22Operator%22%3A%22starts_with%22%7D"
        ),
    ),
    "4.2 by domain": (
        lambda ours: list(ours.customers(domain_starts_with="contoso")),
        reads(
            f"{V1}/customers?size=500&filter=%7B%22Field%22%3A%22Domain%22%2C%22Value%22%3A%22contoso%22%2C"
            "%22Operator%22%3A%22starts_with%22%7D"
        ),
    ),
    "4.3 get": (lambda ours: ours.get_customer(customer_id=C), reads(f"{V1}/customers/{C}", {"id": C})),
    "4.3 organization": (lambda ours: ours.organization(customer_id=C), reads(f"{V1}/customers/{C}/organization", [])),
    "4.3 domains": (lambda ours: ours.custom_domains(customer_id=C), reads(f"{V1}/customers/{C}/customDomains", [])),
    "4.4 company": (
        lambda ours: ours.company_profile(customer_id=C),
        reads(f"{V1}/customers/{C}/profiles/company", {"tenantId": C}, token=USER),
    ),
    "4.5 billing": (
        lambda ours: ours.billing_profile(customer_id=C),
        reads(f"{V1}/customers/{C}/profiles/billing", PROFILE),
    ),
    "4.5 change": (
        lambda ours: ours.update_billing_profile(
            request_id=ID,
            customer_id=C,
            profile=shapes.BillingProfile(
                etag='W/"5"',
                email="b@contoso.com",
                company_name="Contoso",
                default_address=shapes.Address(country="US", city="Seattle"),
                raw=PROFILE,
            ),
        ),
        writes(
            "PUT",
            f"{V1}/customers/{C}/profiles/billing",
            {
                **PROFILE,
                "email": "b@contoso.com",
                "defaultAddress": {"country": "US", "region": None, "city": "Seattle", "newMember": 1},
            },
            PROFILE,
            headers={"if-match": 'W/"5"'},
        ),
    ),
    "4.6 link": (
        lambda ours: ours.relationship_request_url(),
        reads(f"{V1}/customers/relationshiprequests", {"url": "https://admin.microsoft.com/x"}, token=USER),
    ),
    "4.7 end": (
        lambda ours: ours.remove_relationship(request_id=ID, customer_id=C, etag="5"),
        writes(
            "PATCH",
            f"{V1}/customers/{C}",
            {"relationshipToPartner": "none", "attributes": {"etag": "5", "objectType": "Customer"}},
            token=USER,
            headers={"if-match": '"5"'},
        ),
    ),
    "5.1 nonprofit": (
        lambda ours: ours.set_nonprofit(request_id=ID, customer_id=C),
        writes("PUT", f"{V1}/customers/{C}/qualification", "nonprofit", "nonprofit", token=USER),
    ),
    "5.1 government": (
        lambda ours: ours.set_qualification(
            request_id=ID, customer_id=C, qualification="governmentCommunityCloud", validation_code="1 2"
        ),
        writes("PUT", f"{V1}/customers/{C}/qualification?code=1%202", "governmentCommunityCloud", "x", token=USER),
    ),
    "5.1 get": (lambda ours: ours.qualification(customer_id=C), reads(f"{V1}/customers/{C}/qualification", "none")),
    "5.2 education": (
        lambda ours: ours.request_qualification(
            request_id=ID,
            customer_id=C,
            qualification="Education",
            education_segment="K12",
            website="",
            validation_code=None,
        ),
        writes(
            "POST",
            f"{V1}/customers/{C}/qualifications",
            {"qualification": "Education", "educationSegment": "K12"},
            {"qualification": "Education"},
            status=201,
            token=USER,
        ),
    ),
    "5.2 list": (lambda ours: ours.qualifications(customer_id=C), reads(f"{V1}/customers/{C}/qualifications", [])),
    "5.3 codes": (lambda ours: ours.validation_codes(), reads(f"{V1}/customers/all/validations", [])),
    "5.4 review": (
        lambda ours: ours.account_validation_status(customer_id=C),
        reads(f"{V1}/customers/{C}/validationStatus?type=account", {"status": "Allowed"}, token=USER),
    ),
    "6.1 templates": (
        lambda ours: ours.agreement_templates(),
        reads(f"{V1}/agreements?agreementType=MicrosoftCustomerAgreement", token=USER),
    ),
    "6.2 confirm": (
        lambda ours: ours.confirm_agreement(
            request_id=ID,
            customer_id=C,
            template_id="117a77b0-9360-443b-8795-c6dedc750cf9",
            first_name="Tania",
            last_name="Carr",
            email="someone@example.com",
            phone_number="",
            agreed_at=datetime(2018, 6, 14, 2, tzinfo=timezone(timedelta(hours=2))),
        ),
        writes(
            "POST",
            f"{V1}/customers/{C}/agreements",
            {
                "primaryContact": {"firstName": "Tania", "lastName": "Carr", "email": "someone@example.com"},
                "templateId": "117a77b0-9360-443b-8795-c6dedc750cf9",
                "dateAgreed": "2018-06-14T00:00:00.000Z",
                "type": "MicrosoftCustomerAgreement",
            },
            status=201,
            token=USER,
        ),
    ),
    "6.3 confirmed": (
        lambda ours: ours.agreements(customer_id=C),
        reads(f"{V1}/customers/{C}/agreements?agreementType=MicrosoftCustomerAgreement", token=USER),
    ),
    "6.4 signed": (
        lambda ours: ours.agreement_signed_by_customer(customer_id=C),
        reads(f"{V1}/customers/{C}/directSignedMicrosoftCustomerAgreementStatus", {"isSigned": True}, token=USER),
    ),
    "6.5 document": (
        lambda ours: ours.agreement_document(template_id="t", language="de-DE", country="de"),
        reads(f"{V1}/agreementtemplates/t/document?language=de-DE&country=DE", {"displayUri": "x"}, token=USER),
    ),
    "7.1 products": (
        lambda ours: products(ours, country="us"),
        reads(f"{V1}/products?country=US&targetView=OnlineServices&targetSegment=education"),
    ),
    "7.1 products of a customer": (
        lambda ours: products(ours, customer_id=C),
        reads(f"{V1}/customers/{C}/products?targetView=OnlineServices&targetSegment=education"),
    ),
    "7.1 product": (
        lambda ours: ours.catalog.product(product_id="P", country="US"),
        reads(f"{V1}/products/P?country=US", {"id": "P"}),
    ),
    "7.2 skus": (
        lambda ours: list(ours.catalog.skus(product_id="P", country="US", reservation_scope="AzurePlan")),
        reads(f"{V1}/products/P/skus?country=US&reservationScope=AzurePlan"),
    ),
    "7.2 sku": (
        lambda ours: ours.catalog.sku(product_id="P", sku_id="0001", customer_id=C),
        reads(f"{V1}/customers/{C}/products/P/skus/0001", {"id": "0001"}),
    ),
    "7.3 availabilities": (
        lambda ours: listed(ours, country="US"),
        reads(
            f"{V1}/products/P/skus/0001/availabilities?country=US&targetSegment=nonprofit&IncludeLifeCycleState=true"
        ),
    ),
    "7.3 availabilities of a customer": (
        lambda ours: list(ours.catalog.availabilities(product_id="P", sku_id="0001", customer_id=C)),
        reads(f"{V1}/customers/{C}/products/P/skus/0001/availabilities"),
    ),
    "7.3 availability": (
        lambda ours: ours.catalog.availability(product_id="P", sku_id="0001", availability_id="A", country="US"),
        reads(f"{V1}/products/P/skus/0001/availabilities/A?country=US", {"id": "A"}),
    ),
    "7.5 inventory": (
        lambda ours: ours.catalog.check_inventory(
            country="us", customer_id=C, items=[("P", "0001"), ("Q", None)], arm_region_name="westus"
        ),
        Expected(
            method="POST",
            url=f"{V1}/extensions/product/checkinventory?country=US",
            body={
                "targetItems": [{"productId": "P", "skuId": "0001"}, {"productId": "Q"}],
                "inventoryContext": {"customerId": C, "armRegionName": "westus"},
            },
            answer=[],
        ),
    ),
    "7.6 promotions": (
        lambda ours: list(ours.catalog.promotions(country="us")),
        reads(f"{V1}/productpromotions?country=US&segment=commercial"),
    ),
    "7.6 promotion": (
        lambda ours: ours.catalog.promotion(promotion_id="39NFJQT1SNC7:0001:39NFJQT1Q5KM", country="US"),
        reads(f"{V1}/productpromotions/39NFJQT1SNC7%3A0001%3A39NFJQT1Q5KM?country=US", {"id": "x"}),
    ),
    "7.6 eligibility": (
        lambda ours: ours.catalog.promotion_eligibilities(
            customer_id=C,
            questions=[
                catalog_shapes.EligibilityQuestion(
                    catalog_item_id="P:0001:A", quantity=300, term_duration="P1M", billing_cycle="monthly"
                )
            ],
        ),
        Expected(
            method="POST",
            url=f"{V1}/customers/{C}/promotionEligibilities",
            body={
                "items": [
                    {
                        "id": "0",
                        "catalogItemId": "P:0001:A",
                        "quantity": 300,
                        "termDuration": "P1M",
                        "billingCycle": "monthly",
                    }
                ]
            },
            answer=ITEMS,
        ),
    ),
    "7.7 prices": (
        lambda ours: list(ours.prices.sheet(market="us", timeline="history", month="202610")),
        reads(
            f"{PRICES}/v1.0/sales/pricesheets(Market='US',PricesheetView='updatedlicensebased')/$value"
            "?timeline=history&month=202610",
            "ProductId,SkuId,UnitPrice,Currency\n",
            token=("user", PRICES),
            headers={"accept-encoding": "deflate"},
        ),
    ),
    "7.7 rates": (
        lambda ours: list(ours.prices.fx_rates(month="202610")),
        reads(
            f"{PRICES}/v1.0/sales/fxrates(Month='202610')/$value",
            "CurrencyCode,USDPerUnit,Month\n",
            token=("user", PRICES),
        ),
    ),
    "8.1 cart": (
        lambda ours: ours.carts.create(
            request_id=ID,
            customer_id=C,
            lines=[
                LINE,
                commerce.NewLine(
                    catalog_item_id="DZH318Z0BPS6:0001:Z",
                    quantity=1,
                    billing_cycle="one_time",
                    term_duration="",
                    friendly_name="",
                    resellers=("517285",),
                    provisioning_context={"ParentSubscriptionId": "s"},
                ),
            ],
        ),
        writes(
            "POST",
            f"{V1}/customers/{C}/carts",
            {
                "lineItems": [
                    {
                        "id": 0,
                        "catalogItemId": "P:0001:A",
                        "quantity": 5,
                        "billingCycle": "monthly",
                        "termDuration": "P1Y",
                    },
                    {
                        "id": 1,
                        "catalogItemId": "DZH318Z0BPS6:0001:Z",
                        "quantity": 1,
                        "billingCycle": "one_time",
                        "participants": [[{"key": "transaction_reseller", "value": "517285"}]],
                        "provisioningContext": {"ParentSubscriptionId": "s"},
                    },
                ],
                "PartnerOnRecordAttestationAccepted": True,
            },
            CART,
            status=201,
        ),
    ),
    "8.2 get": (lambda ours: ours.carts.get(customer_id=C, cart_id="k"), reads(f"{V1}/customers/{C}/carts/k", CART)),
    "8.2 change": (
        lambda ours: ours.carts.update(
            request_id=ID, customer_id=C, cart=commerce.Cart(id="k", raw=CART), lines=[LINE]
        ),
        writes(
            "PUT",
            f"{V1}/customers/{C}/carts/k",
            {
                "id": "k",
                "status": "Active",
                "lineItems": [
                    {
                        "id": 0,
                        "catalogItemId": "P:0001:A",
                        "quantity": 5,
                        "billingCycle": "monthly",
                        "termDuration": "P1Y",
                    }
                ],
            },
            CART,
            status=201,
        ),
    ),
    "8.3 checkout": (
        lambda ours: ours.carts.checkout(request_id=ID, customer_id=C, cart_id="k"),
        writes("POST", f"{V1}/customers/{C}/carts/k/checkout", None, {"orders": [{"id": "o"}]}, status=201),
    ),
    "9 orders": (
        lambda ours: list(ours.orders.list(customer_id=C, billing_type="license")),
        reads(f"{V1}/customers/{C}/orders?billingType=license"),
    ),
    "9 order": (
        lambda ours: ours.orders.get(customer_id=C, order_id="7d8a3d7d3dbf", include_price=True),
        reads(f"{V1}/customers/{C}/orders/7d8a3d7d3dbf?include_price=true", {"id": "7d8a3d7d3dbf"}),
    ),
    "9 progress": (
        lambda ours: ours.orders.provisioning_status(customer_id=C, order_id="o"),
        reads(f"{V1}/customers/{C}/orders/o/provisioningstatus", token=USER),
    ),
    "10.1 list": (
        lambda ours: list(ours.subscriptions.list(customer_id=C)),
        reads(f"{V1}/customers/{C}/subscriptions"),
    ),
    "10.1 of an order": (
        lambda ours: list(ours.subscriptions.list(customer_id=C, order_id="o")),
        reads(f"{V1}/customers/{C}/subscriptions?order_id=o"),
    ),
    "10.1 get": (
        lambda ours: ours.subscriptions.get(customer_id=C, subscription_id="s"),
        reads(f"{V1}/customers/{C}/subscriptions/s", SUBSCRIPTION),
    ),
    "10.2 seats": (
        lambda ours: ours.subscriptions.change(
            request_id=ID, customer_id=C, subscription=READ, change=commerce.SubscriptionChange(quantity=6)
        ),
        writes(
            "PATCH",
            f"{V1}/customers/{C}/subscriptions/s",
            {**SUBSCRIPTION, "quantity": 6},
            SUBSCRIPTION,
            headers={"if-match": '"abc"'},
        ),
    ),
    "10.2 at renewal": (
        lambda ours: ours.subscriptions.change(
            request_id=ID,
            customer_id=C,
            subscription=READ,
            change=commerce.SubscriptionChange(
                auto_renew_enabled=True,
                scheduled_next_term=commerce.Instructions(
                    product_id="P",
                    sku_id="0001",
                    availability_id="A",
                    billing_cycle="annual",
                    term_duration="P1Y",
                    quantity=3,
                    custom_term_ends_on=date(2027, 1, 31),
                ),
            ),
        ),
        writes(
            "PATCH",
            f"{V1}/customers/{C}/subscriptions/s",
            {
                **SUBSCRIPTION,
                "scheduledNextTermInstructions": {
                    "product": {
                        "productId": "P",
                        "skuId": "0001",
                        "availabilityId": "A",
                        "billingCycle": "annual",
                        "termDuration": "P1Y",
                    },
                    "quantity": 3,
                    "customTermEndDate": "2027-01-31T00:00:00Z",
                },
            },
            status=202,
            headers={"if-match": '"abc"'},
        ),
    ),
    "10.4 end with the term": (
        lambda ours: ours.subscriptions.change(
            request_id=ID,
            customer_id=C,
            subscription=READ,
            change=commerce.SubscriptionChange(
                auto_renew_enabled=False,
                scheduled_next_term=None,
                scheduled_actions=(
                    commerce.END_WITH_TERM,
                    commerce.ScheduledAction(
                        schedule_type="CustomDate",
                        action_type="Transition",
                        effective_at=datetime(2027, 1, 31, 2, tzinfo=timezone(timedelta(hours=2))),
                        instructions=commerce.Instructions(product_id="P", quantity=3),
                    ),
                ),
            ),
        ),
        writes(
            "PATCH",
            f"{V1}/customers/{C}/subscriptions/s",
            {
                **{name: member for name, member in SUBSCRIPTION.items() if name != "scheduledNextTermInstructions"},
                "autoRenewEnabled": False,
                "scheduledActions": [
                    {"scheduleType": "TermEnd", "actionType": "Cancel"},
                    {
                        "scheduleType": "CustomDate",
                        "actionType": "Transition",
                        "effectiveDate": "2027-01-31T00:00:00Z",
                        "instructions": {"product": {"productId": "P"}, "quantity": 3},
                    },
                ],
            },
            SUBSCRIPTION,
            headers={"if-match": '"abc"'},
        ),
    ),
    "10.2 cancel": (
        lambda ours: ours.subscriptions.cancel(request_id=ID, customer_id=C, subscription=READ),
        writes(
            "PATCH",
            f"{V1}/customers/{C}/subscriptions/s",
            {**SUBSCRIPTION, "status": "deleted"},
            SUBSCRIPTION,
            headers={"if-match": '"abc"'},
        ),
    ),
    "10.3 progress": (
        lambda ours: ours.subscriptions.provisioning_status(customer_id=C, subscription_id="s"),
        reads(f"{V1}/customers/{C}/subscriptions/s/provisioningstatus", {"status": "success"}, token=USER),
    ),
    "10.5 ends of terms": (
        lambda ours: list(ours.subscriptions.term_ends(customer_id=C, term_duration="P1Y")),
        reads(f"{V1}/customers/{C}/subscriptions/customTermEndDates?term_duration=P1Y"),
    ),
    "10.5 ends of terms with another": (
        lambda ours: list(
            ours.subscriptions.term_ends(
                customer_id=C, term_duration="P1Y", starts_on=date(2026, 12, 1), aligned_with_id="s"
            )
        ),
        reads(
            f"{V1}/customers/{C}/subscriptions/customTermEndDates?term_duration=P1Y&TermStartDate=2026-12-01"
            "&TargetCotermSubscriptionId=s"
        ),
    ),
    "16.1 tenant": (
        lambda ours: ours.find_tenant(domain="o'neill.com"),
        reads(
            f"{GRAPH}/v1.0/tenantRelationships/findTenantInformationByDomainName(domainName='o''neill.com')",
            {"tenantId": C},
            token=("app", GRAPH),
        ),
    ),
}


@pytest.fixture(autouse=True)
def no_tokens_yet() -> Iterator[None]:
    login.forget_all()
    yield
    login.forget_all()


@pytest.mark.parametrize("name", CASES)
def test_request(name: str) -> None:
    check(*CASES[name])


def check(operation: Operation, expected: Expected) -> None:
    """Run an operation, and hold the one request it makes against what the contract says."""
    sent: list[httpx.Request] = []

    def microsoft(request: httpx.Request) -> httpx.Response:
        if request.url.host == "login.microsoftonline.com":
            form = dict(parse_qsl(request.content.decode()))
            whose = {"client_credentials": "app", "refresh_token": "user"}[form["grant_type"]]
            audience = form["scope"].split()[0].removesuffix("/.default")
            return httpx.Response(200, json={"access_token": f"{whose} {audience}", "expires_in": "3599"})
        if request.url.path.startswith("/v1/countryvalidationrules/") and "countryvalidationrules" not in expected.url:
            return httpx.Response(200, json={"iso2Code": "US", "phoneNumberRegex": r"^\d{10}$"})
        sent.append(request)
        is_text = isinstance(expected.answer, str) and "," in expected.answer
        content = expected.answer if is_text else json.dumps(expected.answer)
        return httpx.Response(expected.status, content=iter((content.encode(),)))

    with httpx.Client(transport=httpx.MockTransport(microsoft)) as http:
        operation(
            microsoft_client.Client(
                credentials=connection.Credentials(tenant_id="t", client_id="i", client_secret="s", refresh_token="r"),
                http=http,
                turns=pace.Pace(),
            )
        )

    (request,) = sent
    target = f"{request.url.scheme}://{request.url.host}{request.url.raw_path.decode()}"
    assert (request.method, target) == (expected.method, expected.url)
    assert request.headers["authorization"] == "Bearer " + " ".join(expected.token)
    assert uuid.UUID(request.headers["ms-correlationid"]).version == 4
    assert uuid.UUID(request.headers["ms-requestid"]).version == 4
    assert (request.headers["ms-requestid"] == str(ID)) == expected.is_write
    assert expected.token[1] != PARTNER_CENTER or request.headers["x-locale"] == "en-US"
    assert request.headers.get("if-match") == expected.headers.get("if-match")
    for header, value in expected.headers.items():
        assert request.headers[header] == value
    if expected.body is None:
        assert request.content == b""
        assert "content-type" not in request.headers
    else:
        assert json.loads(request.content) == expected.body
        assert request.headers["content-type"] == "application/json"
        assert request.headers["accept"] == "application/json"


def test_a_customer_of_a_reseller_is_made_as_a_user() -> None:
    """Contract §1.4: creation for an indirect reseller needs a user's token."""
    _operation, expected = CASES["4.1 create"]
    body = {**expected.body, "AssociatedPartnerId": "484e548c"}
    reseller = shapes.NewCustomer(
        domain=CUSTOMER.domain,
        company_name=CUSTOMER.company_name,
        email=CUSTOMER.email,
        culture="en-US",
        language="en",
        address=ADDRESS,
        associated_partner_id="484e548c",
        enable_gdap_by_default=True,
    )
    check(
        lambda ours: ours.create_customer(request_id=ID, customer=reseller),
        writes("POST", f"{V1}/customers", body, status=201, token=USER),
    )


@pytest.mark.parametrize(
    ("following", "second"),
    [
        (
            {"uri": "/customers?size=2", "headers": [{"key": "MS-ContinuationToken", "value": "t=="}]},
            "/v1/customers?size=2&seekOperation=Next",
        ),
        (
            {
                "uri": "/v1/customers?size=2&seekOperation=Next",
                "method": "GET",
                "headers": [{"key": "ms-continuationtoken", "value": "t=="}],
            },
            "/v1/customers?size=2&seekOperation=Next",
        ),
        (
            {"uri": f"{PARTNER_CENTER}/v1/customers?size=2", "headers": {"MS-ContinuationToken": "t=="}},
            "/v1/customers?size=2&seekOperation=Next",
        ),
        ({"uri": "customers?size=2&seekOperation=next", "headers": []}, "/v1/customers?size=2&seekOperation=next"),
        ({"uri": "/customers?size=2&offset=2", "headers": None}, "/v1/customers?size=2&offset=2"),
        (
            {"uri": '/customers?size=2&filter={"Field":"Domain","Value":"a b"}&seekOperation=Next', "headers": []},
            "/v1/customers?size=2&filter={%22Field%22:%22Domain%22,%22Value%22:%22a%20b%22}&seekOperation=Next",
        ),
    ],
    ids=["token", "token in lower case", "absolute", "token beside the list", "offset", "not encoded"],
)
@pytest.mark.parametrize("total", [{}, {"totalCount": -1}, {"totalCount": None}])
def test_next_page(following: dict[str, Any], second: str, total: dict[str, Any]) -> None:
    """Contract §0.5: by token and by offset; the first page's link is followed, its count believed by nobody."""
    sent: list[httpx.Request] = []

    def microsoft(request: httpx.Request) -> httpx.Response:
        if request.url.host == "login.microsoftonline.com":
            return httpx.Response(200, json={"access_token": "t", "expires_in": 3599})
        sent.append(request)
        page = {"items": [{"id": str(len(sent))}], **total}
        if len(sent) == 1:
            beside = {} if following.get("headers") or "offset" in following["uri"] else {"continuationToken": "t=="}
            page |= {"links": {"self": {"uri": "/customers"}, "next": following}, **beside}
        return httpx.Response(200, json=page)

    with httpx.Client(transport=httpx.MockTransport(microsoft)) as http:
        ours = microsoft_client.Client(
            credentials=connection.Credentials(tenant_id="t", client_id="i", client_secret="s"),
            http=http,
            turns=pace.Pace(),
        )
        found = [customer.id for customer in ours.customers(page_size=2)]

    assert found == ["1", "2"]
    assert sent[1].url.host == "api.partnercenter.microsoft.com"
    assert sent[1].url.raw_path.decode() == second
    assert sent[1].headers.get("ms-continuationtoken") == (None if "offset" in second else "t==")
    assert sent[0].headers["ms-requestid"] != sent[1].headers["ms-requestid"]


def test_a_customer_id_is_one_part_of_an_address() -> None:
    """Nobody's id climbs to another resource."""
    check(
        lambda ours: ours.get_customer(customer_id="../partners?x=1#y"),
        reads(f"{V1}/customers/..%2Fpartners%3Fx%3D1%23y", {"id": "x"}),
    )
