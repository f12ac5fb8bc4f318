"""Customers: creation and its refusals, lists, search, relationship, billing profile, idempotency."""

import json
import uuid
from typing import Any

import httpx
import pytest
from emulator_client import PartnerClient, customer_request

from partner_center_emulator.testing import Running
from partner_center_emulator.wellknown import CONTOSO, FABRIKAM, NORDWIND, SANDBOX

CREATE = "/v1/customers"


def create(owner: PartnerClient, **options: Any) -> str:
    response = owner.post(CREATE, json=customer_request(**options))
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


def test_created_customer_is_there_at_once(app: PartnerClient) -> None:
    assert app.call("HEAD", "/v1/domains/wingtiptoys.onmicrosoft.com").status_code == 404

    customer = create(app)

    taken = app.call("HEAD", "/v1/domains/WingtipToys.onmicrosoft.com")
    assert (taken.status_code, taken.content) == (200, b"")
    answer = app.get(f"/v1/customers/{customer}").json()
    assert answer["relationshipToPartner"] == "reseller"
    assert "userCredentials" not in answer
    assert answer["companyProfile"]["address"]["region"] == "WA"


def test_credentials_are_shown_once(app: PartnerClient) -> None:
    first = app.post(CREATE, json=customer_request()).json()

    assert first["relationshipToPartner"] == "none"
    assert set(first["userCredentials"]) == {"userName", "password"}


def test_member_names_may_have_any_case(app: PartnerClient) -> None:
    def lowered(value: Any) -> Any:
        return {key.lower(): lowered(item) for key, item in value.items()} if isinstance(value, dict) else value

    assert app.post(CREATE, json=lowered(customer_request())).status_code == 201
    assert app.post("/V1/Customers", json=customer_request(prefix="other")).status_code == 201


def test_customer_without_gdap_hides_its_directory(owner: PartnerClient) -> None:
    request = customer_request() | {"enableGDAPByDefault": False}
    customer = owner.post(CREATE, json=request).json()["id"]

    answer = owner.get(f"/v1/customers/{customer}").json()
    assert "address" not in answer["companyProfile"]
    assert "email" not in answer["companyProfile"]
    assert "customDomains" not in answer
    assert owner.get(f"/v1/customers/{customer}/organization").json()["code"] == 900308
    assert owner.get(f"/v1/customers/{customer}/customDomains").status_code == 403


def changed(path: str, value: Any) -> dict[str, Any]:
    request = customer_request()
    *parents, name = path.split(".")
    target = request
    for parent in parents:
        target = target[parent]
    target[name] = value
    return request


ADDRESS = "BillingProfile.DefaultAddress"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("CompanyProfile.Domain", ""),
        ("CompanyProfile.Domain", "wingtip toys.onmicrosoft.com"),
        ("CompanyProfile.Domain", "1wingtip.onmicrosoft.com"),
        ("CompanyProfile.Domain", "wingtip-toys.onmicrosoft.com"),
        ("CompanyProfile.Domain", "w" * 28 + ".onmicrosoft.com"),
        ("CompanyProfile.Domain", "wingtiptoys.example"),
        ("CompanyProfile.Domain", "alpinelogistics.onmicrosoft.com"),
        ("BillingProfile.Email", "no-address"),
        ("BillingProfile.Email", "someone@microsoft.com"),
        ("BillingProfile.Email", f"someone@{CONTOSO.domain}"),
        ("BillingProfile.Culture", "xx-YY"),
        ("BillingProfile.Language", "english"),
        ("BillingProfile.CompanyName", "X"),
        ("BillingProfile.CompanyName", "--"),
        ("BillingProfile.CompanyName", 7),
        (f"{ADDRESS}.FirstName", ""),
        (f"{ADDRESS}.LastName", "x" * 51),
        (f"{ADDRESS}.AddressLine1", ""),
        (f"{ADDRESS}.AddressLine1", "x" * 201),
        (f"{ADDRESS}.City", ""),
        (f"{ADDRESS}.State", ""),
        (f"{ADDRESS}.State", "ZZ"),
        (f"{ADDRESS}.State", "Washington"),
        (f"{ADDRESS}.PostalCode", ""),
        (f"{ADDRESS}.PostalCode", "9805"),
        (f"{ADDRESS}.Country", "XX"),
        (f"{ADDRESS}.Country", "USA"),
        (f"{ADDRESS}.PhoneNumber", "12"),
    ],
)
def test_wrong_field_is_refused_and_nothing_is_created(app: PartnerClient, path: str, value: Any) -> None:
    before = app.get("/v1/customers").json()["totalCount"]

    response = app.post(CREATE, json=changed(path, value))

    body = response.json()
    assert (response.status_code, body["code"]) == (400, 3000)
    assert body["data"] == [path]
    assert set(body) == {"code", "description", "data", "source"}
    assert app.get("/v1/customers").json()["totalCount"] == before


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'"text"'])
def test_body_that_is_no_object_is_refused(app: PartnerClient, content: bytes) -> None:
    response = app.call("POST", CREATE, content=content)

    assert (response.status_code, response.json()["code"]) == (400, 800002)


