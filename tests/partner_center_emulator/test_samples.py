"""The emulator's answers have the members and kinds of value that Microsoft's published samples have."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from emulator_client import SAMPLES, PartnerClient, customer_request

from partner_center_emulator.testing import Running
from partner_center_emulator.wellknown import CONTOSO, GRAPH

pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="Microsoft's samples are not on this machine")


def shape(value: Any) -> Any:
    """The recursive set of member names and kinds; lists become the shape of their first item."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def sample(name: str) -> Any:
    return json.loads((SAMPLES / name).read_text(encoding="utf-8"))


def seeded(owner: PartnerClient) -> str:
    """A seeded US customer with everything readable."""
    items = owner.get("/v1/customers?size=1").json()["items"]
    return str(items[0]["id"])


def created(owner: PartnerClient, **options: Any) -> str:
    response = owner.post("/v1/customers", json=customer_request(**options))
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


def advance(owner: PartnerClient, duration: str) -> None:
    assert owner.http.post("/_emulator/clock", json={"advance": duration}).status_code == 200


def vetted(owner: PartnerClient, **decision: str) -> httpx.Response:
    customer = seeded(owner)
    request = sample("customer.qualification.create.education.request.json")
    assert owner.post(f"/v1/customers/{customer}/qualifications", json=request).status_code == 201
    if decision:
        assert owner.http.post("/_emulator/vetting", json={"customer": customer, **decision}).status_code == 200
    return owner.get(f"/v1/customers/{customer}/qualifications")


def state_owned(owner: PartnerClient, *, with_education: bool) -> httpx.Response:
    customer = seeded(owner)
    if with_education:
        request = sample("customer.qualification.create.education.request.json")
        owner.post(f"/v1/customers/{customer}/qualifications", json=request)
        advance(owner, "P3D")
        owner.token = owner.tokens()["access_token"]
    owner.post(f"/v1/customers/{customer}/qualifications", json={"qualification": "StateOwnedEntity"})
    return owner.get(f"/v1/customers/{customer}/qualifications")


def status(owner: PartnerClient, name: str) -> httpx.Response:
    customer = seeded(owner)
    owner.http.post("/_emulator/account-status", json={"customer": customer, "status": name})
    return owner.get(f"/v1/customers/{customer}/validationStatus?type=account")


def agreed(owner: PartnerClient, *, times: int) -> httpx.Response:
    customer = seeded(owner)
    request = sample("agreement.create.request.json")
    responses = [owner.post(f"/v1/customers/{customer}/agreements", json=request) for _ in range(times)]
    return responses[-1]


def changed_billing(owner: PartnerClient) -> httpx.Response:
    customer = seeded(owner)
    path = f"/v1/customers/{customer}/profiles/billing"
    current = owner.get(path).json()
    request = sample("customer.billing-profile.update.request.json")
    return owner.call("PUT", path, json=request, headers={"If-Match": f'"{current["attributes"]["etag"]}"'})


