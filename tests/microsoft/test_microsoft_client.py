"""What each operation sends and what it makes of the answer."""

import dataclasses
import json
import uuid
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from msphub.microsoft import connection, errors, shapes

CUSTOMER = "/v1/customers/c-1"
GERMANY = {"iso2Code": "DE", "phoneNumberRegex": r"^0\d{5,12}$"}
ADDRESS = shapes.Address(
    country="DE",
    city="Berlin",
    postal_code="10117",
    address_line1="Unter den Linden 1",
    first_name="Gena",
    last_name="Soto",
    phone_number="+49 30 901820",
)
NEW = shapes.NewCustomer(
    domain="contoso.onmicrosoft.com",
    company_name="Contoso",
    email="gena@contoso.com",
    culture="de-DE",
    language="de",
    address=ADDRESS,
)
FOUND_BY_GRAPH = "/v1.0/tenantRelationships/findTenantInformationByDomainName(domainName='contoso.com')"
TENANT = "6babcaad-604b-40ac-a9d7-9fd97c0b779f"


def as_user(request: Any) -> bool:
    return bool(request.headers["authorization"].startswith("Bearer refresh_token"))


@pytest.mark.parametrize(("status", "exists"), [(200, True), (404, False)])
def test_domain_exists(client: Any, microsoft: Any, reply: Any, status: int, exists: bool) -> None:
    microsoft.on("HEAD", "/v1/domains/contoso.onmicrosoft.com", reply(status=status))

    assert client.domain_exists(domain=" contoso.onmicrosoft.com ") is exists


def test_domain_that_would_climb_stays_one_part(client: Any, microsoft: Any) -> None:
    assert client.domain_exists(domain="a/../../customers") is False
    assert microsoft.calls()[0].path == "/v1/domains/a/../../customers"
    for nothing in ("", "..", " "):
        with pytest.raises(ValueError, match="empty"):
            client.domain_exists(domain=nothing)