PLACES = {
    "HU": {"City": "Budapest", "State": "", "PostalCode": "1051", "PhoneNumber": "15550142"},
    "DE": {"City": "Berlin", "State": "", "PostalCode": "10115", "PhoneNumber": ""},
    "AU": {"City": "Perth", "State": "Western Australia", "PostalCode": "6000", "PhoneNumber": ""},
}


@pytest.mark.parametrize(
    ("country", "number", "phone", "code"),
    [
        ("DE", "12345678", "", 600002),
        ("HU", "", "15550142", 600049),
        ("HU", "abc", "15550142", 600050),
        ("HU", "12345678", "", 600051),
    ],
)
def test_registration_number_and_phone_by_country(
    app: PartnerClient, country: str, number: str, phone: str, code: int
) -> None:
    request = customer_request(country=country, **PLACES[country] | {"PhoneNumber": phone})
    request["CompanyProfile"]["organizationRegistrationNumber"] = number

    response = app.post(CREATE, json=request)
    assert (response.status_code, response.json()["code"]) == (400, code)


def test_registration_number_is_kept(owner: PartnerClient) -> None:
    request = customer_request(country="HU", **PLACES["HU"])
    request["CompanyProfile"]["organizationRegistrationNumber"] = "12345678"

    customer = owner.post(CREATE, json=request).json()["id"]
    profile = owner.get(f"/v1/customers/{customer}/profiles/company").json()
    assert profile["organizationRegistrationNumber"] == "12345678"


def test_state_may_be_spelled_out_where_no_code_is_asked(app: PartnerClient) -> None:
    customer = create(app, country="AU", **PLACES["AU"])

    assert app.get(f"/v1/customers/{customer}").json()["billingProfile"]["defaultAddress"]["state"] == "WA"


def test_country_out_of_the_partners_markets_is_refused(emulator: Running) -> None:
    sandbox = PartnerClient(url=emulator.url, partner=SANDBOX)

    response = sandbox.post(CREATE, json=customer_request(country="DE", **PLACES["DE"]))
    assert (response.status_code, response.json()["code"]) == (403, 2030)


def test_same_request_id_creates_once(app: PartnerClient) -> None:
    headers = {"MS-RequestId": str(uuid.uuid4())}

    first = app.post(CREATE, json=customer_request(), headers=headers)
    again = app.post(CREATE, json=customer_request(), headers=headers)

    assert (again.status_code, again.json()) == (first.status_code, first.json())
    fresh = app.post(CREATE, json=customer_request(), headers={"MS-RequestId": str(uuid.uuid4())})
    assert fresh.status_code == 400
    assert "already used" in fresh.json()["description"]


def test_same_request_id_of_another_partner_is_another_request(app: PartnerClient, emulator: Running) -> None:
    headers = {"MS-RequestId": str(uuid.uuid4())}
    other = PartnerClient(url=emulator.url, partner=FABRIKAM, is_user=False)

    first = app.post(CREATE, json=customer_request(prefix="one"), headers=headers)
    second = other.post(CREATE, json=customer_request(prefix="two"), headers=headers)
    assert first.json()["id"] != second.json()["id"]


def test_refusal_is_repeated_for_the_same_request_id(app: PartnerClient) -> None:
    headers = {"MS-RequestId": str(uuid.uuid4())}

    first = app.post(CREATE, json=changed(f"{ADDRESS}.State", "ZZ"), headers=headers)
    again = app.post(CREATE, json=customer_request(), headers=headers)
    assert (again.status_code, again.json()) == (first.status_code, first.json())