CASES: dict[str, Callable[[PartnerClient], httpx.Response]] = {
    "address.validate.verified-shippable.response.json": lambda owner: owner.post(
        "/v1/validations/address", json=sample("address.validate.verified-shippable.request.json")
    ),
    "address.validate.street-partial.response.json": lambda owner: owner.post(
        "/v1/validations/address", json=sample("address.validate.street-partial.request.json")
    ),
    "country-validation-rules.get.response.json": lambda owner: owner.get("/v1/countryvalidationrules/US"),
    "customer.create.response.json": lambda owner: owner.post(
        "/v1/customers", json=sample("customer.create.request.json")
    ),
    "customer.get.response.json": lambda owner: owner.get(f"/v1/customers/{seeded(owner)}"),
    "customers.list.response.json": lambda owner: owner.get("/v1/customers?size=500"),
    "customers.list.filtered.response.json": lambda owner: owner.get(
        "/v1/customers",
        params={"size": "0", "filter": '{"Field":"Domain","Value":"alp","Operator":"starts_with"}'},
    ),
    "customer.billing-profile.get.response.json": lambda owner: owner.get(
        f"/v1/customers/{seeded(owner)}/profiles/billing"
    ),
    "customer.billing-profile.update.response.json": changed_billing,
    "customer.organization.get.response.json": lambda owner: owner.get(f"/v1/customers/{seeded(owner)}/organization"),
    "customer.custom-domains.get.response.json": lambda owner: owner.get(
        f"/v1/customers/{seeded(owner)}/customDomains"
    ),
    "relationship-request.get.response.json": lambda owner: owner.get("/v1/customers/relationshiprequests"),
    "relationships.list.response.json": lambda owner: owner.get(
        "/v1/relationships?relationship_type=IsIndirectCloudSolutionProviderOf"
    ),
    "customer.relationship.remove.response.json": lambda owner: owner.call(
        "PATCH",
        f"/v1/customers/{seeded(owner)}",
        json=sample("customer.relationship.remove.request.json"),
    ),
    "customer.qualification.create.education.response.json": lambda owner: owner.post(
        f"/v1/customers/{seeded(owner)}/qualifications",
        json=sample("customer.qualification.create.education.request.json"),
    ),
    "customer.qualifications.get.in-review.response.json": vetted,
    "customer.qualifications.get.approved.response.json": lambda owner: vetted(owner, decision="Approved"),
    "customer.qualifications.get.denied.response.json": lambda owner: vetted(owner, decision="Denied"),
    "customer.qualifications.get.soe.response.json": lambda owner: state_owned(owner, with_education=False),
    "customer.qualifications.get.soe-and-education.response.json": lambda owner: state_owned(
        owner, with_education=True
    ),
    "validation-codes.get.response.json": lambda owner: owner.get("/v1/customers/all/validations"),
    "customer.validation-status.get.allowed.response.json": lambda owner: status(owner, "Allowed"),
    "customer.validation-status.get.not-ready.response.json": lambda owner: status(owner, "Not Ready"),
    "customer.validation-status.get.error.json": lambda owner: status(owner, ""),
    "agreement.create.response.json": lambda owner: agreed(owner, times=1),
    "agreement.create.already-exists.error.json": lambda owner: agreed(owner, times=2),
    "agreement.direct-sign-status.response.json": lambda owner: owner.get(
        f"/v1/customers/{seeded(owner)}/directSignedMicrosoftCustomerAgreementStatus"
    ),
    "agreement-template.document.response.json": lambda owner: owner.get(
        "/v1/agreementtemplates/117a77b0-9360-443b-8795-c6dedc750cf9/document?language=en-US&country=US"
    ),
    "partner.legal-business-profile.get.response.json": lambda owner: owner.get("/v1/profiles/legalbusiness"),
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_answer_has_the_shape_of_the_sample(owner: PartnerClient, name: str) -> None:
    response = CASES[name](owner)

    assert response.status_code < 500
    assert shape(response.json()) == shape(sample(name))


def test_us_rules_are_the_published_ones(owner: PartnerClient) -> None:
    answer = owner.get("/v1/countryvalidationrules/us").json()

    assert answer == sample("country-validation-rules.get.response.json")


@pytest.mark.parametrize("name", ["verified-shippable", "street-partial"])
def test_published_addresses_are_answered_as_published(owner: PartnerClient, name: str) -> None:
    answer = owner.post("/v1/validations/address", json=sample(f"address.validate.{name}.request.json")).json()

    assert answer == sample(f"address.validate.{name}.response.json")


def test_removed_relationship_is_answered_as_published(owner: PartnerClient) -> None:
    request = sample("customer.relationship.remove.request.json")
    answer = owner.call("PATCH", f"/v1/customers/{seeded(owner)}", json=request).json()

    assert answer == sample("customer.relationship.remove.response.json")


def test_throttled_body_is_the_published_one(owner: PartnerClient) -> None:
    owner.http.post("/_emulator/faults", json={"method": "GET", "path": "/v1/customers", "status": 429})
    response = owner.get("/v1/customers")

    assert response.json() == sample("throttled.error.json")
    assert response.headers["Retry-After"] == "57"


def test_graph_answer_has_the_shape_of_the_sample(graph: PartnerClient) -> None:
    path = "/v1.0/tenantRelationships/findTenantInformationByDomainName(domainName='alpinelogistics.example')"

    assert shape(graph.get(path).json()) == shape(sample("graph.find-tenant-by-domain.response.json"))


def test_published_tenant_is_found_as_published(graph: PartnerClient) -> None:
    path = "/v1.0/tenantRelationships/findTenantInformationByDomainName(domainName='contoso.com')"

    assert graph.get(path).json() == sample("graph.find-tenant-by-domain.response.json")


def test_published_request_for_an_indirect_reseller_is_taken(owner: PartnerClient) -> None:
    response = owner.post("/v1/customers", json=sample("customer.create.indirect-reseller.request.json"))

    assert response.status_code == 201, response.text
    assert response.json()["associatedPartnerId"] == CONTOSO.indirect_resellers[0][0]


def test_token_answers_have_the_members_of_the_samples(owner: PartnerClient, emulator: Running) -> None:
    app_only = owner.tokens(is_user=False, audience=GRAPH)
    user = owner.tokens(is_user=True)

    assert shape(app_only) == shape(sample("auth.token.app-only.response.json"))
    assert shape(user) == shape(sample("auth.token.refresh-token.response.json")) | {"refresh_token": "str"}
    assert owner.partner is CONTOSO
    assert emulator.url
