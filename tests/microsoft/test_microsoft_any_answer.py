"""Whatever Microsoft, a gateway or the login answers: a value or one of our own errors, never anything else."""

import functools
import json
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from msphub.microsoft import answers, catalog_shapes, connection, errors, login, order_shapes, price_rows, reading
from msphub.microsoft import client as microsoft_client
from msphub.microsoft import shapes as customer_shapes

REQUEST_ID = uuid.UUID(int=1)
PROFILE = customer_shapes.BillingProfile(etag="7", company_name="Contoso", raw={"id": "b", "companyName": "Contoso"})
READ = order_shapes.Subscription(id="s", etag="7", raw={"id": "s", "quantity": 5, "status": "active"})
CART = order_shapes.Cart(id="k", raw={"id": "k", "lineItems": []})
LINE = order_shapes.NewLine(catalog_item_id="P:S:A", quantity=1, billing_cycle="monthly", term_duration="P1Y")
QUESTION = catalog_shapes.EligibilityQuestion(
    catalog_item_id="P:S:A", quantity=1, term_duration="P1Y", billing_cycle="monthly"
)
CUSTOMER = customer_shapes.NewCustomer(
    domain="contoso.onmicrosoft.com",
    company_name="Contoso",
    email="a@contoso.com",
    culture="en-US",
    language="en",
    address=customer_shapes.Address(country="US", phone_number="4255550101"),
)

type Operation = Callable[[microsoft_client.Client], Any]

READS: dict[str, Operation] = {
    "domain": lambda ours: ours.domain_exists(domain="contoso.com"),
    "tenant": lambda ours: ours.find_tenant(domain="contoso.com"),
    "country": lambda ours: ours.country_rules(country="US"),
    "address": lambda ours: ours.check_address(address=customer_shapes.Address(country="US")),
    "customer": lambda ours: ours.get_customer(customer_id="c"),
    "customers": lambda ours: list(ours.customers(name_starts_with="C")),
    "company": lambda ours: ours.company_profile(customer_id="c"),
    "billing profile": lambda ours: ours.billing_profile(customer_id="c"),
    "organization": lambda ours: ours.organization(customer_id="c"),
    "domains": lambda ours: ours.custom_domains(customer_id="c"),
    "link": lambda ours: ours.relationship_request_url(),
    "qualifications": lambda ours: ours.qualifications(customer_id="c"),
    "qualification": lambda ours: ours.qualification(customer_id="c"),
    "codes": lambda ours: ours.validation_codes(),
    "review": lambda ours: ours.account_validation_status(customer_id="c"),
    "templates": lambda ours: ours.agreement_templates(),
    "agreements": lambda ours: ours.agreements(customer_id="c"),
    "signed": lambda ours: ours.agreement_signed_by_customer(customer_id="c"),
    "document": lambda ours: ours.agreement_document(template_id="t"),
    "connection": lambda ours: ours.test_connection(),
    "products": lambda ours: list(ours.catalog.products(target_view="OnlineServices", country="US")),
    "product": lambda ours: ours.catalog.product(product_id="P", customer_id="c"),
    "skus": lambda ours: list(ours.catalog.skus(product_id="P", country="US")),
    "sku": lambda ours: ours.catalog.sku(product_id="P", sku_id="S", country="US"),
    "availabilities": lambda ours: list(ours.catalog.availabilities(product_id="P", sku_id="S", customer_id="c")),
    "availability": lambda ours: ours.catalog.availability(
        product_id="P", sku_id="S", availability_id="A", country="US"
    ),
    "promotions": lambda ours: list(ours.catalog.promotions(country="US")),
    "promotion": lambda ours: ours.catalog.promotion(promotion_id="P:S:A", country="US"),
    "eligibilities": lambda ours: ours.catalog.promotion_eligibilities(customer_id="c", questions=[QUESTION]),
    "inventory": lambda ours: ours.catalog.check_inventory(country="US", customer_id="c", items=[("P", None)]),
    "ends of terms": lambda ours: list(ours.subscriptions.term_ends(customer_id="c", term_duration="P1Y")),
    "cart": lambda ours: ours.carts.get(customer_id="c", cart_id="k"),
    "orders": lambda ours: list(ours.orders.list(customer_id="c")),
    "order": lambda ours: ours.orders.get(customer_id="c", order_id="o"),
    "order's progress": lambda ours: ours.orders.provisioning_status(customer_id="c", order_id="o"),
    "subscriptions": lambda ours: list(ours.subscriptions.list(customer_id="c")),
    "subscription": lambda ours: ours.subscriptions.get(customer_id="c", subscription_id="s"),
    "subscription's progress": lambda ours: ours.subscriptions.provisioning_status(
        customer_id="c", subscription_id="s"
    ),
    "prices": lambda ours: list(ours.prices.sheet(market="US")),
    "rates": lambda ours: list(ours.prices.fx_rates(month="202611")),
}
WRITES: dict[str, Operation] = {
    "new customer": lambda ours: ours.create_customer(request_id=REQUEST_ID, customer=CUSTOMER),
    "changed profile": lambda ours: ours.update_billing_profile(
        request_id=REQUEST_ID, customer_id="c", profile=PROFILE
    ),
    "end of relationship": lambda ours: ours.remove_relationship(request_id=REQUEST_ID, customer_id="c", etag="7"),
    "vetting": lambda ours: ours.request_qualification(
        request_id=REQUEST_ID, customer_id="c", qualification="Education"
    ),
    "nonprofit": lambda ours: ours.set_nonprofit(request_id=REQUEST_ID, customer_id="c"),
    "agreement": lambda ours: ours.confirm_agreement(
        request_id=REQUEST_ID,
        customer_id="c",
        template_id="t",
        first_name="A",
        last_name="B",
        email="a@contoso.com",
        phone_number=None,
        agreed_at=datetime(2026, 1, 1, tzinfo=UTC),
    ),
    "new cart": lambda ours: ours.carts.create(request_id=REQUEST_ID, customer_id="c", lines=[LINE]),
    "changed cart": lambda ours: ours.carts.update(request_id=REQUEST_ID, customer_id="c", cart=CART, lines=[LINE]),
    "checkout": lambda ours: ours.carts.checkout(request_id=REQUEST_ID, customer_id="c", cart_id="k"),
    "changed subscription": lambda ours: ours.subscriptions.change(
        request_id=REQUEST_ID,
        customer_id="c",
        subscription=READ,
        change=order_shapes.SubscriptionChange(
            quantity=6, scheduled_next_term=order_shapes.Instructions(custom_term_ends_on=date(2027, 1, 31))
        ),
    ),
}
OPERATIONS = READS | WRITES