def test_strangers_see_nothing(app: PartnerClient, emulator: Running) -> None:
    customer = create(app)
    stranger = PartnerClient(url=emulator.url, partner=NORDWIND)

    refused = stranger.get(f"/v1/customers/{customer}")
    assert (refused.status_code, refused.json()["code"]) == (403, 20002)
    assert stranger.get(f"/v1/customers/{uuid.uuid4()}").json()["code"] == 60003
    assert stranger.get("/v1/customers/nonsense").json()["code"] == 900118
    patched = stranger.call("PATCH", f"/v1/customers/{customer}", json={"relationshipToPartner": "none"})
    assert patched.status_code == 403
    assert app.get(f"/v1/customers/{customer}").status_code == 200
    listed = stranger.get("/v1/customers").json()["items"]
    assert customer not in {item["id"] for item in listed}


def test_pages_hold_every_customer_once(app: PartnerClient) -> None:
    whole = [item["id"] for item in app.get("/v1/customers?size=500").json()["items"]]
    paged: list[str] = []
    path, headers = "/v1/customers?size=25", {}
    while True:
        body = app.get(path, headers=headers).json()
        paged += [item["id"] for item in body["items"]]
        assert body["totalCount"] == len(body["items"]) <= 25
        if "next" not in body["links"]:
            break
        following = body["links"]["next"]
        assert "seekOperation=Next" in following["uri"]
        path, headers = following["uri"], {item["key"]: item["value"] for item in following["headers"]}
        assert set(headers) == {"MS-ContinuationToken"}

    assert paged == whole
    assert len(whole) > 60


@pytest.mark.parametrize("query", ["size=x", "size=-1", "size=5&seekOperation=Next", "size=5&seekOperation=Last"])
def test_bad_paging_is_refused(app: PartnerClient, query: str) -> None:
    assert app.get(f"/v1/customers?{query}").status_code == 400


@pytest.mark.parametrize(("field", "value"), [("CompanyName", "ALPINE log"), ("Domain", "alpinelog")])
def test_search_is_by_prefix_in_any_case(app: PartnerClient, field: str, value: str) -> None:
    where = json.dumps({"Field": field, "Value": value, "Operator": "starts_with"})

    items = app.get("/v1/customers", params={"size": 0, "filter": where}).json()["items"]
    assert [item["companyProfile"]["domain"] for item in items] == ["alpinelogistics.onmicrosoft.com"]


@pytest.mark.parametrize(
    "where",
    [
        "{",
        "[]",
        '{"Field":"Email","Value":"a","Operator":"starts_with"}',
        '{"Field":"Domain","Value":"a","Operator":"substring"}',
        '{"Field":"Domain","Operator":"starts_with"}',
    ],
)
def test_bad_filter_is_refused(app: PartnerClient, where: str) -> None:
    assert app.get("/v1/customers", params={"filter": where}).status_code == 400


def test_relationship_can_be_ended_by_a_user_only(owner: PartnerClient, app: PartnerClient) -> None:
    customer = create(app)
    body = {"relationshipToPartner": "none"}

    refused = app.call("PATCH", f"/v1/customers/{customer}", json=body)
    assert (refused.status_code, refused.json()["code"]) == (403, 900329)
    assert owner.call("PATCH", f"/v1/customers/{customer}", json=body).status_code == 200
    assert owner.get(f"/v1/customers/{customer}").json()["code"] == 20002


def test_delegated_access_can_be_taken_away(owner: PartnerClient) -> None:
    customer = owner.get("/v1/customers?size=1").json()["items"][0]["id"]
    assert owner.get(f"/v1/customers/{customer}").json()["allowDelegatedAccess"] is True

    answer = owner.call("PATCH", f"/v1/customers/{customer}", json={"AllowDelegatedAccess": False}).json()

    assert answer["AllowDelegatedAccess"] is False
    assert owner.get(f"/v1/customers/{customer}").json()["allowDelegatedAccess"] is False