def test_find_tenant_by_graph(client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on(
        "GET",
        FOUND_BY_GRAPH,
        reply(body={"tenantId": TENANT, "federationBrandName": None, "displayName": "Contoso, Ltd"}),
    )

    assert client.find_tenant(domain="contoso.com") == shapes.TenantInformation(
        tenant_id=TENANT, display_name="Contoso, Ltd"
    )
    (token,) = microsoft.token_requests()
    assert token.form["scope"] == "https://graph.microsoft.com/.default"
    assert token.form["grant_type"] == "client_credentials"


def test_find_tenant_of_nobody(client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on("GET", FOUND_BY_GRAPH, reply(status=404, body={"error": {"code": "Request_ResourceNotFound"}}))

    assert client.find_tenant(domain="contoso.com") is None


@pytest.mark.parametrize(
    ("status", "body", "tenant_id"),
    [
        (200, {"issuer": f"https://login.microsoftonline.com/{TENANT}/v2.0"}, TENANT),
        (400, {"error": "invalid_tenant", "error_description": "AADSTS90002: ..."}, None),
    ],
)
def test_find_tenant_without_the_right(
    client: Any, microsoft: Any, reply: Any, status: int, body: Any, tenant_id: str | None
) -> None:
    microsoft.on("GET", FOUND_BY_GRAPH, reply(status=403, body={"error": {"code": "Authorization_RequestDenied"}}))
    microsoft.on("GET", "/contoso.com/v2.0/.well-known/openid-configuration", reply(status=status, body=body))

    found = client.find_tenant(domain="contoso.com")

    assert (found.tenant_id if found else None) == tenant_id
    assert found is None or found.source == "openid"
    assert "authorization" not in microsoft.calls()[-1].headers


def test_check_address_sends_no_name(client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on(
        "POST",
        "/v1/validations/address",
        reply(status=503),
        reply(body={"status": "StreetPartial", "suggestedAddresses": [{"addressLine1": "Unter den Linden 2"}]}),
    )

    check = client.check_address(address=ADDRESS)

    assert microsoft.calls()[-1].json == {
        "AddressLine1": "Unter den Linden 1",
        "City": "Berlin",
        "PostalCode": "10117",
        "Country": "DE",
    }
    assert check.suggestions == (shapes.Address(address_line1="Unter den Linden 2"),)


def test_create_customer(client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on("GET", "/v1/countryvalidationrules/DE", reply(body=GERMANY))
    microsoft.on(
        "POST",
        "/v1/customers",
        reply(status=201, body={"id": "c-1", "userCredentials": {"userName": "a", "password": "p"}}),
    )
    request_id = uuid.uuid4()

    created = client.create_customer(request_id=request_id, customer=NEW)

    assert (created.id, created.credentials) == ("c-1", shapes.UserCredentials(user_name="a", password="p"))
    request = microsoft.calls()[-1]
    assert request.headers["ms-requestid"] == str(request_id)
    assert not as_user(request)
    assert request.json == {
        "CompanyProfile": {"Domain": "contoso.onmicrosoft.com"},
        "BillingProfile": {
            "Culture": "de-DE",
            "Email": "gena@contoso.com",
            "Language": "de",
            "CompanyName": "Contoso",
            "FirstName": "Gena",
            "LastName": "Soto",
            "DefaultAddress": {
                "Country": "DE",
                "City": "Berlin",
                "AddressLine1": "Unter den Linden 1",
                "PostalCode": "10117",
                "FirstName": "Gena",
                "LastName": "Soto",
                "PhoneNumber": "030901820",
            },
        },
    }


def test_create_customer_of_a_reseller_needs_a_user(client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on("POST", "/v1/customers", reply(status=201, body={"id": "c-1"}))
    customer = dataclasses.replace(
        NEW,
        address=dataclasses.replace(ADDRESS, phone_number=None),
        associated_partner_id="4847383",
        organization_registration_number="1234567",
        enable_gdap_by_default=True,
    )

    created = client.create_customer(request_id=uuid.uuid4(), customer=customer)

    (request,) = microsoft.calls()
    assert created.credentials is None
    assert as_user(request)
    assert request.json["AssociatedPartnerId"] == "4847383"
    assert request.json["enableGDAPByDefault"] is True
    assert request.json["CompanyProfile"]["organizationRegistrationNumber"] == "1234567"
    assert "PhoneNumber" not in request.json["BillingProfile"]["DefaultAddress"]


def test_create_customer_with_taken_domain(client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on(
        "POST", "/v1/customers", reply(status=400, body={"code": 3000, "description": "Domain is already in use."})
    )

    with pytest.raises(errors.AlreadyExists) as raised:
        client.create_customer(request_id=uuid.uuid4(), customer=NEW)

    assert raised.value.field == "domain"


def test_create_customer_before_the_rules_are_known_has_not_happened(client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on("GET", "/v1/countryvalidationrules/DE", reply(status=503))

    with pytest.raises(errors.Unavailable):
        client.create_customer(request_id=uuid.uuid4(), customer=NEW)

    assert microsoft.calls("/v1/customers") == []


def test_create_customer_answered_without_id_is_unknown(client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on("POST", "/v1/customers", reply(status=201))

    with pytest.raises(errors.UnknownOutcome):
        client.create_customer(request_id=uuid.uuid4(), customer=NEW)


def page(ids: list[str], *, uri: str | None = None, token: str | None = None) -> dict[str, Any]:
    body: dict[str, Any] = {
        "items": [{"id": name, "companyProfile": {"tenantId": name, "companyName": name.title()}} for name in ids]
    }
    if uri:
        headers = [{"key": "MS-ContinuationToken", "value": token}] if token else []
        body["links"] = {"next": {"uri": uri, "method": "GET", "headers": headers}}
    return body


def test_customers_are_paged_lazily(client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on(
        "GET",
        "/v1/customers",
        reply(body=page(["a", "b"], uri="/customers?size=2", token="t1")),
        reply(body=page(["c"], uri="/v1/customers?size=2&seekOperation=Next", token="t2")),
        reply(body=page(["d"])),
    )
    found = client.customers(page_size=2)

    assert microsoft.calls() == []
    assert [next(found).id, next(found).id] == ["a", "b"]
    assert len(microsoft.calls()) == 1
    assert [summary.id for summary in found] == ["c", "d"]
    first, second, third = microsoft.calls()
    assert first.query == {"size": "2"}
    assert second.query == third.query == {"size": "2", "seekOperation": "Next"}
    assert [request.headers.get("ms-continuationtoken") for request in (first, second, third)] == [None, "t1", "t2"]


def test_customers_in_circles_end(client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on("GET", "/v1/customers", reply(body=page(["a"], uri="/customers?size=2", token="t1")))

    with pytest.raises(errors.Unavailable, match="circles"):
        list(client.customers())


def test_customers_by_name_and_domain(client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on("GET", "/v1/customers", reply(body=page(["contoso", "fabrikam"])))

    assert len(list(client.customers(name_starts_with="cont"))) == 2
    assert len(list(client.customers(domain_starts_with="cont"))) == 2
    assert [found.id for found in client.customers(name_starts_with="CONT", domain_starts_with="x")] == ["contoso"]
    filters = [json.loads(request.query["filter"]) for request in microsoft.calls()]
    assert filters == [
        {"Field": "CompanyName", "Value": "cont", "Operator": "starts_with"},
        {"Field": "Domain", "Value": "cont", "Operator": "starts_with"},
        {"Field": "Domain", "Value": "x", "Operator": "starts_with"},
    ]


def test_update_billing_profile_sends_the_whole_resource(client: Any, microsoft: Any, reply: Any) -> None:
    path = f"{CUSTOMER}/profiles/billing"
    resource = {
        "Id": "b-1",
        "Email": "old@contoso.com",
        "CompanyName": "Contoso",
        "MemberOfTomorrow": {"keep": True},
        "DefaultAddress": {"Country": "DE", "City": "Berlin", "PhoneNumber": "030901820", "Floor": 3},
        "Attributes": {"Etag": "-42", "ObjectType": "CustomerBillingProfile"},
    }
    microsoft.on("GET", path, reply(body=resource))
    microsoft.on("PUT", path, reply(body={**resource, "Attributes": {"Etag": "-43"}}))
    microsoft.on("GET", "/v1/countryvalidationrules/DE", reply(body=GERMANY))

    read = client.billing_profile(customer_id="c-1")
    changed = dataclasses.replace(
        read,
        email="new@contoso.com",
        default_address=dataclasses.replace(read.default_address, phone_number="+49301234"),
    )
    written = client.update_billing_profile(request_id=uuid.uuid4(), customer_id="c-1", profile=changed)

    request = microsoft.calls(path)[-1]
    assert request.headers["if-match"] == '"-42"'
    assert request.json == {
        **resource,
        "Email": "new@contoso.com",
        "DefaultAddress": {"Country": "DE", "City": "Berlin", "PhoneNumber": "0301234", "Floor": 3},
    }
    assert written.etag == "-43"


def test_update_billing_profile_needs_a_reading(client: Any, microsoft: Any) -> None:
    with pytest.raises(ValueError, match="etag"):
        client.update_billing_profile(
            request_id=uuid.uuid4(), customer_id="c-1", profile=shapes.BillingProfile(company_name="Contoso")
        )
    assert microsoft.requests == []


def test_update_billing_profile_with_a_stale_etag(client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on("PUT", f"{CUSTOMER}/profiles/billing", reply(status=400, body={"code": 2055, "description": "Stale."}))

    with pytest.raises(errors.StaleEtag):
        client.update_billing_profile(
            request_id=uuid.uuid4(), customer_id="c-1", profile=shapes.BillingProfile(etag='"already quoted"')
        )
    assert microsoft.calls()[-1].headers["if-match"] == '"already quoted"'


def test_qualification_requests(client: Any, microsoft: Any, reply: Any) -> None:
    path = f"{CUSTOMER}/qualifications"
    microsoft.on("POST", path, reply(status=201, body={"qualification": "Education", "vettingStatus": "InReview"}))

    asked = client.request_qualification(
        request_id=uuid.uuid4(),
        customer_id="c-1",
        qualification="Education",
        education_segment="HigherEducation",
        website="contoso.edu",
    )

    (request,) = microsoft.calls()
    assert as_user(request)
    assert request.json == {
        "qualification": "Education",
        "educationSegment": "HigherEducation",
        "website": "contoso.edu",
    }
    assert asked.vetting_status == "InReview"


def test_older_qualification(client: Any, microsoft: Any, reply: Any) -> None:
    path = f"{CUSTOMER}/qualification"
    microsoft.on("PUT", path, reply(body="nonprofit"), reply(body={"qualification": "GovernmentCommunityCloud"}))
    microsoft.on("GET", path, reply(body="nonprofit"), reply(status=200))

    assert client.set_nonprofit(request_id=uuid.uuid4(), customer_id="c-1") == "nonprofit"
    assert (
        client.set_qualification(
            request_id=uuid.uuid4(),
            customer_id="c-1",
            qualification="governmentCommunityCloud",
            validation_code="123",
        )
        == "GovernmentCommunityCloud"
    )
    assert client.qualification(customer_id="c-1") == "nonprofit"
    assert client.qualification(customer_id="c-1") is None
    nonprofit, government = microsoft.calls()[:2]
    assert (nonprofit.json, nonprofit.query) == ("nonprofit", {})
    assert (government.json, government.query) == ("governmentCommunityCloud", {"code": "123"})


def test_account_validation_status(client: Any, microsoft: Any, reply: Any) -> None:
    path = f"{CUSTOMER}/validationStatus"
    microsoft.on(
        "GET",
        path,
        reply(status=404, body={"code": 600074, "message": "Not found.", "errorName": "AccountStatusNotFound"}),
        reply(body={"type": "account", "status": "Allowed"}),
        reply(status=404, body={"code": 60003, "description": "Tenant not found."}),
    )

    assert client.account_validation_status(customer_id="c-1") is None
    assert client.account_validation_status(customer_id="c-1").is_allowed
    with pytest.raises(errors.NotFound):
        client.account_validation_status(customer_id="c-1")
    assert microsoft.calls()[0].query == {"type": "account"}


def test_confirm_agreement(client: Any, microsoft: Any, reply: Any) -> None:
    path = f"{CUSTOMER}/agreements"
    microsoft.on("GET", "/v1/countryvalidationrules/DE", reply(body=GERMANY))
    microsoft.on("POST", path, lambda request: reply(status=201, body={**request.json, "userId": "u-1"}))
    agreed_at = datetime(2026, 3, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))

    agreement = client.confirm_agreement(
        request_id=uuid.uuid4(),
        customer_id="c-1",
        template_id="t-1",
        first_name="Tania",
        last_name="Carr",
        email="tania@contoso.com",
        phone_number="+49 30 901820",
        agreed_at=agreed_at,
    )

    request = microsoft.calls()[-1]
    assert as_user(request)
    assert request.json == {
        "primaryContact": {
            "firstName": "Tania",
            "lastName": "Carr",
            "email": "tania@contoso.com",
            "phoneNumber": "030901820",
        },
        "templateId": "t-1",
        "dateAgreed": "2026-02-28T23:30:00.000Z",
        "type": "MicrosoftCustomerAgreement",
    }
    assert agreement.agreed_at == datetime(2026, 2, 28, 23, 30, tzinfo=UTC)
    assert agreement.user_id == "u-1"


def test_confirm_agreement_refuses_an_instant_without_zone(client: Any, microsoft: Any) -> None:
    with pytest.raises(ValueError, match="time zone"):
        client.confirm_agreement(
            request_id=uuid.uuid4(),
            customer_id="c-1",
            template_id="t-1",
            first_name="Tania",
            last_name="Carr",
            email="tania@contoso.com",
            phone_number=None,
            agreed_at=datetime(2026, 3, 1),  # noqa: DTZ001 - what is to be refused
        )
    assert microsoft.requests == []


def test_agreement_reads(client: Any, microsoft: Any, reply: Any) -> None:
    templates = {"items": [{"templateId": "t-1", "agreementType": "MicrosoftCustomerAgreement", "versionRank": "0"}]}
    microsoft.on("GET", "/v1/agreements", reply(body=templates))
    microsoft.on("GET", f"{CUSTOMER}/agreements", reply(body={"totalCount": 0, "items": []}))
    microsoft.on("GET", f"{CUSTOMER}/directSignedMicrosoftCustomerAgreementStatus", reply(body={"isSigned": True}))
    microsoft.on("GET", "/v1/agreementtemplates/t-1/document", reply(body={"displayUri": "https://d"}))

    (template,) = client.agreement_templates()
    assert (template.template_id, template.version_rank) == ("t-1", 0)
    assert client.agreements(customer_id="c-1") == []
    assert client.agreement_signed_by_customer(customer_id="c-1") is True
    assert client.agreement_document(template_id="t-1", country="de").display_uri == "https://d"
    assert [request.query for request in microsoft.calls()] == [
        {"agreementType": "MicrosoftCustomerAgreement"},
        {"agreementType": "MicrosoftCustomerAgreement"},
        {},
        {"language": "en-US", "country": "DE"},
    ]
    assert all(as_user(request) for request in microsoft.calls())


def test_remove_relationship(client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on("PATCH", CUSTOMER, reply(body={"Id": None, "RelationshipToPartner": "none"}))

    client.remove_relationship(request_id=uuid.uuid4(), customer_id="c-1")

    (request,) = microsoft.calls()
    assert request.json == {"relationshipToPartner": "none", "attributes": {"objectType": "Customer"}}
    assert as_user(request)


def test_connection_that_works(client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on("GET", "/v1/customers", reply(body={"items": []}))
    microsoft.on("GET", "/v1/customers/relationshiprequests", reply(body={"url": "https://x"}))
    sheet = "/v1.0/sales/pricesheets(Market='DE',PricesheetView='updatedlicensebased')/$value"
    microsoft.on("GET", sheet, reply(body={}))

    report = client.test_connection(market="DE")

    assert report.ok
    assert [step.name for step in report.steps] == [
        "app_token",
        "user_token",
        "customers",
        "invitation_link",
        "graph_token",
        "prices_token",
        "price_sheet",
    ]
    client.test_connection(market="DE")
    assert len(microsoft.token_requests()) == 8


def test_connection_with_a_wrong_secret(
    client: Any, microsoft: Any, reply: Any, credentials: connection.Credentials
) -> None:
    microsoft.on(
        "POST",
        f"/{credentials.tenant_id}/oauth2/v2.0/token",
        reply(status=401, body={"error": "invalid_client", "error_description": "AADSTS7000215: Invalid secret."}),
    )

    report = client.test_connection()

    assert not report.ok
    assert [step.state for step in report.steps] == ["failed", "failed", *["skipped"] * 5]
    assert "secret" in report.steps[0].reason
    assert microsoft.calls() == []


def test_connection_without_the_users_consent(client: Any, microsoft: Any, reply: Any, credentials: Any) -> None:
    def token(request: Any) -> Any:
        if request.form["grant_type"] == "refresh_token":
            return reply(status=400, body={"error": "invalid_grant", "error_description": "AADSTS50173: revoked"})
        return reply(body={"access_token": "a", "expires_in": 3600})

    microsoft.on("POST", f"/{credentials.tenant_id}/oauth2/v2.0/token", token)
    microsoft.on("GET", "/v1/customers", reply(body={"items": []}))

    report = client.test_connection()

    assert [step.state for step in report.steps] == ["ok", "failed", "ok", "skipped", "ok", "skipped", "skipped"]
    assert "Connect to Microsoft again" in report.steps[1].reason


def test_connection_without_the_permission_for_prices(
    client: Any, microsoft: Any, reply: Any, credentials: Any
) -> None:
    def token(request: Any) -> Any:
        if "api.partner.microsoft.com" in request.form["scope"]:
            text = "AADSTS65001: The user or administrator has not consented to use the application."
            return reply(status=400, body={"error": "invalid_grant", "error_description": text})
        return reply(body={"access_token": "a", "expires_in": 3600})

    microsoft.on("POST", f"/{credentials.tenant_id}/oauth2/v2.0/token", token)
    microsoft.on("GET", "/v1/customers", reply(body={"items": []}))
    microsoft.on("GET", "/v1/customers/relationshiprequests", reply(body={"url": "https://x"}))

    report = client.test_connection()

    assert [step.state for step in report.steps] == [*["ok"] * 5, "failed", "skipped"]
    assert "user_impersonation" in report.steps[5].reason


def test_connection_of_a_user_who_may_not_read_prices(client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on("GET", "/v1/customers", reply(body={"items": []}))
    microsoft.on("GET", "/v1/customers/relationshiprequests", reply(body={"url": "https://x"}))
    sheet = "/v1.0/sales/pricesheets(Market='US',PricesheetView='updatedlicensebased')/$value"
    microsoft.on("GET", sheet, reply(status=403, body={"code": "900002", "description": "Access denied."}))

    report = client.test_connection()

    assert [step.state for step in report.steps] == [*["ok"] * 6, "failed"]
    assert "Sales agent" in report.steps[6].reason


def test_connection_to_nobody(make_client: Any) -> None:
    nobody = "http://127.0.0.1:1"
    report = make_client(
        endpoints=connection.Endpoints(partner_center=nobody, graph=nobody, login=nobody)
    ).test_connection()

    assert [step.state for step in report.steps] == ["failed", "failed", *["skipped"] * 5]