NAMES = st.sampled_from(
    [
        "id",
        "items",
        "value",
        "links",
        "next",
        "uri",
        "headers",
        "key",
        "continuationToken",
        "attributes",
        "etag",
        "objectType",
        "code",
        "description",
        "error",
        "message",
        "data",
        "totalCount",
        "orders",
        "orderErrors",
        "lineItems",
        "errorCode",
        "additionalInformation",
        "pricing",
        "listPrice",
        "quantity",
        "status",
        "companyProfile",
        "billingProfile",
        "defaultAddress",
        "userCredentials",
        "productType",
        "terms",
        "cancellationPolicies",
        "refundOptions",
        "refundableQuantity",
        "details",
        "renewsTo",
        "product",
        "promotionConstraints",
        "seatConstraints",
        "properties",
        "creationDate",
        "commitmentEndDate",
        "isSigned",
        "url",
        "states",
        "phoneNumberRegex",
        "vettingCreatedDate",
        "dateAgreed",
        "primaryContact",
        "dynamicAttributes",
        "prerequisiteSkus",
        "catalogItemId",
        "scheduledNextTermInstructions",
        "tenantId",
        "issuer",
        "@odata.nextLink",
        "innerError",
        "errors",
        "InternalErrorCode",
        "errorMessageExtended",
        "provisioningContext",
    ]
)
TEXTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            "",
            "2026-11-01T00:00:00.1234567Z",
            "0001-01-01T00:00:00",
            "9999-12-31T23:59:59.9999999-14:00",
            "/customers?size=1&seekOperation=Next",
            "https://[bad",
            "\ud800",
            "nul\0",
            "1e999999",
            "9" * 40,
            "[a-z",
            "true",
        ]
    ),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=5)),
    max_leaves=14,
)
BODIES = st.one_of(
    VALUES.map(lambda value: json.dumps(value).encode()),
    VALUES.map(lambda value: b"\xef\xbb\xbf" + json.dumps(value).encode()),
    st.binary(max_size=40),
    st.sampled_from(
        [
            b"",
            b"null",
            b"[" * 100_000,
            b'{"a":' * 50_000,
            b"1e400",
            b"1" * 5000,
            b'{"price": NaN}',
            b"<html><body>502 Bad Gateway</body></html>",
            b"\xff\xfe{\x00}\x00",
            b"ProductId,SkuId,UnitPrice,Currency\nP,S,1,USD\n",
            b"PK\x03\x04 not a zip",
            b"\x1f\x8b not gzip",
        ]
    ),
)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "Retry-After": st.one_of(
            st.sampled_from(["57", "-1", "1e9", "9" * 50, "Wed, 21 Oct 99999999999999999999 07:28:00 GMT", "soon"]),
            st.text(alphabet="0123456789 .,:GMTOct", max_size=20),
        ),
        "ETag": st.sampled_from(['W/"1"', "1", ""]),
        "MS-ContinuationToken": st.sampled_from(["1", b"\xe9", ""]),
        "Location": st.sampled_from(["http://[", "/x", ""]),
        "WWW-Authenticate": st.sampled_from(
            ["Bearer", 'Bearer error="x", error_description="The audience is invalid"']
        ),
        "Content-Encoding": st.sampled_from(["gzip", "deflate", "unheard-of"]),
        "Content-Type": st.sampled_from(["text/html", "application/json; charset=unheard-of"]),
    },
)
STATUSES = st.sampled_from(
    [200, 200, 200, 201, 202, 204, 302, 400, 401, 403, 404, 408, 409, 412, 417, 429, 500, 501, 503]
)