def test_customers_are_deleted_in_a_sandbox_only(owner: PartnerClient, emulator: Running) -> None:
    sandbox = PartnerClient(url=emulator.url, partner=SANDBOX)
    customer, other = create(sandbox), create(owner, prefix="other")

    assert sandbox.call("DELETE", f"/v1/customers/{customer}").status_code == 204
    assert sandbox.call("HEAD", "/v1/domains/wingtiptoys.onmicrosoft.com").status_code == 404
    assert owner.call("DELETE", f"/v1/customers/{other}").json()["code"] == 900127


def test_billing_profile_needs_a_fresh_quoted_etag(owner: PartnerClient) -> None:
    path = f"/v1/customers/{create(owner)}/profiles/billing"
    profile = owner.get(path).json()
    etag = profile["attributes"]["etag"]
    profile["companyName"] = "Wingtip Toys International"

    assert owner.call("PUT", path, json=profile).status_code == 400
    assert owner.call("PUT", path, json=profile, headers={"If-Match": etag}).status_code == 400
    answer = owner.call("PUT", path, json=profile, headers={"If-Match": f'"{etag}"'})
    assert (answer.status_code, answer.json()["companyName"]) == (200, "Wingtip Toys International")
    assert answer.json()["attributes"]["etag"] != etag
    stale = owner.call("PUT", path, json=profile, headers={"If-Match": f'"{etag}"'})
    assert (stale.status_code, stale.json()["code"]) == (400, 2055)
    assert owner.get(path).json() == answer.json()


def test_billing_profile_keeps_its_country_and_its_rules(owner: PartnerClient) -> None:
    path = f"/v1/customers/{create(owner)}/profiles/billing"
    profile = owner.get(path).json()
    headers = {"If-Match": f'"{profile["attributes"]["etag"]}"'}
    moved = profile | {"defaultAddress": profile["defaultAddress"] | {"country": "DE", "postalCode": "10115"}}
    wrong = profile | {"defaultAddress": profile["defaultAddress"] | {"postalCode": "x"}}

    for body in (moved, wrong):
        assert owner.call("PUT", path, json=body, headers=headers).status_code == 400
    assert owner.get(path).json() == profile


def test_customer_of_an_indirect_reseller(owner: PartnerClient, app: PartnerClient) -> None:
    reseller, name, mpn_id = CONTOSO.indirect_resellers[0]
    request = customer_request() | {"AssociatedPartnerId": mpn_id}

    assert app.post(CREATE, json=request).json()["code"] == 900329
    assert owner.post(CREATE, json=request | {"AssociatedPartnerId": "1"}).json()["code"] == 800016
    customer = owner.post(CREATE, json=request).json()["id"]
    items = owner.get(f"/v1/customers/{customer}/relationships").json()["items"]
    assert [(item["id"], item["name"]) for item in items] == [(reseller, name)]


def test_headers_are_echoed_or_made(app: PartnerClient, http: httpx.Client) -> None:
    given = {"MS-RequestId": str(uuid.uuid4()), "MS-CorrelationId": str(uuid.uuid4())}

    echoed = app.get("/v1/customers?size=1", headers=given)
    assert {name: echoed.headers[name] for name in given} == given
    for response in (echoed, app.get("/v1/nonsense"), http.get("/v1/customers"), app.call("HEAD", "/v1/domains/x.y")):
        for name in ("MS-RequestId", "MS-CorrelationId", "MS-CV", "MS-ServerId", "Date"):
            assert response.headers[name]
    assert echoed.headers["Content-Type"] == "application/json; charset=utf-8"


def test_unknown_paths_and_methods(app: PartnerClient) -> None:
    missing, wrong = app.get("/v1/nonsense"), app.call("PUT", "/v1/customers", json={})

    assert (missing.status_code, missing.json()["code"]) == (404, 1000)
    assert (wrong.status_code, wrong.headers["Allow"]) == (405, "GET, POST")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/customers/relationshiprequests",
        "/v1/agreements",
        "/v1/relationships",
        "/v1/customers/{customer}/profiles/company",
        "/v1/customers/{customer}/agreements",
        "/v1/customers/{customer}/validationStatus?type=account",
        "/v1/customers/{customer}/directSignedMicrosoftCustomerAgreementStatus",
    ],
)
def test_user_only_operations_refuse_app_only_tokens(app: PartnerClient, path: str) -> None:
    customer = app.get("/v1/customers?size=1").json()["items"][0]["id"]

    response = app.get(path.format(customer=customer))
    assert (response.status_code, response.json()["code"]) == (403, 900329)