class FreeTurns:
    """Turns for a Microsoft that is none."""

    def wait(self, *, key: tuple[str, ...], at_most: float) -> float:  # noqa: ARG002 - the protocol's
        return 0.0


def told(status: int, body: bytes, headers: dict[str, str] | None = None) -> httpx.Response:
    """An answer whose body is still to arrive, as it is on a real connection."""
    return httpx.Response(status, content=iter((body,)), headers=headers)


def error_of(action: Callable[[], Any]) -> errors.MicrosoftError | None:
    """The error of ours an action ended with, if any; others go through."""
    try:
        action()
    except errors.MicrosoftError as error:
        return error
    return None


def asked(operation: Operation, handler: Callable[[httpx.Request], httpx.Response]) -> Any:
    """The result of an operation; answers come from `handler`, tokens from a login that works."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/oauth2/v2.0/token"):
            return httpx.Response(200, json={"token_type": "Bearer", "expires_in": 3600, "access_token": "t"})
        return handler(request)

    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        ours = microsoft_client.Client(
            credentials=connection.Credentials(
                tenant_id="tenant", client_id="client", client_secret="secret", refresh_token="refresh"
            ),
            endpoints=connection.Endpoints(partner_center="http://test", graph="http://test", login="http://test"),
            http=http,
            turns=FreeTurns(),
            read_retries=0,
        )
        return operation(ours)


NEXT_PAGE_WITH_AN_ODD_TOKEN = json.dumps(
    {"items": [], "links": {"next": {"uri": "/c", "headers": [{"key": "MS-ContinuationToken", "value": "é"}]}}}
).encode()

FUZZ = settings(
    max_examples=250,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


@FUZZ
@given(name=st.sampled_from(sorted(OPERATIONS)), status=STATUSES, body=BODIES, headers=HEADERS)
@example(name="orders", status=200, body=b"", headers={})
@example(name="customers", status=200, body=b'{"links": {"next": {"uri": "https://[bad"}}}', headers={})
@example(name="customers", status=200, body=NEXT_PAGE_WITH_AN_ODD_TOKEN, headers={})
def test_any_answer_is_a_value_or_an_error_of_ours(
    name: str, status: int, body: bytes, headers: dict[str, str]
) -> None:
    error = error_of(lambda: asked(OPERATIONS[name], lambda _request: told(status, body, headers)))

    if error is not None:
        assert error.message
        assert error.retry_after is None or 0 <= error.retry_after <= 7 * 86_400
        if name in WRITES and isinstance(error, errors.Unavailable):
            assert status == 302 or name == "new customer"  # its phone number asks for the country's rules first


@pytest.mark.parametrize("name", sorted(OPERATIONS))
@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{}", b'"text"', b"0", b"\xef\xbb\xbf{}", b"[" * 100_000, b"<html>"],
    ids=["empty", "null", "list", "object", "text", "number", "BOM", "deep", "page"],
)
def test_nothing_told_is_a_value_or_an_error_of_ours(name: str, body: bytes) -> None:
    error = error_of(lambda: asked(OPERATIONS[name], lambda _request: told(200, body)))

    assert error is None or error.message


@pytest.mark.parametrize(
    "name", ["orders", "subscriptions", "customers", "agreements", "availabilities", "qualifications", "templates"]
)
@pytest.mark.parametrize("body", [b"", b"null", b'"busy"', b"<html>"])
def test_a_list_that_isnt_told_is_not_an_empty_one(name: str, body: bytes) -> None:
    with pytest.raises(errors.Unavailable):
        asked(OPERATIONS[name], lambda _request: told(200, body))

    assert not asked(OPERATIONS[name], lambda _request: httpx.Response(200, json={"totalCount": 0, "items": []}))
    assert not asked(OPERATIONS[name], lambda _request: httpx.Response(204))


@FUZZ
@given(status=st.integers(400, 599), body=VALUES, headers=HEADERS)
def test_any_refusal_has_words(status: int, body: object, headers: dict[str, str]) -> None:
    refused = answers.refusal(status=status, body=body, headers=headers, request_id=None, correlation_id=None)

    assert refused.message
    assert refused.retry_after is None or refused.retry_after >= 0


@FUZZ
@given(status=st.sampled_from([200, 302, 400, 401, 403, 404, 408, 429, 500, 503]), body=BODIES, headers=HEADERS)
@example(status=200, body=b'{"access_token": "\xc3\xa9"}', headers={})
@example(status=400, body=b'{"error": 7, "error_description": "AADSTS99999999999999999999"}', headers={})
def test_any_answer_of_the_login_is_an_error_of_ours(status: int, body: bytes, headers: dict[str, str]) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/oauth2/v2.0/token"):
            return told(status, body, headers)
        return httpx.Response(200, json={"id": "c"})

    login.forget_all()
    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        ours = microsoft_client.Client(
            credentials=connection.Credentials(tenant_id="t", client_id="i", client_secret="s", refresh_token="r"),
            endpoints=connection.Endpoints(partner_center="http://test", graph="http://test", login="http://test"),
            http=http,
            turns=FreeTurns(),
            read_retries=0,
        )
        for operation in (READS["customer"], READS["company"]):
            error = error_of(functools.partial(operation, ours))
            assert error is None or error.message


@FUZZ
@given(body=BODIES)
def test_any_bytes_are_json_that_can_be_sent_and_kept_or_a_value_error(body: bytes) -> None:
    try:
        value = reading.body_of(body)
    except ValueError:
        return
    sent = json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    assert b"\0" not in sent
    assert b"\\u0000" not in sent


@FUZZ
@given(
    cells=st.lists(st.lists(st.text(max_size=6), min_size=4, max_size=5), max_size=4),
    head=st.sampled_from([b"", b"\xef\xbb\xbf", b"PK\x03\x04", b"\x1f\x8b", b"\x78\x9c", b"\xff\xfe"]),
    noise=st.binary(max_size=30),
)
def test_any_sheet_is_rows_or_unavailable(cells: list[list[str]], head: bytes, noise: bytes) -> None:
    text = "ProductId,SkuId,UnitPrice,Currency\n" + "\n".join(",".join(row) for row in cells)
    for content in (head + text.encode("utf-8", "surrogatepass"), head + noise):
        try:
            with price_rows.unpacked(chunks=[content[:3], content[3:]]) as file:
                found = list(price_rows.price_rows(file=file))
        except errors.Unavailable:
            continue
        for row in found:
            assert "\0" not in (row.reason if isinstance(row, price_rows.BadRow) else row.product_id + row.sku_id)
